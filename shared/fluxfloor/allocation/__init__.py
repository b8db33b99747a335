"""How capital is shared among strategies: pure functions of their histories, a policy and the weights in force."""

from __future__ import annotations

from fluxfloor.allocation.allocate import allocate
from fluxfloor.allocation.histories import History
from fluxfloor.allocation.problem import CapRows, CvarProblem
from fluxfloor.allocation.solution import CvarSolution, Duals
from fluxfloor.allocation.solver import solve

__all__ = ["CapRows", "CvarProblem", "CvarSolution", "Duals", "History", "allocate", "solve"]
