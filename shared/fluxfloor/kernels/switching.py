"""The short way for strategies that are only ever in or out: what is between two switches is one straight pass.

A moving-average cross, buy and hold, random entries, a perfect predictor: they need no features, no stops and no
limits but their weight. The fills and the equity are those of the general loop, to the last digit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.orders import Rules, Terms, fee_of, market_ticks, price_of, quantity_of, quote
from fluxfloor.kernels.sizing import Books, by_weight, fewest_lots
from fluxfloor.kernels.summary import summary

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Curve(NamedTuple):
    """equity: (n,) at the close of each bar. row, lots, price, fee, cash: (k,), a value a fill: the bar at whose open
    it happened, what is held after it, its price, its fee, and the cash after it."""

    equity: Floats
    row: Ints
    lots: Ints
    price: Floats
    fee: Floats
    cash: Floats


@kernel
def switches_of(wanted: NDArray[np.int8]) -> Ints:
    """The bars on whose close a wanted state (n,) of 0 and 1 changes; before the first bar it is 0."""
    found, count, before = np.empty(wanted.size, np.int64), 0, np.int8(0)
    for i in range(wanted.size):
        found[count] = i
        count += wanted[i] != before
        before = wanted[i]
    return found[:count].copy()


@kernel
def switched(switches: Ints, open: Floats, close: Floats, volume: Floats, rules: Rules, terms: Terms) -> Curve:
    """In at the open after the first switch with `terms.weight` of the equity, out at that after the second, and so on.

    switches: (k,) bars, rising; open, close, volume: (n,) of one symbol. An entry too small for the venue is left out.
    """
    n, most = close.size, switches.size
    equity, row, held = np.empty(n), np.empty(most, np.int64), np.empty(most, np.int64)
    price, fee, after = np.empty(most), np.empty(most), np.empty(most)
    cash, lots, begun, fills = terms.opening, 0, 0, 0
    for place in range(most + 1):
        at = switches[place] + 1 if place < most else n
        end = min(at, n)
        quantity, values, closes = quantity_of(rules, 0, lots), equity[begun:end], close[begun:end]
        for i in range(values.size):
            values[i] = cash + quantity * closes[i]
        begun = end
        if at >= n:
            break
        side = -1 if place & 1 else 1
        wanted = lots if side < 0 else _affordable(rules, terms, open[at], cash)
        if wanted == 0:
            continue
        ticks = market_ticks(rules, terms, 0, side, open[at], volume[at], wanted)
        traded = quantity_of(rules, 0, wanted)
        price[fills] = price_of(rules, 0, ticks)
        fee[fills] = fee_of(terms, price[fills] * traded, traded)
        cash -= side * price[fills] * traded + fee[fills]
        lots = wanted if side > 0 else 0
        row[fills], held[fills], after[fills] = at, lots, cash
        fills += 1
    return Curve(equity, row[:fills], held[:fills], price[:fills], fee[:fills], after[:fills])


@kernel
def summaries(
    switches: Ints, count: Ints, open: Floats, close: Floats, volume: Floats, rules: Rules, terms: Terms
) -> Floats:
    """What a sweep keeps of many that are `switched`: (k, 5) of the four numbers of `Summary` and the round trips.

    switches: (k, room) bars, of which the first count[k] count; the bars as there.
    """
    kept = np.empty((count.size, 5))
    for place in range(count.size):
        curve = switched(switches[place, : count[place]], open, close, volume, rules, terms)
        found = summary(curve.equity, terms.opening)
        kept[place, 0], kept[place, 1], kept[place, 2], kept[place, 3] = found
        kept[place, 4] = curve.row.size // 2
    return kept


@kernel
def _affordable(rules: Rules, terms: Terms, price: float, cash: float) -> int:
    ticks = market_ticks(rules, terms, 0, 1, price, np.inf, 0)
    lots = by_weight(rules, terms, 0, price_of(rules, 0, ticks), Books(cash, cash, 0.0, 0.0, 0, 0.0))
    _, ask = quote(rules, 0, price, terms.half_spread)
    return lots if lots >= fewest_lots(rules, 0, ask) else 0
