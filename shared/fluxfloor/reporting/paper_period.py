"""The paper period before live entries: what a good day is, and what all of them amount to.

The evidence is the floor's own: one record for each day on paper with orders, each with the digest of the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.paper import Criteria
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.views import PaperDay, PaperRecord


def sealed(day: PaperDay, before: PaperDay | None) -> PaperDay:
    """The day as it is kept: after the one before it."""
    linked = day.model_copy(update={"previous": before.digest if before is not None else ""})
    return linked.model_copy(update={"digest": digest_of(linked)})


def digest_of(day: PaperDay) -> str:
    return digest(
        "paper-day", day.previous, day.id, day.orders, day.filled, day.books_agreed, day.alarms, day.ts_event_ms
    )


def good(day: PaperDay) -> bool:
    return day.books_agreed and not day.alarms


def judge(days: Sequence[PaperDay], criteria: Criteria, today: str, now_ms: int) -> PaperRecord:
    """`days`: all that are known, newest first."""
    run = _run(days)
    missing = [*_too_few(run, criteria, days), *_too_old(run, criteria, today)]
    return PaperRecord(
        id=FLOOR, satisfied=not missing, missing=tuple(missing), days=len(run), orders=sum(day.orders for day in run),
        last_day=run[0].id if run else "", asked=criteria.mark, ts_event_ms=now_ms,
    )  # fmt: skip


def _run(days: Sequence[PaperDay]) -> list[PaperDay]:
    """The good ones in a row, from the newest on, as long as each is what the next one says it was."""
    run: list[PaperDay] = []
    for day in days:
        follows = not run or run[-1].previous == day.digest
        if not follows or day.digest != digest_of(day) or not good(day):
            break
        run.append(day)
    return run


def _too_few(run: Sequence[PaperDay], criteria: Criteria, days: Sequence[PaperDay]) -> list[str]:
    found, orders = [], sum(day.orders for day in run)
    if len(run) < criteria.days:
        found.append(f"{len(run)} of {criteria.days} good days on paper in a row{_because(days, len(run))}")
    if orders < criteria.orders:
        found.append(f"{orders} of {criteria.orders} orders on these days")
    return found


def _because(days: Sequence[PaperDay], ran: int) -> str:
    """What was wrong with the day that ended the row."""
    if ran >= len(days):
        return ""
    day = days[ran]
    if day.digest != digest_of(day) or (ran and days[ran - 1].previous != day.digest):
        return f": the record of {day.id} is not as it was written"
    return f": on {day.id} " + ("alarms were left" if day.books_agreed else "the books did not agree all day")


def _too_old(run: Sequence[PaperDay], criteria: Criteria, today: str) -> list[str]:
    if not run:
        return []
    age = (date.fromisoformat(today) - date.fromisoformat(run[0].id)).days
    return (
        [f"the last good day was {age} days ago, {criteria.max_age_days} at most"]
        if age > criteria.max_age_days
        else []
    )
