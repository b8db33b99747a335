"""Histories and a policy in, weights out: one pure function, the same answer for the same inputs.

allocated = allocate([History("trend", days, returns), ...], AllocationPolicy(cvar_limit=0.015, max_weight=0.3))
if allocated.weights: ...   # else allocated.reason, .message and .fix say why there are none
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from fluxfloor.allocation.choosing import Chosen, Expected, Nothing, chosen, tail_of
from fluxfloor.allocation.estimation import (
    black_litterman,
    cut,
    grand_mean,
    ledoit_wolf,
    standard_errors,
    trusted,
    view_table,
)
from fluxfloor.allocation.histories import History, Known, known
from fluxfloor.allocation.limits import Limits, limits_of
from fluxfloor.allocation.problem import Array, Refused
from fluxfloor.contracts.allocation import Allocated, AllocationPolicy

NOTHING = 1e-10  # a weight below this is none


def allocate(
    histories: Sequence[History], policy: AllocationPolicy, current: Mapping[str, float] | None = None,
    equity: float | None = None, drawdown: float = 0.0,
) -> Allocated:  # fmt: skip
    """What each strategy may have at work, as a fraction of equity.

    `current` are the weights in force (turnover is counted from them; without them there is no turnover limit);
    `equity` is only looked at for whether there is any; `drawdown` is the account's, a positive fraction, which the
    policy's risk budget may depend on. Bad inputs raise nothing: see `Allocated.status`.
    """
    if equity is not None and not (isfinite(equity) and equity > 0.0):
        return refusal(policy, Refused("no_equity", f"equity is {equity:g}", "pay in before capital is shared"))
    if any(not isfinite(weight) for weight in (current or {}).values()):
        return refusal(policy, Refused("current_not_finite", "a weight in force is no number", "give fractions"))
    policy = _budgeted(policy, drawdown)
    found = known(histories, policy)
    if isinstance(found, Refused):
        return refusal(policy, found)
    limits = limits_of(found, policy, current)
    if not found.names:
        return _all_on_probation(found, limits, policy)
    wrong = _room_left(limits)
    if wrong is not None:
        return refusal(policy, wrong)
    expected = expectations(found, policy)
    picked = chosen(found, expected, limits, policy)
    if isinstance(picked, Nothing):
        return _none(picked, found, limits, policy)
    return _told(picked, found, expected, limits, policy)


def _budgeted(policy: AllocationPolicy, drawdown: float) -> AllocationPolicy:
    """With what of the CVaR limit is left at this drawdown."""
    left = policy.risk_budget(drawdown)
    if policy.cvar_limit is None or left == 1.0:
        return policy
    return policy.model_copy(update={"cvar_limit": policy.cvar_limit * left})


def expectations(found: Known, policy: AllocationPolicy) -> Expected:
    """Means and covariance per period. Black–Litterman takes no means from the histories, so there is no haircut."""
    covariance, _ = ledoit_wolf(found.returns)
    if policy.shrinkage == "black_litterman":
        legs, views, variances = view_table(policy.views, found.names, covariance, policy.tau)
        prior = _prior(found, policy)
        return Expected(*black_litterman(covariance, prior, policy.risk_aversion, policy.tau, legs, views, variances))
    means = np.array([own.mean() for own in found.own])
    if policy.shrinkage == "grand_mean" and covariance.any():
        means, _ = grand_mean(means, covariance, len(found.returns))
    if policy.cuts_hair:
        means = cut(means, trusted(found.own, found.names, policy.trials))
    if policy.uncertainty:
        means = means - policy.uncertainty * standard_errors(found.own)
    return Expected(means, covariance)


def _prior(found: Known, policy: AllocationPolicy) -> Array:
    given = np.array([policy.prior_weights.get(name, 0.0) for name in found.names])
    return given / given.sum() if given.sum() > 0.0 else np.full(len(found.names), 1.0 / len(found.names))


def _room_left(limits: Limits) -> Refused | None:
    if limits.max_turnover < 0.0:
        words = "strategies that leave or are on probation turn over more than max_turnover allows"
        return Refused("turnover", words, f"raise max_turnover by {-limits.max_turnover:.6g} or more")
    return None


def _all_on_probation(found: Known, limits: Limits, policy: AllocationPolicy) -> Allocated:
    if policy.fully_invested:
        words = "every strategy is on probation, so nothing says how to share all of the capital"
        fix = f"upload {policy.min_days} days or more of each, lower min_days, or set fully_invested: false"
        return refusal(policy, Refused("too_little_history", words, fix))
    weights = dict(zip(found.probation, limits.probation.tolist(), strict=True))
    return Allocated(
        status="feasible", objective=policy.objective, weights=weights, expected_return=0.0, gap=0.0,
        probation=found.probation, notes=found.notes, reason="probation",
        message="every strategy is on probation: each has the probation weight, and no risk is known",
        fix=f"wait for {policy.min_days} days of each, or upload them",
    )  # fmt: skip


def _told(picked: Chosen, found: Known, expected: Expected, limits: Limits, policy: AllocationPolicy) -> Allocated:
    weights = np.where(np.abs(picked.weights) < NOTHING, 0.0, picked.weights)
    cvar, marginal = tail_of(found, weights, policy.cvar_alpha)
    gap = max(picked.gap, 0.0) if isfinite(picked.gap) else None
    names = (*found.names, *found.probation)
    shares = (*weights.tolist(), *limits.probation.tolist())
    return Allocated(
        status=picked.status, objective=policy.objective, weights=dict(zip(names, shares, strict=True)),
        expected_return=float(expected.means @ weights), cvar=cvar, gap=gap, duals=picked.duals,
        binding=picked.binding, marginal_cvar=dict(zip(found.names, marginal.tolist(), strict=True)),
        probation=found.probation, days=len(found.returns), notes=found.notes,
        warnings=(*found.warnings, *_said(picked, found, limits)),
    )  # fmt: skip


def _said(picked: Chosen, found: Known, limits: Limits) -> list[str]:
    said = [f"the weights were {picked.moved}"] if picked.moved else []
    if not picked.weights.any():
        said.append("nothing is the best that can be held here: set fully_invested: true to have all of it at work")
    if found.probation and np.isfinite(limits.cvar_limit):
        said.append(f"{limits.reserve:.6g} of the CVaR limit is kept for what is on probation")
    return said


def _none(picked: Nothing, found: Known, limits: Limits, policy: AllocationPolicy) -> Allocated:
    why = picked.refused
    nearest = None if picked.nearest_limit is None else picked.nearest_limit + limits.reserve
    if nearest is not None and limits.reserve:
        words = f"{why.message}; {limits.reserve:.6g} of it is kept for what is on probation"
        why = Refused(why.reason, words, f"raise cvar_limit to {nearest:.6g} or more, or lower probation_weight")
    return refusal(policy, why).model_copy(
        update={
            "status": picked.status, "binding": picked.binding, "nearest_limit": nearest, "notes": found.notes,
            "probation": found.probation, "days": len(found.returns), "warnings": found.warnings,
        }
    )  # fmt: skip


def refusal(policy: AllocationPolicy, why: Refused) -> Allocated:
    return Allocated(status="refused", objective=policy.objective, reason=why.reason, message=why.message, fix=why.fix)


__all__ = ["allocate", "expectations", "refusal"]
