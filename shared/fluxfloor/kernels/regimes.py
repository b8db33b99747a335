"""What kind of market it is: trending, reverting or neither; wild or calm; moving together or apart.

A label is confirmed when the same raw label has stood for three bars, and then persists until another is confirmed.
So it is the newest run of three within the last `memory` bars, and a window that holds those bars gives the same label
as the whole history.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.windows import rolling_std, sma

Array = NDArray[np.float64]

DOWN, NEUTRAL, UP, REVERTING = -1.0, 0.0, 1.0, 2.0
WORDS = {DOWN: "down", NEUTRAL: "neutral", UP: "up", REVERTING: "reverting"}
CALM, USUAL, WILD = -1.0, 0.0, 1.0
CONFIRMING_BARS = 3
MEMORY_BARS = 100  # no label outlives this many bars that never agreed for three
TREND_ADX, TREND_R2 = 25.0, 0.6
REVERTING_ADX, REVERTING_R2 = 20.0, 0.4
WILD_RATIO, CALM_RATIO = 1.5, 0.7
CORRELATED = 0.8


@kernel
def trend_regime(adx: Array, slope: Array, r2: Array) -> Array:
    """UP or DOWN (the slope's sign) where ADX > 25 and R² > 0.6, REVERTING where ADX < 20 and R² < 0.4, else NEUTRAL.

    adx: (n,), 0..100, of 14 bars; slope: (n,), price a bar, and r2: (n,), 0..1, both of 50 bars. Returns (n,) of the
    codes -1, 0, 1, 2, unconfirmed; NaN where an input is. A trend without slope is NEUTRAL.
    Raises ValueError for unequal lengths.
    """
    if slope.size != adx.size or r2.size != adx.size:
        raise ValueError("adx, slope and r2 differ in length")
    out = np.empty(adx.size)
    for i in range(adx.size):
        code = NEUTRAL
        if adx[i] > TREND_ADX and r2[i] > TREND_R2:
            code = UP if slope[i] > 0.0 else DOWN if slope[i] < 0.0 else NEUTRAL
        elif adx[i] < REVERTING_ADX and r2[i] < REVERTING_R2:
            code = REVERTING
        out[i] = code + 0.0 * (adx[i] + slope[i] + r2[i])
    return out


@kernel
def volatility_regime(ratio: Array) -> Array:
    """WILD (1) where ATR is above 1.5 × its 50-bar mean, CALM (-1) below 0.7 ×, else USUAL (0); unconfirmed.

    ratio: (n,), see `volatility_ratio`. Returns (n,); NaN where ratio is.
    """
    out = np.empty(ratio.size)
    for i in range(ratio.size):
        code = WILD if ratio[i] > WILD_RATIO else CALM if ratio[i] < CALM_RATIO else USUAL
        out[i] = code + 0.0 * ratio[i]
    return out


@kernel
def confirmed(raw: Array, confirming: int = CONFIRMING_BARS, memory: int = MEMORY_BARS) -> Array:
    """The newest raw label that stood for `confirming` bars in a row, the last of them within the last `memory` bars.

    raw: (n,), codes; NaN interrupts. Returns (n,): 0 (neutral, usual) while nothing is confirmed, NaN before the first
    code. Raises ValueError for a count below 1.
    """
    if confirming < 1 or memory < 1:
        raise ValueError("confirming and memory must be at least 1")
    out = np.full(raw.size, np.nan)
    alike, label, last, begun = 0, NEUTRAL, 0, False
    for i in range(raw.size):
        alike = alike + 1 if i > 0 and raw[i] == raw[i - 1] else 1 if raw[i] == raw[i] else 0
        begun = begun or alike > 0
        if alike >= confirming:
            label, last = raw[i], i
        elif i - last >= memory:
            label = NEUTRAL
        if begun:
            out[i] = label
    return out


@kernel
def mean_correlation(returns: Array, period: int = 50) -> Array:
    """Mean of the pairwise correlations of all columns over the last `period` rows.

    Standardised columns summed across have the variance Σᵢⱼ ρᵢⱼ, so the mean needs no pair: O(n · period · m).
    returns: (n, m), one column a symbol, m >= 2. Returns (n,), in [-1/(m-1), 1]: 1 where all move as one. A column that
    did not move correlates 0 with every other. The first period-1 are NaN, and so is every window that holds a NaN.
    Raises ValueError for a period below 2 or fewer than two columns.
    """
    n, m = returns.shape
    if period < 2 or m < 2:
        raise ValueError("needs two columns and a period of at least 2")
    out = np.full(n, np.nan)
    means, scales = np.empty((m, n)), np.empty((m, n))
    for j in range(m):
        column = returns[:, j].copy()
        means[j], scales[j] = sma(column, period), rolling_std(column, period, 0)
    for i in range(period - 1, n):
        moving, total = 0, 0.0
        for j in range(m):
            moving += 1 if scales[j, i] > 0.0 else 0
        for t in range(i + 1 - period, i + 1):
            across = 0.0
            for j in range(m):
                if scales[j, i] != 0.0:
                    across += (returns[t, j] - means[j, i]) / scales[j, i]
            total += across * across
        out[i] = (total / period - moving) / (m * (m - 1.0))
    return out
