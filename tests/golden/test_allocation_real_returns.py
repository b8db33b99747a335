"""The CVaR solver on real returns: the last 1,260 days of the 20 US stocks that skfolio packages, against others.

HiGHS's answer to the full linear programme is taken through SciPy; skfolio solves its own formulation through CVXPY.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fluxfloor.allocation import CvarProblem, solve
from fluxfloor.allocation.problem import Array
from skfolio import RiskMeasure
from skfolio.optimization import MeanRisk

from tests.support.returns import full_programme

DAYS, ALPHA = 1_260, 0.975


@cache
def stocks() -> Array:
    found = find_spec("skfolio")
    assert found is not None
    assert found.origin is not None
    prices = pd.read_csv(Path(found.origin).parent / "datasets" / "data" / "sp500_dataset.csv.gz", index_col=0)
    returns: Array = prices.pct_change().dropna().to_numpy()[-DAYS:]
    return np.ascontiguousarray(returns)


def test_the_least_cvar_is_that_of_highs_and_of_skfolio() -> None:
    found = solve(CvarProblem(stocks(), ALPHA, goal="min_cvar", upper=0.25, fully_invested=True))
    assert found.status == "optimal"
    least, _ = full_programme(stocks(), ALPHA, upper=0.25, fully_invested=True)
    assert found.cvar == pytest.approx(least, abs=1e-9)
    theirs = MeanRisk(risk_measure=RiskMeasure.CVAR, cvar_beta=ALPHA, max_weights=0.25).fit(stocks())
    np.testing.assert_allclose(found.weights, theirs.weights_, atol=1e-4)


@pytest.mark.parametrize("times", [1.05, 1.3])
def test_the_most_return_under_a_limit_is_that_of_highs(times: float) -> None:
    least, _ = full_programme(stocks(), ALPHA, upper=0.25, fully_invested=True)
    found = solve(CvarProblem(stocks(), ALPHA, times * least, upper=0.25, fully_invested=True))
    best, _ = full_programme(stocks(), ALPHA, times * least, upper=0.25, fully_invested=True)
    assert found.status == "optimal"
    assert found.expected_return == pytest.approx(best, abs=1e-9)
    assert found.cvar <= times * least + 1e-9
    assert found.gap <= 1e-9
