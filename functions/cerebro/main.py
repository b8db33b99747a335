"""Cerebro: turns a scored signal into a sized order, or into a refusal that says why; keeps the risk book."""

from __future__ import annotations

from fluxfloor.contracts.events import AccountUpdated, ExecutionReported, RiskRaised, SignalScored
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.cerebro import deciding, risk, together, waiting

stage = Stage("cerebro")

stage.on(SignalScored)(deciding.decide)
stage.on(ExecutionReported)(risk.release)
stage.on(AccountUpdated)(risk.watch)
stage.on(RiskRaised)(risk.hear)
stage.timer(waiting.TIMER)(together.close)
stage.job("sweep")(together.sweep)

main = serve(stage)
