"""The master's shortcuts: scenarios that are taken to be in the tail, and a first point without a programme."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.allocation import CapRows, CvarProblem
from fluxfloor.allocation.answer import answered
from fluxfloor.allocation.checks import asked
from fluxfloor.allocation.columns import Columns, columns_of
from fluxfloor.allocation.generation import Generation
from fluxfloor.allocation.problem import Array, Asked
from fluxfloor.allocation.rows import row_start
from fluxfloor.allocation.solution import CvarSolution

from tests.support.returns import fat_tailed


def put(problem: CvarProblem) -> tuple[Asked, Columns]:
    found = asked(problem)
    assert isinstance(found, Asked)
    return found, columns_of(found)


def converged(found: Asked, columns: Columns, settled: Array) -> CvarSolution:
    generation = Generation(found, columns, np.arange(columns.count), settled > 0.0)
    generation.add_scenarios(np.flatnonzero(settled == 0.0)[:: len(settled) // 60])
    generation.master.seek_least_cvar()
    ended = generation.converge()
    assert ended is not None
    return answered(found, ended.weights, ended.multipliers, generation.effort)


@pytest.mark.parametrize("seed", range(6))
def test_scenarios_settled_by_mistake_come_into_play(seed: int) -> None:
    found, columns = put(CvarProblem(fat_tailed(12, 400), 0.95, goal="min_cvar", fully_invested=True))
    settled = np.zeros(400)
    none = converged(found, columns, settled)
    settled[np.random.default_rng(seed).choice(400, 15, replace=False)] = 1.0
    wrong = converged(found, columns, settled)
    assert (none.status, wrong.status) == ("optimal", "optimal")
    assert wrong.cvar == pytest.approx(none.cvar, abs=1e-11)


def test_scenarios_settled_rightly_stay_out_of_the_master_and_keep_their_share() -> None:
    found, columns = put(CvarProblem(fat_tailed(12, 400), 0.95, goal="min_cvar", fully_invested=True))
    none = converged(found, columns, np.zeros(400))
    deep = np.zeros(400)
    deep[np.argsort(found.returns_by_day @ none.weights)[:4]] = 1.0
    right = converged(found, columns, deep)
    assert right.status == "optimal"
    assert right.effort.scenarios < none.effort.scenarios
    assert right.tail[deep > 0.0] == pytest.approx(1.0 / found.tail)


def test_the_best_earners_meet_the_budget_first() -> None:
    returns = fat_tailed(10, 100)
    found, columns = put(CvarProblem(returns, upper=0.3, fully_invested=True))
    assert sorted(row_start(columns).columns) == sorted(np.argsort(-found.expected)[:4])


def test_earners_that_break_a_cap_are_not_begun_with() -> None:
    returns = fat_tailed(10, 100)
    best = np.argsort(-returns.mean(axis=0))[:4]
    row = np.zeros((1, 10))
    row[0, best] = 1.0
    caps = CapRows(row, np.array([0.1]), ("best",))
    _, columns = put(CvarProblem(returns, upper=0.3, fully_invested=True, caps=caps))
    start = row_start(columns)
    assert start.missed == 0.0
    assert set(start.columns) - set(best.tolist())
