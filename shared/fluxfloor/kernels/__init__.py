"""Numba kernels: pure functions over contiguous float64 arrays, oldest value first, NaN while warming up."""

from __future__ import annotations

from fluxfloor.kernels.adaptive import (
    AlphaFit,
    adaptive_ema,
    adaptive_kama,
    adaptive_period,
    adaptive_rsi,
    adaptive_sma,
    alpha_ema,
    alpha_of,
    faded_kama,
    fit_alpha,
    in_spike,
    regime_bias,
    smoothing_constant,
    spikes,
    volatility_ratio,
)
from fluxfloor.kernels.curves import drawdown
from fluxfloor.kernels.floor_2 import Row2, floor_2_batch, floor_2_latest
from fluxfloor.kernels.hmm import Hmm, hmm_begin, hmm_filter, hmm_fit, hmm_improve, hmm_walk
from fluxfloor.kernels.recursive import adx, atr, ema, kama, macd, rsi
from fluxfloor.kernels.regimes import confirmed, mean_correlation, trend_regime, volatility_regime
from fluxfloor.kernels.resampling import block_order, paths, stationary_order
from fluxfloor.kernels.returns import log_return
from fluxfloor.kernels.row import WARM_UP_BARS, Row, latest
from fluxfloor.kernels.spread import corwin_schultz
from fluxfloor.kernels.suite import Suite, suite, suite_2d
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
    "WARM_UP_BARS", "AlphaFit", "Hmm", "Row", "Row2", "Suite", "adaptive_ema", "adaptive_kama", "adaptive_period",
    "adaptive_rsi", "adaptive_sma", "adx", "alpha_ema", "alpha_of", "atr", "block_order", "bollinger", "confirmed",
    "corwin_schultz", "donchian", "drawdown", "efficiency_ratio", "ema", "faded_kama", "fit_alpha", "floor_2_batch",
    "floor_2_latest", "hmm_begin", "hmm_filter", "hmm_fit", "hmm_improve", "hmm_walk", "in_spike", "kama", "latest",
    "linear_regression", "log_return", "macd", "mean_correlation", "paths", "regime_bias", "rolling_median",
    "rolling_std", "rsi", "sma", "smoothing_constant", "spikes", "stationary_order", "suite", "suite_2d",
    "trend_regime", "volatility_ratio", "volatility_regime", "zscore",
]  # fmt: skip
