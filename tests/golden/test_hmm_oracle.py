"""The Markov model against hmmlearn from the same start, and against the sum over every path."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from fluxfloor import kernels
from fluxfloor.kernels import Hmm
from hmmlearn.hmm import GaussianHMM


def market(count: int, features: int, seed: int = 0) -> np.ndarray:
    """Three kinds of days that last: calm, usual, wild."""
    rng = np.random.default_rng(seed)
    state = np.repeat(rng.integers(0, 3, count // 25 + 1), 25)[:count]
    size = np.array([0.004, 0.01, 0.03])[state][:, None]
    drift = np.array([0.001, 0.0, -0.002])[state][:, None]
    return drift + size * rng.normal(size=(count, features)) @ (np.eye(features) + 0.3)


def peer(x: np.ndarray, begun: Hmm, full: bool, steps: int) -> GaussianHMM:
    """hmmlearn without priors, from where we begin."""
    kind, freedom = ("full", x.shape[1]) if full else ("diag", 1)
    made = GaussianHMM(
        begun.start.size, kind, n_iter=steps, tol=-np.inf, init_params="", min_covar=0, covars_prior=0,
        covars_weight=1 if not full else -freedom + 0.0,
    )  # fmt: skip
    made.startprob_, made.transmat_, made.means_ = begun.start, begun.transition, begun.mean
    made.covars_ = begun.covariance if full else np.array([np.diag(matrix) for matrix in begun.covariance])
    return made.fit(x)


@pytest.mark.parametrize(("features", "full"), [(1, False), (2, False), (3, False), (1, True), (2, True), (3, True)])
def test_every_step_has_hmmlearns_likelihood_and_the_last_its_parameters(features: int, full: bool) -> None:
    x = market(1_500, features)
    begun = kernels.hmm_begin(x, 3, full, 7)
    ours, theirs = kernels.hmm_improve(x, begun, full, 15, -np.inf), peer(x, begun, full, 15)
    np.testing.assert_allclose(ours.log_likelihood, theirs.monitor_.history, rtol=1e-9)
    order = np.argsort([np.trace(matrix) for matrix in theirs.covars_])
    np.testing.assert_allclose(ours.mean, theirs.means_[order], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.covariance, theirs.covars_[order], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours.transition, theirs.transmat_[order][:, order], rtol=1e-6, atol=1e-9)
    assert kernels.hmm_filter(x, ours, full)[1] == pytest.approx(theirs.score(x), rel=1e-10)


def test_filtered_probabilities_are_the_sum_over_every_path() -> None:
    x = market(7, 2, seed=3)
    model = kernels.hmm_fit(market(400, 2), 3, True, 1, 10, 1e-2)
    got, likelihood = kernels.hmm_filter(x, model, True)
    density = np.array([[gauss(row, model.mean[j], model.covariance[j]) for j in range(3)] for row in x])
    for end in range(1, len(x) + 1):
        weight = np.zeros(3)
        for path in product(range(3), repeat=end):
            chance = model.start[path[0]] * density[0, path[0]]
            for i in range(1, end):
                chance *= model.transition[path[i - 1], path[i]] * density[i, path[i]]
            weight[path[-1]] += chance
        np.testing.assert_allclose(got[end - 1], weight / weight.sum(), rtol=1e-9)
    assert likelihood == pytest.approx(np.log(weight.sum()), rel=1e-12)


def gauss(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    gap = x - mean
    scale = np.sqrt(np.linalg.det(2 * np.pi * covariance))
    return float(np.exp(-0.5 * gap @ np.linalg.solve(covariance, gap)) / scale)
