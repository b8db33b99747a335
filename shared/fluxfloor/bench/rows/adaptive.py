"""Adaptive averages, regimes and the floor's features over their own plain Python, on 10,000 bars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fluxfloor import kernels
from fluxfloor.bench.prices import bars
from fluxfloor.bench.row import Arrays, Row, faster
from fluxfloor.bench.rows.kernels import BARS, close_enough


def ingredients() -> Arrays:
    """The prices, and what the kernels here read beside them."""
    found = bars(BARS)
    high, low, close = found["high"], found["low"], found["close"]
    strength = kernels.adx(high, low, close, 14)[0]
    slope, r2 = kernels.linear_regression(close, 50)
    ratio = kernels.volatility_ratio(kernels.atr(high, low, close, 14), 50)
    more = {
        "er": kernels.efficiency_ratio(close, 10), "adx": strength, "slope": slope, "r2": r2, "ratio": ratio,
        "period": kernels.adaptive_period(ratio, 14), "raw": kernels.trend_regime(strength, slope, r2),
        "alpha": kernels.alpha_of(ratio, 0.1, 0.3),
    }  # fmt: skip
    return {**found, **more, "at": np.arange(len(kernels.Row2._fields))}


CALLS: dict[str, Callable[[Arrays], Any]] = {
    "smoothing-constant": lambda a: kernels.smoothing_constant(a["er"], 2, 30),
    "regime-bias": lambda a: kernels.regime_bias(a["er"]),
    "faded-kama": lambda a: kernels.faded_kama(a["close"], 10, 2, 30, 300),
    "adaptive-kama": lambda a: kernels.adaptive_kama(a["close"], 10, 2, 30, 5, 300),
    "adaptive-sma": lambda a: kernels.adaptive_sma(a["close"], a["period"]),
    "adaptive-ema": lambda a: kernels.adaptive_ema(a["close"], a["period"], 300),
    "adaptive-rsi": lambda a: kernels.adaptive_rsi(a["close"], a["period"], 300),
    "alpha-ema": lambda a: kernels.alpha_ema(a["close"], a["alpha"], 300),
    "trend-regime": lambda a: kernels.trend_regime(a["adx"], a["slope"], a["r2"]),
    "confirmed": lambda a: kernels.confirmed(a["raw"], 3, 100),
    "corwin-schultz": lambda a: kernels.corwin_schultz(a["high"], a["low"], a["close"], 20),
    "floor-2": lambda a: kernels.floor_2_batch(a["open"], a["high"], a["low"], a["close"], a["volume"], a["at"]),
}

ROWS = tuple(
    Row(
        name=f"kernel-{name}",
        work=f"{name.replace('-', ' ')}, 10,000 bars",
        prepare=ingredients,
        ours=call,
        peer="interpreted",
        same=close_enough,
        aims=(faster(10.0),),
        seconds=2.0,
    )
    for name, call in CALLS.items()
)
