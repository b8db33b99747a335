"""What the façades share: reading numbers that strangers send, and writing every digit."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.base import MAX_EXPONENT
from fluxfloor.venuesim.refusals import Reason, Refused


def decimals_of(unit: Decimal) -> int:
    """Of the unit that something is a multiple of: 0.05 has two."""
    return max(0, -int(unit.normalize().as_tuple().exponent))


def fixed(value: Decimal, places: int) -> str:
    return f"{value:.{places}f}"


def number(text: str, argument: str) -> Decimal:
    """Raises Refused, naming the argument, for what is no number that money comes in."""
    try:
        value = Decimal(text)
    except ArithmeticError as problem:
        raise Refused(Reason.INVALID_ARGUMENT, argument) from problem
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT or len(value.as_tuple().digits) > 2 * MAX_EXPONENT:
        raise Refused(Reason.INVALID_ARGUMENT, argument)
    return value


def whole(text: str, argument: str) -> int:
    """Raises Refused, naming the argument, for what is no whole number."""
    value = number(text, argument)
    if value != int(value):
        raise Refused(Reason.INVALID_ARGUMENT, argument)
    return int(value)
