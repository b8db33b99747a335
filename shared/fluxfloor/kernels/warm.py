"""Fills the compile cache before anybody waits for it, and proves that it was hit.

python -m fluxfloor.kernels.warm [--prove] [MODULE …]    MODULE: another room's, with a `warm()` of its own
Says what had to be compiled; with --prove that nothing had to, or it fails.
"""

from __future__ import annotations

import importlib
import sys

import numpy as np
from numpy.typing import NDArray

from fluxfloor import kernels
from fluxfloor.kernels._build import KERNELS, cache_directory

Array = NDArray[np.float64]


def warm() -> None:
    """Calls every public kernel with the dtypes that handlers use: contiguous float64 columns and int periods."""
    close = 100.0 + np.sin(np.arange(400.0))
    open_, high, low, volume = close.copy(), close + 1.0, close - 1.0, np.ones(400)
    kernels.latest(open_, high, low, close, volume)
    kernels.suite(open_, high, low, close, volume)
    kernels.sma(close, 20)
    kernels.ema(close, 20)
    kernels.rsi(close, 14)
    kernels.atr(high, low, close, 14)
    kernels.adx(high, low, close, 14)
    kernels.kama(close, 10, 2, 30)
    kernels.efficiency_ratio(close, 10)
    kernels.macd(close, 12, 26, 9)
    kernels.bollinger(close, 20, 2.0)
    kernels.linear_regression(close, 50)
    kernels.rolling_std(close, 20, 0)
    kernels.rolling_median(close, 100)
    kernels.zscore(close, 20)
    kernels.donchian(high, low, 20)
    kernels.log_return(close, 1)
    times, chances = np.arange(400), np.full((1, 400), 0.5)
    kernels.drawdown(close, times, 100.0, -1)
    kernels.paths(close / 1e4, kernels.stationary_order(np.zeros((1, 400), np.int64), chances, 10.0))
    kernels.block_order(np.zeros((1, 40), np.int64), 400, 10)
    _warm_adaptive(open_, high, low, close, volume)


def _warm_adaptive(open_: Array, high: Array, low: Array, close: Array, volume: Array) -> None:
    kernels.floor_2_latest(open_, high, low, close, volume)
    kernels.floor_2_batch(open_, high, low, close, volume, np.arange(len(kernels.Row2._fields)))
    ratio = kernels.volatility_ratio(high - low + 0.1 * np.cos(close), 50)
    period = kernels.adaptive_period(ratio, 14)
    kernels.smoothing_constant(kernels.regime_bias(kernels.efficiency_ratio(close, 10)), 2, 30)
    kernels.faded_kama(close, 10, 2, 30, 300)
    kernels.adaptive_kama(close, 10, 2, 30, 5, 300)
    kernels.adaptive_sma(close, period)
    kernels.adaptive_ema(close, period, 300)
    kernels.adaptive_rsi(close, period, 300)
    kernels.spikes(high, low)
    kernels.in_spike(1.0)
    fitted = kernels.fit_alpha(close, ratio, 0.3)
    kernels.alpha_ema(close, kernels.alpha_of(ratio, fitted.base, fitted.per_ratio), 300)
    kernels.corwin_schultz(high, low, close, 20)
    kernels.confirmed(kernels.trend_regime(close, close, close), 3, 100)
    kernels.volatility_regime(ratio)
    both = np.ascontiguousarray(np.column_stack([close, ratio])[50:])
    kernels.mean_correlation(both, 50)
    kernels.hmm_filter(both, kernels.hmm_fit(both, 2, False, 0, 2, 1e-2), False)
    kernels.hmm_walk(both, 2, False, 0, 300, 50)
    kernels.hmm_improve(both, kernels.hmm_begin(both, 2, False, 0), False, 2, 1e-2)


def misses() -> dict[str, int]:
    """How many signatures of each kernel this process had to compile because the cache had none. Empty is warm."""
    compiled = {name: sum(kernel.stats.cache_misses.values()) for name, kernel in KERNELS.items()}
    return {name: count for name, count in compiled.items() if count}


def cold() -> list[str]:
    """Public kernels that this process has not called yet: what warm() must never leave."""
    return [name for name in kernels.__all__ if name in KERNELS and not KERNELS[name].signatures]


def main(words: list[str]) -> str:
    """Returns what is wrong, or an empty text."""
    warm()
    for module in (word for word in words if word != "--prove"):
        importlib.import_module(module).warm()
    compiled = misses()
    print(f"compiled: {', '.join(sorted(compiled)) or 'nothing, all were in the cache'}")
    if cold():
        return f"never called: {', '.join(cold())}"
    return "the cache was not warm" if compiled and "--prove" in words else ""


__all__ = ["cache_directory", "cold", "misses", "warm"]

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or None)
