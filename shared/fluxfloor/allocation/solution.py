"""What the CVaR solver answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from fluxfloor.allocation.certificate import Certificate
from fluxfloor.allocation.problem import Array

Status = Literal["optimal", "uncertified", "infeasible", "unbounded", "refused"]


@dataclass(frozen=True, slots=True)
class Duals:
    """Shadow prices, all ≥ 0 (the budget's may be negative where fully invested): what the objective would gain if the
    limit were one unit looser. `lower` and `upper` are per strategy, `caps` by the row's name."""

    cvar_limit: float
    budget: float
    turnover: float
    caps: dict[str, float]
    lower: Array
    upper: Array


@dataclass(frozen=True, slots=True)
class Effort:
    """How the answer was found: master solves, simplex iterations, scenarios and columns that came into play, and
    whether the full programme had to be solved instead."""

    rounds: int = 0
    iterations: int = 0
    scenarios: int = 0
    columns: int = 0
    full: bool = False


@dataclass(frozen=True, slots=True)
class CvarSolution:
    """`weights` are usable only where `status` is "optimal": proved by `certificate`, see certificate.py.

    status "uncertified": weights that keep the limits as far as `certificate` says, without the proof
           "infeasible":  `reason` names what binds: "cvar_limit" (then `nearest_limit` is the least CVaR that the other
                          rows allow) or "rows" (then `binding` are the rows that contradict each other); weights are 0
           "unbounded":   nothing bounds the return
           "refused":     the input is wrong: `reason`, `message`, `fix`
    `expected_return` is expected @ weights, `cvar` and `var` of the scenarios, loss positive.
    `marginal_cvar` (N,) is dCVaR/dw, the tail's loss of one more unit of each strategy; `tail` (T,) are the tail's
    probabilities that it is weighted by. `binding` names what the objective is held back by.
    """

    status: Status
    weights: Array
    expected_return: float = np.nan
    cvar: float = np.nan
    var: float = np.nan
    certificate: Certificate | None = None
    duals: Duals | None = None
    marginal_cvar: Array = field(default_factory=lambda: np.zeros(0))
    tail: Array = field(default_factory=lambda: np.zeros(0))
    binding: tuple[str, ...] = ()
    nearest_limit: float = np.nan
    reason: str = ""
    message: str = ""
    fix: str = ""
    effort: Effort = Effort()

    @property
    def gap(self) -> float:
        return self.certificate.gap if self.certificate else np.nan


__all__ = ["CvarSolution", "Duals", "Effort", "Status"]
