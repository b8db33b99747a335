"""The floor's features of one closed bar.

Live equals replay because a row is made of exactly LOOKBACK_BARS bars up to and including its own (of fewer only while
the history itself is shorter), never of "whatever the window holds". After that many bars the seeds of the Wilder and
exponential averages weigh less than 1e-12. A hot window of WINDOW_BARS keeps enough behind it for a reader that comes
WINDOW_BARS - LOOKBACK_BARS bars late to get the same row; one that comes later still gets none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels import WARM_UP_BARS, Row, latest

VERSION = "floor-1"
NAMES = Row._fields
LOOKBACK_BARS = 400
WINDOW_BARS = 500

Bars = NDArray[np.float64]
"""(n, 6), oldest first: open_ms, open, high, low, close, volume."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """The features of the bar that opened at `open_ms`, by name."""

    values: dict[str, float]
    open_ms: int
    version: str = VERSION


@dataclass(frozen=True, slots=True)
class NotReady:
    """No features for this bar. `missing_bars` is how many more the window would have to hold."""

    missing_bars: int
    why: str


def compute(bars: Bars, upto_open_ms: int) -> FeatureSet | NotReady:
    """The features of the bar that opened at `upto_open_ms`, from it and the bars before it. Later bars are not seen.

    bars: closed bars only, sorted by open time, each once.
    """
    end = int(np.searchsorted(bars[:, 0], upto_open_ms, side="right"))
    if end == 0 or bars[end - 1, 0] != upto_open_ms:
        return NotReady(1, f"the window does not hold the bar that opened at {upto_open_ms}")
    if end < WARM_UP_BARS and len(bars) < WINDOW_BARS:
        return NotReady(WARM_UP_BARS - end, f"warming up: {end} of {WARM_UP_BARS} bars")
    if end < LOOKBACK_BARS and len(bars) >= WINDOW_BARS:
        return NotReady(
            LOOKBACK_BARS - end, f"the window has moved on: {end} of {LOOKBACK_BARS} bars before it are left"
        )
    open_, high, low, close, volume = np.ascontiguousarray(bars[max(0, end - LOOKBACK_BARS) : end, 1:].T)
    values = latest(open_, high, low, close, volume)._asdict()
    broken = [name for name, value in values.items() if not isfinite(value)]
    if broken:
        return NotReady(LOOKBACK_BARS, f"a bar holds what is no price: {', '.join(broken)} can't be told")
    return FeatureSet(values, upto_open_ms)
