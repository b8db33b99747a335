"""What comes into play first: the better the guess, the fewer rounds.

The guess is a sketch of the optimum by a first-order method (conditional gradient, the switching kind): while CVaR is
over its limit, move toward the strategies that lose least on the tail's days; otherwise toward those that earn most. It
keeps neither caps nor bounds: it only says which strategies and days the master should begin with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.columns import Columns, Flags, Indices
from fluxfloor.allocation.problem import Array, Asked
from fluxfloor.allocation.tails import portfolio_losses, weighted_days
from fluxfloor.kernels._build import kernel

STEPS = 40
TOGETHER = 4
"""A step moves toward so many strategies: one alone has a tail that no optimum has."""
SKETCHED, EARNERS = 50, 5
TAILS = 1.25
"""So many tails of scenarios are not calm at first, the sketch's worst ones,"""
SETTLED = 0.75
"""and the worst of them, so much of a tail, are settled."""


@dataclass(frozen=True, slots=True)
class First:
    """What is in play first, and the flags (T,) of the scenarios that are taken to be in the tail for certain."""

    columns: Indices
    scenarios: Indices
    settled: Flags


@kernel
def sketch(
    returns_by_strategy: Array, returns_by_day: Array, expected: Array, limit: float, tail: float, steps: int
) -> tuple[Array, Array]:
    """Weights (N,) that sum to 1 and their losses (T,), from returns (N, T) and (T, N), after so many steps from equal
    weights."""
    count, days = returns_by_strategy.shape
    together, size = min(TOGETHER, count), min(max(int(np.ceil(tail)), 1), days)
    weights, in_tail, earned = np.full(count, 1.0 / count), np.zeros(days, np.bool_), np.zeros(count)
    changed, change = np.empty(days, np.int64), np.empty(days)
    losses = portfolio_losses(returns_by_strategy, weights)
    for step in range(steps):
        edge = np.partition(losses, days - size)[days - size]
        found, total, moved = 0, 0.0, 0
        for t in range(days):
            now = losses[t] >= edge and found < size
            if now:
                total += losses[t]
                found += 1
            if now != in_tail[t]:
                in_tail[t], changed[moved], change[moved] = now, t, 1.0 if now else -1.0
                moved += 1
        earned += weighted_days(returns_by_day, changed[:moved], change[:moved])
        worth = earned.copy() if total > limit * size else expected.copy()
        share = 2.0 / (step + 4.0)
        weights *= 1.0 - share
        losses *= 1.0 - share
        for _ in range(together):
            best = np.argmax(worth)
            weights[best] += share / together
            losses -= share / together * returns_by_strategy[best]
            worth[best] = -np.inf
    return weights, losses


def first_in_play(asked: Asked, columns: Columns) -> First:
    """Columns: the sketch's strategies and the best earners. Scenarios: the sketch's worst, more than a tail of them,
    or the master would be unbounded."""
    limit = asked.cvar_limit if asked.goal == "max_return" else -np.inf
    weights, losses = sketch(asked.returns_by_strategy, asked.returns_by_day, asked.expected, limit, asked.tail, STEPS)
    heavy = np.argsort(-weights, kind="stable")[:SKETCHED]
    earners = np.argsort(-asked.expected, kind="stable")[:EARNERS]
    chosen = np.zeros(asked.strategies, dtype=np.bool_)
    chosen[heavy], chosen[earners] = True, True
    count = min(int(np.ceil(TAILS * asked.tail)) + 5, asked.days)
    worst = np.argsort(-losses, kind="stable")[:count]
    certain = int(SETTLED * asked.tail)
    settled = np.zeros(asked.days, dtype=np.bool_)
    settled[worst[:certain]] = True
    return First(np.flatnonzero(chosen[columns.strategy]), worst[certain:], settled)


__all__ = ["First", "first_in_play", "sketch"]
