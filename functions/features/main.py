"""Features: computes on closed bars, lets the floor's own strategies speak, and scores every signal."""

from __future__ import annotations

from fluxfloor.contracts.events import CandleClosed, CandleForming, DecisionMade, ExecutionReported, SignalReceived
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.features import hearing

stage = Stage("features")

stage.on(CandleClosed)(hearing.hear_bar)
stage.on(CandleForming)(hearing.hear_forming)
stage.on(SignalReceived)(hearing.score_signal)
stage.on(DecisionMade)(hearing.follow_decision)
stage.on(ExecutionReported)(hearing.follow_execution)

main = serve(stage)
