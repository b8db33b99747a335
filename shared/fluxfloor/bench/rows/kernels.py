"""Each indicator over its own plain Python, on 10,000 bars: what compilation is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fluxfloor import kernels
from fluxfloor.bench.prices import bars
from fluxfloor.bench.row import Arrays, Outputs, Row, agree, faster

BARS = 10_000

CALLS: dict[str, Callable[[Arrays], Any]] = {
    "sma": lambda a: kernels.sma(a["close"], 20),
    "ema": lambda a: kernels.ema(a["close"], 20),
    "rsi": lambda a: kernels.rsi(a["close"], 14),
    "atr": lambda a: kernels.atr(a["high"], a["low"], a["close"], 14),
    "adx": lambda a: kernels.adx(a["high"], a["low"], a["close"], 14),
    "kama": lambda a: kernels.kama(a["close"], 10, 2, 30),
    "efficiency-ratio": lambda a: kernels.efficiency_ratio(a["close"], 10),
    "bollinger": lambda a: kernels.bollinger(a["close"], 20, 2.0),
    "macd": lambda a: kernels.macd(a["close"], 12, 26, 9),
    "donchian": lambda a: kernels.donchian(a["high"], a["low"], 20),
    "zscore": lambda a: kernels.zscore(a["close"], 20),
    "rolling-std": lambda a: kernels.rolling_std(a["close"], 20, 0),
    "rolling-median": lambda a: kernels.rolling_median(a["close"], 100),
    "linear-regression": lambda a: kernels.linear_regression(a["close"], 50),
    "log-return": lambda a: kernels.log_return(a["close"], 1),
}


def close_enough(ours: Outputs, peers: Outputs) -> None:
    """The compiler may order a sum of squares its own way: the last digits of the prices are allowed for."""
    agree(ours, peers, rtol=1e-9, atol=1e-11)


ROWS = tuple(
    Row(
        name=f"kernel-{name}",
        work=f"{name.replace('-', ' ')}, {BARS:,} bars",
        prepare=lambda: bars(BARS),
        ours=call,
        peer="interpreted",
        same=close_enough,
        aims=(faster(10.0),),
        seconds=1.5,
    )
    for name, call in CALLS.items()
)
