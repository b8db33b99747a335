"""The CVaR solver: against the full programme, at its edges, and on what it must refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fluxfloor.allocation import CapRows, CvarProblem, solve
from fluxfloor.allocation.certificate import primal_residual
from fluxfloor.allocation.checks import asked
from fluxfloor.allocation.problem import Asked

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
    limit = times * least
    solution = solve(CvarProblem(returns, alpha, limit, fully_invested=True))
    assert solution.status == "optimal"
    best, _ = full_programme(returns, alpha, limit, fully_invested=True)
    # at the very edge a hair of CVaR is worth much return: SciPy keeps its rows to 1e-7 only
    assert solution.expected_return == pytest.approx(best, abs=1e-9 if times > 1.0 else 1e-6)


def test_the_least_cvar_is_that_of_the_full_programme_under_caps_too() -> None:
    returns = fat_tailed(25, 400)
    first = np.concatenate([np.ones(10), np.zeros(15)])
    caps = CapRows(np.vstack([first, returns.std(axis=0)]), np.array([0.2, returns.std()]), ("a", "b"))
    solution = solve(CvarProblem(returns, 0.95, goal="min_cvar", upper=0.15, fully_invested=True, caps=caps))
    least, _ = full_programme(returns, 0.95, upper=0.15, fully_invested=True, caps=(caps.coefficients, caps.limits))
    assert solution.status == "optimal"
    assert solution.cvar == pytest.approx(least, abs=1e-9)


def test_a_limit_below_the_least_cvar_names_the_nearest_one() -> None:
    returns = fat_tailed(20, 300)
    least = solve(CvarProblem(returns, 0.95, goal="min_cvar", fully_invested=True))
    tight = solve(CvarProblem(returns, 0.95, 0.9 * least.cvar, fully_invested=True))
    assert (tight.status, tight.reason) == ("infeasible", "cvar_limit")
    assert tight.nearest_limit == pytest.approx(least.cvar, abs=1e-9)
    assert not tight.weights.any()
    assert solve(CvarProblem(returns, 0.95, tight.nearest_limit, fully_invested=True)).status == "optimal"


def test_rows_that_contradict_each_other_are_named() -> None:
    caps = CapRows(np.ones((1, 4)), np.array([0.5]), ("gross",))
    solution = solve(CvarProblem(fat_tailed(4, 50), fully_invested=True, caps=caps))
    assert (solution.status, solution.reason) == ("infeasible", "rows")
    assert set(solution.binding) == {"gross", "budget"}
    assert "loosen" in solution.fix


def test_caps_too_small_to_be_fully_invested_are_infeasible() -> None:
    solution = solve(CvarProblem(fat_tailed(4, 50), upper=0.2, fully_invested=True))
    assert (solution.status, solution.binding) == ("infeasible", ("budget",))


@pytest.mark.parametrize("goal", ["max_return", "min_cvar"])
def test_a_riskless_gain_without_bounds_is_unbounded(goal: Any) -> None:
    returns = fat_tailed(2, 60)
    returns[:, 1] = returns[:, 0] + 0.001
    solution = solve(CvarProblem(returns, 0.9, 0.02, goal, lower=-np.inf, upper=np.inf, budget=np.inf))
    assert solution.status == "unbounded"
    assert "bounds" in solution.fix


def test_without_bounds_the_cvar_limit_alone_can_bound_the_answer() -> None:
    returns = fat_tailed(3, 400)
    solution = solve(CvarProblem(returns, 0.9, 0.02, lower=-np.inf, upper=np.inf, budget=np.inf))
    assert solution.status == "optimal"
    assert solution.cvar == pytest.approx(0.02, abs=1e-9)


def test_turnover_is_kept_and_priced() -> None:
    returns = fat_tailed(30, 300)
    current = np.full(30, 1.0 / 30.0)
    free = CvarProblem(returns, 0.95, 0.02, current=current, max_turnover=2.0)
    tied = replace(free, max_turnover=0.3)
    solution = solve(tied)
    assert (solution.status, solve(free).status) == ("optimal", "optimal")
    assert np.abs(solution.weights - current).sum() == pytest.approx(0.3, abs=1e-9)
    more = solve(replace(tied, max_turnover=0.3 + 1e-5))
    assert solution.duals is not None
    assert solution.duals.turnover == pytest.approx((more.expected_return - solution.expected_return) / 1e-5, rel=1e-4)


def test_the_limits_price_is_what_one_more_unit_earns() -> None:
    returns = fat_tailed(30, 400)
    problem = CvarProblem(returns, 0.95, 0.011, upper=0.3)
    solution, more = solve(problem), solve(replace(problem, cvar_limit=0.011 + 1e-7))
    assert solution.duals is not None
    assert solution.duals.cvar_limit > 0.0
    assert solution.duals.cvar_limit == pytest.approx(
        (more.expected_return - solution.expected_return) / 1e-7, rel=1e-4
    )


def test_the_marginal_cvars_add_up_to_the_cvar() -> None:
    solution = solve(CvarProblem(fat_tailed(30, 400), 0.95, 0.011, upper=0.3))
    assert solution.weights @ solution.marginal_cvar == pytest.approx(solution.cvar, abs=1e-9)
    assert "cvar_limit" in solution.binding


@pytest.mark.parametrize("shape", [(2, 1), (40, 500), (300, 500), (7, 3)])
def test_any_shape_is_answered(shape: tuple[int, int]) -> None:
    returns = fat_tailed(shape[1], shape[0])
    assert solve(CvarProblem(returns, 0.975, 0.01)).status == "optimal"


def test_constant_and_collinear_returns_are_answered() -> None:
    returns = fat_tailed(6, 200)
    returns[:, 0], returns[:, 1], returns[:, 2] = 0.0, returns[:, 3], 2.0 * returns[:, 3]
    for goal in ("max_return", "min_cvar"):
        solution = solve(CvarProblem(returns, 0.95, 0.01, goal, fully_invested=True))  # type: ignore[arg-type]
        assert solution.status == "optimal"


def changed(**values: Any) -> CvarProblem:
    return replace(CvarProblem(fat_tailed(3, 30)), **values)


def holed(value: float) -> CvarProblem:
    returns = fat_tailed(3, 30)
    returns[4, 2] = value
    return CvarProblem(returns)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (holed(np.nan), "returns_not_finite"),
        (holed(np.inf), "returns_not_finite"),
        (changed(returns=np.zeros((1, 3))), "too_little_data"),
        (changed(returns=np.zeros(3)), "too_little_data"),
        (changed(returns=np.full((3, 3), "x")), "returns_not_numbers"),
        (changed(alpha=95.0), "alpha"),
        (changed(cvar_limit=np.nan), "cvar_limit"),
        (changed(expected=np.zeros(2)), "shape"),
        (changed(expected=np.full(3, np.nan)), "expected_not_finite"),
        (changed(lower=0.5, upper=0.2), "bounds"),
        (changed(max_turnover=-1.0), "max_turnover"),
        (changed(fully_invested=True, budget=np.inf), "budget"),
        (changed(names=("a", "a", "b")), "names"),
        (changed(caps=CapRows(np.zeros((1, 2)), np.zeros(1), ("x",))), "caps"),
        (changed(goal="most"), "goal"),
    ],
)
def test_a_wrong_input_is_refused_with_the_fix(problem: CvarProblem, reason: str) -> None:
    solution = solve(problem)
    assert (solution.status, solution.reason) == ("refused", reason)
    assert solution.message
    assert solution.fix


def test_weights_that_break_a_row_have_a_residual() -> None:
    checked = asked(CvarProblem(fat_tailed(3, 30), upper=0.5))
    assert isinstance(checked, Asked)
    assert primal_residual(checked, np.array([0.5, 0.5, 0.1]), 0.0) == pytest.approx(0.1)
