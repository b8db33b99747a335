"""What a live floor wants of the days on paper before it."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.ids import digest


@dataclass(frozen=True, slots=True)
class Criteria:
    """So many good days in a row, with so many orders on them, the last no more than so many days ago."""

    days: int
    orders: int
    max_age_days: int

    @property
    def mark(self) -> str:
        """A record that was judged by others does not count."""
        return digest("paper-period", self.days, self.orders, self.max_age_days, size=8)
