"""Weights and multipliers made into an answer: what limits cost, what binds, what each strategy adds to the tail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fluxfloor.allocation.certificate import Certificate, Multipliers, certify, into_domain, net_gains
from fluxfloor.allocation.problem import Array, Asked, Refused
from fluxfloor.allocation.solution import CvarSolution, Duals, Effort, Status
from fluxfloor.allocation.tails import portfolio_losses, tail_cvar, tail_shares, weighted_days

PRICED = 1e-12
AT_BOUND = 1e-9


def answered(asked: Asked, weights: Array, told: Multipliers, effort: Effort) -> CvarSolution:
    """Optimal if the certificate holds, else uncertified."""
    certificate = certify(asked, weights, told)
    losses = portfolio_losses(asked.returns_by_strategy, weights)
    var, cvar = tail_cvar(losses, asked.tail)
    multipliers = into_domain(asked, told, losses)
    tail = multipliers.tail if multipliers.cvar > 0.0 else tail_shares(losses, asked.tail)
    held = np.flatnonzero(tail)
    duals = shadow_prices(asked, weights, multipliers)
    solution = CvarSolution(
        status="optimal" if certificate.holds else "uncertified",
        weights=weights,
        expected_return=float(asked.expected @ weights),
        cvar=cvar,
        var=var,
        certificate=certificate,
        duals=duals,
        marginal_cvar=-weighted_days(asked.returns_by_day, held, tail[held]),
        tail=tail,
        binding=binding(asked, duals),
        effort=effort,
    )
    return solution if certificate.holds else _unproved(solution, certificate)


def _unproved(solution: CvarSolution, certificate: Certificate) -> CvarSolution:
    return replace(
        solution,
        reason="uncertified",
        message=f"the gap is {certificate.gap:.1e} and the rows are kept to {certificate.primal_residual:.1e}",
        fix="give returns and limits of a common scale: figures between 1e-6 and 1e6",
    )


def shadow_prices(asked: Asked, weights: Array, multipliers: Multipliers) -> Duals:
    gains, price = net_gains(asked, multipliers), multipliers.turnover
    prices = {}
    for side, bound, away in (("lower", asked.lower, -1.0), ("upper", asked.upper, 1.0)):
        slope = away * gains - price * np.where(away * (bound - asked.current) >= 0.0, 1.0, -1.0)
        prices[side] = np.where(np.abs(weights - bound) <= AT_BOUND, np.maximum(slope, 0.0), 0.0)
    return Duals(
        cvar_limit=0.0 if asked.goal == "min_cvar" else multipliers.cvar,
        budget=multipliers.budget,
        turnover=price,
        caps={name: float(dual) for name, dual in zip(asked.caps.names, multipliers.caps, strict=True)},
        lower=prices["lower"],
        upper=prices["upper"],
    )


def binding(asked: Asked, duals: Duals) -> tuple[str, ...]:
    """What the objective is held back by: limits with a price. A strategy held at zero is no news."""
    rows = {"cvar_limit": duals.cvar_limit, "budget": duals.budget, "turnover": duals.turnover, **duals.caps}
    names = [name for name, dual in rows.items() if abs(dual) > PRICED]
    names += [f"upper:{asked.names[i]}" for i in np.flatnonzero(duals.upper > PRICED)]
    return (*names, *(f"lower:{asked.names[i]}" for i in np.flatnonzero((duals.lower > PRICED) & (asked.lower != 0.0))))


def refused(found: Refused, count: int) -> CvarSolution:
    return nothing("refused", count, found.reason, found.message, found.fix)


def nothing(
    status: Status, count: int, reason: str, message: str, fix: str, effort: Effort | None = None
) -> CvarSolution:
    """An answer without weights."""
    return CvarSolution(status, np.zeros(count), reason=reason, message=message, fix=fix, effort=effort or Effort())


__all__ = ["answered", "binding", "nothing", "refused", "shadow_prices"]
