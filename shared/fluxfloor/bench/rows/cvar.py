"""Maximum return under a CVaR limit, beside HiGHS's dual simplex on the full programme: both to one certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fluxfloor.allocation.certificate import Multipliers, certify
from fluxfloor.allocation.checks import asked
from fluxfloor.allocation.problem import Asked, CvarProblem
from fluxfloor.allocation.solver import solve
from fluxfloor.bench.row import Arrays, Outputs, Row, faster

ALPHA, UPPER = 0.95, 0.25
PRESOLVE = "off"  # the faster setting for HiGHS in each of these cases: with it on, 1.3 to 1.5 times the time
NOTE = "ours with its checks and its certificate; the peer's programme is laid out outside the clock"
SHORT = {
    (50, True): "half of our time is some 170 simplex iterations on 37 to 109 rows, the other half calls and checks of "
    "a fixed cost that so small a programme does not outweigh",
    (200, False): "half of our time is some 270 simplex iterations on 69 to 177 rows, the rest reading the returns "
    "twice, the sketch and the certificate",
    (200, True): "half of our time is some 440 simplex iterations on 69 to 195 rows: near the least CVaR many "
    "scenarios lie at the tail's edge, and the sketch guesses them worse",
    (500, True): "two thirds of our time are some 1,000 simplex iterations on 69 to 287 rows: near the least CVaR many "
    "scenarios lie at the tail's edge, and six rounds find them",
}
"""Why the aim may be missed, by strategies and whether the limit is tight."""


@dataclass(frozen=True, slots=True)
class Case:
    """A tight limit is 1.05 times the least CVaR, any other halfway to the greediest's; `times` is the aim."""

    strategies: int
    days: int
    tight: bool
    times: float

    @property
    def name(self) -> str:
        return f"cvar-{self.strategies}x{self.days}-{'tight' if self.tight else 'halfway'}"


CASES = tuple(
    Case(strategies, days, tight, times)
    for strategies, days, times in ((50, 1_260, 5.0), (200, 2_520, 15.0), (500, 2_520, 20.0))
    for tight in (False, True)
)


def note(case: Case) -> str:
    why = SHORT.get((case.strategies, case.tight))
    return f"{NOTE}; {why}" if why else NOTE


def returns(strategies: int, days: int) -> Any:
    """A few common factors and each one's own noise, all with Student-t(4) tails."""
    random = np.random.default_rng(7)
    factors = random.standard_t(4.0, (days, 5)) * 0.006
    loadings = random.normal(0.5, 0.5, (5, strategies))
    own = random.standard_t(4.0, (days, strategies)) * random.uniform(0.004, 0.015, strategies)
    return factors @ loadings + own + random.normal(0.0004, 0.0004, strategies)


def problem(given: Arrays, limit: float = np.inf) -> CvarProblem:
    return CvarProblem(given["returns"], ALPHA, limit, upper=UPPER, fully_invested=True)


def market(case: Case) -> Arrays:
    given: Arrays = {"returns": returns(case.strategies, case.days)}
    least = solve(CvarProblem(given["returns"], ALPHA, goal="min_cvar", upper=UPPER, fully_invested=True)).cvar
    limit = 1.05 * least if case.tight else 0.5 * (least + solve(problem(given)).cvar)
    told = {"limit": limit, "alpha": ALPHA, "upper": UPPER, "presolve": PRESOLVE}
    return {**given, **{name: np.array(value) for name, value in told.items()}}


def prepared(given: Arrays) -> CvarProblem:
    return problem(given, float(given["limit"]))


def ours(given: CvarProblem) -> Any:
    """Checks, solution and certificate. The multipliers are the peer's: the limit's, the budget's, the scenarios'."""
    solution = solve(given)
    assert solution.status == "optimal"
    assert solution.duals is not None
    duals = np.array([solution.duals.cvar_limit, solution.duals.budget])
    return solution.weights, duals, solution.tail * solution.duals.cvar_limit


def same(case: Case, ours: Outputs, peers: Outputs) -> None:
    """Both sides' weights and multipliers hold before our certificate, and earn the same."""
    given = market(case)
    found = asked(prepared(given))
    assert isinstance(found, Asked)
    earned = []
    for weights, duals, shares in (ours, peers):
        told = Multipliers(float(duals[0]), shares / shares.sum(), np.zeros(0), float(duals[1]), 0.0)
        certificate = certify(found, weights, told)
        assert certificate.holds, certificate
        earned.append(certificate.objective)
    assert abs(earned[0] - earned[1]) <= 1e-9


ROWS = tuple(
    Row(
        name=case.name,
        work=f"maximum return, {case.strategies} strategies × {case.days:,} days, CVaR limit "
        f"{'1.05 × the least' if case.tight else 'halfway'}",
        prepare=partial(market, case),
        prepared=prepared,
        ours=ours,
        peer="highs_cvar",
        packages=("highspy",),
        same=partial(same, case),
        aims=(faster(case.times),),
        seconds=20.0,
        note=note(case),
    )
    for case in CASES
)
