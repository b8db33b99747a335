"""The CVaR solver: against the full programme, at its edges, and on what it must refuse."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.allocation import CapRows, CvarProblem, solve

from tests.support.returns import fat_tailed, full_programme


@pytest.mark.parametrize(
    ("strategies", "days", "alpha"), [(5, 60, 0.9), (30, 500, 0.95), (60, 40, 0.975), (1, 99, 0.5)]
)
@pytest.mark.parametrize("times", [1.0, 1.05, 1.5])
def test_the_maximum_return_is_that_of_the_full_programme(
    strategies: int, days: int, alpha: float, times: float
) -> None:
    returns = fat_tailed(strategies, days)
    least, _ = full_programme(returns, alpha, fully_invested=True)
    solution = solve(CvarProblem(returns, alpha, times * least, fully_invested=True))
    assert solution.status == "optimal"
    assert solution.expected_return == pytest.approx(
        full_programme(returns, alpha, times * least, fully_invested=True)[0], abs=1e-9
    )


def test_the_least_cvar_is_that_of_the_full_programme_under_caps_too() -> None:
    returns = fat_tailed(25, 400)
    caps = CapRows(
        np.vstack([np.r_[np.ones(10), np.zeros(15)], returns.std(axis=0)]), np.array([0.2, returns.std()]), ("a", "b")
    )
    solution = solve(CvarProblem(returns, 0.95, goal="min_cvar", upper=0.15, fully_invested=True, caps=caps))
    least, _ = full_programme(returns, 0.95, upper=0.15, fully_invested=True, caps=(caps.coefficients, caps.limits))
    assert solution.status == "optimal"
    assert solution.cvar == pytest.approx(least, abs=1e-9)
