"""When a market is open, and which of its hours are thin: US equities by rule, and markets that never close.

The holidays of New York are rules (the third Monday of January …), so a table of the rules and of the few days closed
for other causes serves where a calendar library would bring pandas into every feature handler. Time zones, with their
daylight saving, come from the system's own tables.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from fluxfloor.errors import Misconfigured

Times = NDArray[np.int64]

NEW_YORK = ZoneInfo("America/New_York")
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
OPEN_MINUTE, CLOSE_MINUTE, HALF_DAY_MINUTE = 9 * 60 + 30, 16 * 60, 13 * 60
LUNCH = (12 * 60, 13 * 60)
ALWAYS, US_EQUITIES = "always", "us-equities"
SESSIONS = (ALWAYS, US_EQUITIES)
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


def check(sessions: str) -> None:
    """Raises Misconfigured for hours that nobody has defined."""
    if sessions not in SESSIONS:
        raise Misconfigured(f"sessions {sessions!r} is none of {', '.join(SESSIONS)}")


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


def is_thin(sessions: str, time_ms: int, step_ms: int) -> bool:
    """Is the market thin then: before its opening, at lunch, after its close, or closed all day?

    A bar of a day or longer has no hour, and a market that never closes has no thin one.
    """
    if sessions == ALWAYS or step_ms >= DAY_MS:
        return False
    now = local(time_ms)
    minute, closing = now.hour * 60 + now.minute, closing_minute(now.date())
    return closing is None or minute < OPEN_MINUTE or LUNCH[0] <= minute < LUNCH[1] or minute >= closing


def is_closing(sessions: str, time_ms: int, step_ms: int, last_minutes: int) -> bool:
    """Do no more than `last_minutes` of the session remain? At its very end too: an order would wait for tomorrow."""
    if sessions == ALWAYS or step_ms >= DAY_MS:
        return False
    now = local(time_ms)
    closing = closing_minute(now.date())
    return closing is not None and closing - last_minutes <= now.hour * 60 + now.minute <= closing


def minutes_of(times_ms: Times) -> tuple[Times, Times]:
    """(n,) minutes after New York's midnight, and (n,) the minute its session closes; -1 where there is none."""
    offset_ms = _by_unit(times_ms, HOUR_MS, _offset_ms)
    local_ms = times_ms + offset_ms
    closing = _by_unit(local_ms, DAY_MS, _closing_of)
    return local_ms % DAY_MS // MINUTE_MS, closing


def _by_unit(times_ms: Times, unit_ms: int, of: Callable[[int], int]) -> Times:
    """Asks once for every hour or day that occurs: offsets change on whole hours, sessions on whole days."""
    units, place = np.unique(times_ms // unit_ms, return_inverse=True)
    answers = np.array([of(int(unit) * unit_ms) for unit in units], np.int64)
    return answers[place].reshape(times_ms.shape)


def _offset_ms(hour_ms: int) -> int:
    offset = local(hour_ms).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * 1_000


def _closing_of(local_day_ms: int) -> int:
    closing = closing_minute((datetime(1970, 1, 1) + timedelta(milliseconds=local_day_ms)).date())
    return -1 if closing is None else closing


def thin_and_closing(
    sessions: str, times_ms: Times, step_ms: int, last_minutes: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`is_thin` and `is_closing` of many moments at once, each (n,)."""
    none = np.zeros(times_ms.shape, bool)
    if sessions == ALWAYS or step_ms >= DAY_MS:
        return none, none.copy()
    minute, closing = minutes_of(times_ms)
    is_open = closing >= 0
    thin = ~is_open | (minute < OPEN_MINUTE) | ((minute >= LUNCH[0]) & (minute < LUNCH[1])) | (minute >= closing)
    return thin, is_open & (minute >= closing - last_minutes) & (minute <= closing)
