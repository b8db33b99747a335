"""Our books against the venue's. The venue is the truth; a difference that stays is a mismatch."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.state import Account
from fluxfloor.ports import VenueBooks

IN_FLIGHT_MS = 120_000  # a fill that the venue shows may still be on its way to our books for this long
ZERO = Decimal(0)
PATIENCE = 2  # comparisons in a row that must disagree before entries are blocked


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differences`: currency → venue minus ours, fills on their way left out. `overdue`: trades we should have."""

    differences: dict[str, Decimal]
    overdue: tuple[str, ...]
    in_flight: int

    @property
    def agrees(self) -> bool:
        return not self.differences and not self.overdue


def compare(account: Account, books: VenueBooks, booked: set[str], now_ms: int) -> Comparison:
    """`booked` are those of the venue's trade ids that stand in our ledger."""
    missing = [seen for seen in books.fills if seen.fill.trade_id not in booked]
    overdue = tuple(seen.fill.trade_id for seen in missing if now_ms - seen.fill.ts_event_ms > IN_FLIGHT_MS)
    differences = {}
    for currency in sorted(books.balances.keys() | account.balances.keys()):
        pending = sum((seen.moves.get(currency, ZERO) for seen in missing), ZERO)
        ours = account.balances.get(currency, ZERO)
        difference = books.balances.get(currency, ZERO) - ours - pending
        if difference:
            differences[currency] = difference
    return Comparison(differences, overdue, len(missing))


def describe(comparison: Comparison) -> str:
    """For the risk fact: every difference, venue minus ours."""
    parts = [f"{name} {canonical(amount)}" for name, amount in comparison.differences.items()]
    parts += [f"trade {trade_id} is not booked" for trade_id in comparison.overdue]
    return ", ".join(parts)
