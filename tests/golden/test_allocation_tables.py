"""Published tables of portfolio construction, and what others' libraries find on the same returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fluxfloor.allocation.estimation import black_litterman, ledoit_wolf, view_table
from fluxfloor.allocation.hierarchy import distances, hrp_weights, leaves
from fluxfloor.allocation.parity import risk_parity
from fluxfloor.allocation.quadratic import Quadratic, maximise
from fluxfloor.contracts.allocation import View
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from skfolio.optimization import MeanRisk, RiskBudgeting
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

# He & Litterman (1999), The intuition behind Black–Litterman model portfolios, tables 1 and 2.
COUNTRIES = ("australia", "canada", "france", "germany", "japan", "uk", "usa")
VOLATILITY = np.array([16.0, 20.3, 24.8, 27.1, 21.0, 20.0, 18.7]) / 100
CAPITALISATION = np.array([1.6, 2.2, 5.2, 5.5, 11.6, 12.4, 61.5]) / 100
CORRELATION = (
    (0.488,), (0.478, 0.664), (0.515, 0.655, 0.861), (0.439, 0.310, 0.355, 0.354),
    (0.512, 0.608, 0.783, 0.777, 0.405), (0.491, 0.779, 0.668, 0.653, 0.306, 0.652),
)  # fmt: skip
GERMANY = View(legs={"germany": 1.0, "france": -5.2 / 17.6, "uk": -12.4 / 17.6}, expected=0.05)
CANADA = View(legs={"canada": 1.0, "usa": -1.0}, expected=0.03)


def countries() -> Any:
    table = np.eye(7)
    for i, row in enumerate(CORRELATION, 1):
        table[i, :i] = table[:i, i] = row
    return table * np.outer(VOLATILITY, VOLATILITY)


def market(days: int, count: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    shared = random.normal(0, 0.006, (days, 3)) @ random.uniform(0.2, 1.0, (3, count))
    return shared + random.normal(0.0004, 0.01, (days, count))


@pytest.mark.parametrize(
    ("views", "means", "weights"),
    [
        ((), (3.9, 6.9, 8.4, 9.0, 4.3, 6.8, 7.6), CAPITALISATION * 100 / 1.05),
        ((GERMANY,), (4.3, 7.6, 9.3, 11.0, 4.5, 7.0, 8.1), (1.5, 2.1, -4.0, 35.4, 11.0, -9.5, 58.6)),
        ((GERMANY, CANADA), (4.4, 8.7, 9.5, 11.2, 4.6, 7.0, 7.5), (1.5, 41.9, -3.4, 33.6, 11.0, -8.2, 18.8)),
    ],
)
def test_black_litterman_gives_the_tables_of_he_and_litterman(views: Any, means: Any, weights: Any) -> None:
    covariance = countries()
    table = view_table(views, COUNTRIES, covariance, 0.05)
    mean, posterior = black_litterman(covariance, CAPITALISATION, 2.5, 0.05, *table)
    np.testing.assert_allclose(100 * mean, means, atol=0.051)
    np.testing.assert_allclose(100 * np.linalg.solve(2.5 * posterior, mean), weights, atol=0.051)


def test_equal_risk_contributions_are_those_of_maillard_roncalli_and_teiletche() -> None:
    """The properties of equally weighted risk contribution portfolios (2010), the example of four assets."""
    deviation = np.array([0.1, 0.2, 0.3, 0.4])
    correlation = np.array([[1, 0.8, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, -0.5], [0, 0, -0.5, 1]])
    covariance = correlation * np.outer(deviation, deviation)
    weights, error = risk_parity(covariance, np.full(4, 0.25), 1e-12, 1_000)
    np.testing.assert_allclose(weights, (0.384, 0.192, 0.243, 0.182), atol=5e-4)
    assert error < 1e-12


def test_risk_parity_is_skfolios_and_exacter() -> None:
    returns = market(600, 30, 2)
    covariance = np.cov(returns.T)
    weights, _ = risk_parity(covariance, np.full(30, 1 / 30), 1e-12, 1_000)
    contributions = weights * (covariance @ weights)
    np.testing.assert_allclose(contributions, contributions.mean(), rtol=1e-10)
    np.testing.assert_allclose(weights, RiskBudgeting().fit(returns).weights_, atol=2e-4)


@pytest.mark.parametrize(("days", "count"), [(400, 8), (30, 60)])
def test_the_shrunk_covariance_is_scikit_learns(days: int, count: int) -> None:
    returns = market(days, count, 3)
    ours, share = ledoit_wolf(returns)
    theirs, their_share = sklearn_ledoit_wolf(returns)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-16)
    assert share == pytest.approx(their_share, rel=1e-10)


def test_the_least_variance_is_skfolios() -> None:
    returns = market(600, 20, 4)
    ones = np.ones(20)
    found = maximise(
        Quadratic(np.cov(returns.T), 0 * ones, 0 * ones, 0.2 * ones, np.zeros((0, 20)), np.zeros(0), ones, 1.0)
    )
    assert found.gap < 1e-12
    assert found.missed < 1e-12
    np.testing.assert_allclose(found.weights, MeanRisk(max_weights=0.2).fit(returns).weights_, atol=2e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_tree_of_hierarchical_risk_parity_is_scipys(seed: int) -> None:
    covariance = np.cov(market(300, 25, seed).T)
    apart = distances(covariance)
    theirs = leaves_list(linkage(squareform(apart, checks=False), "single"))
    assert leaves(apart) == theirs.tolist()
    weights = hrp_weights(covariance)
    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() > 0


def test_hierarchical_risk_parity_halves_by_inverse_variance() -> None:
    """Two pairs that move alike; worked by hand from the paper's rule."""
    deviation = np.array([0.1, 0.2, 0.1, 0.2])
    correlation = np.array([[1, 0, 0.9, 0], [0, 1, 0, 0.9], [0.9, 0, 1, 0], [0, 0.9, 0, 1]])
    weights = hrp_weights(correlation * np.outer(deviation, deviation))
    np.testing.assert_allclose(weights, (0.4, 0.1, 0.4, 0.1), rtol=1e-12)
