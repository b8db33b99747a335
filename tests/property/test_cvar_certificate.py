"""The certificate holds for what the solver finds, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fluxfloor.allocation.certificate import Multipliers, certify, dual_bound, into_domain
from fluxfloor.allocation.checks import asked as checked
from fluxfloor.allocation.problem import Asked, CapRows, CvarProblem
from fluxfloor.allocation.solver import solve_checked
from fluxfloor.allocation.tails import portfolio_losses, tail_cvar, tail_shares
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.returns import fat_tailed

COUNTS = st.integers(1, 12)
SEEDS = st.integers(0, 10_000)
ALPHAS = st.floats(0.3, 0.99)


def problem(strategies: int, days: int, seed: int, alpha: float, goal: str) -> Asked:
    random = np.random.default_rng(seed)
    current = random.dirichlet(np.ones(strategies)) * 0.9
    caps = CapRows(random.uniform(0.0, 1.0, (2, strategies)), random.uniform(0.3, 1.0, 2), ("margin", "cluster"))
    found = checked(
        CvarProblem(
            fat_tailed(strategies, days, seed),
            alpha,
            cvar_limit=float(random.uniform(0.005, 0.03)),
            goal=goal,  # type: ignore[arg-type]
            upper=float(random.uniform(0.2, 1.0)),
            caps=caps,
            current=current,
            max_turnover=float(random.choice([np.inf, 1.5])),
        )
    )
    assert isinstance(found, Asked)
    return found


@settings(max_examples=40, deadline=None)
@given(COUNTS, st.integers(2, 120), SEEDS, ALPHAS, st.sampled_from(["max_return", "min_cvar"]))
def test_what_is_optimal_is_proved(strategies: int, days: int, seed: int, alpha: float, goal: str) -> None:
    asked = problem(strategies, days, seed, alpha, goal)
    solution = solve_checked(asked)
    assert solution.status in ("optimal", "infeasible")
    assert solution.certificate is None or solution.certificate.holds


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 12), st.integers(10, 120), SEEDS, st.floats(0.0, 10.0), st.floats(-0.1, 0.1))
def test_no_multipliers_prove_a_bound_below_a_feasible_return(
    strategies: int, days: int, seed: int, price: float, budget: float
) -> None:
    asked = problem(strategies, days, seed, 0.9, "max_return")
    solution = solve_checked(asked)
    if solution.status != "optimal":
        return
    random = np.random.default_rng(seed)
    told = Multipliers(price, random.normal(size=days), random.normal(size=2), budget, float(random.normal()))
    losses = portfolio_losses(asked.returns_by_strategy, solution.weights)
    bound, _ = dual_bound(asked, into_domain(asked, told, losses), solution.weights)
    assert bound >= solution.expected_return - 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 12), st.integers(20, 120), SEEDS, st.integers(0, 11), st.floats(1e-6, 0.1))
def test_moved_weights_are_not_certified(strategies: int, days: int, seed: int, which: int, by: float) -> None:
    asked = replace(problem(strategies, days, seed, 0.9, "max_return"), max_turnover=np.inf)
    solution = solve_checked(asked)
    if solution.status != "optimal" or solution.duals is None:
        return
    duals = solution.duals
    told = Multipliers(
        duals.cvar_limit, solution.tail, np.array(list(duals.caps.values())), duals.budget, duals.turnover
    )
    assert certify(asked, solution.weights, told).holds
    worse = solution.weights.copy()
    worse[which % strategies] += by
    moved = certify(asked, worse, told)
    # either a limit is broken, or the return is the optimum's, to the tolerance
    assert not moved.holds or abs(moved.objective - solution.expected_return) <= 2e-9


def test_wrong_multipliers_do_not_certify_the_right_weights() -> None:
    asked = problem(8, 100, 3, 0.9, "max_return")
    asked = replace(asked, cvar_limit=0.008, max_turnover=np.inf)
    solution = solve_checked(asked)
    assert solution.status == "optimal"
    assert solution.duals is not None
    caps = np.array(list(solution.duals.caps.values()))
    right = Multipliers(solution.duals.cvar_limit, solution.tail, caps, solution.duals.budget, 0.0)
    assert certify(asked, solution.weights, right).holds
    for wrong in (
        replace(right, cvar=right.cvar * 1.01 + 1e-4),
        replace(right, tail=np.roll(right.tail, 1)),
        replace(right, cvar=np.nan),
        replace(right, budget=right.budget + 1e-5, caps=caps + 1e-5),
    ):
        assert not certify(asked, solution.weights, wrong).holds
    assert not certify(asked, solution.weights * np.nan, right).holds


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=40), ALPHAS)
def test_cvar_is_the_tails_mean_by_its_shares(losses: list[float], alpha: float) -> None:
    array = np.array(losses)
    tail = (1.0 - alpha) * len(losses)
    shares = tail_shares(array, tail)
    var, cvar = tail_cvar(array, tail)
    assert abs(shares.sum() - 1.0) < 1e-12
    assert shares.max() <= max(1.0 / tail, 1.0) + 1e-12
    assert abs(shares @ array - cvar) < 1e-12
    assert cvar >= var - 1e-15
    # Rockafellar and Uryasev: CVaR is the least of ζ + E[loss − ζ]+ / (1 − α), and VaR attains it
    rule = min(zeta + np.maximum(array - zeta, 0.0).sum() / tail for zeta in array)
    assert abs(rule - cvar) < 1e-12 or tail < 1.0
