"""Numba kernels: pure functions over contiguous float64 arrays, oldest value first, NaN while warming up."""

from __future__ import annotations

from fluxfloor.kernels.curves import drawdown
from fluxfloor.kernels.recursive import adx, atr, ema, kama, macd, rsi
from fluxfloor.kernels.resampling import block_order, paths, stationary_order
from fluxfloor.kernels.returns import log_return
from fluxfloor.kernels.row import WARM_UP_BARS, Row, latest
from fluxfloor.kernels.windows import (
    bollinger,
    donchian,
    efficiency_ratio,
    linear_regression,
    rolling_median,
    rolling_std,
    sma,
    zscore,
)

__all__ = [
    "WARM_UP_BARS", "Row", "adx", "atr", "block_order", "bollinger", "donchian", "drawdown", "efficiency_ratio",
    "ema", "kama", "latest", "linear_regression", "log_return", "macd", "paths", "rolling_median",
    "rolling_std", "rsi", "sma", "stationary_order", "zscore",
]  # fmt: skip
