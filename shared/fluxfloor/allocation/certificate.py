"""The proof that weights are optimal, computed from the weights and the multipliers alone: no solver's word is taken.

The problem, with the tail set Q = {q: 0 ≤ q_t ≤ 1/((1−α)T), Σ q_t = 1} and the scenarios' losses −R w:

    maximise   μ'w
    subject to max_{q ∈ Q} −q'R w ≤ L            CVaR, multiplier λ ≥ 0
               A w ≤ b                           caps, y ≥ 0
               1'w ≤ B  (= B: fully invested)    budget, σ ≥ 0 (free)
               Σ |w_i − w0_i| ≤ τ                turnover, θ ≥ 0
               l ≤ w ≤ u

For any q ∈ Q and any such multipliers, with the net gain of each strategy c = μ + λ R'q − A'y − σ1,

    D(λ, q, y, σ, θ) = λL + y'b + σB + θτ + Σ_i max_{l_i ≤ v ≤ u_i} (c_i v − θ |v − w0_i|)

is no less than μ'w of any feasible w (weak duality), and equal at the optimum. The inner maximum is at l_i, u_i or
w0_i. To minimise CVaR, maximise −CVaR: μ = 0, λ = 1, and λL is left out.

So whatever a solver says, its multipliers are first pushed into their domain (clipped at zero, q into Q); then D is a
true bound, and D − μ'w a true gap. The one thing that cannot be repaired is a strategy without a bound on the side that
its net gain points to: that slope is the dual residual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.problem import Array, Asked
from fluxfloor.allocation.tails import portfolio_losses, tail_cvar, tail_shares, weighted_days

TOLERANCE = 1e-9
"""Feasibility, per row relative to max(1, |limit|); and the gap, relative to max(1, |objective|)."""


@dataclass(frozen=True, slots=True)
class Multipliers:
    """The dual variables as a solver leaves them: `tail` is q, (T,); `caps` is y, (K,)."""

    cvar: float
    tail: Array
    caps: Array
    budget: float
    turnover: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """`objective` is the expected return (or −CVaR) of the weights, `bound` what no weights exceed, `gap` the
    difference over max(1, |objective|). Residuals are the worst breach of any row or bound."""

    objective: float
    bound: float
    gap: float
    primal_residual: float
    dual_residual: float

    @property
    def holds(self) -> bool:
        """NaN anywhere does not hold."""
        return (
            -TOLERANCE <= self.gap <= TOLERANCE
            and self.primal_residual <= TOLERANCE
            and self.dual_residual <= TOLERANCE
        )


def certify(asked: Asked, weights: Array, told: Multipliers) -> Certificate:
    """Weighs `weights` (N,) against the bound that the multipliers prove."""
    losses = portfolio_losses(asked.returns_by_strategy, weights)
    cvar = tail_cvar(losses, asked.tail)[1]
    objective = -cvar if asked.goal == "min_cvar" else float(asked.expected @ weights)
    multipliers = into_domain(asked, told, losses)
    bound, dual_residual = dual_bound(asked, multipliers, weights)
    return Certificate(
        objective=float(objective),
        bound=bound,
        gap=(bound - float(objective)) / max(1.0, abs(float(objective))),
        primal_residual=primal_residual(asked, weights, cvar),
        dual_residual=dual_residual,
    )


def primal_residual(asked: Asked, weights: Array, cvar: float) -> float:
    """The worst breach of a row or bound; NaN weights are NaN."""
    total, moved = float(weights.sum()), float(np.abs(weights - asked.current).sum())
    breaches = [float(np.max(asked.lower - weights)), float(np.max(weights - asked.upper)), 0.0]
    if asked.goal == "max_return":
        breaches.append(_breach(cvar, asked.cvar_limit))
    breaches.append(_breach(total, asked.budget))
    if asked.fully_invested:
        breaches.append(_breach(-total, -asked.budget))
    breaches.append(_breach(moved, asked.max_turnover))
    used = asked.caps.coefficients @ weights
    breaches += [_breach(float(value), float(limit)) for value, limit in zip(used, asked.caps.limits, strict=True)]
    return float(np.max(breaches))


def _breach(value: float, limit: float) -> float:
    return -np.inf if limit == np.inf else (value - limit) / max(1.0, abs(limit))


def into_domain(asked: Asked, told: Multipliers, losses: Array) -> Multipliers:
    """The nearest multipliers that the bound holds for: signs right, no price on a row that is not there, q ∈ Q."""
    capped, limited = np.isfinite(asked.caps.limits), asked.goal == "min_cvar" or np.isfinite(asked.cvar_limit)
    budget = told.budget if asked.fully_invested else max(told.budget, 0.0)
    return Multipliers(
        cvar=1.0 if asked.goal == "min_cvar" else max(told.cvar, 0.0) if limited else 0.0,
        tail=_tail_into_domain(told.tail, asked.tail, losses),
        caps=np.where(capped, np.maximum(told.caps, 0.0), 0.0),
        budget=budget if np.isfinite(asked.budget) else 0.0,
        turnover=max(told.turnover, 0.0) if np.isfinite(asked.max_turnover) else 0.0,
    )


def _tail_into_domain(told: Array, tail: float, losses: Array) -> Array:
    """Clipped, and what is then missing to 1 is laid where there is room; without any, the tail of the losses."""
    cap = 1.0 / tail
    shares = np.clip(told, 0.0, cap)
    total = float(shares.sum())
    if not total > 0.5:
        return tail_shares(losses, tail)
    if total >= 1.0:
        return shares / total
    room = np.where(shares > 0.0, cap - shares, 0.0)
    if float(room.sum()) < 1.0 - total:
        room = cap - shares
    return shares + room * min(1.0, (1.0 - total) / float(room.sum()))


def net_gains(asked: Asked, multipliers: Multipliers) -> Array:
    """c: what one more unit of each strategy's weight earns after paying for every row it uses (N,)."""
    own = np.zeros(asked.strategies) if asked.goal == "min_cvar" else asked.expected
    held = np.flatnonzero(multipliers.tail)
    risk = weighted_days(asked.returns_by_day, held, multipliers.tail[held])
    gains = own + multipliers.cvar * risk - asked.caps.coefficients.T @ multipliers.caps - multipliers.budget
    return np.asarray(gains, dtype=np.float64)


def dual_bound(asked: Asked, multipliers: Multipliers, weights: Array) -> tuple[float, float]:
    """(D, dual residual) of multipliers that lie in their domain. Where a strategy has no bound on the side of its
    net gain, its own weight stands in for the bound and the slope counts as the residual."""
    gains, price = net_gains(asked, multipliers), multipliers.turnover
    upper = np.minimum(asked.upper, _reach(asked))
    at = [np.where(np.isfinite(bound), bound, weights) for bound in (asked.lower, upper)]
    if price > 0.0:
        at.append(np.clip(asked.current, asked.lower, upper))
    worth = np.max([gains * value - price * np.abs(value - asked.current) for value in at], axis=0)
    open_up = np.where(np.isinf(upper), gains - price, -np.inf)
    open_down = np.where(np.isinf(asked.lower), -gains - price, -np.inf)
    rows = [
        multipliers.caps[k] * asked.caps.limits[k] for k in np.flatnonzero(multipliers.caps > 0.0)
    ]  # an unpriced row may have no limit
    for dual, limit in ((multipliers.budget, asked.budget), (price, asked.max_turnover)):
        rows.append(dual * limit if dual != 0.0 else 0.0)
    if asked.goal == "max_return" and multipliers.cvar > 0.0:
        rows.append(multipliers.cvar * asked.cvar_limit)
    return float(worth.sum() + np.sum(rows)), float(max(0.0, open_up.max(), open_down.max()))


def _reach(asked: Asked) -> Array:
    """What the budget alone leaves for each strategy when the others hold their least; inf where that says nothing."""
    least = asked.lower.sum()
    if not np.isfinite(asked.budget) or not np.isfinite(least):
        return np.full(asked.strategies, np.inf)
    return np.asarray(np.maximum(asked.budget - (least - asked.lower), asked.lower), dtype=np.float64)


__all__ = [
    "TOLERANCE", "Certificate", "Multipliers", "certify", "dual_bound", "into_domain", "net_gains", "primal_residual",
]  # fmt: skip
