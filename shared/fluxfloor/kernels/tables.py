"""A table of bars, read once: into columns, and the first thing that is wrong with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Floats = NDArray[np.float64]

SOUND = -1
FAULTS = (
    "holds what is no number",
    "does not come after the row before it",
    "has a price that is not positive",
    "has a negative volume",
    "has a high below its low",
    "opens or closes outside its range",
)


@kernel
def columns_of(bars: Floats) -> Floats:
    """(6, n): the columns of a table (n, 6), each contiguous."""
    n = bars.shape[0]
    out = np.empty((6, n))
    time, open_, high, low, close, volume = out[0], out[1], out[2], out[3], out[4], out[5]
    for i in range(n):
        row = bars[i]
        time[i], open_[i], high[i] = row[0], row[1], row[2]
        low[i], close[i], volume[i] = row[3], row[4], row[5]
    return out


@kernel
def first_fault(columns: Floats) -> tuple[int, int]:
    """(row, place in FAULTS) of the first row that is no bar of a market; (SOUND, 0) where all are.

    columns: (6, n) open_ms, open, high, low, close, volume.
    """
    time, open_, high, low, close, volume = columns[0], columns[1], columns[2], columns[3], columns[4], columns[5]
    before = -np.inf
    for i in range(time.size):
        least, most = min(open_[i], close[i]), max(open_[i], close[i])
        sound = time[i] > before and low[i] > 0.0 and volume[i] >= 0.0 and low[i] <= least and most <= high[i]
        known = open_[i] > 0.0 and close[i] > 0.0 and time[i] < np.inf and high[i] < np.inf and volume[i] < np.inf
        if not (sound and known):
            return i, _fault(columns[:, i], before)
        before = time[i]
    return SOUND, 0


@kernel
def _fault(row: Floats, before: float) -> int:
    time, open_, high, low, close, volume = row[0], row[1], row[2], row[3], row[4], row[5]
    if not np.isfinite(time + open_ + high + low + close + volume):
        return 0
    if time <= before:
        return 1
    if min(open_, high, low, close) <= 0.0:
        return 2
    if volume < 0.0:
        return 3
    return 4 if high < low else 5
