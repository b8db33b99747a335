"""Indicators that carry their last value on: exponential and Wilder smoothing, seeded as TA-Lib seeds them.

A seed's weight decays (EMA: (1 - 2/(period+1)) a bar; Wilder: (1 - 1/period)) but never quite leaves, so these values
depend, ever less, on where the array starts. A NaN after the start stays for good.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]

ZERO = 1e-14  # TA-Lib's TA_EPSILON: what it takes for no movement at all


@kernel
def ema(x: Array, period: int) -> Array:
    """Exponential moving average: out += (x - out) · 2/(period+1), seeded with the mean of the first `period` values.

    x: (n,); leading NaN (another indicator's warm-up) are skipped. Returns (n,) in x's unit, NaN before its seed.
    Raises ValueError for a period below 1. TA-Lib: EMA.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = np.full(x.size, np.nan)
    start = 0
    while start < x.size and x[start] != x[start]:
        start += 1
    seeded = start + period - 1
    if seeded >= x.size:
        return out
    value = 0.0
    for i in range(start, seeded + 1):
        value += x[i]
    value /= period
    out[seeded] = value
    k = 2.0 / (period + 1.0)
    for i in range(seeded + 1, x.size):
        value += (x[i] - value) * k
        out[i] = value
    return out


@kernel
def rsi(close: Array, period: int = 14) -> Array:
    """Relative strength index (Wilder 1978): 100 · gain / (gain + loss), both smoothed by Wilder's average.

    close: (n,), prices. Returns (n,) in 0..100, high after rises; the first `period` are NaN. Where nothing has moved
    it is 0, as in TA-Lib (RSI). Raises ValueError for a period below 1.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = np.full(close.size, np.nan)
    gain = loss = 0.0
    for i in range(1, close.size):
        change = close[i] - close[i - 1]
        up = change if change > 0.0 else 0.0
        down = up - change  # a NaN lands here, and stays
        if i > period:
            gain = (gain * (period - 1) + up) / period
            loss = (loss * (period - 1) + down) / period
        else:
            gain += up / period
            loss += down / period
        if i >= period:
            moved = gain + loss
            out[i] = 0.0 if moved < ZERO else 100.0 * (gain / moved)
    return out


@kernel
def atr(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average true range (Wilder 1978): Wilder's average of max(high, last close) - min(low, last close).

    high, low, close: (n,), prices. Returns (n,) in price, never negative; the first `period` are NaN, because the first
    bar has no last close and so no true range (worksheets that count its high - low start a bar earlier).
    Raises ValueError for a period below 1 or unequal lengths. TA-Lib: ATR.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    if high.size != close.size or low.size != close.size:
        raise ValueError("high, low and close differ in length")
    out = np.full(close.size, np.nan)
    value = 0.0
    for i in range(1, close.size):
        last = close[i - 1]
        top = last if last > high[i] else high[i]
        bottom = last if last < low[i] else low[i]
        reach = top - bottom if last == last else last
        value = (value * (period - 1) + reach) / period if i > period else value + reach / period
        if i >= period:
            out[i] = value
    return out


@kernel
def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """Moving average convergence/divergence (Appel): EMA(fast) - EMA(slow), its own EMA, and the gap between the two.

    close: (n,), prices. Returns (macd, signal, histogram), each (n,) in price; all NaN for the first slow+signal-2.
    Both averages get their seed at bar slow-1, the fast one from the `fast` closes up to it: TA-Lib's MACD. Worksheets
    that start the fast one at bar fast-1 differ at first, by less with every bar. Leading NaN are not skipped.
    Raises ValueError unless 1 <= fast <= slow and signal >= 1.
    """
    if fast < 1 or slow < fast or signal < 1:
        raise ValueError("needs 1 <= fast <= slow and signal >= 1")
    n = close.size
    line, smooth, histogram = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    k_fast, k_slow, k_signal = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    quick = steady = average = 0.0
    warm = slow + signal - 2
    for i in range(n):
        if i < slow:
            steady += close[i] / slow
            quick += close[i] / fast if i >= slow - fast else 0.0
        else:
            quick += (close[i] - quick) * k_fast
            steady += (close[i] - steady) * k_slow
        gap = quick - steady
        if i > warm:
            average += (gap - average) * k_signal
        elif i >= slow - 1:
            average += gap / signal
        if i >= warm:
            line[i], smooth[i], histogram[i] = gap, average, gap - average
    return line, smooth, histogram
