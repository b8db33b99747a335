"""Statistics over a sliding window of the last `period` values.

Sums, means and extremes are built from blocks of 1, 2, 4, 8… values, always joined in the same order. So a value
depends on its window alone, not on where the array starts: the last bar of a short window and the same bar deep in a
long history agree to the bit. It also makes flat windows exact (deviation 0), and lets a NaN leave with its window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]


@kernel
def _window_sum(x: Array, period: int) -> Array:
    n = x.size
    total = np.full(n, np.nan)
    if period > n:
        return total
    total[period - 1 :] = 0.0
    block, wider = x.copy(), np.empty(n)
    taken, width, left = 0, 1, period
    while left > 0:
        if left & 1:
            into, part = total[taken:], block[: n - taken]
            for i in range(part.size):
                into[i] += part[i]
            taken += width
        left >>= 1
        if left > 0:
            new, late, early = wider[width:], block[width:], block[: n - width]
            for i in range(early.size):
                new[i] = late[i] + early[i]
            block, wider = wider, block
            width += width
    return total


@kernel
def _window_max(x: Array, period: int) -> Array:
    n = x.size
    out = np.full(n, np.nan)
    if period > n:
        return out
    block, wider = x.copy(), np.empty(n)
    width = 1
    while 2 * width <= period:
        new, late, early = wider[width:], block[width:], block[: n - width]
        for i in range(early.size):
            new[i] = late[i] if late[i] > early[i] or late[i] != late[i] else early[i]
        block, wider = wider, block
        width += width
    top, late, early = out[period - 1 :], block[period - 1 :], block[width - 1 :]
    for i in range(late.size):
        top[i] = late[i] if late[i] > early[i] or late[i] != late[i] else early[i]
    return out


@kernel
def _window_moments(x: Array, period: int) -> tuple[Array, Array]:
    """Mean, and sum of squared deviations from it, joined pairwise (Chan, Golub & LeVeque 1983)."""
    n = x.size
    mean, spread = np.full(n, np.nan), np.full(n, np.nan)
    if period > n:
        return mean, spread
    mean[period - 1 :] = 0.0
    spread[period - 1 :] = 0.0
    m, s, m_wide, s_wide = x.copy(), np.zeros(n), np.empty(n), np.empty(n)
    taken, width, left = 0, 1, period
    while left > 0:
        if left & 1:
            share = width / (taken + width)
            weight = taken * share
            mean_in, spread_in, m_part, s_part = mean[taken:], spread[taken:], m[: n - taken], s[: n - taken]
            for i in range(m_part.size):
                gap = m_part[i] - mean_in[i]
                spread_in[i] += s_part[i] + gap * gap * weight
                mean_in[i] += gap * share
            taken += width
        left >>= 1
        if left > 0:
            m_new, m_late, m_early = m_wide[width:], m[width:], m[: n - width]
            s_new, s_late, s_early = s_wide[width:], s[width:], s[: n - width]
            half = 0.5 * width
            for i in range(m_early.size):
                gap = m_late[i] - m_early[i]
                s_new[i] = s_late[i] + s_early[i] + gap * gap * half
                m_new[i] = m_early[i] + 0.5 * gap
            m, s, m_wide, s_wide = m_wide, s_wide, m, s
            width += width
    return mean, spread


@kernel
def sma(x: Array, period: int) -> Array:
    """Simple moving average: the mean of the last `period` values.

    x: (n,). Returns (n,) in x's unit; the first period-1 are NaN, and so is every window that holds a NaN.
    Raises ValueError for a period below 1. TA-Lib: SMA.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = _window_sum(x, period)
    for i in range(out.size):
        out[i] /= period
    return out


@kernel
def rolling_std(x: Array, period: int, ddof: int = 0) -> Array:
    """Standard deviation of the last `period` values: sqrt(Σ(x-mean)² / (period-ddof)).

    x: (n,). Returns (n,) in x's unit, never negative and exactly 0 for a flat window; the first period-1 are NaN, and
    so is every window that holds a NaN. Raises ValueError unless period > ddof >= 0. TA-Lib: STDDEV (ddof 0).
    """
    if ddof < 0 or period <= ddof:
        raise ValueError("period must be above ddof, and ddof not negative")
    _, spread = _window_moments(x, period)
    for i in range(spread.size):
        spread[i] = np.sqrt(spread[i] / (period - ddof))
    return spread


@kernel
def zscore(x: Array, period: int = 20) -> Array:
    """How many standard deviations (ddof 0) a value lies above the mean of its window, itself included.

    x: (n,). Returns (n,), without unit: positive above the mean; 0 in a flat window, where nothing deviates. The first
    period-1 are NaN, and so is every window that holds a NaN. Raises ValueError for a period below 1.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    mean, spread = _window_moments(x, period)
    for i in range(period - 1, x.size):
        mean[i] = 0.0 if spread[i] == 0.0 else (x[i] - mean[i]) / np.sqrt(spread[i] / period)
    return mean


@kernel
def donchian(high: Array, low: Array, period: int = 20) -> tuple[Array, Array]:
    """Donchian channel: the lowest low and the highest high of the last `period` bars, the current one included.

    high, low: (n,). Returns (lower, upper), each (n,) in price; the first period-1 are NaN, and so is every window
    that holds a NaN. Raises ValueError for a period below 1 or unequal lengths. TA-Lib: MIN of low, MAX of high.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    if high.size != low.size:
        raise ValueError("high and low differ in length")
    return -_window_max(-low, period), _window_max(high, period)


@kernel
def bollinger(close: Array, period: int = 20, width: float = 2.0) -> tuple[Array, Array, Array]:
    """Bollinger bands: the mean of the last `period` closes, and `width` standard deviations (ddof 0) to either side.

    close: (n,), prices. Returns (lower, middle, upper), each (n,) in price; the first period-1 are NaN, and so is every
    window that holds a NaN. In a flat window the three are one. Raises ValueError for a period below 1. TA-Lib: BBANDS,
    which returns them from the top and takes the variance as mean of squares less square of mean, in running sums: it
    keeps fewer digits where the deviation is far smaller than the price.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    middle, lower = _window_moments(close, period)
    upper = np.empty(close.size)
    for i in range(close.size):
        reach = width * np.sqrt(lower[i] / period)
        upper[i] = middle[i] + reach
        lower[i] = middle[i] - reach
    return lower, middle, upper


@kernel
def _path(close: Array, period: int) -> Array:
    """How far the last `period` moves went in all, whatever their direction. The first `period` are NaN."""
    moves = np.full(close.size, np.nan)
    into, late, early = moves[1:], close[1:], close[:-1]
    for i in range(early.size):
        into[i] = abs(late[i] - early[i])
    return _window_sum(moves, period)


@kernel
def efficiency_ratio(close: Array, period: int = 10) -> Array:
    """Kaufman's efficiency ratio: |close - close[period ago]| / the sum of the |moves| between the two.

    close: (n,), prices. Returns (n,), without unit, in 0..1: 1 for a straight line either way, 0 for a market that ends
    where it began or has not moved at all. The first `period` are NaN, and so is every window that holds a NaN. Raises
    ValueError for a period below 1. TA-Lib has it only inside its KAMA, where no movement at all counts as 1.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = _path(close, period)
    into, late, early = out[period:], close[period:], close[: max(close.size - period, 0)]
    for i in range(early.size):
        change, path = abs(late[i] - early[i]), into[i]
        ratio = change / path if path != 0.0 else 0.0
        into[i] = 1.0 if ratio > 1.0 else ratio  # the sum of the moves may round below their net
    return out


@kernel
def _window_line(x: Array, period: int) -> tuple[Array, Array]:
    """Sum of squared deviations from the mean, and sum of (bar - mean bar) · (x - mean), joined pairwise."""
    n = x.size
    mean, spread, cross = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    if period > n:
        return spread, cross
    for part in (mean, spread, cross):
        part[period - 1 :] = 0.0
    m, s, c = x.copy(), np.zeros(n), np.zeros(n)
    m_wide, s_wide, c_wide = np.empty(n), np.empty(n), np.empty(n)
    taken, width, left = 0, 1, period
    while left > 0:
        if left & 1:
            share = width / (taken + width)
            weight = taken * share
            # The part that joins is the older one, so the bars' means differ the other way than the values' do.
            apart = -0.5 * (taken + width) * weight
            mean_in, spread_in, cross_in = mean[taken:], spread[taken:], cross[taken:]
            m_part, s_part, c_part = m[: n - taken], s[: n - taken], c[: n - taken]
            for i in range(m_part.size):
                gap = m_part[i] - mean_in[i]
                spread_in[i] += s_part[i] + gap * gap * weight
                cross_in[i] += c_part[i] + gap * apart
                mean_in[i] += gap * share
            taken += width
        left >>= 1
        if left > 0:
            m_new, m_late, m_early = m_wide[width:], m[width:], m[: n - width]
            s_new, s_late, s_early = s_wide[width:], s[width:], s[: n - width]
            c_new, c_late, c_early = c_wide[width:], c[width:], c[: n - width]
            half, apart = 0.5 * width, 0.5 * width * width
            for i in range(m_early.size):
                gap = m_late[i] - m_early[i]
                s_new[i] = s_late[i] + s_early[i] + gap * gap * half
                c_new[i] = c_late[i] + c_early[i] + gap * apart
                m_new[i] = m_early[i] + 0.5 * gap
            m, s, c, m_wide, s_wide, c_wide = m_wide, s_wide, c_wide, m, s, c
            width += width
    return spread, cross


@kernel
def linear_regression(x: Array, period: int = 50) -> tuple[Array, Array]:
    """The least-squares line through the last `period` values over their bar numbers: slope, and share explained.

    x: (n,). Returns (slope, r2), each (n,): slope in x's unit per bar, positive for a rise; r2 in 0..1, the squared
    correlation of the values with the bar number, 0 in a flat window, where there is nothing to explain. The first
    period-1 are NaN, and so is every window that holds a NaN. Raises ValueError for a period below 2.
    TA-Lib: LINEARREG_SLOPE, and CORREL with the bar number, squared. Both work on raw products of price and bar, and
    keep fewer digits where the line is nearly flat.
    """
    if period < 2:
        raise ValueError("period must be at least 2")
    spread, cross = _window_line(x, period)
    bars = period * (period * period - 1.0) / 12.0
    for i in range(x.size):
        slope = cross[i] / bars
        explained = slope * cross[i]
        ratio = explained / spread[i] if spread[i] != 0.0 else 0.0
        spread[i] = 1.0 if ratio > 1.0 else ratio
        cross[i] = slope
    return cross, spread


@kernel
def rolling_median(x: Array, period: int) -> Array:
    """Median of the last `period` values; the mean of the middle two where period is even.

    x: (n,). Returns (n,) in x's unit; NaN until `period` values have come since the start or the last NaN.
    Raises ValueError for a period below 1. Keeps the window sorted: O(n · period) moves at worst.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = np.full(x.size, np.nan)
    window = np.empty(period)
    held = 0
    for i in range(x.size):
        if x[i] != x[i]:
            held = 0
            continue
        if held == period:
            leaves = np.searchsorted(window, x[i - period])
            for j in range(leaves, period - 1):
                window[j] = window[j + 1]
            held -= 1
        place = held
        while place > 0 and window[place - 1] > x[i]:
            window[place] = window[place - 1]
            place -= 1
        window[place] = x[i]
        held += 1
        if held == period:
            out[i] = 0.5 * (window[(period - 1) // 2] + window[period // 2])
    return out
