"""Entries that wait to be decided together: how one joins, and how a later exit calls one off."""

from __future__ import annotations

from fluxfloor.cerebro import window as windows
from fluxfloor.contracts.events import DecisionMade, SignalScored
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import EntryWindow, RiskBook, Waiting
from fluxfloor.runtime.work import Work

from functions.cerebro import risk

TIMER = "joint"


def wait(scored: SignalScored, work: Work) -> bool:
    """Lets it join its portfolio's window, if the policy has one for it. Reads neither book nor halts: whoever waits
    has nothing to do with them yet, and must not conflict with what changes them."""
    portfolio = scored.signal.portfolio_id
    policy, window = work.read(Policy.key(portfolio), EntryWindow.key(portfolio))
    if policy is None or not windows.waits(scored, policy.limits, work.now_ms):
        return False
    window, wakes = windows.joined(window, _entry(scored, work.fact), policy, work.now_ms)
    work.write(window)
    if wakes:
        work.set_timer(TIMER, portfolio, window.closes_ms)
    return True


def call_off(window: EntryWindow, leaving: Signal, book: RiskBook | None, policy: Policy | None, work: Work) -> None:
    """Refuses what a later exit of the same strategy leaves before it is in."""
    off = windows.called_off(window, leaving)
    for item in off:
        rules = risk.rules_of(work, item.scored.signal.leg.instrument_id)
        decision = windows.withdrawn(item.scored, leaving, book, policy, rules, work.now_ms)
        work.emit(DecisionMade(decision=decision), because=fact_of(item))
    keep(window, tuple(item for item in window.waiting if item not in off), work)


def keep(window: EntryWindow, left: tuple[Waiting, ...], work: Work) -> bool:
    """The window with those who are left; without anybody it is gone."""
    if left:
        work.write(window.model_copy(update={"waiting": left}))
    else:
        work.delete(window)
    return bool(left)


def fact_of(item: Waiting) -> Fact:
    """The fact that brought it, as it would have been answered at once."""
    return Fact(item.event_id, item.scored, item.root, item.parent, item.ts_event_ms, item.traceparent)


def _entry(scored: SignalScored, fact: Fact) -> Waiting:
    return Waiting(
        event_id=fact.event_id, root=fact.root, parent=fact.parent, traceparent=fact.traceparent,
        ts_event_ms=fact.ts_event_ms, scored=scored,
    )  # fmt: skip
