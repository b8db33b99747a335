"""Rockafellar and Uryasev, "Optimization of Conditional Value-at-Risk", Journal of Risk 2 (2000), 21-41: the example of
three instruments (S&P 500, government bonds, small caps), monthly, normal, with a required return of 0.011.

Tables 1 and 2 are the means and covariances, table 3 the minimum-variance portfolio, table 4 its VaR and CVaR. For
normal returns the minimum of CVaR is the minimum of variance; the paper's own scenario programmes come to within a few
per cent of that in weights and a few per mille in CVaR.
"""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.allocation import CapRows, CvarProblem, solve
from scipy.stats import norm, qmc

MEANS = np.array([0.0101110, 0.0043532, 0.0137058])
COVARIANCE = np.array(
    [[0.00324625, 0.00022983, 0.00420395], [0.00022983, 0.00049937, 0.00019247], [0.00420395, 0.00019247, 0.00764097]]
)
WEIGHTS = np.array([0.452013, 0.115573, 0.432414])
TAILS = {0.90: (0.067848, 0.096975), 0.95: (0.090200, 0.115908), 0.99: (0.132128, 0.152977)}
REQUIRED = CapRows(-MEANS[None, :], np.array([-0.011]), ("required return",))


def scenarios() -> np.ndarray:
    """Sobol points, as in the paper, moved so that their mean and covariance are the tables'."""
    normal = norm.ppf(qmc.Sobol(3, rng=1).random_base2(12))
    normal -= normal.mean(axis=0)
    whitened = normal @ np.linalg.inv(np.linalg.cholesky(np.cov(normal.T, ddof=0))).T
    return np.asarray(MEANS + whitened @ np.linalg.cholesky(COVARIANCE).T)


@pytest.mark.parametrize("alpha", TAILS)
def test_the_least_cvar_and_its_var_are_the_papers(alpha: float) -> None:
    var, cvar = TAILS[alpha]
    solution = solve(
        CvarProblem(scenarios(), alpha, goal="min_cvar", expected=MEANS, fully_invested=True, caps=REQUIRED)
    )
    assert solution.status == "optimal"
    assert solution.cvar == pytest.approx(cvar, rel=5e-3)
    assert solution.var == pytest.approx(var, rel=1.5e-2)
    assert solution.expected_return == pytest.approx(0.011, abs=1e-9)
    np.testing.assert_allclose(solution.weights, WEIGHTS, atol=0.04)
    assert "required return" in solution.binding
