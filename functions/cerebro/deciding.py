"""A scored signal, the book it is decided on, and what is committed of both."""

from __future__ import annotations

from fluxfloor.cerebro import decide as cerebro
from fluxfloor.contracts.events import DecisionMade, OrderRequested, SignalScored
from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import RiskBook
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

from functions.cerebro import knowing, risk


def decide(scored: SignalScored, work: Work) -> None:
    portfolio, instrument_id = scored.signal.portfolio_id, scored.signal.leg.instrument_id
    book, policy, *halts = work.read(
        RiskBook.key(portfolio), Policy.key(portfolio), Halt.key(FLOOR), Halt.key(portfolio)
    )
    rules, own = risk.all_instruments(work, book), risk.rules_of(work, instrument_id)
    if own is not None:
        rules[instrument_id] = own
    style = _style(scored.signal, work.settings)
    knowledge = knowing.known(work, book, policy, instrument_id)
    decided = cerebro.decide(scored, book, policy, tuple(halts), rules, work.now_ms, style, knowledge=knowledge)
    if decided.book is not None:
        work.write(decided.book)
    work.emit(DecisionMade(decision=decided.decision))
    work.emit(*(OrderRequested(intent=intent) for intent in decided.intents))


def _style(signal: Signal, settings: Settings) -> str:
    """What kind of strategy speaks: its plug-in and the mode it goes in with, where it is one of the floor's own."""
    own = settings.strategies.get(signal.strategy_id)
    return f"{own.plugin}:{signal.tag}" if own else signal.strategy_id
