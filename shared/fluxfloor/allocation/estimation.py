"""What returns and risk are expected, from too few days: shrunk means, a shrunk covariance, a haircut for luck.

Arrays are (T, N) returns per period or of one value a strategy; nothing here is annualised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fluxfloor.allocation.problem import Array
from fluxfloor.contracts.allocation import View
from fluxfloor.measures.overfitting import expected_best_sharpe, moments, probabilistic_sharpe


def ledoit_wolf(returns: Array) -> tuple[Array, float]:
    """The covariance (ddof 0) pulled to a multiple of the identity, and how far (0 to 1).

    Ledoit & Wolf (2004), A well-conditioned estimator for large-dimensional covariance matrices, Journal of
    Multivariate Analysis 88(2). Positive definite unless nothing moves, also with fewer days than strategies.
    """
    days, count = returns.shape
    centred = returns - returns.mean(axis=0)
    sample = centred.T @ centred / days
    level = float(np.trace(sample)) / count
    apart = float(np.sum(sample * sample)) - count * level * level
    noise = (float(np.sum(np.square(np.einsum("ij,ij->i", centred, centred)))) / days - float(np.sum(sample**2))) / days
    share = 0.0 if apart <= 0.0 else min(max(noise / apart, 0.0), 1.0)
    shrunk = (1.0 - share) * sample
    shrunk[np.diag_indices(count)] += share * level
    return shrunk, share


def grand_mean(means: Array, covariance: Array, days: int) -> tuple[Array, float]:
    """Means pulled to their average, and how far: (N + 2) / (N + 2 + T d'Σ⁻¹d), d their distances from it.

    The Bayes–Stein intensity of Jorion (1986), Journal of Financial and Quantitative Analysis 21(3), with the grand
    mean as the target. Two strategies or fewer leave nothing to learn from each other: they stay as they are.
    """
    count = means.size
    if count < 3:
        return means.copy(), 0.0
    target = float(means.mean())
    away = means - target
    distance = float(away @ np.linalg.solve(covariance, away))
    share = (count + 2.0) / (count + 2.0 + days * max(distance, 0.0))
    return target + (1.0 - share) * away, share


def black_litterman(
    covariance: Array, prior_weights: Array, risk_aversion: float, tau: float, legs: Array, expected: Array,
    variances: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Posterior mean and covariance of returns. The prior mean is what makes `prior_weights` optimal: δ Σ w.

    legs: (K, N), a view a row; expected and variances: (K,), what it earns and the variance of its error.
    He & Litterman (1999), The intuition behind Black–Litterman model portfolios, Goldman Sachs.
    """
    prior = risk_aversion * covariance @ prior_weights
    if not len(legs):
        return prior, (1.0 + tau) * covariance
    spread = tau * covariance @ legs.T
    gain = np.linalg.solve(legs @ spread + np.diag(variances), spread.T).T
    return prior + gain @ (expected - legs @ prior), (1.0 + tau) * covariance - gain @ spread.T


def view_table(
    views: Sequence[View], names: Sequence[str], covariance: Array, tau: float
) -> tuple[Array, Array, Array]:
    """(legs, expected, variances) of views; a leg on a strategy that is not there counts for nothing."""
    legs = np.array([[view.legs.get(name, 0.0) for name in names] for view in views]).reshape(len(views), len(names))
    own = tau * np.einsum("ki,ij,kj->k", legs, covariance, legs)
    given = [own[k] if view.variance is None else view.variance for k, view in enumerate(views)]
    return legs, np.array([view.expected for view in views]), np.array(given)


def trusted(histories: Sequence[Array], names: Sequence[str], trials: Mapping[str, int]) -> Array:
    """How likely each strategy's true Sharpe ratio exceeds what the best of its worthless variants would show.

    The deflated Sharpe ratio's probability; a worthless variant's ratio over n days varies by 1 / (n - 1). One trial
    leaves the doubt that a short history deserves. What never moved is trusted by half.
    """
    found = np.empty(len(names))
    for i, (name, own) in enumerate(zip(names, histories, strict=True)):
        of = moments(own)
        threshold = expected_best_sharpe(trials.get(name, 1), 1.0 / (of.count - 1))
        chance = probabilistic_sharpe(of.sharpe, of.count, of.skew, of.kurtosis, threshold)
        found[i] = 0.5 if chance is None else chance
    return found


def standard_errors(histories: Sequence[Array]) -> Array:
    """(N,) of each mean: the deviation (ddof 1) over the root of the days. Lowering means by them is the worst case
    over a box of means that wide: max over w >= 0 of min over |e_i| <= k s_i of (mean + e)'w (robust optimisation with
    interval uncertainty, Ben-Tal & Nemirovski 1999)."""
    return np.array([own.std(ddof=1) / np.sqrt(own.size) for own in histories])


def cut(means: Array, trust: Array) -> Array:
    """Gains are believed as far as they are trusted; losses in full."""
    return np.where(means > 0.0, means * trust, means)


__all__ = ["black_litterman", "cut", "grand_mean", "ledoit_wolf", "trusted", "view_table"]
