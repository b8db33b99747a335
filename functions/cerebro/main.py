"""Cerebro: turns a scored signal into a sized order, or into a refusal that says why; keeps the risk book."""

from __future__ import annotations

from fluxfloor.cerebro import decide as cerebro
from fluxfloor.contracts.events import (
    AccountUpdated,
    DecisionMade,
    ExecutionReported,
    OrderRequested,
    RiskRaised,
    SignalScored,
)
from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.runtime.stage import Stage
from fluxfloor.runtime.work import Work
from fluxfloor.wiring import serve

from functions.cerebro import flattening, risk

stage = Stage("cerebro")


@stage.on(SignalScored)
def decide(scored: SignalScored, work: Work) -> None:
    portfolio = scored.signal.portfolio_id
    book, policy, *halts = work.read(
        RiskBook.key(portfolio), Policy.key(portfolio), Halt.key(FLOOR), Halt.key(portfolio)
    )
    rules = risk.instruments(work, book, scored.signal.leg.instrument_id)
    decided = cerebro.decide(scored, book, policy, tuple(halts), rules, work.now_ms)
    if decided.book is not None:
        work.write(decided.book)
    work.emit(DecisionMade(decision=decided.decision))
    work.emit(*(OrderRequested(intent=intent) for intent in decided.intents))


stage.on(ExecutionReported)(risk.release)
stage.on(AccountUpdated)(risk.watch)
stage.on(RiskRaised)(flattening.flatten)

main = serve(stage)
