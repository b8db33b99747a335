"""When New York trades: sessions and holidays of US equities, by rule.

The holidays of New York are rules (the third Monday of January …), so a table of the rules and of the few days closed
for other causes serves where a calendar library would bring pandas into every feature handler. Time zones, with their
daylight saving, come from the system's own tables.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
OPEN_MINUTE, CLOSE_MINUTE, HALF_DAY_MINUTE = 9 * 60 + 30, 16 * 60, 13 * 60
MONDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 2, 3, 4, 5, 6

CLOSED_ONCE = frozenset(
    map(
        date.fromisoformat,
        (
            "2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14", "2004-06-11", "2007-01-02", "2012-10-29",
            "2012-10-30", "2018-12-05", "2025-01-09",
        ),
    )
)  # fmt: skip
"""Attacks, storms and days of mourning since 2001: no rule knows these."""


def closing_minute(day: date) -> int | None:
    """When New York's regular session ends that day, in minutes after local midnight; None where there is none."""
    if day.weekday() >= SATURDAY or day in CLOSED_ONCE or day in holidays(day.year):
        return None
    return HALF_DAY_MINUTE if day in half_days(day.year) else CLOSE_MINUTE


@cache
def holidays(year: int) -> frozenset[date]:
    """NYSE rule 7.2. A holiday on a Sunday moves to Monday, one on a Saturday to Friday, but New Year's never into the
    year before. Martin Luther King's day since 1998, Juneteenth since 2022."""
    days = {
        _weekday(year, 2, MONDAY, 3), _good_friday(year), _weekday(year, 5, MONDAY, -1), _observed(date(year, 7, 4)),
        _weekday(year, 9, MONDAY, 1), _weekday(year, 11, THURSDAY, 4), _observed(date(year, 12, 25)),
    }  # fmt: skip
    if date(year, 1, 1).weekday() != SATURDAY:
        days.add(_observed(date(year, 1, 1)))
    if year >= 1998:
        days.add(_weekday(year, 1, MONDAY, 3))
    if year >= 2022:
        days.add(_observed(date(year, 6, 19)))
    return frozenset(days)


@cache
def half_days(year: int) -> frozenset[date]:
    """Sessions that end at 13:00: the day after Thanksgiving, Christmas Eve, and the third of July where the fourth is
    a weekday (before 2013, if the third was a Wednesday, the Friday after it)."""
    eve, third = date(year, 12, 24), date(year, 7, 3)
    days = {_weekday(year, 11, THURSDAY, 4) + timedelta(days=1)}
    if eve.weekday() < FRIDAY:
        days.add(eve)
    if third.weekday() < FRIDAY:
        days.add(date(year, 7, 5) if year < 2013 and third.weekday() == WEDNESDAY else third)
    return frozenset(days)


def _observed(day: date) -> date:
    return day + timedelta(days={SATURDAY: -1, SUNDAY: 1}.get(day.weekday(), 0))


def _weekday(year: int, month: int, weekday: int, which: int) -> date:
    """The which-th such weekday of a month; -1 is the last."""
    if which < 0:
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))


def _good_friday(year: int) -> date:
    """Two days before Easter Sunday (the anonymous Gregorian computus, Meeus 1991)."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    month, day = divmod(moon + week - 7 * ((golden + 11 * moon + 22 * week) // 451) + 114, 31)
    return date(year, month, day + 1) - timedelta(days=2)


def local(time_ms: int) -> datetime:
    """That moment on New York's clocks."""
    return datetime.fromtimestamp(time_ms / 1_000, UTC).astimezone(NEW_YORK)


def opened_ms(time_ms: int) -> int | None:
    """When the regular session of that moment began; None where there is none at that moment."""
    now = local(time_ms)
    minute, closing = now.hour * 60 + now.minute, closing_minute(now.date())
    if closing is None or not OPEN_MINUTE <= minute < closing:
        return None
    return time_ms - time_ms % MINUTE_MS - (minute - OPEN_MINUTE) * MINUTE_MS
