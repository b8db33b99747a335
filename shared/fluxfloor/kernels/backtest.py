"""The compiled backtest: several symbols on one cash account, decisions on the closed bar, in ticks and lots.

`backtest(decide, market, rules, terms, plan)` runs a strategy's compiled `decide`; each strategy calls it from a kernel
of its own, which Numba caches with `decide` inlined. The order of things within one bar, for every symbol:

1. the open: losses and the drawdown are looked at; what was decided at the last close fills, exits before entries
2. within: an entry that waits at its limit; a resting stop (at the open where that is beyond it), else the take-profit
3. the close: borrow is paid; a stop that is looked after at the close; then `decide`, with the features of this bar
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels._template import template
from fluxfloor.kernels.desk import (
    BEST,
    BY_FLATTEN,
    BY_STOP,
    BY_TARGET,
    CASH,
    COUNT,
    EQUITY,
    FEES,
    FLATTEN,
    LAST,
    LOTS,
    MODE,
    MONTH,
    PARTIAL,
    PRICE,
    SLOT_MS,
    STOP,
    TARGET,
    TRADED,
    WAITS,
    WHY,
    WISH,
    Desk,
    Market,
    Plan,
    books_of,
    close_out,
    decided_entry,
    filled_limit,
    grown,
    opened,
    remember,
    watch,
)
from fluxfloor.kernels.modes import judged, month_of
from fluxfloor.kernels.orders import (
    FLAT,
    LEAVE,
    STAY,
    Bar,
    Held,
    Rules,
    Terms,
    in_ticks,
    leave,
    market_ticks,
    nearest,
    quantity_of,
)
from fluxfloor.kernels.sizing import significant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
YEAR_MS = 31_557_600_000.0
AT_CLOSE, RESTING = 1, 2
"""How stops are looked after: on the closed bar, or at the venue."""


class Ledger(NamedTuple):
    """What a run leaves: a value a bar at its close, (n,) and positions (n, symbols); its trades, and its refusals.

    trade_ints: (k, TRADE_INTS), trade_money: (k, TRADE_MONEY), in the order of their exits.
    """

    equity: Floats
    cash: Floats
    exposure: Floats
    traded: Floats
    positions: Ints
    trade_ints: Ints
    trade_money: Floats
    refused: Ints


# --- the open ----------------------------------------------------------------------------------------------------


@kernel
def _at_open(desk: Desk, market: Market, rules: Rules, terms: Terms, plan: Plan, t: int) -> None:
    before_ms = market.open_ms[t - 1] + terms.step_ms if t else market.open_ms[0]
    if terms.halts:
        watch(desk, terms, books_of(market, rules, terms, desk, t).equity, before_ms)
    _exits(desk, market, rules, terms, t)
    for s in range(desk.ints.shape[0]):
        if market.row[t, s] >= 0 and desk.ints[s, WISH] != STAY:
            decided_entry(desk, market, rules, terms, plan, t, s)
            if terms.halts and desk.ints[s, LOTS] != 0:
                watch(desk, terms, desk.account[EQUITY] - desk.money[s, FEES], market.open_ms[t])


@kernel
def _exits(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int) -> None:
    """What is to leave, by a wish or because a limit flattens."""
    for s in range(desk.ints.shape[0]):
        i, row, lots = desk.ints[s], market.row[t, s], desk.ints[s, LOTS]
        flattens = terms.halts != 0 and desk.flags[FLATTEN] != 0
        if row < 0 or lots == 0 or not (i[WISH] == LEAVE or flattens):
            continue
        why = i[WHY] if i[WISH] == LEAVE else BY_FLATTEN
        _sell_off(desk, market, rules, terms, t, s, market.open[row], why)
        i[WISH] = STAY
        if terms.halts:
            watch(desk, terms, books_of(market, rules, terms, desk, t).equity, market.open_ms[t])


@kernel
def _sell_off(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int, price: float, why: int) -> None:
    """All of it, at the market."""
    lots, row = desk.ints[s, LOTS], market.row[t, s]
    ticks = market_ticks(rules, terms, s, -1 if lots > 0 else 1, price, market.volume[row], abs(lots))
    close_out(desk, rules, terms, s, ticks, why, market.open_ms[t])


# --- within the bar ----------------------------------------------------------------------------------------------


@kernel
def _within(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int) -> None:
    """A stop that rests at the venue goes before the take-profit where one bar reached both."""
    i, m, row = desk.ints[s], desk.money[s], market.row[t, s]
    if i[WAITS] > 0:
        filled_limit(desk, market, rules, terms, t, s)
    if i[LOTS] == 0 or terms.stops != RESTING:
        return
    long, open_, stop, target = i[LOTS] > 0, market.open[row], m[STOP], m[TARGET]
    if (market.low[row] <= stop) if long else (market.high[row] >= stop):
        _sell_off(desk, market, rules, terms, t, s, min(open_, stop) if long else max(open_, stop), BY_STOP)
    elif i[PARTIAL] == 0 and ((market.high[row] >= target) if long else (market.low[row] <= target)):
        close_out(desk, rules, terms, s, nearest(in_ticks(rules, s, target)), BY_TARGET, market.open_ms[t])


# --- the close ---------------------------------------------------------------------------------------------------


@kernel
def _carried(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int) -> None:
    """What the bar did to a position that is still held: borrow, the best close, a stop looked after at the close."""
    i, m, row = desk.ints[s], desk.money[s], market.row[t, s]
    close, long = market.close[row], i[LOTS] > 0
    if not long and rules.borrow[s] > 0.0:
        begun_ms = market.open_ms[t - 1] if t else market.open_ms[0] - terms.step_ms
        paid = -quantity_of(rules, s, i[LOTS]) * close * rules.borrow[s] * (market.open_ms[t] - begun_ms) / YEAR_MS
        desk.account[CASH] -= paid
        m[FEES] += paid
    m[BEST] = max(m[BEST], close) if long else min(m[BEST], close)
    if terms.stops != AT_CLOSE:
        return
    low, high = (close, close) if i[PARTIAL] else (market.low[row], market.high[row])
    at_ms = market.open_ms[t] + terms.step_ms
    if (low <= m[STOP]) if long else (high >= m[STOP]):
        remember(desk, s, leave(BY_STOP), close, at_ms)
    elif (high >= m[TARGET]) if long else (low <= m[TARGET]):
        remember(desk, s, leave(BY_TARGET), close, at_ms)


@kernel
def _held(desk: Desk, open_ms: int, step_ms: int, s: int) -> Held:
    i, m = desk.ints[s], desk.money[s]
    bars = (open_ms - i[SLOT_MS]) // step_ms + 1
    return Held(1 if i[LOTS] > 0 else -1, m[PRICE], m[STOP], m[BEST], bars, i[MODE])


@kernel
def _judge(desk: Desk, at_ms: int, s: int) -> None:
    """A month that has begun gives every mode a new weight."""
    month = month_of(at_ms)
    if desk.ints[s, MONTH] and month > desk.ints[s, MONTH]:
        desk.weights[s] = judged(desk.weights[s], desk.counts[s], desk.returns[s])
    desk.ints[s, MONTH] = month


@kernel
def _finite(row: Floats) -> bool:
    total = 0.0
    for value in row:
        total += 0.0 * value  # 0 times a NaN or an infinity is NaN
    return total == 0.0


@template
def backtest(decide: Any, market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    """Plays the market to its end; what is open then stays open, at its last close.

    decide(row, bar, held, params) -> Answer is the compiled decision of a strategy; it is asked on every closed bar
    from `market.first` on whose features are finite and after which nothing is on its way. Only the bars up to its own
    ever reach it. Nothing is validated here: simulation.backtest does.
    """
    n, symbols = market.row.shape
    desk = opened(symbols, plan.reverts.size, terms.opening)
    equity, cash, exposure, traded = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    positions = np.empty((n, symbols), np.int64)
    for t in range(n):
        if desk.flags[COUNT] + 2 * symbols > desk.trade_ints.shape[0]:
            desk = grown(desk)
        desk.account[TRADED] = 0.0
        for s in range(symbols):
            if desk.ints[s, LOTS] != 0 or desk.ints[s, WISH] != STAY:
                _at_open(desk, market, rules, terms, plan, t)
                break
        worth, gross = 0.0, 0.0
        for s in range(symbols):
            i, m, row = desk.ints[s], desk.money[s], market.row[t, s]
            if row >= 0:
                close = market.close[row]
                if i[LOTS] != 0 or i[WAITS] != 0:
                    _within(desk, market, rules, terms, t, s)
                if i[LOTS] != 0:
                    _carried(desk, market, rules, terms, t, s)
                i[PARTIAL] = 0
                m[LAST] = close
                at_ms = market.open_ms[t] + terms.step_ms
                if plan.on_trial:
                    _judge(desk, at_ms, s)
                features = market.features[row]
                if i[WISH] == STAY and i[WAITS] == 0 and row >= market.first[s] and _finite(features):
                    bar = Bar(market.open[row], market.high[row], market.low[row], close, market.volume[row])
                    held = FLAT
                    if i[LOTS] != 0:
                        held = _held(desk, market.open_ms[t], terms.step_ms, s)
                    answer = decide(features, bar, held, plan.params)
                    if answer.action == STAY:
                        if i[LOTS] != 0 and answer.stop > 0.0:
                            stop = significant(answer.stop)
                            if np.isnan(m[STOP]) or (stop > m[STOP] if i[LOTS] > 0 else stop < m[STOP]):
                                m[STOP] = stop
                    elif i[LOTS] != 0 if answer.action == LEAVE else i[LOTS] == 0 and market.noise[row] == 0:
                        remember(desk, s, answer, close, at_ms)
            if i[LOTS] != 0:
                value = quantity_of(rules, s, i[LOTS]) * m[LAST]
                worth += value
                gross += abs(value)
            positions[t, s] = i[LOTS]
        cash[t] = desk.account[CASH]
        equity[t] = desk.account[CASH] + worth
        exposure[t] = gross / equity[t]
        traded[t] = desk.account[TRADED]
    count = desk.flags[COUNT]
    return Ledger(
        equity, cash, exposure, traded, positions, desk.trade_ints[:count].copy(), desk.trade_money[:count].copy(),
        desk.refused,
    )  # fmt: skip
