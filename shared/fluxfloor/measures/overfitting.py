"""How much of a Sharpe ratio is luck: of a short history, of odd returns, and of having tried many variants.

Sharpe ratios here are of one period (a day), not annualised: mean excess return / its deviation (ddof 1).
Kurtosis is 3 for a normal distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import e, isfinite, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from fluxfloor.measures.records import Floats

_EULER = 0.5772156649015329
_NORMAL = NormalDist()
_CHUNK = 1_024  # partitions looked at together: bounds the memory


@dataclass(frozen=True, slots=True)
class Moments:
    """Of one series of excess returns; `sharpe` is 0 where nothing deviates."""

    count: int
    sharpe: float
    skew: float
    kurtosis: float


@dataclass(frozen=True, slots=True)
class Deflated:
    """The probability that the best of `trials` variants has a true Sharpe ratio above what the best of as many
    worthless ones would show (`threshold`, one period), with what that follows from."""

    probability: float
    sharpe: float
    threshold: float
    trials: int
    count: int


@dataclass(frozen=True, slots=True)
class Overfitting:
    """`probability` (PBO): how often the best variant in one half of the history was below the median in the other.
    `loses`: how often it lost there. `logits`: (partitions,) of its relative rank; positive is good."""

    probability: float
    loses: float
    logits: Floats
    trials: int
    groups: int


def moments(excess: Floats) -> Moments:
    """Skew and kurtosis are the plain sample moments, as the papers use them."""
    n = excess.size
    if n < 2:
        return Moments(n, 0.0, 0.0, 3.0)
    centred = excess - excess.mean()
    variance = float(centred @ centred) / n
    if variance < 1e-28:
        return Moments(n, 0.0, 0.0, 3.0)
    squares = centred * centred
    skew = float(squares @ centred) / n / variance**1.5
    kurtosis = float(squares @ squares) / n / variance**2
    return Moments(n, float(excess.mean()) / sqrt(variance * n / (n - 1)), skew, kurtosis)


def probabilistic_sharpe(
    sharpe: float, count: int, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float | None:
    """The probability that the true Sharpe ratio exceeds the benchmark, from `count` returns; None for fewer than two.

    Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)).
    Bailey & López de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2), eq. 11.
    """
    variance = _variance(sharpe, skew, kurtosis)
    if count < 2 or variance <= 0.0:
        return None
    return _NORMAL.cdf((sharpe - benchmark) * sqrt(count - 1) / sqrt(variance))


def minimum_track_record(
    sharpe: float, benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0, confidence: float = 0.95
) -> float | None:
    """How many returns it takes to trust that the true Sharpe ratio exceeds the benchmark; None if it is not above.

    1 + (1 - skew SR + (kurtosis - 1) / 4 SR^2) (z / (SR - SR*))^2, the same paper, eq. 13.
    """
    if sharpe <= benchmark:
        return None
    quantile = _NORMAL.inv_cdf(confidence)
    return 1.0 + _variance(sharpe, skew, kurtosis) * (quantile / (sharpe - benchmark)) ** 2


def expected_best_sharpe(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of `trials` independent worthless variants is expected to show.

    sqrt(V) ((1 - gamma) Z^-1(1 - 1/N) + gamma Z^-1(1 - 1/(N e))), V their ratios' variance.
    Bailey & López de Prado (2014), The deflated Sharpe ratio, Journal of Portfolio Management 40(5). 0 for one trial.
    """
    if trials < 1 or variance < 0.0:
        raise ValueError("there must be a trial, and a variance can't be negative")
    if trials == 1:
        return 0.0
    first, second = _NORMAL.inv_cdf(1.0 - 1.0 / trials), _NORMAL.inv_cdf(1.0 - 1.0 / (trials * e))
    return sqrt(variance) * ((1.0 - _EULER) * first + _EULER * second)


def deflated_sharpe(chosen: Floats, trial_sharpes: Floats) -> Deflated | None:
    """Of the chosen variant's excess returns, among all that were tried; None for fewer than two returns.

    trial_sharpes: (trials,) one-period Sharpe ratios of every variant, the chosen one among them. Variants that are
    near copies of each other count in full, which makes the verdict too strict rather than too kind.
    """
    known = trial_sharpes[np.isfinite(trial_sharpes)]
    of = moments(chosen)
    variance = float(np.var(known, ddof=1)) if known.size > 1 else 0.0
    threshold = expected_best_sharpe(max(known.size, 1), variance)
    probability = probabilistic_sharpe(of.sharpe, of.count, of.skew, of.kurtosis, threshold)
    if probability is None or not isfinite(probability):
        return None
    return Deflated(probability, of.sharpe, threshold, max(int(known.size), 1), of.count)


def overfitting_probability(returns: Floats, groups: int = 16) -> Overfitting | None:
    """CSCV: every way to split the history's `groups` into two halves, the variant chosen on one, judged on the other.

    returns: (periods, trials) excess returns. Periods that do not fill a group are left out at the beginning. None for
    fewer than two variants or fewer than two periods a group. Raises ValueError for an odd or too small `groups`.
    Bailey, Borwein, López de Prado & Zhu (2017), The probability of backtest overfitting, Journal of Computational
    Finance 20(4). Equal ratios share a rank.
    """
    if groups < 2 or groups % 2:
        raise ValueError("groups must be even")
    periods, trials = returns.shape
    length = periods // groups
    if trials < 2 or length < 2:
        return None
    parts = returns[periods - length * groups :].reshape(groups, length, trials)
    sums, squares = parts.sum(axis=1), np.square(parts).sum(axis=1)
    halves = _halves(groups)
    ranks, lost = np.empty(len(halves)), np.empty(len(halves), np.bool_)
    for at in range(0, len(halves), _CHUNK):
        chunk = halves[at : at + _CHUNK]
        ranks[at : at + _CHUNK], lost[at : at + _CHUNK] = _judged(chunk, sums, squares, length * groups // 2)
    share = ranks / (trials + 1)
    logits = np.log(share / (1.0 - share))
    return Overfitting(float(np.mean(logits <= 0.0)), float(np.mean(lost)), logits, trials, groups)


def _halves(groups: int) -> Floats:
    """(partitions, groups): 1 where a group belongs to the half that is chosen on."""
    chosen = np.array(list(combinations(range(groups), groups // 2)))
    halves = np.zeros((len(chosen), groups))
    np.put_along_axis(halves, chosen, 1.0, axis=1)
    return halves


def _judged(halves: Floats, sums: Floats, squares: Floats, count: int) -> tuple[Floats, NDArray[np.bool_]]:
    """(rank of the chosen variant in the other half, from 1; whether it lost there), a partition each."""
    inside, outside = (_ratios(part @ sums, part @ squares, count) for part in (halves, 1.0 - halves))
    best = np.argmax(inside, axis=1)
    judged = np.take_along_axis(outside, best[:, None], axis=1)
    below, equal = (outside < judged).sum(axis=1), (outside == judged).sum(axis=1)
    return below + (equal + 1) / 2.0, judged[:, 0] < 0.0


def _ratios(total: Floats, squared: Floats, count: int) -> Floats:
    """Sharpe ratios from sums; 0 for a variant that never moved."""
    mean = total / count
    variance = np.maximum(squared / count - mean * mean, 0.0) * (count / (count - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance < 1e-28, 0.0, mean / np.sqrt(variance))


def _variance(sharpe: float, skew: float, kurtosis: float) -> float:
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe


def chosen_from(chosen: Floats, trials: Floats) -> tuple[Deflated | None, Overfitting | None]:
    """Both verdicts on a variant that was chosen from `trials`, (periods, trials) excess returns; None for fewer than
    two of them. chosen: (periods,) its own excess returns."""
    if trials.ndim != 2 or trials.shape[1] < 2:
        return None, None
    ratios = np.array([moments(np.ascontiguousarray(column)).sharpe for column in trials.T])
    return deflated_sharpe(chosen, ratios), overfitting_probability(trials)
