"""Fills the compile cache before anybody waits for it, and proves that it was hit."""

from __future__ import annotations

import numpy as np

from fluxfloor import kernels
from fluxfloor.kernels._build import KERNELS, cache_directory


def warm() -> None:
    """Calls every public kernel with the dtypes that handlers use: contiguous float64 columns and int periods."""
    close = 100.0 + np.sin(np.arange(400.0))
    open_, high, low, volume = close.copy(), close + 1.0, close - 1.0, np.ones(400)
    kernels.latest(open_, high, low, close, volume)
    kernels.sma(close, 20)
    kernels.ema(close, 20)
    kernels.rsi(close, 14)
    kernels.atr(high, low, close, 14)
    kernels.macd(close, 12, 26, 9)
    kernels.rolling_std(close, 20, 0)
    kernels.rolling_median(close, 100)
    kernels.zscore(close, 20)
    kernels.donchian(high, low, 20)
    kernels.log_return(close, 1)


def misses() -> dict[str, int]:
    """How many signatures of each kernel this process had to compile because the cache had none. Empty is warm."""
    compiled = {name: sum(kernel.stats.cache_misses.values()) for name, kernel in KERNELS.items()}
    return {name: count for name, count in compiled.items() if count}


def cold() -> list[str]:
    """Public kernels that this process has not called yet: what warm() must never leave."""
    return [name for name in kernels.__all__ if name in KERNELS and not KERNELS[name].signatures]


__all__ = ["cache_directory", "cold", "misses", "warm"]
