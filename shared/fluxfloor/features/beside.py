"""What the five-minute and hourly bars beside the traded ones add to a feature row.

They are looked at as of five minutes before the traded bar's close. A pull asks for one timeframe after the other, so
the bars that close at that very moment may or may not be there when the row is made; those of five minutes before are.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.features.noise import DEVIATION_5M, FIVE_MINUTES_MS
from fluxfloor.kernels import atr, rolling_std
from fluxfloor.kernels.adaptive import spikes

Bars = NDArray[np.float64]
"""(n, 6), oldest first: open_ms, open, high, low, close, volume."""

TIMEFRAMES = ("5m", "1h")
SPIKE = "spike"
VOLUME_MEAN, VOLUMES = "volume_mean_20", 20
CLOSES = 20
ATR_BARS = 200  # a fixed number, so that a late reader's average has the same seed


def beside(five: Bars | None, hourly: Bars | None, close_ms: int) -> dict[str, float]:
    """Features by name, of the traded bar that closed at `close_ms`; those whose bars are not all there are left out.

    deviation_5m_20: standard deviation (ddof 0) of 20 five-minute closes, in price. spike: 1 while the five-minute
    ATR(14) exceeds twice the hourly one, else 0.
    """
    seen_ms = close_ms - FIVE_MINUTES_MS
    found: dict[str, float] = {}
    closes = _upto(five, "5m", seen_ms, CLOSES)
    if closes is not None:
        found[DEVIATION_5M] = float(rolling_std(np.ascontiguousarray(closes[:, 4]), CLOSES, 0)[-1])
    quick, slow = _atr(_upto(five, "5m", seen_ms, ATR_BARS)), _atr(_upto(hourly, "1h", seen_ms, ATR_BARS))
    if quick is not None and slow is not None:
        found[SPIKE] = float(spikes(quick, slow)[0])
    return {name: value for name, value in found.items() if isfinite(value)}


def volume_mean(traded: Bars | None, close_ms: int) -> dict[str, float]:
    """volume_mean_20: what the last 20 traded bars up to `close_ms` traded on average, in the base asset; left out if
    there are fewer, or none of them traded."""
    if traded is None:
        return {}
    end = int(np.searchsorted(traded[:, 0], close_ms, side="left"))
    mean = float(traded[end - VOLUMES : end, 5].mean()) if end >= VOLUMES else 0.0
    return {VOLUME_MEAN: mean} if isfinite(mean) and mean > 0 else {}


def _upto(bars: Bars | None, timeframe: str, seen_ms: int, count: int) -> Bars | None:
    """The `count` bars up to the last one that had closed by then; None where any of them is missing."""
    if bars is None:
        return None
    step_ms = TIMEFRAME_MS[timeframe]
    last_ms = seen_ms // step_ms * step_ms - step_ms
    end = int(np.searchsorted(bars[:, 0], last_ms, side="right"))
    if end < count or bars[end - 1, 0] != last_ms:
        return None
    return bars[end - count : end]


def _atr(bars: Bars | None) -> Bars | None:
    """(1,): the last ATR(14)."""
    if bars is None:
        return None
    high, low, close = (np.ascontiguousarray(bars[:, place]) for place in (2, 3, 4))
    return atr(high, low, close, 14)[-1:]
