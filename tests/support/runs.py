"""Runs for tests about measures and reports: an equity curve, and trades that fit it."""

from __future__ import annotations

from typing import Any

import numpy as np
from fluxfloor.measures.records import Run, Trades

DAY = 86_400_000
T0 = 1_704_067_200_000  # 2024-01-01
Array = np.ndarray


def trades(
    profit: Any = (), *, cost: float = 1_000.0, hours: Any = 5.0, side: Any = 1, mode: Any = 0, left_on: Any = 0,
    symbol: Any = 0, modes: tuple[str, ...] = ("trend", "reversion"), triggers: tuple[str, ...] = ("cross", "stop"),
    begin_ms: int = T0, every_ms: int = DAY,
) -> Trades:  # fmt: skip
    """One trade a day with these profits; each bought ten units for `cost`."""
    made = np.asarray(profit, np.float64)
    k = made.size
    entry = begin_ms + np.arange(k, dtype=np.int64) * every_ms
    sides = np.broadcast_to(np.asarray(side, np.int64), k).copy()
    price = np.full(k, cost / 10.0)
    fees = np.full(k, 1.0)
    return Trades(
        symbol=_ints(symbol, k), side=sides, lots=np.full(k, 10, np.int64), quantity=np.full(k, 10.0), entry_ms=entry,
        exit_ms=entry + (np.broadcast_to(hours, k) * 3_600_000).astype(np.int64), entry_price=price,
        exit_price=price + sides * (made + fees) / 10.0, fees=fees, profit=made, mode=_ints(mode, k),
        entered_on=np.zeros(k, np.int64), left_on=_ints(left_on, k), modes=modes, triggers=triggers,
    )  # fmt: skip


def run(
    equity: Any, *, step_ms: int = DAY, opening: float | None = None, closed: Trades | None = None,
    symbols: tuple[str, ...] = ("BTC/USDT",), per_year: float | None = None, begin_ms: int = T0, close_ms: Any = None,
    lots: Any = 1, **more: Any,
) -> Run:  # fmt: skip
    """A run with this equity, always invested."""
    value = np.asarray(equity, np.float64)
    n = value.size
    closes = begin_ms + (np.arange(n, dtype=np.int64) + 1) * step_ms if close_ms is None else np.asarray(close_ms)
    return Run(
        close_ms=closes, equity=value, cash=np.zeros(n), exposure=np.ones(n), traded=np.zeros(n),
        positions=np.broadcast_to(np.asarray(lots, np.int64), (n, len(symbols))).copy(),
        trades=trades() if closed is None else closed, symbols=symbols,
        opening=float(value[0]) if opening is None else opening,
        periods_per_year=365.25 * DAY / step_ms if per_year is None else per_year, **more,
    )  # fmt: skip


def walk(n: int, seed: int = 0, drift: float = 0.0005, risk: float = 0.01, start: float = 10_000.0) -> Array:
    """A geometric random walk of n values."""
    rng = np.random.default_rng(seed)
    return np.asarray(start * np.exp(np.cumsum(rng.normal(drift, risk, n))))


def _ints(value: Any, k: int) -> Array:
    return np.broadcast_to(np.asarray(value, np.int64), k).copy()
