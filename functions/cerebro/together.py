"""Decides what waits: when its timer fires, or with a sweep where the timer was lost."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.cerebro import window as windows
from fluxfloor.cerebro.decide import Decided
from fluxfloor.contracts.events import SignalScored, TimerFired
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import QuoteState
from fluxfloor.contracts.state import EntryWindow, RiskBook, Waiting
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Query
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.cerebro import deciding, risk, waiting

AGAIN_MS = 1_000  # after which those are tried again that wait for a fact still on its way


def close(context: Context, fact: Fact) -> None:
    context.step(fact, decide)


def sweep(context: Context, _tick: Fact) -> None:
    """Whatever should have been decided by now. One that can't be yet holds up none of the others."""
    stuck: RetryLater | None = None
    for row in context.ports.store.query(Query(EntryWindow.collection, limit=1_000)):
        window = EntryWindow.decode(row.data or {})
        if window.closes_ms > context.now_ms:
            continue
        due = TimerFired(stage=context.stage, purpose=waiting.TIMER, subject=window.id, due_ms=window.closes_ms)
        try:
            context.step(context.cause(due, window.id, window.closes_ms, window.version), decide)
        except RetryLater as problem:
            stuck = problem
    if stuck is not None:
        raise stuck


def decide(fired: TimerFired, work: Work) -> None:
    """All that waits in one commit, in an order of its own. A timer that comes twice, or for a window that a sweep was
    faster to decide, finds none or one that is not due."""
    (window,) = work.read(EntryWindow.key(fired.subject))
    # A timer may be early by the clocks' difference, and comes only once.
    if window is None or window.closes_ms > max(work.now_ms, fired.due_ms):
        return
    ground = _with_rules(deciding.read(window.id, work), window, work)
    limits = ground.policy.limits if ground.policy is not None else None

    def one(scored: SignalScored, book: RiskBook | None) -> Decided:
        return deciding.answer(scored, ground, book, work)

    present = _at_present(window, work)
    joint = windows.decide_together(present, ground.book, limits, one)
    for item, decided in joint.decided:
        deciding.tell(decided, work, because=waiting.fact_of(item))
    if joint.book is not None:
        work.write(joint.book)
    _put_back(window, joint.left, work)


def _with_rules(ground: deciding.Ground, window: EntryWindow, work: Work) -> deciding.Ground:
    """With the rules of all that may be in the book before the last of them is decided."""
    names = {leg.instrument_id for item in window.waiting for leg in item.scored.signal.legs}
    found = {name: rules for name in sorted(names) if (rules := risk.rules_of(work, name)) is not None}
    return replace(ground, rules={**ground.rules, **found})


def _at_present(window: EntryWindow, work: Work) -> list[Waiting]:
    """Each against the newest quotes of its instruments, verified like everything else."""
    names = sorted({leg.instrument_id for item in window.waiting for leg in item.scored.signal.legs})
    found = zip(names, work.read_all([QuoteState.key(name) for name in names]), strict=True)
    quotes = {name: known.quote for name, known in found if known}
    return [item.model_copy(update={"scored": windows.all_at_present(item.scored, quotes)}) for item in window.waiting]


def _put_back(window: EntryWindow, left: tuple[Waiting, ...], work: Work) -> None:
    again_ms = work.now_ms + AGAIN_MS
    if waiting.keep(window.model_copy(update={"closes_ms": again_ms}), left, work):
        work.set_timer(waiting.TIMER, window.id, again_ms)
