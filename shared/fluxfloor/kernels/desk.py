"""The desk of a compiled backtest: what is held, what is on its way, the account, and what moves them.

Rows of `ints` and `money` belong to a symbol; the names below are their columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import bare_kernel, kernel
from fluxfloor.kernels.modes import DAY_MS, TRIAL_TRADES
from fluxfloor.kernels.orders import (
    LEAVE,
    STAY,
    Answer,
    Rules,
    Terms,
    fee_of,
    in_ticks,
    market_ticks,
    nearest,
    price_of,
    quantity_of,
    quote,
)
from fluxfloor.kernels.sizing import (
    HALTED,
    NO_EDGE,
    NOT_SHORT,
    OK,
    REASONS,
    SLIPPAGE,
    TOO_SMALL,
    Books,
    Order,
    by_weight,
    ends_of,
    fewest_lots,
    sized,
    slippage_share,
    stop_ticks,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGE_TRADES = 20  # closed round trips before a mean edge says anything
NO_HALT, HALT_A_DAY, HALT_FOR_GOOD = 0, 1, 2
BY_STOP, BY_TARGET, BY_FLATTEN = -1, -2, -3
"""Why a position was left, where it was not its strategy that said so."""
code: Any = np.int64  # a plain literal would have Numba compile what takes it anew for each

LOTS, ENTRY_MS, SLOT_MS, MODE, TRIGGER, PARTIAL, WISH, WHY, WISH_MODE, DECIDED_MS = range(10)
WAITS, WAIT_LOTS, WAIT_LIMIT, CLOSED, MONTH, DAY_SEEN = range(10, 16)
INTS = 16
PRICE, STOP, TARGET, BEST, FEES, LAST, WISH_STOP, WISH_TARGET, WISH_LIMIT, WISH_SIZE, SEEN, EDGES = range(12)
ENTRY_STOP = 12
MONEY = 13
CASH, HIGH_WATER, DAY_START, EQUITY, TRADED = range(5)
HALT, FLATTEN, DAY, COUNT = range(4)
TRADE_INTS, TRADE_MONEY = 8, 6
"""symbol, side, lots, entry_ms, exit_ms, mode, entered on, left on; entry price, exit price, fees, profit, and the stop
as it stood after the entry and before the exit, NaN for none."""


class Market(NamedTuple):
    """Bars of all symbols, one after another, and which of them each moment has.

    open … volume: (rows,). features: (rows, k), the strategy's columns in its order. row: (n, symbols) the row of that
    moment, -1 for none. first: (symbols,) the row that decisions begin with. open_ms: (n,), rising. noise: (rows,) why
    no entry may be decided on that bar's close, 0 where one may.
    """

    open_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    features: Floats
    row: Ints
    first: Ints
    noise: Ints


class Plan(NamedTuple):
    """A strategy's parameters, its default alpha, which of its modes revert (1), and whether they are on trial."""

    params: Floats
    alpha: float
    reverts: Ints
    on_trial: int


class Desk(NamedTuple):
    """ints: (symbols, INTS), money: (symbols, MONEY), by the names above. account: (5,) money; flags: (4,).

    counts, weights: (symbols, modes) closed trades and weights; returns: (symbols, modes, TRIAL_TRADES) of the last.
    trade_ints, trade_money: a row a closed trade. refused: how many entries, by sizing's reasons.
    """

    ints: Ints
    money: Floats
    account: Floats
    flags: Ints
    counts: Ints
    weights: Floats
    returns: Floats
    trade_ints: Ints
    trade_money: Floats
    refused: Ints


@kernel
def opened(symbols: int, modes: int, cash: float) -> Desk:
    """An empty desk."""
    money = np.full((symbols, MONEY), np.nan)
    for s in range(symbols):
        money[s, FEES], money[s, EDGES] = 0.0, 0.0
    return Desk(
        np.zeros((symbols, INTS), np.int64), money, np.array([cash, cash, cash, cash, 0.0]), np.array([0, 0, -1, 0]),
        np.zeros((symbols, modes), np.int64), np.ones((symbols, modes)), np.zeros((symbols, modes, TRIAL_TRADES)),
        np.zeros((64, TRADE_INTS), np.int64), np.zeros((64, TRADE_MONEY)), np.zeros(len(REASONS), np.int64),
    )  # fmt: skip


@kernel
def grown(desk: Desk) -> Desk:
    """The desk with room for twice as many trades."""
    n = desk.trade_ints.shape[0]
    ints, money = np.zeros((2 * n, TRADE_INTS), np.int64), np.zeros((2 * n, TRADE_MONEY))
    for i in range(n):  # one by one: a slice would have Numba compile the text of an error about shapes
        for j in range(TRADE_INTS):
            ints[i, j] = desk.trade_ints[i, j]
        for j in range(TRADE_MONEY):
            money[i, j] = desk.trade_money[i, j]
    return Desk(
        desk.ints, desk.money, desk.account, desk.flags, desk.counts, desk.weights, desk.returns, ints, money,
        desk.refused,
    )  # fmt: skip


# --- what it is worth --------------------------------------------------------------------------------------------


@bare_kernel
def mark_of(market: Market, rules: Rules, terms: Terms, desk: Desk, s: int, row: int) -> float:
    """The middle of the quote at the open, on the grid; the last close where the symbol has no bar."""
    if row < 0:
        return float(desk.money[s, LAST])
    bid, ask = quote(rules, s, market.open[row], terms.half_spread)
    return price_of(rules, s, nearest((bid + ask) / 2.0))


@bare_kernel
def books_of(market: Market, rules: Rules, terms: Terms, desk: Desk, t: int) -> Books:
    """The account as it stands at the open of moment t."""
    equity, exposure, margin, held = desk.account[CASH], 0.0, 0.0, 0
    for s in range(desk.ints.shape[0]):
        lots = desk.ints[s, LOTS]
        if lots != 0:
            value = quantity_of(rules, s, lots) * mark_of(market, rules, terms, desk, s, market.row[t, s])
            equity += value
            exposure += abs(value)
            margin += abs(value) * rules.margin_rate[s]
            held += 1
    return Books(desk.account[CASH], equity, exposure, margin, held, 1.0 - equity / desk.account[HIGH_WATER])


@bare_kernel
def watch(desk: Desk, terms: Terms, equity: float, at_ms: int) -> None:
    """Daily loss and drawdown, as the floor's guard looks at them after every change of the account.

    A mark of midnight itself is the equity that the day begins with; later in the day, what was known before is.
    """
    account, flags, day = desk.account, desk.flags, at_ms // DAY_MS
    if day > flags[DAY]:
        account[DAY_START] = equity if at_ms % DAY_MS == 0 else account[EQUITY]
        if terms.halts == HALT_A_DAY and flags[HALT] == HALT_A_DAY:
            flags[HALT], flags[FLATTEN] = 0, 0
        flags[DAY] = day
    account[EQUITY], account[HIGH_WATER] = equity, max(account[HIGH_WATER], equity)
    lost, down = 1.0 - equity / account[DAY_START], 1.0 - equity / account[HIGH_WATER]
    if down >= terms.drawdown_flattens:
        flags[HALT], flags[FLATTEN] = HALT_FOR_GOOD, 1
    elif lost >= terms.daily_loss_flattens:
        flags[HALT], flags[FLATTEN] = max(flags[HALT], terms.halts), 1
    elif lost >= terms.daily_loss_halts:
        flags[HALT] = max(flags[HALT], terms.halts)


# --- what moves it -----------------------------------------------------------------------------------------------


@bare_kernel
def open_up(desk: Desk, rules: Rules, terms: Terms, s: int, lots: int, ticks: int, at_ms: int, slot_ms: int) -> None:
    """A fill that opens a position of `lots` (signed). slot_ms: when the bar began that its bars are counted from."""
    i, m, account = desk.ints[s], desk.money[s], desk.account
    price, quantity = price_of(rules, s, ticks), quantity_of(rules, s, abs(lots))
    fee = fee_of(terms, price * quantity, quantity)
    account[CASH] -= price * quantity_of(rules, s, lots) + fee
    account[TRADED] += price * quantity
    i[LOTS], i[ENTRY_MS], i[SLOT_MS], i[MODE], i[TRIGGER] = lots, at_ms, slot_ms, i[WISH_MODE], i[WHY]
    m[PRICE], m[BEST], m[FEES], m[STOP], m[TARGET] = price, price, fee, m[WISH_STOP], m[WISH_TARGET]
    m[ENTRY_STOP] = m[WISH_STOP]


@bare_kernel
def close_out(desk: Desk, rules: Rules, terms: Terms, s: int, ticks: int, why: int, at_ms: int) -> None:
    """A fill that closes what is held of a symbol: one round trip is over."""
    i, m, account, mode = desk.ints[s], desk.money[s], desk.account, desk.ints[s, MODE]
    lots, price, quantity = i[LOTS], price_of(rules, s, ticks), quantity_of(rules, s, abs(i[LOTS]))
    side, fee = (1 if lots > 0 else -1), fee_of(terms, price * quantity, quantity)
    account[CASH] += price * quantity_of(rules, s, lots) - fee
    account[TRADED] += price * quantity
    fees, entry = m[FEES] + fee, m[PRICE]
    profit = side * (price - entry) * quantity - fees
    edge = profit / (entry * quantity)
    m[EDGES] += edge
    desk.returns[s, mode, desk.counts[s, mode] % TRIAL_TRADES] = edge
    desk.counts[s, mode] += 1
    row_ints, row_money = desk.trade_ints[desk.flags[COUNT]], desk.trade_money[desk.flags[COUNT]]
    row_ints[0], row_ints[1], row_ints[2], row_ints[3], row_ints[4] = s, side, abs(lots), i[ENTRY_MS], at_ms
    row_ints[5], row_ints[6], row_ints[7] = mode, i[TRIGGER], why
    row_money[0], row_money[1], row_money[2], row_money[3] = entry, price, fees, profit
    row_money[4], row_money[5] = m[ENTRY_STOP], m[STOP]
    desk.flags[COUNT] += 1
    i[CLOSED] += 1
    i[LOTS], m[FEES], m[STOP], m[TARGET] = 0, 0.0, np.nan, np.nan


@bare_kernel
def remember(desk: Desk, s: int, answer: Answer, seen: float, at_ms: int) -> None:
    """What was decided at a close, until the next open. Leaving keeps the way in: it is the trade's; a level that it
    names takes the place of the stop."""
    i, m = desk.ints[s], desk.money[s]
    i[WISH], i[WHY], i[DECIDED_MS] = answer.action, answer.trigger, at_ms
    if answer.action == LEAVE:
        m[STOP] = answer.stop if answer.stop > 0.0 else m[STOP]
        return
    i[WISH_MODE] = answer.mode
    m[WISH_STOP], m[WISH_TARGET], m[WISH_LIMIT] = answer.stop, answer.take_profit, answer.limit
    m[WISH_SIZE], m[SEEN] = answer.size, seen


@bare_kernel
def edge_of(desk: Desk, plan: Plan, s: int) -> float:
    """The measured mean return a trade once there are enough of them, else the strategy's default."""
    closed = desk.ints[s, CLOSED]
    return float(desk.money[s, EDGES] / closed) if closed >= EDGE_TRADES else plan.alpha


@bare_kernel
def entry_order(
    desk: Desk, market: Market, rules: Rules, terms: Terms, plan: Plan, t: int, s: int, bid: int, ask: int
) -> Order:
    """The wish of a symbol, checked, priced and sized at the open of moment t."""
    i, m, side = desk.ints[s], desk.money[s], desk.ints[s, WISH]
    if terms.halts and desk.flags[HALT]:
        return Order(0, 0, HALTED)
    if side < 0 and rules.allows_short[s] == 0:
        return Order(0, 0, NOT_SHORT)
    books, touch = books_of(market, rules, terms, desk, t), ask if side > 0 else bid
    if terms.weight > 0.0:
        ticks = market_ticks(rules, terms, s, side, market.open[market.row[t, s]], np.inf, 0)
        lots = by_weight(rules, terms, s, price_of(rules, s, ticks), books)
        return Order(lots, 0, OK) if lots >= fewest_lots(rules, s, touch) else Order(0, 0, TOO_SMALL)
    alpha = edge_of(desk, plan, s) if terms.edge_gate else plan.alpha
    if terms.edge_gate and alpha <= 0.0:
        return Order(0, 0, NO_EDGE)
    if terms.edge_gate and slippage_share(rules, s, side, bid, ask, m[SEEN], alpha) > terms.slippage_share:
        return Order(0, 0, SLIPPAGE)
    share = terms.risk_per_reversion_trade if plan.reverts[i[WISH_MODE]] else terms.risk_per_trade
    size = m[WISH_SIZE] * desk.weights[s, i[WISH_MODE]]
    ends = ends_of(rules, s, side, touch, m[WISH_LIMIT])
    return sized(rules, terms, s, side, ends, stop_ticks(rules, s, m[WISH_STOP]), share, size, books)


@bare_kernel
def decided_entry(desk: Desk, market: Market, rules: Rules, terms: Terms, plan: Plan, t: int, s: int) -> None:
    """Fills the wish of a symbol at the open of moment t, sets it waiting at its limit, or counts its refusal."""
    i, m, row, side = desk.ints[s], desk.money[s], market.row[t, s], desk.ints[s, WISH]
    bid, ask = quote(rules, s, market.open[row], terms.half_spread)
    order = entry_order(desk, market, rules, terms, plan, t, s, bid, ask)
    i[WISH] = STAY
    desk.refused[order.reason] += 1
    if order.lots == 0:
        return
    m[WISH_STOP] = price_of(rules, s, order.stop) if order.stop else np.nan
    limit = m[WISH_LIMIT]
    if np.isnan(limit):
        ticks = market_ticks(rules, terms, s, side, market.open[row], market.volume[row], order.lots)
        open_up(desk, rules, terms, s, side * order.lots, ticks, market.open_ms[t], i[DECIDED_MS])
        return
    ends = ends_of(rules, s, side, ask if side > 0 else bid, limit)
    if (ask <= ends.high) if side > 0 else (bid >= ends.low):
        open_up(desk, rules, terms, s, side * order.lots, ask if side > 0 else bid, market.open_ms[t], i[DECIDED_MS])
        return
    i[WAITS], i[WAIT_LOTS], i[WAIT_LIMIT] = terms.limit_bars, side * order.lots, ends.high if side > 0 else ends.low


@bare_kernel
def filled_limit(desk: Desk, market: Market, rules: Rules, terms: Terms, t: int, s: int) -> None:
    """An entry that waits fills at its limit once the bar trades through it; after its last bar it is gone."""
    i, row = desk.ints[s], market.row[t, s]
    i[WAITS] -= 1
    long = i[WAIT_LOTS] > 0
    reached = in_ticks(rules, s, market.low[row] if long else market.high[row])
    if reached < i[WAIT_LIMIT] - 0.5 if long else reached > i[WAIT_LIMIT] + 0.5:
        open_up(desk, rules, terms, s, i[WAIT_LOTS], i[WAIT_LIMIT], market.open_ms[t], market.open_ms[t])
        i[WAITS], i[PARTIAL] = 0, 1
