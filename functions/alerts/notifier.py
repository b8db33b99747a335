"""The one notifier: a fact becomes a record, the record is committed, then every channel is told and marked.

A channel is told at least once: the mark follows the sending, so a crash between the two tells it again. What a channel
does not take is tried again by the redelivery of the fact while that is soon, and by the sweep after.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import Severity, TimerFired
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.views import AlertAck, AlertRecord
from fluxfloor.errors import FloorError, Poison, RetryLater, Throttled
from fluxfloor.ports import Query
from fluxfloor.reporting import telling
from fluxfloor.reporting.notices import Subject, source_of, subject_of, words_of
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.alerts.outlets import Outlets, interested, waits, without_secrets

SWEEP_LIMIT = 200
SWEEP_FOR_MS = 40_000
TIMER = "escalate"

log = logging.getLogger("fluxfloor.alerts")


@dataclass(frozen=True, slots=True)
class Attempt:
    """How telling one channel went: a word for the claim of its mark, and what it makes of the record."""

    outcome: str
    applied: Callable[[AlertRecord], AlertRecord]


def accept(event: Event, work: Work) -> None:
    """Opens a record for what people should read, or folds it into the one of the same window."""
    subject = subject_of(event)
    names = () if subject is None else interested(work.settings, subject.severity)
    if subject is None or not names:
        return
    ts_event_ms, source = work.fact.ts_event_ms, source_of(event)
    current, previous = telling.record_ids(subject, ts_event_ms)
    keys: list[Any] = [AlertRecord.key(current), AlertRecord.key(previous)]
    found = work.read_all([*keys, source] if source else keys)
    same = next((record for record in found[:2] if telling.within(record, ts_event_ms)), None)
    if same is not None:
        work.write(telling.folded(same))
        return
    words = words_of(event, found[2] if source else None)
    if words is not None:
        record = telling.opened(current, subject, without_secrets(words), names, ts_event_ms, waits(work.settings))
        work.write(record)
        _wake(work, record)


def _wake(work: Work, record: AlertRecord) -> None:
    """A timer for each time at which a later level is due: an alarm at night does not wait for the next sweep."""
    for due_ms in telling.later(record, work.now_ms):
        work.set_timer(TIMER, record.id, due_ms)


def tell(context: Context, fact: Fact) -> None:
    """After the commit, and again on every redelivery. Raises RetryLater while a channel wants another try soon."""
    subject = subject_of(fact.event)
    record = None if subject is None else _record_of(context, subject, fact.ts_event_ms)
    if record is None:
        return
    record = _tell_due(context, fact, record, Outlets(context.settings, context.ports.secrets))
    if telling.due_soon(record, context.now_ms):
        raise RetryLater(f"notice {record.id} waits for {', '.join(record.waiting)}")


def escalate(context: Context, fired: Fact) -> None:
    """A later level's time has come, unless somebody has acknowledged the alarm meanwhile."""
    assert isinstance(fired.event, TimerFired)
    record = context.read(AlertRecord.key(fired.event.subject))
    if record is None:
        return
    record = _tell_due(context, fired, record, Outlets(context.settings, context.ports.secrets))
    if telling.due_soon(record, context.now_ms):
        raise RetryLater(f"alarm {record.id} waits for {', '.join(record.waiting)}")


def tell_again(context: Context, tick: Fact) -> None:
    """The sweep: channels whose back-off is over, and windows that have passed with something folded into them."""
    outlets, until_ms = Outlets(context.settings, context.ports.secrets), context.now_ms + SWEEP_FOR_MS
    waiting = Query(AlertRecord.collection, (("open", "==", True),), limit=SWEEP_LIMIT)
    for found in context.ports.store.query(waiting):
        if context.now_ms > until_ms:
            break
        _tell_due(context, tick, AlertRecord.decode(found.data or {}), outlets)


def _record_of(context: Context, subject: Subject, ts_event_ms: int) -> AlertRecord | None:
    current, previous = (AlertRecord.key(id) for id in telling.record_ids(subject, ts_event_ms))
    return context.read(current) or context.read(previous)


def _tell_due(context: Context, fact: Fact, record: AlertRecord, outlets: Outlets) -> AlertRecord:
    """Each channel on its own: none waits for another's success. Returns the record as it then is."""
    if telling.due(record, context.now_ms) and _acknowledged(context, fact, record):
        return record.model_copy(update={"waiting": {}})
    for name in telling.due(record, context.now_ms):
        if name not in outlets.down:
            attempt = _attempt(context, record, name, outlets)
            _mark(context, fact, record, name, attempt)
            record = attempt.applied(record)
    return record


def _acknowledged(context: Context, fact: Fact, record: AlertRecord) -> bool:
    """Has somebody? Then those who still wait need not hear of it."""
    ack = context.read(AlertAck.key(record.id)) if record.severity == Severity.CRITICAL else None
    if ack is None:
        return False

    def decide(_event: Event, work: Work) -> None:
        (current,) = work.read(AlertRecord.key(record.id))
        if current is not None and current.waiting:
            work.write(telling.acknowledged(current, ack.by, ack.ts_event_ms))

    context.step(context.cause(fact.event, record.id, "acknowledged", record.version), decide)
    return True


def _attempt(context: Context, record: AlertRecord, name: str, outlets: Outlets) -> Attempt:
    try:
        outlets.send(name, record)
    except Poison as problem:
        return _refused(record, name, str(problem))
    except FloorError as problem:
        wait_s = (problem.retry_after_s or 0) if isinstance(problem, Throttled) else 0
        return _not_taken(context, record, name, outlets, str(problem), int(wait_s * 1_000))
    except Exception as problem:  # its text may hold what a messenger would have left out
        return _not_taken(context, record, name, outlets, type(problem).__name__, 0)
    again_ms = outlets.again_ms(name, record)
    return Attempt("told", partial(
        telling.told, name=name, told_folds=record.folded, again_ms=again_ms, now_ms=context.now_ms
    ))  # fmt: skip


def _refused(record: AlertRecord, name: str, reason: str) -> Attempt:
    log.error("gave up: %s", reason, extra={"notice": record.id, "channel": name})
    return Attempt("refused", partial(telling.given_up, name=name))


def _not_taken(
    context: Context, record: AlertRecord, name: str, outlets: Outlets, reason: str, wait_ms: int
) -> Attempt:
    outlets.down.add(name)
    applied = partial(telling.failed, name=name, error=reason, now_ms=context.now_ms, wait_ms=wait_ms)
    missed = name in applied(record).given_up
    level, text = (logging.ERROR, "gave up: %s") if missed else (logging.WARNING, "not taken: %s")
    log.log(level, text, reason, extra={"notice": record.id, "channel": name})
    return Attempt("failed", applied)


def _mark(context: Context, fact: Fact, record: AlertRecord, name: str, attempt: Attempt) -> None:
    """`attempts` rises with every mark, so each has a claim of its own, and two tellers at once mark but once."""

    def decide(_event: Event, work: Work) -> None:
        (current,) = work.read(AlertRecord.key(record.id))
        if current is not None and name in current.waiting:
            made = attempt.applied(current)
            work.write(made)
            if name in made.paged:
                _wake(work, made)

    context.step(context.cause(fact.event, record.id, name, record.attempts, attempt.outcome), decide)
