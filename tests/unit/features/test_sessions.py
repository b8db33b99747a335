"""New York's hours, holidays and half-days, right across daylight saving."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.features import sessions
from hypothesis import given
from hypothesis import strategies as st

NEW_YORK = ZoneInfo("America/New_York")
BAR_MS = 900_000


def at(text: str) -> int:
    """New York time to UTC ms."""
    return round(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp() * 1_000)


# NYSE's published calendars (nyse.com/markets/hours-calendars) of 2023-2026, and earlier years' announcements.
CLOSED = """
2023-01-02 2023-01-16 2023-02-20 2023-04-07 2023-05-29 2023-06-19 2023-07-04 2023-09-04 2023-11-23 2023-12-25
2024-01-01 2024-01-15 2024-02-19 2024-03-29 2024-05-27 2024-06-19 2024-07-04 2024-09-02 2024-11-28 2024-12-25
2025-01-01 2025-01-20 2025-02-17 2025-04-18 2025-05-26 2025-06-19 2025-07-04 2025-09-01 2025-11-27 2025-12-25
2026-01-01 2026-01-19 2026-02-16 2026-04-03 2026-05-25 2026-06-19 2026-07-03 2026-09-07 2026-11-26 2026-12-25
"""
HALF = "2023-07-03 2023-11-24 2024-07-03 2024-11-29 2024-12-24 2025-07-03 2025-11-28 2025-12-24 2026-11-27 2026-12-24"


def days(text: str) -> set[date]:
    return {date.fromisoformat(day) for day in text.split()}


def test_the_rules_give_the_published_holidays_and_half_days() -> None:
    years = range(2023, 2027)
    assert set().union(*(sessions.holidays(year) for year in years)) == days(CLOSED)
    assert set().union(*(sessions.half_days(year) - sessions.holidays(year) for year in years)) == days(HALF)


def test_every_year_has_about_as_many_sessions_as_nyse_counts() -> None:
    """252 in 2013, 2014, 2015 and 2016, 251 in 2017 and 2018 (a day of mourning), 253 in 2020."""
    counted = {2013: 252, 2014: 252, 2015: 252, 2016: 252, 2017: 251, 2018: 251, 2019: 252, 2020: 253, 2022: 251}
    for year, count in counted.items():
        each = (date(year, 1, 1) + timedelta(days=k) for k in range(366))
        assert sum(day.year == year and sessions.closing_minute(day) is not None for day in each) == count


def test_a_new_years_day_on_saturday_closes_no_friday() -> None:
    assert sessions.closing_minute(date(2021, 12, 31)) == 16 * 60
    assert sessions.closing_minute(date(2022, 1, 3)) == 16 * 60


def test_the_third_of_july_before_2013_was_no_half_day_on_a_wednesday() -> None:
    assert sessions.closing_minute(date(2002, 7, 3)) == 16 * 60
    assert sessions.closing_minute(date(2002, 7, 5)) == 13 * 60


@pytest.mark.parametrize(
    ("when", "thin"),
    [
        ("2024-03-08T09:29", True), ("2024-03-08T09:30", False), ("2024-03-11T09:29", True),
        ("2024-03-11T09:30", False), ("2024-11-01T11:59", False), ("2024-11-01T12:00", True),
        ("2024-11-04T12:59", True), ("2024-11-04T13:00", False), ("2024-11-04T15:59", False),
        ("2024-11-04T16:00", True), ("2024-11-29T12:59", True), ("2024-11-29T13:00", True),
        ("2024-11-28T10:30", True), ("2024-11-30T10:30", True),
    ],
)  # fmt: skip
def test_thin_hours_are_new_yorks_on_both_sides_of_the_clock_change(when: str, thin: bool) -> None:
    assert sessions.is_thin("us-equities", at(when), BAR_MS) is thin


@pytest.mark.parametrize(
    ("when", "closing"),
    [
        ("2024-03-11T15:44", False), ("2024-03-11T15:45", True), ("2024-03-11T16:00", True),
        ("2024-03-11T16:01", False), ("2024-11-29T12:45", True), ("2024-11-29T15:50", False),
        ("2024-11-28T15:50", False),
    ],
)  # fmt: skip
def test_the_last_minutes_are_those_of_that_days_session(when: str, closing: bool) -> None:
    assert sessions.is_closing("us-equities", at(when), BAR_MS, 15) is closing


def test_a_market_that_never_closes_and_a_daily_bar_have_no_hours() -> None:
    night = at("2024-03-11T03:00")
    assert not sessions.is_thin("always", night, BAR_MS)
    assert not sessions.is_thin("us-equities", night, 86_400_000)
    assert not sessions.is_closing("us-equities", at("2024-03-11T15:50"), 86_400_000, 15)


def test_hours_that_nobody_has_defined_are_refused() -> None:
    with pytest.raises(Misconfigured, match="tokyo"):
        sessions.check("tokyo")


@given(
    times=st.lists(st.integers(at("2001-01-01T00:00"), at("2030-01-01T00:00")), min_size=1, max_size=40),
    name=st.sampled_from(sessions.SESSIONS), last=st.integers(0, 60),
)  # fmt: skip
def test_many_moments_at_once_are_judged_like_each(times: list[int], name: str, last: int) -> None:
    thin, closing = sessions.thin_and_closing(name, np.array(times), BAR_MS, last)
    assert thin.tolist() == [sessions.is_thin(name, time, BAR_MS) for time in times]
    assert closing.tolist() == [sessions.is_closing(name, time, BAR_MS, last) for time in times]
