"""Walking forward: nothing of the days to come is seen, weights drift, and turning over costs."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.allocation.ablation import BASELINE, CONTENDERS, ablation, choosing
from fluxfloor.allocation.problem import Array
from fluxfloor.allocation.walking import Walk, walk
from fluxfloor.contracts.allocation import AllocationPolicy

HOW = Walk(train=60, hold=20, cost=0.001)


def table(days: int = 200, count: int = 3, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(0.0005, 0.01, (days, count))


def everything_in(first: int) -> Array:
    weights = np.zeros(3)
    weights[first] = 1.0
    return weights


def test_what_is_held_makes_its_own_returns_and_buying_it_costs_once() -> None:
    returns = table()
    found = walk(returns, lambda window, held, drawdown: everything_in(0), HOW)
    assert found.returns[0] == pytest.approx((1 + returns[60, 0]) * 0.999 - 1, rel=1e-12)
    assert found.returns[1:] == pytest.approx(returns[61:, 0], rel=1e-9)
    assert found.turnover == pytest.approx(1 / 140)


def test_only_the_past_is_shown() -> None:
    returns, seen = table(), []

    def choose(window: Array, held: Array, drawdown: float) -> Array:
        seen.append(window.copy())
        return everything_in(1)

    walk(returns, choose, HOW)
    assert len(seen) == 7
    for i, window in enumerate(seen):
        np.testing.assert_array_equal(window, returns[20 * i : 60 + 20 * i])


def test_weights_drift_with_the_returns_and_going_back_costs() -> None:
    returns = np.zeros((100, 3))
    returns[60:80, 0] = 0.01
    found = walk(returns, lambda window, held, drawdown: np.full(3, 1 / 3), HOW)
    grown = 1.01**20 / (1.01**20 + 2)
    moved = 2 * (grown - 1 / 3)
    assert found.returns[20] == pytest.approx(-0.001 * moved, rel=1e-9)


def test_the_drawdown_that_is_told_is_that_of_the_walk() -> None:
    returns, told = np.zeros((120, 3)), []
    returns[60:80, 2] = -0.01

    def choose(window: Array, held: Array, drawdown: float) -> Array:
        told.append(drawdown)
        return everything_in(2)

    walk(returns, choose, Walk(train=60, hold=20, cost=0.0))
    assert told == pytest.approx([0.0, 1 - 0.99**20, 1 - 0.99**20])


def test_without_an_answer_what_is_held_stays() -> None:
    answers = iter([everything_in(0), None, None, None, None, None, None])
    found = walk(table(), lambda window, held, drawdown: next(answers), HOW)
    assert (found.kept, found.turnover) == (6, pytest.approx(1 / 140))


def test_a_window_that_leaves_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="leave none"):
        walk(table(60), lambda window, held, drawdown: None, HOW)


def test_a_drawdown_budget_chooses_less_risk_the_deeper_it_is() -> None:
    policy = AllocationPolicy(cvar_limit=0.01, min_days=30, drawdown_begins=0.05, drawdown_ends=0.20, shrinkage="none")
    choose = choosing(["a", "b", "c"], policy)
    window = table(250) + 0.001
    at = [choose(window, np.zeros(3), drawdown) for drawdown in (0.0, 0.05, 0.125, 0.20)]
    sums = [float(found.sum()) for found in at if found is not None]
    assert len(sums) == 4
    assert sums[0] == sums[1] > sums[2] > sums[3] == 0.0


def test_every_contender_is_told_beside_equal_weight() -> None:
    policy = AllocationPolicy(cvar_limit=0.02, min_days=30)
    rows = list(ablation(table(400), ["a", "b", "c"], policy, Walk(120, 60, 0.001), np.random.default_rng(0)))
    assert [row.name for row in rows] == list(CONTENDERS)
    assert rows[0].name == BASELINE
    assert rows[0].beyond_equal is None
    assert all(row.beyond_equal is not None and row.beyond_equal.low <= row.beyond_equal.high for row in rows[1:])
    equal = walk(table(400), lambda window, held, drawdown: np.full(3, 1 / 3), Walk(120, 60, 0.001))
    assert rows[0].turnover == pytest.approx(252 * equal.turnover, rel=1e-6)
