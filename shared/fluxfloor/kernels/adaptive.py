"""Averages that adapt: to how straight the price moves (Kaufman), and to how volatile it is.

A Kaufman average forgets slowly while nothing trends: a bar at efficiency 0 leaves 99.6 % of the value before it. So
the averages here have a stated memory: each value is the recursion begun `memory` bars before it, at that bar's own
value. It depends on those bars alone, and a short window and a long history give the same number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.windows import efficiency_ratio, sma

Array = NDArray[np.float64]

MEMORY_BARS = 300
TREND_ER, NOISE_ER = 0.6, 0.3  # above: toward fast; below: toward slow
HIGH_RATIO, LOW_RATIO = (
    1.5,
    0.5,
)  # ATR against its mean; the regime's label has other limits
QUICK, CALM = 0.7, 1.3
SPIKE_RATIO, SPIKE_STOP, SPIKE_SIZE = 2.0, 1.5, 0.7
CALM_ALPHA, WILD_ALPHA = (0.1, 0.2), (0.4, 0.6)


@kernel
def smoothing_constant(er: Array, fast: int = 2, slow: int = 30) -> Array:
    """Kaufman's adaptive constant: [ER·(2/(fast+1) - 2/(slow+1)) + 2/(slow+1)]², the weight of the newest value.

    er: (n,), in 0..1. Returns (n,), without unit, in [(2/(slow+1))², (2/(fast+1))²], which is [0.0042, 0.444] by
    default; NaN where er is. Raises ValueError unless 1 <= fast <= slow. Kaufman, "Smarter Trading" (1995).
    """
    if fast < 1 or slow < fast:
        raise ValueError("needs 1 <= fast <= slow")
    quick, steady = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    out = np.empty(er.size)
    for i in range(er.size):
        root = er[i] * (quick - steady) + steady
        out[i] = root * root
    return out


@kernel
def regime_bias(er: Array) -> Array:
    """Leans an efficiency ratio toward fast where it trends and toward slow where it is noise, without a jump.

    ER²/0.3 below 0.3, ER from 0.3 to 0.6, 1 - (1-ER)²/0.4 above: continuous, rising, and 0..1 stays 0..1.
    er: (n,), in 0..1. Returns (n,), without unit; NaN where er is.
    """
    out = np.empty(er.size)
    for i in range(er.size):
        value = er[i]
        if value < NOISE_ER:
            value = value * value / NOISE_ER
        elif value > TREND_ER:
            value = 1.0 - (1.0 - value) * (1.0 - value) / (1.0 - TREND_ER)
        out[i] = value
    return out


@kernel
def _smoothed(x: Array, weight: Array, start: int, memory: int) -> Array:
    """out += weight · (x - out) from x[max(start, i - memory)] on, for every i >= start; NaN before.

    A step is an affine map, so the `memory` steps up to a bar are the tail of one block of maps and the head of the
    next (van Herk 1992): two steps a bar however long the memory.
    """
    out = np.full(x.size, np.nan)
    if start >= x.size:
        return out
    out[start] = x[start]
    keep, lift = np.ones(memory + 1), np.zeros(memory + 1)
    for first in range(start + 1, x.size, memory):
        end = min(first + memory, x.size)
        kept, value = 1.0, 0.0
        for i in range(first, end):
            kept -= kept * weight[i]
            value += (x[i] - value) * weight[i]
            place = i - first + 1
            begun = x[start] if first == start + 1 else keep[place] * x[i - memory] + lift[place]
            out[i] = kept * begun + value
        if end - first == memory:
            keep[memory], lift[memory] = 1.0, 0.0
            for place in range(memory - 1, 0, -1):
                i = first + place
                lift[place] = keep[place + 1] * weight[i] * x[i] + lift[place + 1]
                keep[place] = keep[place + 1] * (1.0 - weight[i])
    return out


@kernel
def _kaufman_ratio(close: Array, period: int) -> Array:
    """The efficiency ratio as `kama` takes it: 1 where nothing has moved at all."""
    out = efficiency_ratio(close, period)
    still = 0
    for i in range(1, close.size):
        still = still + 1 if close[i] == close[i - 1] else 0
        if still >= period:
            out[i] = 1.0
    return out


@kernel
def faded_kama(close: Array, er_period: int = 10, fast: int = 2, slow: int = 30, memory: int = MEMORY_BARS) -> Array:
    """Kaufman's adaptive average with a stated memory: what `kama` gives when it begins `memory` bars before each bar.

    close: (n,), prices. Returns (n,) in price; the first `er_period` are NaN, the next `memory` are `kama` itself
    (TA-Lib: KAMA). Raises ValueError for a period or memory below 1, or unless 1 <= fast <= slow.
    """
    if er_period < 1 or memory < 1:
        raise ValueError("er_period and memory must be at least 1")
    weight = smoothing_constant(_kaufman_ratio(close, er_period), fast, slow)
    out = _smoothed(close, weight, er_period - 1, memory)
    out[er_period - 1 : er_period] = np.nan
    return out


@kernel
def adaptive_kama(
    close: Array, er_period: int = 10, fast: int = 2, slow: int = 30, smooth: int = 5, memory: int = MEMORY_BARS
) -> Array:
    """Kaufman's average whose efficiency ratio leans with the regime (`regime_bias`), eased over `smooth` bars.

    The lean is averaged over the last `smooth` bars, so a change of regime takes that many bars to arrive.
    close: (n,), prices. Returns (n,) in price; the first er_period + smooth - 1 are NaN. Memory as in `faded_kama`.
    Raises ValueError for a period, smooth or memory below 1, or unless 1 <= fast <= slow. Not in TA-Lib.
    """
    if er_period < 1 or smooth < 1 or memory < 1:
        raise ValueError("er_period, smooth and memory must be at least 1")
    lean = sma(regime_bias(efficiency_ratio(close, er_period)), smooth)
    warm = er_period + smooth - 1
    out = _smoothed(close, smoothing_constant(lean, fast, slow), warm - 1, memory)
    out[warm - 1 : warm] = np.nan
    return out


@kernel
def volatility_ratio(atr: Array, period: int = 50) -> Array:
    """ATR against the mean of its last `period` values, itself included: above 1 where the market has grown wild.

    atr: (n,), in price; leading NaN are its warm-up. Returns (n,), without unit, never negative; 1 where nothing has
    moved, NaN until `period` values are there. Raises ValueError for a period below 1.
    """
    out = sma(atr, period)
    for i in range(out.size):
        out[i] = atr[i] / out[i] if out[i] > 0.0 or out[i] != out[i] else 1.0
    return out


@kernel
def adaptive_period(ratio: Array, period: int) -> Array:
    """A period in whole bars: ×0.7 where the volatility ratio is above 1.5, ×1.3 where it is below 0.5 (half up).

    ratio: (n,), see `volatility_ratio`. Returns (n,) in bars, at least 1; NaN where ratio is.
    Raises ValueError for a period below 1.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    out = np.empty(ratio.size)
    for i in range(ratio.size):
        factor = QUICK if ratio[i] > HIGH_RATIO else CALM if ratio[i] < LOW_RATIO else 1.0
        out[i] = max(1.0, np.floor(period * factor + 0.5)) if ratio[i] == ratio[i] else np.nan
    return out


@kernel
def adaptive_sma(x: Array, period: Array) -> Array:
    """Mean of as many of the last values as `period` says at that bar.

    x, period: (n,); periods in whole bars, at least 1. Returns (n,) in x's unit; NaN where the period is, or reaches
    back beyond the first value. Raises ValueError for unequal lengths. O(n · period).
    """
    if period.size != x.size:
        raise ValueError("x and period differ in length")
    out = np.full(x.size, np.nan)
    for i in range(x.size):
        if not 1.0 <= period[i] <= i + 1.0:
            continue
        window = x[i + 1 - int(period[i]) : i + 1]
        total = 0.0
        for j in range(window.size):
            total += window[j]
        out[i] = total / window.size
    return out


@kernel
def _first_number(x: Array) -> int:
    place = 0
    while place < x.size and x[place] != x[place]:
        place += 1
    return place


@kernel
def adaptive_ema(x: Array, period: Array, memory: int = MEMORY_BARS) -> Array:
    """Exponential average whose weight is 2/(period+1) with the period of each bar. Begins at x itself, not at a mean.

    x, period: (n,); both finite once the first period is. Returns (n,) in x's unit; NaN until then. Memory as in
    `faded_kama`. Raises ValueError for unequal lengths or a memory below 1.
    """
    if period.size != x.size or memory < 1:
        raise ValueError("x and period must be of one length, and memory at least 1")
    weight = np.empty(x.size)
    for i in range(x.size):
        weight[i] = 2.0 / (period[i] + 1.0)
    return _smoothed(x, weight, _first_number(period), memory)


@kernel
def adaptive_rsi(close: Array, period: Array, memory: int = MEMORY_BARS) -> Array:
    """Relative strength index whose Wilder averages weigh the newest change 1/period, with the period of each bar.

    close: (n,), prices; period: (n,), in bars. Returns (n,) in 0..100; NaN until the first period, 0 where nothing has
    moved (as TA-Lib's RSI). The averages begin at one bar's change, not at a mean; memory as in `faded_kama`.
    Raises ValueError for unequal lengths or a memory below 1.
    """
    if period.size != close.size or memory < 1:
        raise ValueError("close and period must be of one length, and memory at least 1")
    up, down, weight = np.empty(close.size), np.empty(close.size), np.empty(close.size)
    for i in range(close.size):
        change = close[i] - close[i - 1] if i > 0 else 0.0
        up[i] = change if change > 0.0 else 0.0
        down[i] = up[i] - change
        weight[i] = 1.0 / period[i]
    start = _first_number(period)
    gain, loss = _smoothed(up, weight, start, memory), _smoothed(down, weight, start, memory)
    for i in range(close.size):
        moved = gain[i] + loss[i]
        gain[i] = 0.0 if moved < 1e-14 else 100.0 * (gain[i] / moved)
    return gain


@kernel
def spikes(atr_5m: Array, atr_1h: Array) -> Array:
    """1 where the five-minute ATR exceeds twice the hourly one, else 0: a burst that no hour has seen on average.

    atr_5m, atr_1h: (n,), in price, of the same moments. Returns (n,); NaN where an input is. Raises ValueError for
    unequal lengths.
    """
    if atr_5m.size != atr_1h.size:
        raise ValueError("the two differ in length")
    out = np.empty(atr_5m.size)
    for i in range(atr_5m.size):
        out[i] = (1.0 if atr_5m[i] > SPIKE_RATIO * atr_1h[i] else 0.0) + 0.0 * (atr_5m[i] + atr_1h[i])
    return out


@kernel
def in_spike(spike: float) -> tuple[float, float]:
    """(1.5, 0.7) in a spike, else (1, 1): how many times as far a stop is then, and what share of a size is left."""
    return (SPIKE_STOP, SPIKE_SIZE) if spike > 0.0 else (1.0, 1.0)


class AlphaFit(NamedTuple):
    """The weight of the newest value as a line over the volatility ratio, before it is held in its band."""

    base: float
    per_ratio: float
    bars: int  # that it was fitted on


@kernel
def fit_alpha(close: Array, ratio: Array, reference: float = 0.3) -> AlphaFit:
    """The line alpha = base + per_ratio · ratio under which an average would have come nearest to the next close.

    Least squares over the bars handed in, and so only for use on later ones. An average that stood at E before a close
    c and weighs it by alpha stands at E + alpha·(c - E) after it; with x = c - E and y = next c - E, both as fractions
    of E, the regression is y = base·x + per_ratio·(ratio·x). E is the exponential average with weight `reference`.
    close, ratio: (n,), see `volatility_ratio`; bars before the first ratio are left out. Raises ValueError for unequal
    lengths, a reference outside (0, 1], or bars that leave the line open (fewer than three, or a ratio that stays).
    """
    if ratio.size != close.size or not 0.0 < reference <= 1.0:
        raise ValueError("close and ratio must be of one length, and reference in (0, 1]")
    xx = xr = rr = xy = ry = 0.0
    used, average = 0, close[0] if close.size else 0.0
    for i in range(1, close.size - 1):
        x, y = close[i] / average - 1.0, close[i + 1] / average - 1.0
        average += (close[i] - average) * reference
        if ratio[i] == ratio[i]:
            scaled = ratio[i] * x
            xx, xr, rr, xy, ry = xx + x * x, xr + x * scaled, rr + scaled * scaled, xy + x * y, ry + scaled * y
            used += 1
    apart = xx * rr - xr * xr
    if used < 3 or not apart > 1e-12 * xx * rr:
        raise ValueError("too few bars, or too much alike, to fit a line")
    return AlphaFit((xy * rr - ry * xr) / apart, (ry * xx - xy * xr) / apart, used)


@kernel
def alpha_of(ratio: Array, base: float, per_ratio: float) -> Array:
    """The fitted weight of the newest value, held in its band: 0.1-0.2 where the volatility ratio is at most 0.5,
    0.4-0.6 where it is at least 1.5, and between the two limits that lead from one band to the other without a jump.

    ratio: (n,). Returns (n,), without unit; NaN where ratio is.
    """
    out = np.empty(ratio.size)
    for i in range(ratio.size):
        way = min(1.0, max(0.0, (ratio[i] - LOW_RATIO) / (HIGH_RATIO - LOW_RATIO)))
        least = CALM_ALPHA[0] + way * (WILD_ALPHA[0] - CALM_ALPHA[0])
        most = CALM_ALPHA[1] + way * (WILD_ALPHA[1] - CALM_ALPHA[1])
        out[i] = min(most, max(least, base + per_ratio * ratio[i])) if ratio[i] == ratio[i] else np.nan
    return out


@kernel
def alpha_ema(x: Array, alpha: Array, memory: int = MEMORY_BARS) -> Array:
    """Exponential average with a weight for each bar: out += alpha · (x - out), begun at x where alpha begins.

    x, alpha: (n,), alpha in 0..1 (see `alpha_of`). Returns (n,) in x's unit; NaN before. Memory as in `faded_kama`.
    Raises ValueError for unequal lengths or a memory below 1.
    """
    if alpha.size != x.size or memory < 1:
        raise ValueError("x and alpha must be of one length, and memory at least 1")
    return _smoothed(x, alpha, _first_number(alpha), memory)
