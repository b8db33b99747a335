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

from fluxfloor.kernels._build import bare_kernel, kernel
from fluxfloor.kernels._template import template
from fluxfloor.kernels.desk import (
    BEST,
    BY_FLATTEN,
    BY_STOP,
    BY_TARGET,
    CASH,
    COUNT,
    DAY_SEEN,
    EQUITY,
    FEES,
    FLATTEN,
    LAST,
    LOTS,
    MODE,
    MONTH,
    NO_HALT,
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
    code,
    decided_entry,
    filled_limit,
    grown,
    opened,
    remember,
    watch,
)
from fluxfloor.kernels.modes import DAY_MS, judged, month_of
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


@bare_kernel
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


@bare_kernel
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


@bare_kernel
def _sell_off(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int, price: float, why: int) -> None:
    """All of it, at the market."""
    lots, row = desk.ints[s, LOTS], market.row[t, s]
    ticks = market_ticks(rules, terms, s, -1 if lots > 0 else 1, price, market.volume[row], abs(lots))
    close_out(desk, rules, terms, s, ticks, why, market.open_ms[t])


# --- within the bar ----------------------------------------------------------------------------------------------


@bare_kernel
def _reached(lots: int, level: float, low: float, high: float) -> bool:
    """Did the bar go so far against what is held? A level of NaN is never reached."""
    return low <= level if lots > 0 else high >= level


@bare_kernel
def _tighter(lots: int, stop: float, than: float) -> bool:
    return np.isnan(than) or (stop > than if lots > 0 else stop < than)


@bare_kernel
def _within(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int) -> None:
    """A stop that rests at the venue goes before the take-profit where one bar reached both."""
    i, m, row = desk.ints[s], desk.money[s], market.row[t, s]
    if i[WAITS] > 0:
        filled_limit(desk, market, rules, terms, t, s)
    if i[LOTS] == 0 or terms.stops != RESTING:
        return
    lots, open_, stop, target = i[LOTS], market.open[row], m[STOP], m[TARGET]
    if _reached(lots, stop, market.low[row], market.high[row]):
        _sell_off(desk, market, rules, terms, t, s, min(open_, stop) if lots > 0 else max(open_, stop), code(BY_STOP))
    elif i[PARTIAL] == 0 and _reached(-lots, target, market.low[row], market.high[row]):
        close_out(desk, rules, terms, s, nearest(in_ticks(rules, s, target)), code(BY_TARGET), market.open_ms[t])


# --- the close ---------------------------------------------------------------------------------------------------


@bare_kernel
def _borrowed(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int) -> None:
    """A short pays for the time since the bar before."""
    begun_ms = market.open_ms[t - 1] if t else market.open_ms[0] - terms.step_ms
    notional = -quantity_of(rules, s, desk.ints[s, LOTS]) * market.close[market.row[t, s]]
    paid = notional * rules.borrow[s] * (market.open_ms[t] - begun_ms) / YEAR_MS
    desk.account[CASH] -= paid
    desk.money[s, FEES] += paid


@kernel
def _judge(desk: Desk, at_ms: int, s: int) -> None:
    """A month that has begun gives every mode a new weight."""
    month = month_of(at_ms)
    if desk.ints[s, MONTH] and month > desk.ints[s, MONTH]:
        after = judged(desk.weights[s], desk.counts[s], desk.returns[s])
        for mode in range(after.size):
            desk.weights[s, mode] = after[mode]
    desk.ints[s, MONTH] = month


@template
def _play(
    decide: Any, market: Market, rules: Rules, terms: Terms, plan: Plan, desk: Desk, out: Ledger, begin: int
) -> int:
    """From moment `begin` on, until the end or until there is no room for more trades; returns where it stopped."""
    n, symbols = market.row.shape
    # plain names: taking an array out of a tuple counts a reference, which is dear a million times
    ints, money, account, flags, capacity = desk.ints, desk.money, desk.account, desk.flags, len(desk.trade_ints)
    equity, cash, exposure, traded, positions = out.equity, out.cash, out.exposure, out.traded, out.positions
    opens, highs, lows, closes, volumes = market.open, market.high, market.low, market.close, market.volume
    times, rows, columns, first, noise = market.open_ms, market.row, market.features, market.first, market.noise
    lot_num, lot_den, borrow, params = rules.lot_num, rules.lot_den, rules.borrow, plan.params
    features = np.empty(columns.shape[1])
    for t in range(begin, n):
        if flags[COUNT] + 2 * symbols > capacity:
            return int(t)
        account[TRADED] = 0.0
        for s in range(symbols):
            if ints[s, WISH] != STAY or (terms.halts != NO_HALT and ints[s, LOTS] != 0):
                _at_open(desk, market, rules, terms, plan, t)
                break
        worth, gross, open_ms = 0.0, 0.0, times[t]
        at_ms = open_ms + terms.step_ms
        for s in range(symbols):
            row = rows[t, s]
            if row >= 0:
                low, high, close = lows[row], highs[row], closes[row]
                if ints[s, WAITS] != 0 or (terms.stops == RESTING and ints[s, LOTS] != 0):
                    _within(desk, market, rules, terms, t, s)
                if ints[s, LOTS] != 0:
                    lots = ints[s, LOTS]
                    money[s, BEST] = max(money[s, BEST], close) if lots > 0 else min(money[s, BEST], close)
                    if lots < 0 and borrow[s] > 0.0:
                        _borrowed(desk, market, rules, terms, t, s)
                    if terms.stops == AT_CLOSE:
                        low, high = (close, close) if ints[s, PARTIAL] else (low, high)
                        if _reached(lots, money[s, STOP], low, high):
                            remember(desk, s, leave(BY_STOP), close, at_ms)
                        elif _reached(-lots, money[s, TARGET], low, high):
                            remember(desk, s, leave(BY_TARGET), close, at_ms)
                ints[s, PARTIAL] = 0
                money[s, LAST] = close
                if plan.on_trial and at_ms // DAY_MS != ints[s, DAY_SEEN]:
                    ints[s, DAY_SEEN] = at_ms // DAY_MS
                    _judge(desk, at_ms, s)
                idle = ints[s, WISH] == STAY and ints[s, WAITS] == 0 and row >= first[s]
                for column in range(features.size if idle else 0):
                    features[column] = columns[row, column]
                    idle &= abs(features[column]) < np.inf
                if idle:
                    bar = Bar(opens[row], highs[row], lows[row], close, volumes[row])
                    held = FLAT
                    if ints[s, LOTS] != 0:
                        bars = (open_ms - ints[s, SLOT_MS]) // terms.step_ms + 1
                        side = 1 if ints[s, LOTS] > 0 else -1
                        held = Held(side, money[s, PRICE], money[s, STOP], money[s, BEST], bars, ints[s, MODE])
                    answer = decide(features, bar, held, params)
                    if answer.action == STAY:
                        lots, before = ints[s, LOTS], money[s, STOP]
                        if lots != 0 and answer.stop > 0.0 and _tighter(lots, answer.stop, before):
                            stop = significant(answer.stop)
                            money[s, STOP] = stop if _tighter(lots, stop, before) else before
                    elif ints[s, LOTS] != 0 if answer.action == LEAVE else ints[s, LOTS] == 0 and noise[row] == 0:
                        remember(desk, s, answer, close, at_ms)
            if ints[s, LOTS] != 0:
                value = ints[s, LOTS] * lot_num[s] / lot_den[s] * money[s, LAST]
                worth += value
                gross += abs(value)
            positions[t, s] = ints[s, LOTS]
        cash[t] = account[CASH]
        equity[t] = account[CASH] + worth
        exposure[t] = gross / equity[t]
        traded[t] = account[TRADED]
    return int(n)


@template
def backtest(decide: Any, market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    """Plays the market to its end; what is open then stays open, at its last close.

    decide(row, bar, held, params) -> Answer is the compiled decision of a strategy; it is asked on every closed bar
    from `market.first` on whose features are finite and after which nothing is on its way. Only the bars up to its own
    ever reach it. Nothing is validated here: simulation.backtest does.
    """
    n, symbols = market.row.shape
    desk = opened(symbols, plan.reverts.size, terms.opening)
    out = Ledger(
        np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty((n, symbols), np.int64), desk.trade_ints,
        desk.trade_money, desk.refused,
    )  # fmt: skip
    played = code(0)
    while True:
        played = _play(decide, market, rules, terms, plan, desk, out, played)
        if played == n:
            break
        desk = grown(desk)
    count = desk.flags[COUNT]
    return Ledger(
        out.equity, out.cash, out.exposure, out.traded, out.positions, desk.trade_ints[:count].copy(),
        desk.trade_money[:count].copy(), desk.refused,
    )  # fmt: skip
