"""New York's sessions: open or closed, until when, and the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from fluxfloor.features.sessions import NEW_YORK, OPEN_MINUTE, closing_minute, local

LONGEST_BREAK_DAYS = 10


def is_open(ms: int) -> bool:
    opens_ms, closes_ms = session_of(local(ms).date()) or (0, 0)
    return opens_ms <= ms < closes_ms


def next_open_ms(ms: int) -> int:
    return next(opens for opens, _ in _sessions(ms) if opens > ms)


def next_close_ms(ms: int) -> int:
    return next(closes for _, closes in _sessions(ms) if closes > ms)


def session_of(day: date) -> tuple[int, int] | None:
    """(opening, close) of that day, in ms; None where there is none."""
    closing = closing_minute(day)
    return None if closing is None else (_at(day, OPEN_MINUTE), _at(day, closing))


def days(first: date, last: date) -> Iterator[date]:
    """Those with a session."""
    for offset in range((last - first).days + 1):
        if closing_minute(first + timedelta(days=offset)) is not None:
            yield first + timedelta(days=offset)


def clock_text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _sessions(ms: int) -> Iterator[tuple[int, int]]:
    today = local(ms).date()
    for day in days(today, today + timedelta(days=LONGEST_BREAK_DAYS)):
        found = session_of(day)
        assert found is not None
        yield found


def _at(day: date, minute: int) -> int:
    moment = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=NEW_YORK)
    return int(moment.timestamp()) * 1_000
