"""Backtests: a moving-average cross beside vectorbt, a grid of them, and dual mode over a year of minutes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from fluxfloor.bench.row import Aim, Arrays, Row, faster
from fluxfloor.measures.performance import performance
from fluxfloor.measures.trades import by_mode
from fluxfloor.simulation import Costs, Prepared, Settings, backtest, grid, spot, sweep
from fluxfloor.strategies import Compiled, build

YEAR_OF_MINUTES = 525_600
MINUTE_MS = 60_000
FAST, SLOW, FEE = 20, 100, 0.001
FASTS, SLOWS = range(5, 45, 2), range(50, 250, 20)  # 20 × 10 pairs
CONTINUOUS = spot("BTC/USDT", "0.000000000001", "0.000000000001")
ALL_IN = Settings(
    weight=1.0, stops="off", halts="off", costs=Costs(half_spread=0.0, slippage=0.0, fee=FEE), edge_gate=False
)


def minutes(bars: int) -> Arrays:
    """A random walk with its bars around it, gaps between them included."""
    random = np.random.default_rng(8)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.001, bars)))
    open_ = np.r_[close[0], close[:-1]] * np.exp(random.normal(0.0, 0.0002, bars))
    reach = np.exp(np.abs(random.normal(0.0, 0.0005, (2, bars))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    return {
        "open": open_, "high": high, "low": low, "close": close, "volume": random.uniform(1e6, 2e6, bars),
        "fast": np.array([FAST]), "slow": np.array([SLOW]), "fee": np.array(FEE),
    }  # fmt: skip


def pairs(bars: int) -> Arrays:
    found = np.array([(fast, slow) for fast in FASTS for slow in SLOWS])
    return {**minutes(bars), "fast": found[:, 0], "slow": found[:, 1]}


def table(given: Arrays) -> Any:
    columns = [given[name] for name in ("open", "high", "low", "close", "volume")]
    return np.column_stack([np.arange(len(columns[0])) * MINUTE_MS, *columns])


def ready(given: Arrays) -> Any:
    return Prepared([table(given)], [CONTINUOUS], ALL_IN), build(
        "ma_cross", {"fast": FAST, "slow": SLOW, "stop_atr": 0}
    )


def curve(given: Any) -> Any:
    prepared, strategy = given
    return prepared.equity(strategy)


def swept(given: Any) -> Any:
    points = grid(fast=FASTS, slow=SLOWS, stop_atr=[0.0])
    return sweep("ma_cross", points, [given], [CONTINUOUS], ALL_IN).equity


def dual_mode(given: Any) -> Any:
    """Features, fills and measures."""
    strategy = build("dual_mode", {})
    assert isinstance(strategy, Compiled)
    run = backtest(strategy, [given], [spot("BTC/USDT")], Settings(edge_gate=False, halts="off"))
    performance(run)
    by_mode(run.trades)
    return run.equity


CROSSES = tuple(
    Row(
        name=f"ma-cross-{bars // 1000}k",
        work=f"one backtest of a moving-average cross, {bars:,} bars, equity at every bar",
        prepare=partial(minutes, bars),
        prepared=ready,
        ours=curve,
        peer="vectorbt_ma_cross",
        packages=("vectorbt",),
        aims=(faster(120.0),),
        note="bars are checked and laid out once, outside the clock; vectorbt is given arrays that are ready, too",
    )
    for bars in (100_000, YEAR_OF_MINUTES)
)
ROWS = (
    *CROSSES,
    Row(
        name="ma-cross-sweep",
        work=f"{len(FASTS) * len(SLOWS)} pairs of averages × 100,000 bars, the last equity of each",
        prepare=partial(pairs, 100_000),
        prepared=table,
        ours=swept,
        peer="vectorbt_sweep",
        packages=("vectorbt",),
        aims=(faster(150.0),),
        threads=2,
        seconds=60.0,
    ),
    Row(
        name="dual-mode-year",
        work="dual mode over a year of minutes: features, fills and measures",
        prepare=partial(minutes, YEAR_OF_MINUTES),
        prepared=table,
        ours=dual_mode,
        aims=(Aim("ours_ms", 100.0), Aim("first_answer_s", 2.0)),
        threads=2,
        note="the features of a long history take two threads, the rest one",
    ),
)
