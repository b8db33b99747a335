"""The CVaR solver: maximum return under a CVaR limit, or minimum CVaR, with the proof that there is nothing better.

    solution = solve(CvarProblem(returns, alpha=0.95, cvar_limit=0.02, upper=0.25))
    if solution.status == "optimal": solution.weights, solution.duals.cvar_limit, solution.marginal_cvar

What is asked is in problem.py, what comes back in solution.py, what "optimal" is proved by in certificate.py. The
scenarios and strategies that decide are found by generation.py; where that fails to prove its answer, the full linear
programme is solved and proved the same way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fluxfloor.allocation.answer import answered, nothing, refused
from fluxfloor.allocation.checks import asked as checked
from fluxfloor.allocation.columns import Columns, Indices, columns_of
from fluxfloor.allocation.generation import CVAR_SLACK, Found, Generation
from fluxfloor.allocation.problem import Asked, CapRows, CvarProblem, Refused
from fluxfloor.allocation.rows import RowStart, row_start
from fluxfloor.allocation.solution import CvarSolution
from fluxfloor.allocation.starting import first_in_play

LIMIT_SLACK = 1e-9
"""A limit that is this much below the least CVaR is that CVaR."""
STEEP = 30.0
"""What the limit lacks is priced at first at so many times the greatest expected return per unit of volatility."""


def solve(problem: CvarProblem) -> CvarSolution:
    """The best weights and their proof, or why there are none. Raises nothing for bad numbers: see `status`."""
    found = checked(problem)
    if isinstance(found, Refused):
        shape = np.shape(problem.returns)
        return refused(found, shape[1] if len(shape) == 2 else 0)
    return solve_checked(found)


def solve_checked(asked: Asked) -> CvarSolution:
    columns = columns_of(asked)
    start = row_start(columns)
    if start.missed > 0.0:
        return _rows_contradict(asked, start)
    if bounded(asked):
        solution = _generated(asked, columns, start.columns)
        if solution.status != "uncertified":
            return solution
    else:
        solution = _runs_away(asked)
        if solution.status == "unbounded":
            return solution
    return _full(asked, columns)


def bounded(asked: Asked) -> bool:
    """Whether bounds, budget or turnover keep every weight finite."""
    low = bool(np.isfinite(asked.lower).all())
    high = bool(np.isfinite(asked.upper).all())
    return bool(np.isfinite(asked.max_turnover)) or (low and (high or bool(np.isfinite(asked.budget))))


def _generated(asked: Asked, columns: Columns, start: Indices) -> CvarSolution:
    first = first_in_play(asked, columns)
    generation = Generation(asked, columns, np.union1d(start, first.columns), first.settled)
    generation.add_scenarios(first.scenarios)
    return _climbed(asked, generation)


def _full(asked: Asked, columns: Columns) -> CvarSolution:
    """Every strategy and every scenario at once."""
    generation = Generation(asked, columns, np.arange(columns.count), np.zeros(asked.days, dtype=np.bool_))
    generation.add_scenarios(np.arange(asked.days))
    solution = _climbed(asked, generation)
    return replace(solution, effort=replace(solution.effort, full=True))


def _climbed(asked: Asked, generation: Generation) -> CvarSolution:
    """The goal's optimum. A limit that cannot be kept at the first price is looked for by minimising CVaR until it is
    kept (phase 1); from there on it is not for sale."""
    master = generation.master
    if asked.goal == "min_cvar":
        master.seek_least_cvar()
        return _told(asked, generation, generation.converge())
    if asked.cvar_limit == np.inf:
        master.seek_return(np.inf)
        return _told(asked, generation, generation.converge())
    master.seek_return(asked.cvar_limit, first_price(asked))
    found = generation.converge()
    if found is not None and found.slack <= CVAR_SLACK:
        return _told(asked, generation, found)
    return _from_least(asked, generation)


def _from_least(asked: Asked, generation: Generation) -> CvarSolution:
    generation.master.seek_least_cvar()
    least = generation.converge(enough=asked.cvar_limit)
    if least is None:
        return _told(asked, generation, None)
    cvar = generation.cvar_of(least.weights)
    if cvar > asked.cvar_limit + LIMIT_SLACK:
        return _limit_too_tight(asked, generation, least)
    eased = replace(asked, cvar_limit=max(asked.cvar_limit, cvar))
    generation.master.seek_return(eased.cvar_limit)
    return _told(eased, generation, generation.converge())


def first_price(asked: Asked) -> float:
    volatility = float(asked.volatility.mean())
    return STEEP * float(np.abs(asked.expected).max()) / volatility if volatility > 0.0 else 1.0


def _told(asked: Asked, generation: Generation, found: Found | None) -> CvarSolution:
    if found is None:
        words = "HiGHS found no optimum of the master programme"
        return nothing(
            "uncertified", asked.strategies, "no_optimum", words, "look for limits of very different scales",
            generation.effort,
        )  # fmt: skip
    return answered(asked, found.weights, found.multipliers, generation.effort)


def _limit_too_tight(asked: Asked, generation: Generation, least: Found) -> CvarSolution:
    proof = answered(replace(asked, goal="min_cvar"), least.weights, least.multipliers, generation.effort)
    if proof.status != "optimal":
        return proof
    words = (
        f"the CVaR limit {asked.cvar_limit:.6g} is below the least CVaR that the other limits allow, {proof.cvar:.6g}"
    )
    fix = f"raise cvar_limit to {proof.cvar:.6g} or more, or loosen {', '.join(proof.binding) or 'the other limits'}"
    found = nothing("infeasible", asked.strategies, "cvar_limit", words, fix, generation.effort)
    return replace(
        found, nearest_limit=proof.cvar, certificate=proof.certificate, binding=("cvar_limit", *proof.binding)
    )


def _rows_contradict(asked: Asked, start: RowStart) -> CvarSolution:
    named = ", ".join(start.binding)
    words = f"no weights within their bounds keep these limits together: {named} (missed by {start.missed:.6g})"
    found = nothing("infeasible", asked.strategies, "rows", words, f"loosen one of {named}, or the weights' bounds")
    return replace(found, binding=start.binding)


def _runs_away(asked: Asked) -> CvarSolution:
    """Looks for a direction that every row allows for ever and that the goal only gains from: the same problem with
    all limits zero, inside a box."""
    count = asked.strategies
    away = replace(
        asked,
        cvar_limit=0.0 if np.isfinite(asked.cvar_limit) else np.inf,
        lower=np.where(np.isinf(asked.lower), -1.0, 0.0),
        upper=np.where(np.isinf(asked.upper), 1.0, 0.0),
        budget=0.0 if np.isfinite(asked.budget) else np.inf,
        caps=CapRows(asked.caps.coefficients, np.where(np.isinf(asked.caps.limits), np.inf, 0.0), asked.caps.names),
        current=np.zeros(count),
    )
    direction = solve_checked(away)
    gain = -direction.cvar if asked.goal == "min_cvar" else direction.expected_return
    if direction.status != "optimal" or not gain > LIMIT_SLACK:
        return nothing("uncertified", count, "", "", "")
    which = ", ".join(asked.names[i] for i in np.flatnonzero(np.abs(direction.weights) > LIMIT_SLACK))
    words = f"nothing limits {which}: the more of it, the better, and no limit is ever reached"
    return nothing("unbounded", count, "unbounded", words, "give these strategies upper and lower bounds, or a budget")


__all__ = ["bounded", "solve", "solve_checked"]
