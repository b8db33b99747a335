"""Exact money. Sums and products here are never rounded by accident, and what is stored is rounded on purpose, once.

Python's decimals keep 28 significant digits unless told otherwise: enough for one price, not for a ledger. A balance of
a billion with 18 decimals has 27, and the next product is silently rounded, on one side of the books only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

from fluxfloor.contracts.base import MAX_EXPONENT

P = ParamSpec("P")
R = TypeVar("R")

# A Number has at most 36 digits: the product of three, summed a million times, still fits.
EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_LAST_PLACE = Decimal(1).scaleb(-MAX_EXPONENT)


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Runs a function whose decimal sums and products are to be exact. What divides must round what it stores."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return run


def rounded(value: Decimal) -> Decimal:
    """To the last place that is stored, half to even. Leaves alone whatever already fits."""
    return value.quantize(_LAST_PLACE, context=EXACT) if -value.as_tuple().exponent > MAX_EXPONENT else value  # type: ignore[operator]


def cost(price: Decimal, quantity: Decimal) -> Decimal:
    """price × quantity in the quote currency. The ledger and the paper venue both take it from here: two roundings of
    one product would be two books that differ."""
    return rounded(EXACT.multiply(price, quantity))


@exact
def split(amount: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """Shares of `amount` in proportion to the weights (not negative, not all 0), which add up to exactly `amount`."""
    total, taken, before, shares = sum(weights), 0, Decimal(0), []
    for weight in weights:
        taken += weight
        through = rounded(amount * taken / total)
        shares.append(through - before)
        before = through
    return shares
