"""A scored signal, the book it is decided on, and what is committed of both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fluxfloor.cerebro import beside, several
from fluxfloor.cerebro import decide as cerebro
from fluxfloor.cerebro import window as windows
from fluxfloor.cerebro.case import Case
from fluxfloor.cerebro.decide import Decided
from fluxfloor.contracts.events import DecisionMade, OrderChanged, OrderRequested, SignalScored
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.contracts.recent import RecentTrading
from fluxfloor.contracts.signals import Action, Signal
from fluxfloor.contracts.state import EntryWindow, RiskBook
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

from functions.cerebro import knowing, risk, waiting


@dataclass(frozen=True, slots=True)
class Ground:
    """What one portfolio's decisions of one commit stand on, all of it verified by that commit."""

    book: RiskBook | None
    policy: Policy | None
    halts: tuple[Halt | None, ...]
    window: EntryWindow | None
    rules: dict[str, Instrument]
    recent: RecentTrading | None = None


def decide(scored: SignalScored, work: Work) -> None:
    """An entry of a bar waits for others; everything else is decided at once."""
    if scored.signal.action is Action.ENTRY and windows.of_a_bar(scored, work.now_ms) and waiting.wait(scored, work):
        return
    action = scored.signal.action
    ground = read(
        scored.signal.portfolio_id,
        work,
        windowed=action is not Action.ENTRY,
        entering=action in (Action.ENTRY, Action.TARGET),
    )
    if _waits(scored, ground, work) and waiting.wait(scored, work):
        return
    if ground.window is not None and windows.leaves(scored.signal):
        waiting.call_off(ground.window, scored.signal, ground.book, ground.policy, work)
    decided = answer(scored, ground, ground.book, work)
    if decided.book is not None:
        work.write(decided.book)
    tell(decided, work)


def read(portfolio: str, work: Work, windowed: bool = False, entering: bool = True) -> Ground:
    """In one round. `windowed`: with what waits, which only concerns those that may call it off. `entering`: with what
    protections look back at, which concerns no exit."""
    book, policy, floor_halt, halt, *more = work.read_all(
        [
            RiskBook.key(portfolio),
            Policy.key(portfolio),
            Halt.key(FLOOR),
            Halt.key(portfolio),
            *([EntryWindow.key(portfolio)] if windowed else []),
            *([RecentTrading.key(portfolio)] if entering else []),
        ]
    )
    window, recent = more[0] if windowed else None, more[-1] if entering else None
    return Ground(book, policy, (floor_halt, halt), window, risk.all_instruments(work, book), recent)


def answer(scored: SignalScored, ground: Ground, book: RiskBook | None, work: Work) -> Decided:
    """On `book`, which may be further on than the one that was read."""
    rules, style = _rules(scored.signal, ground, work), _style(scored.signal, work.settings)

    def under(policy: Policy | None) -> Decided:
        knowledge = replace(knowing.known(work, book, policy, scored.signal), recent=ground.recent)
        return cerebro.decide(scored, book, policy, ground.halts, rules, work.now_ms, style, knowledge=knowledge)

    decided = under(ground.policy)
    shadow = beside.shadowed(ground.policy, decided, under, rules)
    if shadow is not None:
        work.create(shadow)
    return decided


def tell(decided: Decided, work: Work, because: Fact | None = None) -> None:
    work.emit(DecisionMade(decision=decided.decision), because=because)
    work.emit(*(OrderRequested(intent=intent) for intent in decided.intents), because=because)
    work.emit(*(OrderChanged(change=change) for change in decided.changes), because=because)


def _waits(scored: SignalScored, ground: Ground, work: Work) -> bool:
    """A target only where all of it leads into positions: what may lead out of one never waits."""
    signal, policy = scored.signal, ground.policy
    if (
        signal.action in (Action.EXIT, Action.CANCEL)
        or policy is None
        or not windows.waits(scored, policy.limits, work.now_ms)
    ):
        return False
    rules = _rules(signal, ground, work)
    if (
        signal.action is Action.ENTRY
        or ground.book is None
        or not {leg.instrument_id for leg in signal.legs} <= rules.keys()
    ):
        return signal.action is Action.ENTRY
    book, style = ground.book, _style(signal, work.settings)
    return all(
        windows.enters(Case(part, book, policy, ground.halts, rules, style, work.now_ms))
        for part in several.parts(scored)
    )


def _rules(signal: Signal, ground: Ground, work: Work) -> dict[str, Instrument]:
    """Of all that is in the book and of what the signal wants."""
    own = [risk.rules_of(work, leg.instrument_id) for leg in signal.legs]
    return {**ground.rules, **{rules.instrument_id: rules for rules in own if rules is not None}}


def _style(signal: Signal, settings: Settings) -> str:
    """What kind of strategy speaks: its plug-in and the mode it goes in with, where it is one of the floor's own."""
    own = settings.strategies.get(signal.strategy_id)
    return f"{own.plugin}:{signal.tag}" if own else signal.strategy_id
