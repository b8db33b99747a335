"""From what the compiled loop leaves to the record that measures and reports read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.kernels.backtest import Ledger
from fluxfloor.kernels.desk import BY_FLATTEN, BY_STOP, BY_TARGET, TRADE_INTS, Market
from fluxfloor.kernels.orders import Rules
from fluxfloor.kernels.sizing import REASONS
from fluxfloor.kernels.switching import Curve
from fluxfloor.measures.records import Floats, Ints, Run, Trades
from fluxfloor.simulation.settings import Settings
from fluxfloor.strategies import Compiled

DAY_MS = 86_400_000
YEAR_MS = 365.25 * DAY_MS
BY_THE_LOOP: Mapping[int, str] = {BY_STOP: "stop", BY_TARGET: "take_profit", BY_FLATTEN: "flatten"}


def run_of(
    ledger: Ledger, market: Market, rules: Rules, strategy: Compiled, instruments: Sequence[Instrument],
    settings: Settings, step_ms: int,
) -> Run:  # fmt: skip
    close_ms = market.open_ms + step_ms
    return Run(
        close_ms=close_ms, equity=ledger.equity, cash=ledger.cash, exposure=ledger.exposure, traded=ledger.traded,
        positions=ledger.positions, trades=trades_of(ledger, rules, strategy),
        symbols=tuple(item.symbol for item in instruments), opening=settings.opening, currency=settings.currency,
        periods_per_year=settings.periods_per_year or bars_a_year(market.open_ms, step_ms),
        settings={**_told(strategy), **settings.told(), "refused": _refused(ledger)},
    )  # fmt: skip


def ledger_of(curve: Curve, market: Market, rules: Rules, settings: Settings) -> Ledger:
    """What the general loop would have left, from a curve and its fills."""
    n = len(curve.equity)
    spans = np.diff([0, *curve.row, n])
    lots, cash = np.repeat([0, *curve.lots], spans), np.repeat([settings.opening, *curve.cash], spans)
    traded = np.zeros(n)
    traded[curve.row] = np.abs(np.diff([settings.opening, *curve.cash]) + curve.fee)
    ints, money = _round_trips(curve, market, rules)
    exposure = np.abs(curve.equity - cash) / curve.equity
    refused = np.zeros(len(REASONS), np.int64)
    return Ledger(curve.equity, cash, exposure, traded, lots[:, None].astype(np.int64), ints, money, refused)


def _round_trips(curve: Curve, market: Market, rules: Rules) -> tuple[Ints, Floats]:
    """Entries and exits alternate, in on a strategy's first trigger and out on its second; one that is still open at
    the end is no trade."""
    count = len(curve.row) // 2
    into, out = slice(0, 2 * count, 2), slice(1, 2 * count, 2)
    ints = np.zeros((count, TRADE_INTS), np.int64)
    ints[:, 1], ints[:, 2], ints[:, 7] = 1, curve.lots[into], 1
    ints[:, 3], ints[:, 4] = market.open_ms[curve.row[into]], market.open_ms[curve.row[out]]
    quantity = curve.lots[into] * rules.lot_num[0] / rules.lot_den[0]
    fees = curve.fee[into] + curve.fee[out]
    profit = (curve.price[out] - curve.price[into]) * quantity - fees
    no_stop = np.full(count, np.nan)
    return ints, np.column_stack([curve.price[into], curve.price[out], fees, profit, no_stop, no_stop])


def trades_of(ledger: Ledger, rules: Rules, strategy: Compiled) -> Trades:
    """The closed round trips, in the order of their exits."""
    symbol, side, lots, entry_ms, exit_ms, mode, entered_on, left_on = ledger.trade_ints.T
    entry_price, exit_price, fees, profit, entry_stop, exit_stop = ledger.trade_money.T
    names, left = _triggers(strategy, left_on)
    return Trades(
        symbol=symbol.copy(), side=side.copy(), lots=lots.copy(),
        quantity=lots * rules.lot_num[symbol] / rules.lot_den[symbol], entry_ms=entry_ms.copy(), exit_ms=exit_ms.copy(),
        entry_price=entry_price.copy(), exit_price=exit_price.copy(), fees=fees.copy(), profit=profit.copy(),
        mode=mode.copy(), entered_on=entered_on.copy(), left_on=left, modes=strategy.modes, triggers=names,
        entry_stop=entry_stop.copy(), exit_stop=exit_stop.copy(),
    )  # fmt: skip


def _triggers(strategy: Compiled, left_on: Ints) -> tuple[tuple[str, ...], Ints]:
    """The strategy's own names and the loop's, and what each trade was left on as a place among them."""
    names = list(strategy.triggers)
    left = left_on.copy()
    for code, name in BY_THE_LOOP.items():
        if name not in names:
            names.append(name)
        left[left_on == code] = names.index(name)
    return tuple(names), left


def bars_a_year(open_ms: Ints, step_ms: int) -> float:
    """As many as there were, a year; of a history shorter than a month, as many as fit."""
    span_ms = int(open_ms[-1] - open_ms[0])
    if span_ms < 30 * DAY_MS:
        return YEAR_MS / step_ms
    return (len(open_ms) - 1) * YEAR_MS / span_ms


def _told(strategy: Compiled) -> dict[str, object]:
    params = {item.name: getattr(strategy, item.name) for item in fields(strategy)}  # type: ignore[arg-type]
    return {"strategy": type(strategy).__name__, "params": params}


def _refused(ledger: Ledger) -> dict[str, int]:
    return {name: int(count) for name, count in zip(REASONS[1:], ledger.refused[1:], strict=True) if count}


__all__ = ["bars_a_year", "run_of", "trades_of"]
