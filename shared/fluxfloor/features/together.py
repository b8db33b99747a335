"""Do the market's instruments move as one? The mean correlation of their hourly returns, hour by hour.

The first of the market's symbols asks for all: on its first traded bar of an hour it looks at the hourly windows of
every instrument, as of the last full hour, and keeps what it finds. That is one more document a signal, and as many
windows an hour as there are instruments, where every instrument looking at every other would read their square.

A signal carries the hour that was known one traded bar before its own, so that it does not hang on which instrument's
bar came first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.state import AssetCorrelation
from fluxfloor.features.noise import FIVE_MINUTES_MS
from fluxfloor.kernels import mean_correlation
from fluxfloor.kernels.regimes import CONFIRMING_BARS, CORRELATED

Bars = NDArray[np.float64]
"""(n, 6), oldest first: open_ms, open, high, low, close, volume."""

MEAN_CORRELATION = "mean_correlation"
AS_ONE = "assets_correlated"
HOUR_MS = 3_600_000
KEPT_HOURS = 48
STALE_HOURS = 3


def full_hour(close_ms: int) -> int:
    """The end of the last hour whose bar was pulled before a bar that closed at `close_ms`."""
    return (close_ms - FIVE_MINUTES_MS) // HOUR_MS * HOUR_MS


def due(close_ms: int, step_ms: int) -> int | None:
    """The hour that the traded bar is the first to know; None where the bar before it knew it too."""
    hour_ms = full_hour(close_ms)
    return hour_ms if hour_ms != full_hour(close_ms - step_ms) else None


def correlated(windows: Sequence[Bars | None], hour_ms: int, hours: int) -> float | None:
    """The mean of the pairwise correlations of the last `hours` hourly log returns that all have, up to `hour_ms`.

    An instrument whose window lacks the last hour, or enough hours before it, is left out. None for fewer than two.
    """
    seen = [window[: int(np.searchsorted(window[:, 0], hour_ms))] for window in windows if window is not None]
    full = [bars for bars in seen if len(bars) > hours and bars[-1, 0] == hour_ms - HOUR_MS]
    if len(full) < 2:
        return None
    common = full[0][:, 0]
    for bars in full[1:]:
        common = np.intersect1d(common, bars[:, 0], assume_unique=True)
    common = common[-(hours + 1) :]
    closes = np.column_stack([bars[np.searchsorted(bars[:, 0], common), 4] for bars in full])
    if len(common) <= hours or not (np.isfinite(closes) & (closes > 0.0)).all():
        return None
    return float(mean_correlation(np.ascontiguousarray(np.diff(np.log(closes), axis=0)), hours)[-1])


def kept(before: AssetCorrelation, hour_ms: int, mean: float) -> AssetCorrelation:
    """With that hour, once; the oldest goes."""
    if before.as_of_ms and hour_ms <= before.as_of_ms[-1]:
        return before
    times, means = (*before.as_of_ms, hour_ms)[-KEPT_HOURS:], (*before.means, mean)[-KEPT_HOURS:]
    return before.model_copy(update={"as_of_ms": times, "means": means})


def at(known: AssetCorrelation | None, close_ms: int, step_ms: int) -> Mapping[str, float]:
    """What a signal on the bar that closed then carries; nothing where the newest hour is older than STALE_HOURS."""
    wanted_ms = full_hour(close_ms - step_ms)
    for as_of_ms, mean in reversed(list(zip(known.as_of_ms, known.means, strict=True)) if known else []):
        if as_of_ms <= wanted_ms:
            return {MEAN_CORRELATION: mean} if wanted_ms - as_of_ms <= STALE_HOURS * HOUR_MS else {}
    return {}


def turned(known: AssetCorrelation, instruments: int, now_ms: int) -> RiskRaised | None:
    """Told once when the newest three hours are all above 0.8 and the one before them was not."""
    last, before = known.means[-CONFIRMING_BARS:], known.means[-CONFIRMING_BARS - 1 : -CONFIRMING_BARS]
    if len(last) < CONFIRMING_BARS or min(last) <= CORRELATED or (before and before[0] > CORRELATED):
        return None
    return RiskRaised(
        kind=AS_ONE, scope=known.id, severity=Severity.INFO,
        message=f"{known.id} moves as one: the mean correlation of {instruments} instruments is {last[-1]:.2f}",
        details={MEAN_CORRELATION: f"{last[-1]:.4f}", "hours": str(CONFIRMING_BARS)}, ts_event_ms=now_ms,
    )  # fmt: skip


__all__ = ["MEAN_CORRELATION", "at", "correlated", "due", "full_hour", "kept", "turned"]
