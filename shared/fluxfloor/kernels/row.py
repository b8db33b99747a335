"""The floor's features of one bar, in one compiled call: what a handler pays for is one dispatch and one cache load."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.recursive import atr, macd, rsi
from fluxfloor.kernels.returns import log_return
from fluxfloor.kernels.windows import donchian, rolling_median, rolling_std, sma, zscore

Array = NDArray[np.float64]
bars: Any = np.int64  # a plain literal would have Numba compile every kernel anew for each period

WARM_UP_BARS = 114  # the median of 100 ATRs, the first of which comes with the 15th bar


class Row(NamedTuple):
    """Definition `floor-1`. Prices in the instrument's quote currency; returns natural logarithms."""

    close: float
    log_return_1: float
    log_return_3: float
    log_return_6: float
    volatility_14: float  # standard deviation (ddof 1) of the last 14 one-bar log returns, times √14
    rsi_14: float
    macd: float
    macd_signal: float
    macd_histogram: float
    atr_14: float
    atr_median_100: float
    zscore_price_20: float
    ma_20: float
    ma_100: float
    trend_strength: float  # |ma_20 - ma_100| / atr_14; 0 where nothing has moved
    donchian_lower_20: float  # of the 20 bars before this one
    donchian_upper_20: float


@kernel
def latest(open: Array, high: Array, low: Array, close: Array, volume: Array) -> Row:
    """The features of the last bar of a window, all from this window.

    open, high, low, close, volume: (n,), oldest first, finite, n >= WARM_UP_BARS. Every value is that of the kernel of
    its name at the last bar. Raises ValueError for a shorter window or unequal lengths.
    """
    n = close.size
    if n < WARM_UP_BARS:
        raise ValueError("the window is shorter than WARM_UP_BARS")
    if open.size != n or high.size != n or low.size != n or volume.size != n:
        raise ValueError("the columns differ in length")
    one_bar = log_return(close[-15:], bars(1))
    line, smooth, histogram = macd(close, bars(12), bars(26), bars(9))
    ranges = atr(high, low, close, bars(14))
    lower, upper = donchian(high[-21:-1], low[-21:-1], bars(20))
    ma_20, ma_100 = sma(close[-20:], bars(20))[-1], sma(close[-100:], bars(100))[-1]
    strength = abs(ma_20 - ma_100) / ranges[-1] if ranges[-1] > 0.0 else 0.0
    return Row(
        close[-1],
        one_bar[-1],
        log_return(close[-4:], bars(3))[-1],
        log_return(close[-7:], bars(6))[-1],
        rolling_std(one_bar[-14:], bars(14), bars(1))[-1] * np.sqrt(14.0),
        rsi(close, bars(14))[-1],
        line[-1],
        smooth[-1],
        histogram[-1],
        ranges[-1],
        rolling_median(ranges[-100:], bars(100))[-1],
        zscore(close[-20:], bars(20))[-1],
        ma_20,
        ma_100,
        strength,
        lower[-1],
        upper[-1],
    )
