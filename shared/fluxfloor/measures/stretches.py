"""How well a regime's label tells, afterwards, what the market had been.

A stretch is STRETCH bars. It was a strong uptrend where a line through the logarithms of its closes explains at least
TREND_R2 of them and it rose by TREND_MOVE or more of what chance spreads over it (σ √n); it was sideways where a line
explains next to nothing and it went nowhere. A bar counts where any such stretch holds it. Looking back is the judge's
privilege: the labels themselves never do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels import linear_regression, log_return, rolling_std
from fluxfloor.kernels.regimes import REVERTING, UP
from fluxfloor.measures.records import Floats

STRETCH = 60
TREND_R2, TREND_MOVE = 0.8, 2.0
SIDEWAYS_R2, SIDEWAYS_MOVE = 0.2, 0.5
WHIPSAW_BARS = 5
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Telling:
    """Shares are None where there was nothing to tell. `whipsaws`: changes of the label that were taken back within
    WHIPSAW_BARS."""

    uptrend_bars: int
    called_trend: float | None
    sideways_bars: int
    called_reverting: float | None
    changes: int
    whipsaws: float | None


def telling(close: Floats, regime: Floats) -> Telling:
    """close, regime: (n,), prices and confirmed codes of kernels.regimes. Raises ValueError for unequal lengths."""
    if close.size != regime.size:
        raise ValueError("close and regime differ in length")
    known = np.isfinite(regime)
    trending, sideways = (part & known for part in stretches(close))
    changed = np.flatnonzero(np.diff(regime) != 0.0)
    changed = changed[known[changed] & known[np.minimum(changed + 1, regime.size - 1)]]
    return Telling(
        int(trending.sum()), _share(regime[trending] == UP), int(sideways.sum()),
        _share(regime[sideways] == REVERTING), int(changed.size), _share(_taken_back(regime, changed)),
    )  # fmt: skip


def stretches(close: Floats, length: int = STRETCH) -> tuple[Flags, Flags]:
    """(strong uptrends, sideways), each (n,): is the bar within any such stretch?"""
    moves = np.full(close.size, np.nan)
    logs = np.log(close)
    moves[length - 1 :] = logs[length - 1 :] - logs[: close.size - length + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = moves / (rolling_std(log_return(close), length) * np.sqrt(length))
        _, r2 = linear_regression(logs, length)
        up = (r2 >= TREND_R2) & (strength >= TREND_MOVE)
        flat = (r2 <= SIDEWAYS_R2) & (np.abs(strength) <= SIDEWAYS_MOVE)
    return _covered(up, length), _covered(flat, length)


def _covered(ends: Flags, length: int) -> Flags:
    """Every bar of the stretches that end there."""
    steps = np.zeros(ends.size + 1, np.int64)
    at = np.flatnonzero(ends)
    np.add.at(steps, at - length + 1, 1)
    np.add.at(steps, at + 1, -1)
    return np.asarray(np.cumsum(steps)[:-1] > 0)


def _taken_back(regime: Floats, changed: NDArray[np.intp]) -> Flags:
    """Of each change, whether the label before it stands again within WHIPSAW_BARS."""
    back = [bool(np.any(regime[at + 2 : at + 1 + WHIPSAW_BARS + 1] == regime[at])) for at in changed.tolist()]
    return np.array(back, bool)


def _share(flags: Flags) -> float | None:
    return float(np.mean(flags)) if flags.size else None
