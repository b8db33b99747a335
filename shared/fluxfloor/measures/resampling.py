"""How far a figure can be believed: bootstraps that keep neighbouring returns together, and trades in another order.

All chance comes from the generator that is handed in, so the same seed gives the same interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal

import numpy as np
from numpy.random import Generator

from fluxfloor.kernels import block_order, paths, stationary_order
from fluxfloor.measures.records import Floats, Ints, Run

Measure = Callable[[Floats], Floats]
"""(draws, n) returns to (draws,) figures; NaN where a draw has none."""
Method = Literal["stationary", "moving"]

DRAWS, LEVEL = 2_000, 0.95
_CELLS = 4_000_000  # of one chunk: bounds the memory, whatever n is


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and where the middle `level` of its bootstrap draws lie (percentile interval). `above_zero` is the share
    of the draws above zero, `block` the (mean) length of a block, `undefined` the share of the draws without a figure.
    """

    value: float
    low: float
    high: float
    level: float
    above_zero: float
    block: float
    draws: int
    undefined: float = 0.0


@dataclass(frozen=True, slots=True)
class Spread:
    """What trades in another order could have done. Quantiles of the deepest drawdown (positive) and of the total
    return at `levels`; `ruin` is the share of paths that fell to `ruin_level` of the start or below."""

    levels: tuple[float, ...]
    drawdowns: tuple[float, ...]
    totals: tuple[float, ...]
    ruin: float
    ruin_level: float
    draws: int

    def drawdown(self, level: float) -> float:
        return self.drawdowns[self.levels.index(level)]


# --- orders ------------------------------------------------------------------------------------------------------


def orders(n: int, block: float, draws: int, rng: Generator, method: Method = "stationary") -> Ints:
    """(draws, n) indexes into n values. `block` is the mean block length, for "moving" rounded to whole values.

    Raises ValueError for n or draws below 1, or a block outside [1, n].
    """
    if n < 1 or draws < 1 or not 1 <= block <= n:
        raise ValueError(f"can't draw {draws} times from {n} values in blocks of {block:g}")
    if method == "moving":
        length = round(block)
        return block_order(rng.integers(0, n - length + 1, (draws, ceil(n / length))), n, length)
    return stationary_order(rng.integers(0, n, (draws, n)), rng.random((draws, n)), float(block))


def automatic_block(returns: Floats) -> float:
    """The mean block length that serves the stationary bootstrap of a mean best, at least 1 and at most sqrt(n) * 3.

    Politis & White (2004), Automatic block-length selection for the dependent bootstrap, Econometric Reviews 23, with
    the correction of Patton, Politis & White (2009): flat-top lag window, b = (2 G^2 / D)^(1/3) n^(1/3), D = 2 g(0)^2.
    """
    n = returns.size
    deviation = returns - returns.mean()
    power = float(deviation @ deviation) / n
    if n < 8 or power < 1e-300:
        return 1.0
    quiet, most = max(5, round(sqrt(np.log10(n)))), min(ceil(sqrt(n)) + 5, n - 2)
    covariances = np.array([float(deviation[lag:] @ deviation[: n - lag]) / n for lag in range(most + 1)])
    width = _flat_top_width(np.abs(covariances[1:] / power), 2.0 * sqrt(np.log10(n) / n), quiet, most)
    lags = np.arange(1, width + 1)
    weights = np.minimum(1.0, 2.0 * (1.0 - lags / width)) if width > 1 else np.ones(1)
    g = float(2.0 * (weights * lags) @ covariances[1 : width + 1])
    long_run = float(covariances[0] + 2.0 * weights @ covariances[1 : width + 1])
    best = (g * g / (long_run * long_run)) ** (1 / 3) * n ** (1 / 3) if long_run > 0.0 else 1.0
    return float(np.clip(best, 1.0, min(3.0 * sqrt(n), n / 3)))


def _flat_top_width(correlations: Floats, limit: float, quiet: int, most: int) -> int:
    """Twice the lag after which `quiet` correlations in a row are insignificant."""
    loud = np.flatnonzero(correlations > limit)
    for start in range(correlations.size - quiet + 1):
        if not (correlations[start : start + quiet] > limit).any():
            return min(2 * max(start, 1), most)
    return min(2 * int(loud[-1] + 1), most) if loud.size else 1


# --- intervals ---------------------------------------------------------------------------------------------------


def interval(
    returns: Floats, measure: Measure, rng: Generator, *, draws: int = DRAWS, level: float = LEVEL,
    block: float | None = None, method: Method = "stationary",
) -> Interval | None:  # fmt: skip
    """The bootstrap interval of a measure; None where the measure itself is undefined. `block` None chooses it."""
    return paired_interval(returns, None, measure, rng, draws=draws, level=level, block=block, method=method)


def paired_interval(
    returns: Floats, other: Floats | None, measure: Measure, rng: Generator, *, draws: int = DRAWS,
    level: float = LEVEL, block: float | None = None, method: Method = "stationary",
) -> Interval | None:  # fmt: skip
    """Of measure(returns) - measure(other): both are drawn in the same order, so what moved both cancels out.

    other: (n,) returns of the same periods. Raises ValueError for unequal lengths.
    """
    if other is not None and other.size != returns.size:
        raise ValueError("paired series must cover the same periods")
    if returns.size < 2:
        return None
    series = (returns,) if other is None else (returns, other)
    value = float(_difference(series, np.arange(returns.size)[None, :], measure)[0])
    if not np.isfinite(value):
        return None
    length = block if block is not None else max(automatic_block(part) for part in series)
    figures = _drawn(series, measure, rng, draws, length, method)
    known = figures[np.isfinite(figures)]
    if not known.size:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    above = float(np.mean(known > 0.0))
    return Interval(value, float(low), float(high), level, above, length, draws, 1.0 - known.size / draws)


def _drawn(
    series: tuple[Floats, ...], measure: Measure, rng: Generator, draws: int, block: float, method: Method
) -> Floats:
    n = series[0].size
    parts = [_difference(series, orders(n, block, part, rng, method), measure) for part in chunks(draws, n)]
    return np.concatenate(parts)


def chunks(draws: int, n: int) -> list[int]:
    """How many draws of n values to hold at a time."""
    at_once = max(1, _CELLS // max(n, 1))
    return [min(at_once, draws - done) for done in range(0, draws, at_once)]


def _difference(series: tuple[Floats, ...], order: Ints, measure: Measure) -> Floats:
    first = measure(series[0][order])
    return first if len(series) == 1 else first - measure(series[1][order])


# --- measures over draws -----------------------------------------------------------------------------------------


def mean_return(returns: Floats) -> Floats:
    return np.asarray(returns.mean(axis=-1))


def total_return(returns: Floats) -> Floats:
    return np.asarray(np.prod(1.0 + returns, axis=-1) - 1.0)


def annual_return(per_year: float) -> Measure:
    """Compound growth a year."""

    def measure(returns: Floats) -> Floats:
        grown = np.maximum(np.prod(1.0 + returns, axis=-1), 0.0)
        return np.asarray(grown ** (per_year / returns.shape[-1]) - 1.0)

    return measure


def sharpe_ratio(per_year: float, risk_free: float) -> Measure:
    """As `performance.sharpe`, for each draw."""
    rate = (1.0 + risk_free) ** (1.0 / per_year) - 1.0

    def measure(returns: Floats) -> Floats:
        deviation = returns.std(axis=-1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (returns.mean(axis=-1) - rate) / deviation * sqrt(per_year)
        return np.where(deviation < 1e-14, np.nan, ratio)

    return measure


def deepest_drawdown(returns: Floats) -> Floats:
    """Positive; from 1 or from the highest value so far."""
    n = returns.shape[-1]
    flat = np.ascontiguousarray(returns.reshape(-1))
    order = np.arange(flat.size).reshape(-1, n)
    return paths(flat, order)[1].reshape(returns.shape[:-1])


# --- the order of trades -----------------------------------------------------------------------------------------


def account_returns(run: Run) -> Floats:
    """(k,) each trade's profit as a fraction of the equity at the last close before its entry."""
    place = np.searchsorted(run.close_ms, run.trades.entry_ms, side="right") - 1
    before = np.where(place >= 0, run.equity[np.maximum(place, 0)], run.opening)
    return np.asarray(run.trades.profit / before)


def trade_order(
    returns: Floats, rng: Generator, *, draws: int = DRAWS, replace: bool = False, count: int | None = None,
    ruin_level: float = 0.5, levels: tuple[float, ...] = (0.05, 0.5, 0.95, 0.99),
) -> Spread | None:  # fmt: skip
    """What the account could have gone through, had the same trades come in another order; None without trades.

    returns: (k,) of the account, a trade each, compounding. `replace` False shuffles them: the total stays, only the
    way there differs. True draws `count` of them (default k) with replacement: what a second such history could bring.
    """
    k = returns.size
    if not k:
        return None
    values = np.ascontiguousarray(returns)
    count = k if count is None or not replace else count
    parts = []
    for at_once in chunks(draws, count):
        if replace:
            order = rng.integers(0, k, (at_once, count))
        else:
            order = rng.permuted(np.tile(np.arange(k), (at_once, 1)), axis=1)
        parts.append(np.stack(paths(values, order)))
    final, deepest, lowest = np.concatenate(parts, axis=1)
    return Spread(
        levels=levels, drawdowns=tuple(np.quantile(deepest, levels).tolist()),
        totals=tuple((np.quantile(final, levels) - 1.0).tolist()), ruin=float(np.mean(lowest <= ruin_level)),
        ruin_level=ruin_level, draws=draws,
    )  # fmt: skip
