"""The noise filter: entries only where a move can be told from the spread, and the market is awake enough to trade.

An entry passes when all of these hold:
  spread    <= 5 % of the deviation of 20 five-minute closes; 2.5 % in thin hours
  volume    > 0.5 × the mean of the 20 bars before; 1.5 × for a breakout
  clock     not in the last 15 minutes of a session
  gap       the bar opened within 2 % of the last close
Where there are no five-minute bars, the deviation of 20 closes of the traded timeframe is scaled to them: prices wander
with the square root of time, so it is taken times √(5 minutes / timeframe). Where there is no quote, the spread is
Corwin and Schultz's estimate, or a backtest's own modelled quote. The estimate was made for daily bars: on minutes of a
liquid coin its negative values, counted as 0, leave a hundredth of a percent and more, and little passes. What can't be
known does not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from fluxfloor.features import sessions
from fluxfloor.features.definitions import definition

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIVE_MINUTES_MS = 300_000
DEVIATION_5M = "deviation_5m_20"
BAND_WIDTH = 2.0  # deviations from the middle of a Bollinger band to its edge
COLUMNS = (
    "close", "bollinger_middle_20", "bollinger_upper_20", "spread_estimate_20", "volume_ratio_20", "gap",
)  # fmt: skip
"""What the filter reads of a definition's batch."""


class Noise(IntFlag):
    """Why an entry does not pass; 0 is that it does."""

    SPREAD = 1
    VOLUME = 2
    CLOSING = 4
    GAP = 8
    UNKNOWN = 16

    def words(self) -> tuple[str, ...]:
        return tuple(str(reason.name).lower() for reason in Noise if reason in self)


@dataclass(frozen=True, slots=True)
class NoiseFilter:
    """Fractions, not percent. Raises Misconfigured for sessions that nobody has defined."""

    spread_share: float = 0.05  # of the deviation
    thin_spread_share: float = 0.025
    volume_ratio: float = 0.5
    breakout_volume_ratio: float = 1.5
    closing_minutes: int = 15
    gap: float = 0.02
    sessions: str = sessions.ALWAYS

    def __post_init__(self) -> None:
        sessions.check(self.sessions)


@dataclass(frozen=True, slots=True)
class Moment:
    """What the filter looks at: the close of one bar. Spread and deviation in price; NaN is not known."""

    close_ms: int
    step_ms: int
    spread: float
    deviation: float
    volume_ratio: float
    gap: float


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """The same of many bars, each array (n,)."""

    close_ms: Ints
    step_ms: int
    spread: Floats
    deviation: Floats
    volume_ratio: Floats
    gap: Floats


def moment(features: Mapping[str, float], close_ms: int, step_ms: int, spread: float | None) -> Moment:
    """From a feature row; `spread` is the quote's, in price (None: the row's estimate)."""
    value = {name: features.get(name, nan) for name in COLUMNS}
    deviation = features.get(DEVIATION_5M)
    if deviation is None:
        edge = value["bollinger_upper_20"] - value["bollinger_middle_20"]
        deviation = edge / BAND_WIDTH * sqrt(FIVE_MINUTES_MS / step_ms)
    if spread is None:
        spread = value["spread_estimate_20"] * value["close"]
    return Moment(close_ms, step_ms, spread, deviation, value["volume_ratio_20"], value["gap"])


def moments(columns: Floats, close_ms: Ints, step_ms: int) -> Moments:
    """From a definition's batch of COLUMNS, shape (n, 6)."""
    close, middle, upper, estimate, volume_ratio, gap = columns.T
    deviation = (upper - middle) / BAND_WIDTH * sqrt(FIVE_MINUTES_MS / step_ms)
    return Moments(close_ms, step_ms, estimate * close, deviation, volume_ratio, gap)


def judge(noise: NoiseFilter, at: Moment, breakout: bool = False) -> Noise:
    """Why an entry on this bar's close does not pass, all reasons at once."""
    found = Noise(0)
    thin = sessions.is_thin(noise.sessions, at.close_ms, at.step_ms)
    if at.spread > (noise.thin_spread_share if thin else noise.spread_share) * at.deviation:
        found |= Noise.SPREAD
    if at.volume_ratio <= (noise.breakout_volume_ratio if breakout else noise.volume_ratio):
        found |= Noise.VOLUME
    if sessions.is_closing(noise.sessions, at.close_ms, at.step_ms, noise.closing_minutes):
        found |= Noise.CLOSING
    if abs(at.gap) > noise.gap:
        found |= Noise.GAP
    if not all(isfinite(value) for value in (at.spread, at.deviation, at.volume_ratio, at.gap)):
        found |= Noise.UNKNOWN
    return found


def history(
    noise: NoiseFilter, bars: Floats, step_ms: int, version: str, breakout: bool = False,
    spread: float | Floats | None = None,
) -> Ints:  # fmt: skip
    """(n,) `judge_all` of a table of bars (n, 6), with the scaled deviation. `spread`: of the modelled quote, a
    fraction of the close, one or (n,); None takes the estimate from highs and lows."""
    open_ms, open_, high, low, close, volume = (np.ascontiguousarray(column) for column in bars.T)
    columns = definition(version).batch(open_, high, low, close, volume, COLUMNS)
    if spread is not None:
        columns[:, COLUMNS.index("spread_estimate_20")] = spread
    return judge_all(noise, moments(columns, open_ms.astype(np.int64) + step_ms, step_ms), breakout)


def judge_all(noise: NoiseFilter, at: Moments, breakout: bool | NDArray[np.bool_] = False) -> Ints:
    """(n,) the same reasons as numbers, bar by bar; an entry passes where it is 0. `breakout` is one flag or (n,)."""
    thin, closing = sessions.thin_and_closing(noise.sessions, at.close_ms, at.step_ms, noise.closing_minutes)
    with np.errstate(invalid="ignore"):
        reasons = (
            (Noise.SPREAD, at.spread > np.where(thin, noise.thin_spread_share, noise.spread_share) * at.deviation),
            (Noise.VOLUME, at.volume_ratio <= np.where(breakout, noise.breakout_volume_ratio, noise.volume_ratio)),
            (Noise.CLOSING, closing),
            (Noise.GAP, np.abs(at.gap) > noise.gap),
            (Noise.UNKNOWN, ~np.isfinite(at.spread + at.deviation + at.volume_ratio + at.gap)),
        )
    found = np.zeros(at.close_ms.shape, np.int64)
    for reason, holds in reasons:
        found |= np.where(holds, int(reason), 0)
    return found
