"""Clients' capital as units of a portfolio, bought and given back at what a unit is worth at that time.

Invariants: the clients' units add up to all units; a flow changes no other client's value, but for the last digit that
is rounded in the portfolio's favour; nobody gives back more than he holds.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from fluxfloor.contracts.capital import ClientUnits, UnitBook
from fluxfloor.contracts.money import EXACT, exact, rounded
from fluxfloor.errors import FloorError

ZERO, ONE = Decimal(0), Decimal(1)
LAST_PLACE = Decimal(1).scaleb(-18)
CRUMB = 10 * LAST_PLACE
NAV_PLACES = 12  # of a unit's worth, as people read it


class NoSuchUnits(FloorError):
    """More was asked back than the client's units are worth, or units are worth nothing."""

    reason = "no_such_units"


@exact
def value_of(book: UnitBook, made: Decimal) -> Decimal:
    """Of all units. `made` is what the portfolio's accounts have made in all, open positions included."""
    return book.attributed + made - book.made_before if book.units else ZERO


def nav_of(book: UnitBook, made: Decimal) -> Decimal:
    """What a unit is worth, to 12 places; 1 while there is none."""
    return round(EXACT.divide(value_of(book, made), book.units), NAV_PLACES) if book.units else ONE


@exact
def moved(book: UnitBook, client_id: str, amount: Decimal, made: Decimal) -> tuple[UnitBook, Decimal]:
    """After a deposit (above zero) or a withdrawal, and the units it bought or gave back. Raises NoSuchUnits."""
    if not book.units:
        book = book.model_copy(update={"made_before": made, "attributed": ZERO})
    units = _units(book, amount, made)
    before = book.clients.get(client_id, ClientUnits())
    left = before.units + units
    if -CRUMB <= left < 0:  # all of it, but for what rounding made of it
        units, left = -before.units, ZERO
    if left < 0:
        raise NoSuchUnits(f"{client_id} holds {before.units} units, and {-units} would be given back")
    after = ClientUnits(units=left, paid_in=before.paid_in + amount)
    changed = book.model_copy(
        update={
            "units": book.units + units, "attributed": rounded(book.attributed + amount),
            "clients": {**book.clients, client_id: after},
        }
    )  # fmt: skip
    return changed, units


def _units(book: UnitBook, amount: Decimal, made: Decimal) -> Decimal:
    """Signed, rounded down: who deposits gets no more, who withdraws gives back no less."""
    if not book.units:
        return amount.quantize(LAST_PLACE, ROUND_FLOOR, context=EXACT)
    value = value_of(book, made)
    if value <= 0:
        raise NoSuchUnits("the portfolio's units are worth nothing")
    whole = amount * book.units / value
    return whole.quantize(LAST_PLACE, ROUND_FLOOR, context=EXACT)


def worth(book: UnitBook, client_id: str, made: Decimal) -> Decimal:
    """What a client's units are worth now."""
    units = book.clients.get(client_id, ClientUnits()).units
    return rounded(EXACT.divide(EXACT.multiply(value_of(book, made), units), book.units)) if book.units else ZERO


def returned(now: Decimal | None, before: Decimal | None) -> Decimal | None:
    """A unit's return between two times; None where either is not known."""
    if now is None or before is None or not before:
        return None
    return round(EXACT.divide(now, before) - ONE, NAV_PLACES)
