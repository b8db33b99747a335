"""Mean–variance under caps: a convex quadratic programme by an interior-point method, with its proof.

    maximise gain'w - w'Qw / 2   over   lower <= w <= upper,  rows w <= limits,  [each'w = total]

A predictor–corrector method (Mehrotra 1992) on the dense normal equations: HiGHS's own quadratic solver is made for
sparse problems and takes minutes on 500 strategies. What it finds is not trusted: `gap` is the distance between the
value of the weights and a bound that follows from the multipliers alone, so no better weights are further away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from fluxfloor.allocation.problem import Array

ROUNDS = 80
CLOSE = 1e-11  # in units of the objective
NEAR_FACE = 0.995  # of the way to the nearest face


@dataclass(frozen=True, slots=True)
class Quadratic:
    """`q` (N, N) positive semidefinite, `gain`, `lower`, `upper` (N,) finite; `rows` (K, N), `limits` (K,); `total` is
    what `each` (N,) times the weights must be, or None."""

    q: Array
    gain: Array
    lower: Array
    upper: Array
    rows: Array
    limits: Array
    each: Array
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """`value` at the `weights`, no feasible ones being better by more than `gap`; `missed` is the worst breach of a
    row, `row_duals` (K,) what a unit of each limit is worth and `total_dual` one of the total."""

    weights: Array
    value: float
    gap: float
    missed: float
    row_duals: Array
    total_dual: float


def maximise(asked: Quadratic) -> Point:
    """The best weights where there are any that keep all rows; otherwise `missed` says that there are not."""
    weights, duals, total_dual = asked.lower.copy(), np.zeros(len(asked.rows)), 0.0
    free = asked.upper - asked.lower > 1e-12
    if asked.total is not None and (asked.each > 0.0).all() and float(asked.each @ asked.upper) <= asked.total + 1e-12:
        free, weights = np.zeros_like(free), asked.upper.copy()  # there is room for nothing else
        total_dual = float(np.min((asked.gain - asked.q @ weights) / asked.each))
    if free.any():
        weights[free], duals, total_dual = _searched(_of_free(asked, free, weights))
    return _proved(asked, np.clip(weights, asked.lower, asked.upper), duals, total_dual)


def _of_free(asked: Quadratic, free: NDArray[np.bool_], weights: Array) -> Quadratic:
    """Without the weights that have nowhere to go."""
    held = np.where(free, 0.0, weights)
    total = None if asked.total is None else asked.total - float(asked.each @ held)
    return Quadratic(
        asked.q[np.ix_(free, free)], (asked.gain - asked.q @ held)[free], asked.lower[free], asked.upper[free],
        asked.rows[:, free], asked.limits - asked.rows @ held, asked.each[free], total,
    )  # fmt: skip


def _proved(asked: Quadratic, w: Array, duals: Array, total_dual: float) -> Point:
    """With the bound max over the box of value + duals'(limits - rows w) + total_dual (total - each'w), linearised in
    w: by concavity no weights that keep the rows exceed it."""
    slope = asked.gain - asked.q @ w
    net = slope - asked.rows.T @ duals - total_dual * asked.each
    best = float(np.sum(np.maximum(net * asked.lower, net * asked.upper)))
    bound = best + float(duals @ asked.limits) + total_dual * (asked.total or 0.0) - float(slope @ w)
    missed = float(np.max(asked.rows @ w - asked.limits, initial=0.0))
    if asked.total is not None:
        missed = max(missed, abs(float(asked.each @ w) - asked.total))
    value = float(asked.gain @ w - 0.5 * w @ asked.q @ w)
    return Point(w, value, max(bound, 0.0), missed, duals, total_dual)


def _searched(asked: Quadratic) -> tuple[Array, Array, float]:
    """(weights, row duals, dual of the total): of a box with an inside."""
    count = asked.gain.size
    size = max(float(np.max(np.abs(asked.gain))), float(np.max(np.abs(asked.q))), 1e-300)
    state = _State(asked, size)
    best, least = (state.w, state.z, state.y), np.inf
    for _ in range(ROUNDS):
        far = state.distance()
        if far < least:
            best, least = (state.w, state.z, state.y), far
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # past the end; `advanced` says so
            if far < CLOSE or state.middle < 1e-3 * CLOSE or not state.advanced():
                break
    w, z, y = best
    return w, z[2 * count :] * size, y * size


class _State:
    """Where the method is: weights w, slacks s and multipliers z of upper bounds, lower bounds and rows, y of the
    total; everything in units of the objective's size."""

    def __init__(self, asked: Quadratic, size: float) -> None:
        self.asked, self.count = asked, asked.gain.size
        self.q, self.gain = asked.q / size, asked.gain / size
        self.edges = np.concatenate([asked.upper, -asked.lower, asked.limits])
        self.w = 0.5 * (asked.lower + asked.upper)
        self.s = np.maximum(self.edges - self._rows(self.w), 0.1 * float(np.mean(asked.upper - asked.lower)))
        self.z, self.y = np.ones(self.edges.size), 0.0
        self.solved: Callable[[Array], Array] = np.copy
        self._look()

    def _rows(self, w: Array) -> Array:
        return np.concatenate([w, -w, self.asked.rows @ w])

    def _columns(self, z: Array) -> Array:
        return z[: self.count] - z[self.count : 2 * self.count] + self.asked.rows.T @ z[2 * self.count :]

    def _look(self) -> None:
        """What is missing from the conditions of the optimum."""
        self.dual_miss = self.q @ self.w - self.gain + self._columns(self.z) + self.y * self.asked.each
        self.row_miss = self._rows(self.w) + self.s - self.edges
        total = self.asked.total
        self.total_miss = 0.0 if total is None else float(self.asked.each @ self.w) - total
        self.middle = float(self.s @ self.z) / self.z.size

    def distance(self) -> float:
        misses = (float(np.max(np.abs(self.dual_miss))), float(np.max(np.abs(self.row_miss))), abs(self.total_miss))
        return max(self.middle, *misses)

    def advanced(self) -> bool:
        """One predictor and one corrector step; False where the numbers go no further."""
        count, weight = self.count, self.z / self.s
        normal = self.q + (self.asked.rows.T * weight[2 * count :]) @ self.asked.rows
        normal[np.diag_indices(count)] += weight[:count] + weight[count : 2 * count]
        factor, failed = dpotrf(normal, lower=1)
        if failed:
            return False
        self.solved = lambda right: _refined(normal, factor, right)
        ahead = self._direction(self.s * self.z)
        reach = self._reach(ahead)
        after = float((self.s + reach * ahead[2]) @ (self.z + reach * ahead[3])) / self.z.size
        centre = self.middle * min((after / self.middle) ** 3, 1.0)
        w, y, s, z = self._direction(self.s * self.z + ahead[2] * ahead[3] - centre)
        reach = min(1.0, NEAR_FACE * self._reach((w, y, s, z)))
        if not (np.isfinite(w).all() and np.isfinite(z).all() and reach > 0.0):
            return False
        self.w, self.y = self.w + reach * w, self.y + reach * y
        self.s, self.z = self.s + reach * s, self.z + reach * z
        self._look()
        return True

    def _direction(self, product: Array) -> tuple[Array, float, Array, Array]:
        """Newton's, towards slack × multiplier being less by `product`."""
        known = (self.z * self.row_miss - product) / self.s
        toward = -self.dual_miss - self._columns(known)
        w, y = self.solved(toward), 0.0
        if self.asked.total is not None:
            even = self.solved(self.asked.each)
            steep = float(self.asked.each @ even)
            y = (float(self.asked.each @ w) + self.total_miss) / steep if steep else np.nan
            w = w - y * even
        moved = self._rows(w)
        return w, y, -self.row_miss - moved, known + self.z / self.s * moved

    def _reach(self, direction: tuple[Array, float, Array, Array]) -> float:
        """How far slacks and multipliers stay positive, at most 1 / NEAR_FACE."""
        least = NEAR_FACE
        for values, change in ((self.s, direction[2]), (self.z, direction[3])):
            least = max(least, float(np.max(-change / values)))
        return 1.0 / least


def _refined(normal: Array, factor: Array, right: Array) -> Array:
    """Near the end the matrix is all but singular: the error of Cholesky's factor is taken out once."""
    first = dpotrs(factor, right, lower=1)[0]
    fixed: Array = first + dpotrs(factor, right - normal @ first, lower=1)[0]
    return fixed


__all__ = ["Point", "Quadratic", "maximise"]
