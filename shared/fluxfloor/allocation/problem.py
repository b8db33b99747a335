"""What the CVaR solver is asked: scenarios, limits and the rows that weights must keep.

Signs and units: returns are fractions per period (or money, if the weights are money), a loss is positive, and
CVaR_α(w) is the mean of the worst (1 − α)·T portfolio losses −returns @ w, the last of them by the fraction that
belongs to the tail (Rockafellar & Uryasev 2002). Every scenario is equally likely.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Goal = Literal["max_return", "min_cvar"]


@dataclass(frozen=True, slots=True)
class CapRows:
    """Linear caps `coefficients @ w ≤ limits`: (K, N) and (K,), with a name each for the duals and for people.

    Margin, leverage, clusters, gross exposure: whatever is linear in the weights.
    """

    coefficients: Array
    limits: Array
    names: tuple[str, ...]

    @staticmethod
    def none(strategies: int) -> CapRows:
        return CapRows(np.zeros((0, strategies)), np.zeros(0), ())


@dataclass(frozen=True, slots=True)
class CvarProblem:
    """Maximise `expected @ w` under a CVaR limit, or minimise CVaR, under the same rows.

    returns         (T, N) scenarios; finite
    alpha           tail level in (0, 1); 0.95 looks at the worst 5 %
    cvar_limit      CVaR_α(w) ≤ cvar_limit, loss positive; np.inf is no limit; ignored by "min_cvar"
    goal            "max_return" or "min_cvar"
    expected        (N,) expected returns; None takes the scenarios' means
    lower, upper    bounds of each weight: a number for all or (N,); ±np.inf is no bound
    budget          sum w ≤ budget, or = budget where fully_invested; np.inf is no budget
    caps            further rows, see CapRows; None for none
    current         (N,) weights in force; needed with max_turnover
    max_turnover    sum |w − current| ≤ max_turnover; np.inf is no limit
    names           of the strategies, for messages and binding limits; default "0", "1", …
    """

    returns: Array
    alpha: float = 0.95
    cvar_limit: float = np.inf
    goal: Goal = "max_return"
    expected: Array | None = None
    lower: float | Array = 0.0
    upper: float | Array = 1.0
    budget: float = 1.0
    fully_invested: bool = False
    caps: CapRows | None = None
    current: Array | None = None
    max_turnover: float = np.inf
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a problem is not solved: a code for programmes, a message for people, and what would make it solvable."""

    reason: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked problem with every default filled in; what the solver and the certificate both read.

    `returns_by_strategy` is (N, T) and `returns_by_day` the same as (T, N), both contiguous; `volatility` (N,) per
    period; `tail` is (1 − α)·T, the number of scenarios in the tail.
    """

    returns_by_strategy: Array
    returns_by_day: Array
    tail: float
    cvar_limit: float
    goal: Goal
    expected: Array
    volatility: Array
    lower: Array
    upper: Array
    budget: float
    fully_invested: bool
    caps: CapRows
    current: Array
    max_turnover: float
    names: tuple[str, ...] = field(default=())

    @property
    def strategies(self) -> int:
        return int(self.returns_by_strategy.shape[0])

    @property
    def days(self) -> int:
        return int(self.returns_by_strategy.shape[1])


__all__ = ["Array", "Asked", "CapRows", "CvarProblem", "Goal", "Refused"]
