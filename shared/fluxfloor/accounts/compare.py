"""Our balances against the venue's, once what explains itself is booked (`reconcile`). The venue is the truth; a
difference that stays is a mismatch, and is never taken over in silence: a person agrees to it, or the settings do."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.state import Account
from fluxfloor.ports import VenueBooks, VenueFill

IN_FLIGHT_MS = 120_000  # a fill that the venue shows may still be on its way to our books for this long
LOOK_BACK_MS = IN_FLIGHT_MS + 480_000  # before the last agreement; clocks differ, and venues stamp fills late
PATIENCE = 2  # comparisons in a row that must disagree before entries are blocked
APART_MS = 30_000  # and so long after one another: a venue's balances may lag behind the trades that it shows
TOLD = 5  # trades that a message names
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`differences`: currency → venue minus ours, fills on their way left out. `overdue`: trades we should have."""

    differences: dict[str, Decimal]
    overdue: tuple[str, ...]
    in_flight: int

    @property
    def agrees(self) -> bool:
        return not self.differences and not self.overdue


def since_ms(account: Account | None, now_ms: int) -> int:
    """From when on the venue's fills and transfers have to be looked at. Whatever was not booked when both last agreed
    was on its way, and so younger than IN_FLIGHT_MS; what was shown at the opening is in the opening balances, and is
    known by its name."""
    if account is None:
        return max(0, now_ms - LOOK_BACK_MS)
    return max(0, min(account.agreed_ms, now_ms) - LOOK_BACK_MS)


def unbooked(account: Account, seen: VenueBooks, booked: Set[str]) -> list[VenueFill]:
    """The venue's fills that are not in our books, each once, however often it lists them."""
    done = {*booked, *account.in_opening}
    return list({item.fill.trade_id: item for item in seen.fills if item.fill.trade_id not in done}.values())


def too_soon(account: Account, asked_ms: int) -> bool:
    """Was the venue asked again before the difference that stands could have gone by itself?"""
    return 0 < account.mismatches < PATIENCE and asked_ms < account.differed_ms + APART_MS


@exact
def compare(account: Account, books: VenueBooks, booked: Set[str], now_ms: int) -> Comparison:
    """`booked` are those of the venue's trade ids that stand in our ledger."""
    missing = unbooked(account, books, booked)
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
    """ "the venue has 0.002 BTC more than our books; trade T-9 is not booked" """
    parts = [
        f"the venue has {canonical(abs(amount))} {name} {'more' if amount > 0 else 'less'} than our books"
        for name, amount in comparison.differences.items()
    ]
    parts += [f"trade {trade_id} is not booked" for trade_id in comparison.overdue[:TOLD]]
    if len(comparison.overdue) > TOLD:
        parts.append(f"nor are {len(comparison.overdue) - TOLD} more")
    return "; ".join(parts)
