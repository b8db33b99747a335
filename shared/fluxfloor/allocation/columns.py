"""A problem as columns that start at zero: what the master programme is built of.

Every weight is a base plus what its columns move it by: up from its lower bound where there is no turnover limit; up
and down from the weight in force where there is one, so that turnover is the plain sum of the columns. A strategy that
stays out of the master thus rests at its base, and is priced without being in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fluxfloor.allocation.problem import Array, Asked

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """`base` is (N,). For each of n columns: its strategy, its sign (+1 moves the weight up), the most it may take and
    its gain in expected return. `rows` is (K, n) with floor ≤ rows @ x ≤ ceiling: the caps, then the budget and the
    turnover where they are finite."""

    base: Array
    strategy: Indices
    sign: Array
    room: Array
    gain: Array
    rows: Array
    floor: Array
    ceiling: Array
    names: tuple[str, ...]
    has_budget: bool
    has_turnover: bool

    @property
    def count(self) -> int:
        return len(self.strategy)

    def weights(self, columns: Indices, values: Array) -> Array:
        """The weights when those columns have those values and all the others zero."""
        moved = np.bincount(self.strategy[columns], self.sign[columns] * values, len(self.base))
        return np.asarray(self.base + moved, dtype=np.float64)


def columns_of(asked: Asked) -> Columns:
    base = _base(asked)
    up, down = asked.upper - base, base - asked.lower
    strategies = np.arange(asked.strategies)
    rising, falling = strategies[up > 0.0], strategies[down > 0.0]
    strategy = np.concatenate([rising, falling])
    sign = np.concatenate([np.ones(len(rising)), -np.ones(len(falling))])
    coefficients, floor, ceiling, names = _rows(asked, base)
    rows = coefficients[:, strategy] * sign
    has_turnover = bool(np.isfinite(asked.max_turnover))
    if has_turnover:  # its row is in moves, not in weights
        rows = np.vstack([rows, np.ones(len(strategy))])
        floor = np.append(floor, -np.inf)
        ceiling = np.append(ceiling, asked.max_turnover - float(np.abs(base - asked.current).sum()))
        names = (*names, "turnover")
    return Columns(
        base=base,
        strategy=strategy,
        sign=sign,
        room=np.concatenate([up[rising], down[falling]]),
        gain=asked.expected[strategy] * sign,
        rows=np.ascontiguousarray(rows),
        floor=floor,
        ceiling=ceiling,
        names=names,
        has_budget=bool(np.isfinite(asked.budget)),
        has_turnover=has_turnover,
    )


def _base(asked: Asked) -> Array:
    if np.isfinite(asked.max_turnover):
        return np.clip(asked.current, asked.lower, asked.upper)
    lowest = np.where(np.isfinite(asked.lower), asked.lower, asked.upper)
    return np.where(np.isfinite(lowest), lowest, 0.0)


def _rows(asked: Asked, base: Array) -> tuple[Array, Array, Array, tuple[str, ...]]:
    """Caps and budget as rows of the weights' moves: coefficients, floor, ceiling and names."""
    coefficients, ceiling, names = asked.caps.coefficients, asked.caps.limits, asked.caps.names
    floor = np.full(len(ceiling), -np.inf)
    if np.isfinite(asked.budget):
        coefficients = np.vstack([coefficients, np.ones(asked.strategies)])
        floor = np.append(floor, asked.budget if asked.fully_invested else -np.inf)
        ceiling, names = np.append(ceiling, asked.budget), (*names, "budget")
    used = coefficients @ base
    return coefficients, floor - used, ceiling - used, names


__all__ = ["Columns", "Flags", "Indices", "columns_of"]
