"""Which hours of a market are thin: US equities by rule (`contracts.hours`), and markets that never close."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.hours import (
    CLOSE_MINUTE,
    DAY_MS,
    HALF_DAY_MINUTE,
    HOUR_MS,
    MINUTE_MS,
    NEW_YORK,
    OPEN_MINUTE,
    closing_minute,
    half_days,
    holidays,
    local,
)
from fluxfloor.errors import Misconfigured

Times = NDArray[np.int64]

LUNCH = (12 * 60, 13 * 60)
ALWAYS, US_EQUITIES = "always", "us-equities"
SESSIONS = (ALWAYS, US_EQUITIES)


def check(sessions: str) -> None:
    """Raises Misconfigured for hours that nobody has defined."""
    if sessions not in SESSIONS:
        raise Misconfigured(f"sessions {sessions!r} is none of {', '.join(SESSIONS)}")


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


__all__ = [
    "ALWAYS", "CLOSE_MINUTE", "HALF_DAY_MINUTE", "LUNCH", "NEW_YORK", "OPEN_MINUTE", "SESSIONS", "US_EQUITIES", "check",
    "closing_minute", "half_days", "holidays", "is_closing", "is_thin", "local", "minutes_of", "thin_and_closing",
]  # fmt: skip
