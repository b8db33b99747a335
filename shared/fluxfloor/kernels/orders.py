"""What a backtest trades with: the words of its kernels, and prices on the tick grid exactly as the floor rounds them.

Prices are whole ticks, sizes whole lots; money is float64 in the account's currency. A tick is `tick_num / tick_den`:
`ticks * tick_num / tick_den` is then the float that stands nearest to the decimal price, so that a bar's low and a stop
compare here as they do on the floor. Numbers that arithmetic left a hair off a whole tick or lot count as that one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import bare_kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAY, LONG, SHORT, LEAVE = 0, 1, -1, 2
"""What a strategy may answer: nothing (or a tighter stop), enter on a side, or leave."""


class Bar(NamedTuple):
    """A closed bar."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class Held(NamedTuple):
    """What a strategy holds, as it is told on every closed bar. side: 1, -1, or 0 when flat.

    stop: NaN for none. best: the close most in the position's favour since the entry, the entry's own price included.
    bars: closed since the entry, its own included, as time tells. mode: index of the strategy's modes.
    """

    side: int
    price: float
    stop: float
    best: float
    bars: int
    mode: int


FLAT = Held(0, np.nan, np.nan, np.nan, 0, 0)


class Answer(NamedTuple):
    """What a strategy says to one closed bar. Prices are NaN where there is none.

    stop: an entry's protective stop; with STAY a new one, taken if it is tighter; with LEAVE the level that was
    reached. limit: NaN enters at the market.
    size: the share of what the limits allow, in (0, 1]. trigger, mode: indexes of the strategy's names for them.
    """

    action: int
    trigger: int
    stop: float
    take_profit: float
    limit: float
    size: float
    mode: int


NOTHING = Answer(STAY, 0, np.nan, np.nan, np.nan, 1.0, 0)


class Rules(NamedTuple):
    """The instruments, each array (symbols,). allows_short is 0 or 1; borrow an annual rate on short notional."""

    tick_num: Floats
    tick_den: Floats
    lot_num: Floats
    lot_den: Floats
    min_lots: Ints
    min_notional: Floats
    taker_fee: Floats
    margin_rate: Floats
    allows_short: Ints
    borrow: Floats


class Terms(NamedTuple):
    """Costs and limits of the account. Fractions, unless the name says otherwise; see simulation.settings."""

    opening: float
    half_spread: float
    slippage: float
    impact: float
    impact_above: float
    fee: float
    fee_per_unit: float
    weight: float
    risk_per_trade: float
    risk_per_reversion_trade: float
    position_cap: float
    exposure_cap: float
    max_open_positions: int
    max_leverage: float
    margin_cap: float
    slippage_share: float
    daily_loss_halts: float
    daily_loss_flattens: float
    drawdown_halves: float
    drawdown_stop: float
    drawdown_flattens: float
    halts: int
    stops: int
    edge_gate: int
    limit_bars: int
    step_ms: int


@bare_kernel
def enter(side: int, stop: float, trigger: int = 0, mode: int = 0, size: float = 1.0) -> Answer:
    """At the market, on that side. No entry without a stop that a venue could know: a stop at or below zero is none."""
    return Answer(side, trigger, stop, np.nan, np.nan, size, mode) if stop > 0.0 else NOTHING


@bare_kernel
def leave(trigger: int, level: float = np.nan) -> Answer:
    """All of it, at the market. level: the price that was reached, where that is the reason."""
    return Answer(LEAVE, trigger, level, np.nan, np.nan, 1.0, 0)


@bare_kernel
def hold(stop: float) -> Answer:
    """Stays in, with the stop moved there if that is tighter."""
    return Answer(STAY, 0, stop, np.nan, np.nan, 1.0, 0)


# --- the grid ----------------------------------------------------------------------------------------------------


@bare_kernel
def whole_below(x: float) -> int:
    """The greatest whole number at or below x."""
    return int(np.floor(x + 1e-9 + abs(x) * 1e-15))


@bare_kernel
def whole_above(x: float) -> int:
    return int(np.ceil(x - 1e-9 - abs(x) * 1e-15))


@bare_kernel
def nearest(x: float) -> int:
    """Half to even."""
    return int(np.rint(x))


@bare_kernel
def in_ticks(rules: Rules, s: int, price: float) -> float:
    return float(price * rules.tick_den[s] / rules.tick_num[s])


@bare_kernel
def price_of(rules: Rules, s: int, ticks: float) -> float:
    return float(ticks * rules.tick_num[s] / rules.tick_den[s])


@bare_kernel
def quantity_of(rules: Rules, s: int, lots: float) -> float:
    return float(lots * rules.lot_num[s] / rules.lot_den[s])


@bare_kernel
def quote(rules: Rules, s: int, price: float, half_spread: float) -> tuple[int, int]:
    """(bid, ask) in ticks around a price, rounded outward: a modelled spread is never narrower than said."""
    ticks = in_ticks(rules, s, price)
    bid, ask = whole_below(ticks * (1.0 - half_spread)), whole_above(ticks * (1.0 + half_spread))
    return max(bid, 1), max(ask, 1)


@bare_kernel
def slipped(ticks: int, side: int, slippage: float) -> int:
    """Worse by the slippage, on the tick beyond it. side: 1 buys, -1 sells."""
    if side > 0:
        return whole_above(ticks * (1.0 + slippage))
    return max(1, whole_below(ticks * (1.0 - slippage)))


@bare_kernel
def market_ticks(rules: Rules, terms: Terms, s: int, side: int, price: float, volume: float, lots: int) -> int:
    """What an order at the market fills at when the middle stands at `price`: the side it takes, and its slippage.

    An order above `impact_above` of the bar's volume moves the price by `impact` more.
    """
    bid, ask = quote(rules, s, price, terms.half_spread)
    slippage = terms.slippage
    if quantity_of(rules, s, lots) > terms.impact_above * volume:
        slippage += terms.impact
    return slipped(ask if side > 0 else bid, side, slippage)


@bare_kernel
def fee_of(terms: Terms, notional: float, quantity: float) -> float:
    return notional * terms.fee + quantity * terms.fee_per_unit
