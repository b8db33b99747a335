"""Returns of made-up strategies, and the full CVaR programme as a second opinion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import eye, hstack, vstack

Array = NDArray[np.float64]


def fat_tailed(strategies: int, days: int, seed: int = 1) -> Array:
    """(days, strategies) daily returns: a few common factors and each one's own noise, all with Student-t(4) tails."""
    random = np.random.default_rng(seed)
    factors = random.standard_t(4.0, (days, 5)) * 0.006
    loadings = random.normal(0.5, 0.5, (5, strategies))
    own = random.standard_t(4.0, (days, strategies)) * random.uniform(0.004, 0.015, strategies)
    return np.asarray(factors @ loadings + own + random.normal(0.0004, 0.0004, strategies))


def full_programme(
    returns: Array,
    alpha: float,
    limit: float | None = None,
    upper: float = 1.0,
    fully_invested: bool = False,
    caps: tuple[Array, Array] | None = None,
) -> tuple[float, Array]:
    """Rockafellar and Uryasev's programme over every scenario, by SciPy: (return, weights), or (CVaR, weights) with no
    limit. Raises AssertionError where it has no optimum."""
    days, count = returns.shape
    share = 1.0 / ((1.0 - alpha) * days)
    risk = np.concatenate([np.zeros(count), [1.0], np.full(days, share)])
    gain = np.concatenate([-returns.mean(axis=0), np.zeros(days + 1)])
    budget = np.concatenate([np.ones(count), np.zeros(days + 1)])[None, :]
    tail = hstack([-returns, -np.ones((days, 1)), -eye(days)])
    rows, sides = [tail], [np.zeros(days)]
    if not fully_invested:
        rows, sides = [*rows, budget], [*sides, np.ones(1)]
    if limit is not None:
        rows, sides = [*rows, risk[None, :]], [*sides, np.array([limit])]
    if caps is not None:
        rows.append(np.hstack([caps[0], np.zeros((len(caps[1]), days + 1))]))
        sides.append(caps[1])
    equal: dict[str, Any] = {"A_eq": budget, "b_eq": [1.0]} if fully_invested else {}
    bounds = [(0.0, upper)] * count + [(None, None)] + [(0.0, None)] * days
    cost = risk if limit is None else gain
    found = linprog(cost, vstack(rows).tocsr(), np.concatenate(sides), bounds=bounds, method="highs", **equal)
    assert found.status == 0, found.message
    return (found.fun if limit is None else -found.fun), found.x[:count]
