"""What comes into play first: the better the guess, the fewer rounds.

The guess is a sketch of the optimum by a first-order method (conditional gradient, the switching kind): while CVaR is
over its limit, move toward the strategies that lose least on the tail's days; otherwise toward those that earn most. It
keeps neither caps nor bounds: it only says which strategies and days the master should begin with.
"""

from __future__ import annotations

import numpy as np

from fluxfloor.allocation.columns import Columns, Indices
from fluxfloor.allocation.problem import Array, Asked
from fluxfloor.allocation.tails import portfolio_losses
from fluxfloor.kernels._build import kernel

STEPS = 40
TOGETHER = 4
"""A step moves toward so many strategies: one alone has a tail that no optimum has."""
SKETCHED, EARNERS = 50, 5
TAILS = 1.25


@kernel
def sketch(returns_by_strategy: Array, expected: Array, limit: float, tail: float, steps: int) -> tuple[Array, Array]:
    """Weights (N,) that sum to 1 and their losses (T,), from returns (N, T), after so many steps from equal weights."""
    count, days = returns_by_strategy.shape
    together, size = min(TOGETHER, count), min(max(int(np.ceil(tail)), 1), days)
    weights, worst = np.full(count, 1.0 / count), np.empty(size, np.int64)
    losses = portfolio_losses(returns_by_strategy, weights)
    for step in range(steps):
        edge = np.partition(losses, days - size)[days - size]
        found, total = 0, 0.0
        for t in range(days):
            if losses[t] >= edge and found < size:
                worst[found] = t
                total += losses[t]
                found += 1
        worth = expected.copy()
        if total > limit * size:
            for i in range(count):
                row, earned = returns_by_strategy[i], 0.0
                for k in range(size):
                    earned += row[worst[k]]
                worth[i] = earned
        share = 2.0 / (step + 4.0)
        weights *= 1.0 - share
        losses *= 1.0 - share
        for _ in range(together):
            best = np.argmax(worth)
            weights[best] += share / together
            losses -= share / together * returns_by_strategy[best]
            worth[best] = -np.inf
    return weights, losses


def first_in_play(asked: Asked, columns: Columns) -> tuple[Indices, Indices]:
    """Columns: the sketch's strategies and the best earners. Scenarios: the sketch's worst, more than a tail of them,
    or the master would be unbounded."""
    limit = asked.cvar_limit if asked.goal == "max_return" else -np.inf
    weights, losses = sketch(asked.returns_by_strategy, asked.expected, limit, asked.tail, STEPS)
    heavy = np.argsort(-weights, kind="stable")[:SKETCHED]
    earners = np.argsort(-asked.expected, kind="stable")[:EARNERS]
    chosen = np.zeros(asked.strategies, dtype=np.bool_)
    chosen[heavy], chosen[earners] = True, True
    count = min(int(np.ceil(TAILS * asked.tail)) + 5, asked.days)
    return np.flatnonzero(chosen[columns.strategy]), np.argsort(-losses, kind="stable")[:count]


__all__ = ["first_in_play", "sketch"]
