"""How many lots an entry may be: Cerebro's waterfall for one strategy on one account, in floats.

Each limit says alone what it allows and the smallest binds, as in `cerebro.limits`; nothing is ever on its way here, so
there are no reservations, and a strategy neither adds to a position nor turns one round.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fluxfloor.kernels._build import bare_kernel
from fluxfloor.kernels.orders import Rules, Terms, in_ticks, nearest, price_of, quantity_of, whole_above, whole_below

WORST_MOVE = 0.01  # how far an order without a limit may fill from its decision price

OK, NO_EDGE, SLIPPAGE, NOT_SHORT, WRONG_STOP, HALTED, OPEN_POSITIONS, TOO_SMALL, NO_ROOM = range(9)
REASONS = (
    "ok", "no_edge", "slippage", "short_not_allowed", "stop_wrong_side", "halted", "open_positions", "min_notional",
    "no_room",
)  # fmt: skip


class Books(NamedTuple):
    """The account at a decision: money in its currency, positions at their marks."""

    cash: float
    equity: float
    exposure: float
    margin: float
    open: int
    drawdown: float


class Order(NamedTuple):
    """An entry as it was sized. lots is 0 for a refusal, and reason says which; prices in ticks, stop 0 for none."""

    lots: int
    stop: int
    reason: int


class Ends(NamedTuple):
    """Where an entry may fill, slippage left out: anywhere from low to high, in ticks. limited is 0 or 1."""

    low: int
    high: int
    limited: int


@bare_kernel
def ends_of(rules: Rules, s: int, side: int, touch: int, limit: float) -> Ends:
    """At the touch, or up to the limit's tick that is no worse than what was asked for (NaN: no limit)."""
    if np.isnan(limit):
        return Ends(touch, touch, 0)
    ticks = in_ticks(rules, s, limit)
    if side > 0:
        at = whole_below(ticks)
        return Ends(min(at, touch), at, 1)
    at = whole_above(ticks)
    return Ends(at, max(at, touch), 1)


@bare_kernel
def slippage_share(rules: Rules, s: int, side: int, bid: int, ask: int, seen: float, alpha: float) -> float:
    """(adverse move since the signal + half spread + entry fee) / expected alpha."""
    moved = side * (price_of(rules, s, (bid + ask) / 2.0) - seen) / seen
    return float((max(moved, 0.0) + (ask - bid) / (ask + bid) + rules.taker_fee[s]) / alpha)


@bare_kernel
def stop_ticks(rules: Rules, s: int, stop: float) -> int:
    """On the nearest tick."""
    return nearest(in_ticks(rules, s, significant(stop)))


@bare_kernel
def significant(price: float) -> float:
    """To 10 significant digits, as signals carry prices."""
    digits = 10.0 ** (9.0 - np.floor(np.log10(price)))
    return float(np.rint(price * digits) / digits)


@bare_kernel
def fewest_lots(rules: Rules, s: int, ticks: int) -> int:
    """The fewest lots the venue takes at this price, by quantity and by notional."""
    unit = price_of(rules, s, ticks) * quantity_of(rules, s, 1.0)
    needed = rules.min_notional[s] / unit
    return max(1, int(rules.min_lots[s]), whole_above(needed))


@bare_kernel
def allowed(
    rules: Rules, terms: Terms, s: int, price: float, worst: float, distance: float, share: float, books: Books
) -> int:
    """The smallest of risk per trade, position cap, exposure cap, cash, margin and leverage."""
    lot, fee, rate = quantity_of(rules, s, 1.0), worst * rules.taker_fee[s], rules.margin_rate[s]
    room = terms.margin_cap * books.equity - books.margin
    cash = books.cash if rate == 1.0 else room
    lots = whole_below(books.equity * share / (distance * lot))
    lots = min(lots, whole_below(terms.position_cap * books.equity / (price * lot)))
    lots = min(lots, whole_below((terms.exposure_cap * books.equity - books.exposure) / (price * lot)))
    lots = min(lots, whole_below(cash / ((worst * rate + fee) * lot)))
    lots = min(lots, whole_below(room / ((worst * rate + terms.margin_cap * (fee + worst - price)) * lot)))
    lots = min(lots, whole_below((terms.max_leverage * books.equity - books.exposure) / (price * lot)))
    return max(lots, 0)


@bare_kernel
def by_weight(rules: Rules, terms: Terms, s: int, price: float, books: Books) -> int:
    """A share of equity, as far as cash pays for it with its fee; no other limit."""
    lot = quantity_of(rules, s, 1.0)
    paid = price * (1.0 + terms.fee) + terms.fee_per_unit
    return max(0, whole_below(min(terms.weight * books.equity / price, books.cash / paid) / lot))


@bare_kernel
def sized(
    rules: Rules, terms: Terms, s: int, side: int, ends: Ends, stop: int, share: float, size: float, books: Books
) -> Order:
    """An entry under every limit, cut by the drawdown's first step and by what the strategy asks."""
    if stop < 1 or (stop >= ends.low if side > 0 else stop <= ends.high):
        return Order(0, 0, WRONG_STOP)
    if books.open >= terms.max_open_positions:
        return Order(0, 0, OPEN_POSITIONS)
    deep = terms.halts and books.drawdown >= terms.drawdown_halves
    if deep:
        near = ends.low if side > 0 else ends.high
        stop = near - side * max(1, whole_below(abs(near - stop) * terms.drawdown_stop))
    price = price_of(rules, s, ends.high)
    worst = price if ends.limited else price * (1.0 + WORST_MOVE)
    distance = price_of(rules, s, abs((ends.high if side > 0 else ends.low) - stop))
    lots = allowed(rules, terms, s, price, worst, distance, share, books)
    if lots == 0:
        return Order(0, 0, NO_ROOM)
    if deep:
        lots //= 2
    lots = whole_below(lots * size)
    leaves = max(min(ends.low, stop), 2 * ends.low // 3, 1)  # at its stop, too, or a third below: as in cerebro.entry
    fewest = fewest_lots(rules, s, leaves)
    return Order(lots, stop, OK) if lots >= fewest else Order(0, 0, TOO_SMALL)
