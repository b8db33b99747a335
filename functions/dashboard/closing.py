"""Closes a day: reports what was at stake at its end, keeps what it says of paper trading, and on a live floor judges
whether the paper period is over."""

from __future__ import annotations

from fluxfloor.contracts.events import RiskRaised, ScheduleTicked, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.state import Account
from fluxfloor.contracts.views import DailyRisk, OrderRow, PaperDay, PaperRecord, SafetyState
from fluxfloor.ports import Query, Ref
from fluxfloor.reporting import daily_risk, paper_period
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work
from fluxfloor.webapi import at_stake

DAY_MS = at_stake.DAY_MS
SETTLE_MS = 120_000  # after midnight: the day's last facts are on their way
JUDGED_EVERY_MS = 3_600_000
MANY = 1_000


def close_day(context: Context, tick: Fact, state: SafetyState | None) -> None:
    """Once for each UTC day, by the first pass after it; a floor that stood still closes only the last one."""
    today_ms = context.now_ms - context.now_ms % DAY_MS
    yesterday = at_stake.day_of(today_ms - DAY_MS)
    if (state is not None and state.day >= yesterday) or context.now_ms < today_ms + SETTLE_MS:
        return
    begun = state is not None and bool(state.day)
    if begun and context.settings.mode == "paper":
        _keep_paper_day(context, tick, today_ms - DAY_MS, today_ms)
    report = at_stake.report(context, today_ms - DAY_MS, today_ms) if begun else None
    warnings = at_stake.warnings(context, context.read(PaperRecord.key(FLOOR)))

    def record(_: ScheduleTicked, work: Work) -> None:
        kept, known = work.read(SafetyState.key(FLOOR), DailyRisk.key(yesterday))
        if report is not None and known is None:
            work.write(report)
            work.emit(_told(report, warnings))
        work.write((kept or SafetyState(id=FLOOR)).model_copy(update={"day": yesterday}))

    context.step(context.cause(tick.event, "day", yesterday), record)


def _told(report: DailyRisk, warnings: tuple[str, ...]) -> RiskRaised:
    return RiskRaised(
        kind=daily_risk.KIND, scope=FLOOR, severity=Severity.INFO, ts_event_ms=report.ts_event_ms,
        message=f"{report.id} ({report.mode})\n{daily_risk.words(report, warnings)}",
    )  # fmt: skip


# --- the paper period --------------------------------------------------------------------------------------------


def _keep_paper_day(context: Context, tick: Fact, from_ms: int, to_ms: int) -> None:
    """In the edge database, in a commit of its own: what it says was read from the other one, and is over."""
    day = _paper_day(context, from_ms, to_ms)
    if day is None:
        return
    before = next(iter(at_stake.paper_days(context.ports.store, limit=1)), None)

    def record(_: ScheduleTicked, work: Work) -> None:
        (known,) = work.read(PaperDay.key(day.id))
        if known is None:
            work.write(paper_period.sealed(day, before))

    context.step(context.cause(tick.event, "paper-day", day.id), record)


def _paper_day(context: Context, from_ms: int, to_ms: int) -> PaperDay | None:
    """None for a day without an order."""
    store = context.ports.store
    query = Query(
        OrderRow.collection, (("ts_event_ms", ">=", from_ms), ("ts_event_ms", "<", to_ms)), order_by="ts_event_ms",
        descending=True, limit=MANY,
    )  # fmt: skip
    rows = [OrderRow.decode(item.data or {}) for item in store.query(query)]
    ended = [row for row in rows if OrderState(row.state).terminal]
    if not ended:
        return None
    seen = at_stake.look(context, from_ms, to_ms)
    differed = any(row.kind == "books_differ" for row in seen.risks)
    return PaperDay(
        id=at_stake.day_of(from_ms), orders=len(ended), filled=sum(1 for row in ended if row.filled_lots),
        books_agreed=not differed and _agree(context, from_ms), alarms=seen.unacknowledged + len(seen.halts),
        ts_event_ms=from_ms,
    )  # fmt: skip


def _agree(context: Context, from_ms: int) -> bool:
    """Every account was compared with its venue since the day began, and agreed."""
    refs = [Ref(Account.collection, name) for name in context.settings.accounts]
    found = [Account.decode(item.data) for item in context.ports.store.read(refs) if item.data is not None]
    return len(found) == len(refs) and all(not item.mismatches and item.agreed_ms >= from_ms for item in found)


def judge_paper_period(context: Context, tick: Fact) -> None:
    """On a live floor, once an hour and whenever the criteria change."""
    settings = context.settings
    if settings.mode != "live" or not settings.safety.paper_period_days:
        return
    kept, mark = context.read(PaperRecord.key(FLOOR)), at_stake.criteria(settings).mark
    if kept is not None and kept.asked == mark and context.now_ms - kept.ts_event_ms < JUDGED_EVERY_MS:
        return
    judged = at_stake.paper_record(context)

    def record(_: ScheduleTicked, work: Work) -> None:
        work.read(PaperRecord.key(FLOOR))
        work.write(judged)

    context.step(context.cause(tick.event, "paper-period", context.now_ms), record)
