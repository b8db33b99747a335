"""Which day it is: a portfolio's losses are counted by UTC's day, or by the exchange's where that one closes.

Time zones, with their daylight saving, come from the system's own tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo


class TradingDay(StrEnum):
    """Whose midnight begins a day."""

    UTC = "utc"
    NEW_YORK = "new_york"  # of US equities

    @property
    def zone(self) -> tzinfo:
        return UTC if self is TradingDay.UTC else ZoneInfo("America/New_York")

    def of(self, ts_ms: int) -> str:
        """The date of that moment, ISO."""
        return self._local(ts_ms).date().isoformat()

    def begins_at(self, ts_ms: int) -> bool:
        """Is that moment midnight itself?"""
        return ts_ms % 60_000 == 0 and self._local(ts_ms).time() == time()

    def _local(self, ts_ms: int) -> datetime:
        return datetime.fromtimestamp(ts_ms / 1_000, UTC).astimezone(self.zone)
