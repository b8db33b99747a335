"""Indicators that carry their last value on: exponential and Wilder smoothing, seeded as TA-Lib seeds them.

A seed's weight decays (EMA: (1 - 2/(period+1)) a bar; Wilder: (1 - 1/period)) but never quite leaves, so these values
depend, ever less, on where the array starts. Leading NaN (another indicator's warm-up) are skipped, in any column; a
NaN after the start stays for good.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.windows import _path

Array = NDArray[np.float64]


@kernel
def _start(x: Array) -> int:
    """Where the leading NaN end."""
    first = 0
    while first < x.size and x[first] != x[first]:
        first += 1
    return first


@kernel
def _start_of_bars(high: Array, low: Array, close: Array) -> int:
    """The first bar that is whole."""
    if high.size != close.size or low.size != close.size:
        raise ValueError("high, low and close differ in length")
    return max(_start(high), _start(low), _start(close))


@kernel
def ema(x: Array, period: int) -> Array:
    """Exponential moving average: out += (x - out) · 2/(period+1), seeded with the mean of the first `period` values.

    x: (n,). Returns (n,) in x's unit, NaN before its seed.
    Raises ValueError for a period below 1. TA-Lib: EMA.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = np.full(x.size, np.nan)
    start = _start(x)
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
    seeded = _start(close) + period
    for i in range(seeded - period + 1, close.size):
        change = close[i] - close[i - 1]
        up = change if change > 0.0 else 0.0
        down = up - change  # a NaN lands here, and stays
        if i > seeded:
            gain = (gain * (period - 1) + up) / period
            loss = (loss * (period - 1) + down) / period
        else:
            gain += up / period
            loss += down / period
        if i >= seeded:
            moved = gain + loss
            out[i] = 0.0 if moved == 0.0 else 100.0 * (gain / moved)
    return out


@kernel
def _true_range(high: float, low: float, last_close: float) -> float:
    """NaN where any of the three is."""
    top = last_close if last_close > high else high
    bottom = last_close if last_close < low else low
    return top - bottom if last_close == last_close else last_close


@kernel
def _movements(up: float, down: float) -> tuple[float, float]:
    """What of a bar's upward and downward reach beyond the last bar's counts: the greater, if it is positive."""
    if up != up or down != down:
        return up + down, up + down
    return (up if up > down and up > 0.0 else 0.0), (down if down > up and down > 0.0 else 0.0)


@kernel
def atr(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average true range (Wilder 1978): Wilder's average of max(high, last close) - min(low, last close).

    high, low, close: (n,), prices. Returns (n,) in price, never negative; the first `period` are NaN, because the first
    bar has no last close and so no true range (worksheets that count its high - low start a bar earlier).
    Raises ValueError for a period below 1 or unequal lengths. TA-Lib: ATR.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    seeded = _start_of_bars(high, low, close) + period
    out = np.full(close.size, np.nan)
    value = 0.0
    for i in range(seeded - period + 1, close.size):
        reach = _true_range(high[i], low[i], close[i - 1])
        value = (value * (period - 1) + reach) / period if i > seeded else value + reach / period
        if i >= seeded:
            out[i] = value
    return out


@kernel
def adx(high: Array, low: Array, close: Array, period: int = 14) -> tuple[Array, Array, Array]:
    """Directional movement (Wilder 1978): DI = 100 · movement / true range, both in Wilder's sums; ADX = Wilder's
    average of 100 · |+DI - -DI| / (+DI + -DI).

    A bar moves up by what its high adds to the last one, down by what its low takes off; the greater of the two counts,
    and only where it is positive. high, low, close: (n,), prices. Returns (adx, plus_di, minus_di), each (n,) in
    0..100; the first `period` of the DI and the first 2·period-1 of the ADX are NaN. Where nothing has moved a DI is 0
    and the ADX stays as it was. Raises ValueError for a period below 2 or unequal lengths. TA-Lib: ADX, PLUS_DI,
    MINUS_DI, which seed the sums with period-1 bars and decay them at the next, as Wilder's own sheet does; sheets that
    sum `period` bars first differ at first, by (1 - 1/period) less with every bar.
    """
    if period < 2:
        raise ValueError("period must be at least 2")
    first = _start_of_bars(high, low, close)
    n, seeded, averaged = close.size, first + period, first + 2 * period - 1
    strength, plus, minus = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    ups = downs = ranges = average = 0.0
    for i in range(first + 1, n):
        if i >= seeded:
            ups, downs, ranges = ups - ups / period, downs - downs / period, ranges - ranges / period
        up, down = _movements(high[i] - high[i - 1], low[i - 1] - low[i])
        ups, downs, ranges = ups + up, downs + down, ranges + _true_range(high[i], low[i], close[i - 1])
        if i < seeded:
            continue
        plus[i], minus[i] = (0.0, 0.0) if ranges == 0.0 else (100.0 * (ups / ranges), 100.0 * (downs / ranges))
        both = plus[i] + minus[i]
        apart = 100.0 * (abs(plus[i] - minus[i]) / both)
        if i <= averaged:
            average += 0.0 if both == 0.0 else apart / period
        elif both != 0.0:
            average = (average * (period - 1) + apart) / period
        if i >= averaged:
            strength[i] = average
    return strength, plus, minus


@kernel
def kama(close: Array, er_period: int = 10, fast: int = 2, slow: int = 30) -> Array:
    """Kaufman's adaptive moving average: out += (close - out) · [ER · (2/(fast+1) - 2/(slow+1)) + 2/(slow+1)]².

    close: (n,), prices. Returns (n,) in price; the first er_period are NaN, and the close before the first value is its
    seed. TA-Lib: KAMA (fast 2, slow 30). As there, ER is 1 where nothing has moved at all (`efficiency_ratio` says 0).
    Raises ValueError unless er_period >= 1 and 1 <= fast <= slow.
    """
    if er_period < 1 or fast < 1 or slow < fast:
        raise ValueError("needs er_period >= 1 and 1 <= fast <= slow")
    out = _path(close, er_period)
    first = _start(close) + er_period
    if first >= close.size:
        return out
    least, most = 2.0 / (slow + 1.0), 2.0 / (fast + 1.0)
    value = close[first - 1]
    for i in range(first, close.size):
        change, path = abs(close[i] - close[i - er_period]), out[i]
        ratio = 1.0 if path == 0.0 or path <= change else change / path
        smooth = ratio * (most - least) + least
        value += (close[i] - value) * (smooth * smooth)
        out[i] = value
    return out


@kernel
def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """Moving average convergence/divergence (Appel): EMA(fast) - EMA(slow), its own EMA, and the gap between the two.

    close: (n,), prices. Returns (macd, signal, histogram), each (n,) in price; all NaN for the first slow+signal-2.
    Both averages get their seed at bar slow-1, the fast one from the `fast` closes up to it: TA-Lib's MACD. Worksheets
    that start the fast one at bar fast-1 differ at first, by less with every bar.
    Raises ValueError unless 1 <= fast <= slow and signal >= 1.
    """
    if fast < 1 or slow < fast or signal < 1:
        raise ValueError("needs 1 <= fast <= slow and signal >= 1")
    n = close.size
    line, smooth, histogram = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    k_fast, k_slow, k_signal = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (signal + 1.0)
    quick = steady = average = 0.0
    seeded = _start(close) + slow - 1
    warm = seeded + signal - 1
    for i in range(seeded - slow + 1, n):
        if i <= seeded:
            steady += close[i] / slow
            quick += close[i] / fast if i > seeded - fast else 0.0
        else:
            quick += (close[i] - quick) * k_fast
            steady += (close[i] - steady) * k_slow
        gap = quick - steady
        if i > warm:
            average += (gap - average) * k_signal
        elif i >= seeded:
            average += gap / signal
        if i >= warm:
            line[i], smooth[i], histogram[i] = gap, average, gap - average
    return line, smooth, histogram
