"""Reads what the judgement of the stages needs, and writes what came out of it."""

from __future__ import annotations

from typing import Any

from fluxfloor.contracts.events import EVENTS, ScheduleTicked
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import JOURNAL, QUARANTINE, Step
from fluxfloor.contracts.views import StageHealth
from fluxfloor.ports import Operator, Query, Ref, Store
from fluxfloor.reporting.health import DELAYED_MS, OFFLINE_MS, RECENT_MS, Due, Seen, judge, look, told
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work
from fluxfloor.topology import FLOOR_DATABASES, RELEASES, STAGES

FURTHEST_MS = 24 * 3_600_000
MAX_STEPS = 300


def judge_stages(context: Context, tick: Fact) -> list[Step]:
    """One pass. An idle floor costs two empty queries and a read for each stage, and writes nothing. Returns the steps
    that were looked at."""
    now_ms, store = context.now_ms, context.ports.store
    kept = {row.id: row for row in _kept(store)}
    steps = _steps(store, _since_ms(kept, now_ms), now_ms)
    seen = look(steps, consumers)
    done = _done(store, seen)
    judged = [judge(stage, seen, done, kept.get(stage), now_ms) for stage in STAGES]
    changed = [row for row in judged if kept.get(row.id) is not row]

    def record(_: ScheduleTicked, work: Work) -> None:
        earlier = dict(
            zip((row.id for row in changed), work.read_all(StageHealth.key(row.id) for row in changed), strict=True)
        )
        for row in changed:
            work.write(row)
            raised = told(row, earlier[row.id])
            if raised is not None:
                work.emit(raised)

    if changed:
        context.step(tick, record)
    return steps


def consumers(record: dict[str, Any]) -> list[str]:
    """Stages that a fact makes work for, filters respected. Releases have no claims: quarantine shows their state."""
    topic = record["type"].rsplit(".v", 1)[0]
    if topic == RELEASES or record["type"] not in EVENTS:
        return []
    interested = [
        (name, subscription.only)
        for name, stage in STAGES.items()
        for subscription in stage.consumes
        if subscription.topic == topic
    ]
    attributes = Fact.from_record(record).event.attributes() if any(only for _, only in interested) else {}
    return [name for name, only in interested if only.items() <= attributes.items()]


def _kept(store: Store) -> list[StageHealth]:
    refs = [Ref(StageHealth.collection, name) for name in STAGES]
    return [StageHealth.decode(found.data) for found in store.read(refs) if found.data is not None]


def _since_ms(kept: dict[str, StageHealth], now_ms: int) -> int:
    """Far enough back to see again what was found waiting the last time."""
    waiting = [row.oldest_due_ms for row in kept.values() if row.due]
    return max(now_ms - FURTHEST_MS, min([now_ms - RECENT_MS, *waiting]))


def _steps(store: Store, from_ms: int, now_ms: int) -> list[Step]:
    """The newest steps that are old enough to be late on. On a busy floor they are all just old enough: then those that
    are old enough to be offline on are looked at as well."""
    found: dict[str, Step] = {}
    for database in FLOOR_DATABASES:
        for until_ms in (now_ms - DELAYED_MS, now_ms - OFFLINE_MS - 1):
            page = store.query(_page(database, from_ms, until_ms))
            found.update((row.ref.id, Step.from_record(row.data or {})) for row in page)
            if len(page) < MAX_STEPS:
                break
    return list(found.values())


def _page(database: str, from_ms: int, until_ms: int) -> Query:
    span: tuple[tuple[str, Operator, Any], ...] = (("at_ms", ">=", from_ms), ("at_ms", "<=", until_ms))
    return Query(JOURNAL, span, order_by="at_ms", descending=True, limit=MAX_STEPS, database=database)


def _done(store: Store, seen: Seen) -> frozenset[str]:
    """Claims that exist, in whichever of its databases a stage made them; a quarantined message counts as done."""
    open_items = {item.claim: item for item in seen.due if item.claim not in seen.claims}
    refs = [ref for item in open_items.values() for ref in _places(item)]
    found = store.read(refs) if refs else []
    return seen.claims | {snapshot.ref.id for snapshot in found if snapshot.data is not None}


def _places(item: Due) -> list[Ref]:
    databases = STAGES[item.stage].databases
    return [*(Ref(JOURNAL, item.claim, database) for database in databases), Ref(QUARANTINE, item.claim, databases[0])]
