"""The weights that each objective asks for, and how little they are moved so that every limit is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from fluxfloor.allocation.capped import best, breach
from fluxfloor.allocation.hierarchy import hrp_weights
from fluxfloor.allocation.histories import Known
from fluxfloor.allocation.limits import Limits
from fluxfloor.allocation.parity import risk_parity
from fluxfloor.allocation.problem import Array, CvarProblem, Refused
from fluxfloor.allocation.solution import CvarSolution
from fluxfloor.allocation.solver import solve
from fluxfloor.allocation.tails import tail_cvar, tail_shares
from fluxfloor.contracts.allocation import AllocationPolicy, Status

KEPT = 1e-9  # a limit is kept to this
PROVED = 1e-9  # the largest gap that is called optimal
PARITY = 1e-11
SWEEPS = 10_000
HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Expected:
    """`means` (N,) after shrinkage and haircut, `covariance` (N, N), per period."""

    means: Array
    covariance: Array


@dataclass(frozen=True, slots=True)
class Chosen:
    weights: Array
    status: Status
    gap: float
    duals: dict[str, float] = field(default_factory=dict)
    binding: tuple[str, ...] = ()
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No weights keep the limits."""

    status: Status
    refused: Refused
    binding: tuple[str, ...] = ()
    nearest_limit: float | None = None


def chosen(known: Known, expected: Expected, limits: Limits, policy: AllocationPolicy) -> Chosen | Nothing:
    """By the policy's objective, under all of its limits."""
    if policy.objective == "max_return":
        return _of(solve(problem(known, expected, limits, policy)))
    if policy.objective == "min_cvar":
        return _least_cvar(known, expected, limits, policy)
    found = _without_cvar(known, expected, limits, policy)
    return found if isinstance(found, Nothing) else _under_cvar(found, known, expected, limits, policy)


def _without_cvar(known: Known, expected: Expected, limits: Limits, policy: AllocationPolicy) -> Chosen | Nothing:
    """What the objective asks for, or the nearest weights (least squares) that keep the caps."""
    q, gain, moved = policy.risk_aversion * expected.covariance, expected.means, ""
    if policy.objective != "mean_variance":
        own = _own(expected.covariance, limits, policy)
        if isinstance(own, Nothing) or breach(own.weights, limits) <= KEPT:
            return own
        q, gain, moved = np.eye(own.weights.size), own.weights, "moved to the nearest weights that keep the caps"
    room = _of(solve(replace(problem(known, expected, limits, policy), cvar_limit=np.inf)))
    if isinstance(room, Nothing):
        return room
    found = _capped(q, gain, limits, room)
    return replace(found, status="feasible", duals={}, moved=found.moved or moved) if moved else found


def problem(known: Known, expected: Expected, limits: Limits, policy: AllocationPolicy) -> CvarProblem:
    return CvarProblem(
        known.returns, policy.cvar_alpha, limits.cvar_limit, "max_return", expected.means, 0.0, limits.upper,
        limits.total, limits.fully_invested, limits.caps, limits.current, limits.max_turnover, known.names,
    )  # fmt: skip


def tail_of(known: Known, weights: Array, alpha: float) -> tuple[float, Array]:
    """(CVaR, what one more unit of each strategy adds to it)."""
    losses = -(known.returns @ weights)
    tail = (1.0 - alpha) * losses.size
    return tail_cvar(losses, tail)[1], -(tail_shares(losses, tail) @ known.returns)


def _of(found: CvarSolution) -> Chosen | Nothing:
    if found.status != "optimal" or found.duals is None:
        why: Status = "refused" if found.status == "uncertified" else found.status
        nearest = None if np.isnan(found.nearest_limit) else found.nearest_limit
        return Nothing(why, Refused(found.reason, found.message, found.fix), found.binding, nearest)
    rows = {"cvar_limit": found.duals.cvar_limit, "budget": found.duals.budget, "turnover": found.duals.turnover}
    return Chosen(found.weights, "optimal", found.gap, {**rows, **found.duals.caps}, found.binding)


def _least_cvar(known: Known, expected: Expected, limits: Limits, policy: AllocationPolicy) -> Chosen | Nothing:
    solution = solve(replace(problem(known, expected, limits, policy), goal="min_cvar"))
    if solution.status == "optimal" and solution.cvar > limits.cvar_limit + KEPT:
        least = solution.cvar + limits.reserve
        words = f"the CVaR limit {policy.cvar_limit:.6g} is below the least CVaR that the caps allow, {least:.6g}"
        fix = f"raise cvar_limit to {least:.6g} or more, or loosen the caps"
        return Nothing("infeasible", Refused("cvar_limit", words, fix), ("cvar_limit",), solution.cvar)
    return _of(solution)


def _own(covariance: Array, limits: Limits, policy: AllocationPolicy) -> Chosen | Nothing:
    """What the objective asks for where there are no caps."""
    count, error = len(covariance), 0.0
    if policy.objective == "erc":
        weights, error = risk_parity(covariance, np.full(count, 1.0 / count), PARITY, SWEEPS)
        if not error <= 1e-6:
            words = f"after {SWEEPS} sweeps risk contributions still differ by {error:.1e}"
            return Nothing("refused", Refused("no_parity", words, "leave out strategies that hedge each other fully"))
    else:
        weights = hrp_weights(covariance) if policy.objective == "hrp" else np.full(count, 1.0 / count)
    return Chosen(weights * limits.total, "optimal", error)


def _capped(q: Array, gain: Array, limits: Limits, corner: Chosen) -> Chosen:
    """The best of gain'w - w'Qw / 2; the corner, where the caps leave no room to look for it."""
    found = best(q, gain, limits)
    if not found.missed <= KEPT:
        told = "the corner that is expected to earn most: the caps leave no room for better"
        return replace(corner, status="feasible", gap=np.nan, duals={}, moved=told)
    return Chosen(
        found.weights, "optimal" if found.gap <= PROVED else "feasible", found.gap, found.duals, found.binding
    )


def _under_cvar(
    found: Chosen, known: Known, expected: Expected, limits: Limits, policy: AllocationPolicy
) -> Chosen | Nothing:
    """As little of the way to the least CVaR as the limit asks for: CVaR is convex, and so are the caps."""

    def over(weights: Array) -> bool:
        return tail_of(known, weights, policy.cvar_alpha)[0] > limits.cvar_limit

    if not over(found.weights):
        return found
    least = _least_cvar(known, expected, limits, policy)
    if isinstance(least, Nothing):
        return least
    far, near = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (far + near)
        far, near = (middle, near) if over(_between(found, least, middle)) else (far, middle)
    moved = f"moved {near:.1%} of the way to the least CVaR that the caps allow, to keep the CVaR limit"
    return replace(
        found, weights=_between(found, least, near), status="feasible", duals={},
        binding=("cvar_limit", *found.binding), moved=moved,
    )  # fmt: skip


def _between(one: Chosen, other: Chosen, share: float) -> Array:
    return one.weights + share * (other.weights - one.weights)


__all__ = ["Chosen", "Expected", "Nothing", "chosen", "problem", "tail_of"]
