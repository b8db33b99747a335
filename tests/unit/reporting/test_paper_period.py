"""The paper period: good days in a row, from the floor's own records, and what is missing where it is not over."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.contracts.paper import Criteria
from fluxfloor.contracts.views import PaperDay
from fluxfloor.execution import permit
from fluxfloor.reporting import paper_period
from hypothesis import given
from hypothesis import strategies as st

CRITERIA = Criteria(days=3, orders=6, max_age_days=30)


def chain(*days: dict[str, Any]) -> list[PaperDay]:
    """Oldest first in, newest first out; 2 orders a day and all well unless said."""
    made: list[PaperDay] = []
    for n, more in enumerate(days, 1):
        told = {"orders": 2, "filled": 2, "books_agreed": True, "alarms": 0, "ts_event_ms": n, **more}
        day = PaperDay(id=f"2026-11-{n:02d}", **told)
        made.insert(0, paper_period.sealed(day, made[0] if made else None))
    return made


def judged(days: list[PaperDay], today: str = "2026-11-20", criteria: Criteria = CRITERIA) -> Any:
    return paper_period.judge(days, criteria, today, 1)


def test_enough_good_days_with_enough_orders_are_a_paper_period() -> None:
    record = judged(chain({}, {}, {}))
    assert (record.satisfied, record.days, record.orders, record.last_day) == (True, 3, 6, "2026-11-03")
    assert permit.refused(record, CRITERIA) == ""


@pytest.mark.parametrize(
    ("days", "today", "missing"),
    [
        ([], "2026-11-20", ("0 of 3 good days on paper in a row", "0 of 6 orders on these days")),
        ([{}, {}], "2026-11-20", ("2 of 3 good days on paper in a row", "4 of 6 orders on these days")),
        ([{}, {}, {"orders": 1}], "2026-11-20", ("5 of 6 orders on these days",)),
        (
            [{}, {"books_agreed": False}, {}, {}], "2026-11-20",
            (
                "2 of 3 good days on paper in a row: on 2026-11-02 the books did not agree all day",
                "4 of 6 orders on these days",
            ),
        ),
        (
            [{}, {}, {}, {"alarms": 1}], "2026-11-20",
            ("0 of 3 good days on paper in a row: on 2026-11-04 alarms were left", "0 of 6 orders on these days"),
        ),
        ([{}, {}, {}], "2026-12-04", ("the last good day was 31 days ago, 30 at most",)),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(days: list[dict[str, Any]], today: str, missing: tuple[str, ...]) -> None:
    record = judged(chain(*days), today)
    assert (record.satisfied, record.missing) == (False, missing)
    assert permit.refused(record, CRITERIA) == f"paper period: {'; '.join(missing)}"


def test_a_day_that_was_changed_or_slipped_in_ends_the_row() -> None:
    days = chain({}, {}, {"alarms": 1}, {}, {})
    mended = [*days[:2], days[2].model_copy(update={"alarms": 0}), *days[3:]]
    assert judged(mended).missing[0].endswith("the record of 2026-11-03 is not as it was written")
    resealed = [*days[:2], paper_period.sealed(days[2].model_copy(update={"alarms": 0}), days[3]), *days[3:]]
    assert judged(resealed).days == 2
    assert judged([days[0], *days[2:]]).days == 1


def test_a_record_judged_by_other_criteria_permits_nothing() -> None:
    record = judged(chain({}, {}, {}))
    stricter = Criteria(days=4, orders=6, max_age_days=30)
    assert permit.refused(record, stricter) == "paper period: it has not been judged yet"
    assert permit.refused(None, CRITERIA) == "paper period: it has not been judged yet"


def test_a_period_of_no_days_is_skipped() -> None:
    assert permit.refused(None, Criteria(days=0, orders=20, max_age_days=30)) == ""


@given(
    marks=st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(1, 9)), max_size=8), cut=st.integers(0, 8)
)
def test_the_row_is_the_good_days_at_the_end(marks: list[tuple[bool, int, int]], cut: int) -> None:
    days = chain(*({"books_agreed": agreed, "alarms": left, "orders": orders} for agreed, left, orders in marks))
    good = 0
    for agreed, left, _ in reversed(marks):
        if not agreed or left:
            break
        good += 1
    record = judged(days)
    assert record.days == good
    assert record.orders == sum(orders for _, _, orders in marks[len(marks) - good :])
    assert judged(days[: min(cut, len(days))]).days == min(good, cut, len(days))
