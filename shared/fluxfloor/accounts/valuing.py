"""What one unit of a currency is worth in another, through the quotes that the floor knows.

At most two hops: BNB -> USDT -> EUR. The fewest hops win, then the newest of the oldest quotes, then the names: the
same quotes always give the same rate. A rate is as of the oldest quote on its way. Where there is no way there is no
rate: nothing is worth zero because nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from fluxfloor.contracts.instruments import Instrument, Kind, Quote
from fluxfloor.contracts.money import EXACT, exact, rounded
from fluxfloor.contracts.state import Rate

ONE = Decimal(1)
OWNED = frozenset({Kind.SPOT, Kind.EQUITY})  # a perpetual's price is not what its base is worth
Rates = Mapping[str, Rate]


class Hop(NamedTuple):
    source: str
    into: str
    rate: Decimal
    at_ms: int
    name: str


def rates(currencies: Iterable[str], into: str, quotes: Iterable[tuple[Instrument, Quote]]) -> dict[str, Rate]:
    """By currency, of those that can be told."""
    hops = [hop for rules, quote in quotes if rules.kind in OWNED for hop in _both_ways(rules, quote)]
    found = {currency: _best(currency, into, hops) for currency in currencies if currency != into}
    return {currency: rate for currency, rate in found.items() if rate is not None}


@exact
def _both_ways(rules: Instrument, quote: Quote) -> tuple[Hop, Hop]:
    mid, at_ms, name = rounded(quote.mid), quote.ts_event_ms, rules.instrument_id
    return Hop(rules.base, rules.quote, mid, at_ms, name), Hop(rules.quote, rules.base, rounded(ONE / mid), at_ms, name)


def _best(currency: str, into: str, hops: list[Hop]) -> Rate | None:
    first = [hop for hop in hops if hop.source == currency]
    ways: list[tuple[Hop, ...]] = [(hop,) for hop in first if hop.into == into]
    if not ways:
        last = [hop for hop in hops if hop.into == into]
        ways = [(one, two) for one in first for two in last if one.into == two.source]
    if not ways:
        return None
    way = min(ways, key=lambda hops: (-min(hop.at_ms for hop in hops), [hop.name for hop in hops]))
    return _rate(way)


@exact
def _rate(way: tuple[Hop, ...]) -> Rate:
    worth = ONE
    for hop in way:
        worth *= hop.rate
    return Rate(rate=rounded(worth), at_ms=min(hop.at_ms for hop in way), via=tuple(hop.name for hop in way))


# --- using them --------------------------------------------------------------------------------------------------


def rate_of(currency: str, into: str, known: Rates) -> Decimal | None:
    if currency == into:
        return ONE
    found = known.get(currency)
    return found.rate if found is not None and found.rate else None


def worth(amount: Decimal, currency: str, into: str, known: Rates) -> Decimal | None:
    """None where nothing tells it."""
    rate = rate_of(currency, into, known)
    return None if rate is None else rounded(EXACT.multiply(amount, rate))


@exact
def crossed(amount: Decimal, currency: str, other: str, into: str, known: Rates) -> Decimal | None:
    """An amount of one currency in another, both told in `into`; None where either is not."""
    if currency == other:
        return amount
    have, want = rate_of(currency, into, known), rate_of(other, into, known)
    return None if have is None or want is None else rounded(amount * have / want)
