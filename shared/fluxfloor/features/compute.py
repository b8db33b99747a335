"""The floor's features of one closed bar, under any version of their definition.

Live equals replay because a row is made of exactly its definition's lookback, 400 bars up to and including its own (of
fewer only while the history itself is shorter), never of "whatever the window holds". After that many bars the seeds of
the Wilder and exponential averages weigh less than 1e-12. A hot window of WINDOW_BARS keeps enough behind it for a
reader that comes 100 bars late to get the same row; one that comes later still gets none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from fluxfloor.features.definitions import DEFINITIONS, VERSION, definition

NAMES = DEFINITIONS[VERSION].names
LOOKBACK_BARS = DEFINITIONS[VERSION].lookback_bars
WINDOW_BARS = 500

Bars = NDArray[np.float64]
"""(n, 6), oldest first: open_ms, open, high, low, close, volume."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """The features of the bar that opened at `open_ms`, by name."""

    values: dict[str, float]
    open_ms: int
    version: str


@dataclass(frozen=True, slots=True)
class NotReady:
    """No features for this bar. `missing_bars` is how many more the window would have to hold."""

    missing_bars: int
    why: str


def compute(bars: Bars, upto_open_ms: int, version: str = VERSION) -> FeatureSet | NotReady:
    """The features of the bar that opened at `upto_open_ms`, from it and the bars before it. Later bars are not seen.

    bars: closed bars only, sorted by open time, each once. An older version gives what was stored under it.
    Raises Misconfigured for a version that nobody has defined.
    """
    wanted = definition(version)
    end = int(np.searchsorted(bars[:, 0], upto_open_ms, side="right"))
    if end == 0 or bars[end - 1, 0] != upto_open_ms:
        return NotReady(1, f"the window does not hold the bar that opened at {upto_open_ms}")
    if end < wanted.warm_up_bars and len(bars) < WINDOW_BARS:
        return NotReady(wanted.warm_up_bars - end, f"warming up: {end} of {wanted.warm_up_bars} bars")
    lookback = wanted.lookback_bars
    if end < lookback and len(bars) >= WINDOW_BARS:
        return NotReady(lookback - end, f"the window has moved on: {end} of {lookback} bars before it are left")
    open_, high, low, close, volume = np.ascontiguousarray(bars[max(0, end - lookback) : end, 1:].T)
    values = wanted.latest(open_, high, low, close, volume)._asdict()
    broken = [name for name, value in values.items() if not isfinite(value)]
    if broken:
        return NotReady(lookback, f"a bar holds what is no price: {', '.join(broken)} can't be told")
    return FeatureSet(values, upto_open_ms, version)
