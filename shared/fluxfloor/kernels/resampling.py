"""Resampling with the chance handed in: which value comes when, and what such a path would have gone through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@kernel
def stationary_order(starts: Ints, chances: Array, block: float) -> Ints:
    """Indexes of the stationary bootstrap: blocks of geometric length with mean `block`, wrapping around the end.

    starts: (draws, n), where a block that begins here would begin, in [0, n); chances: (draws, n), uniform in [0, 1):
    below 1/block a new block begins, otherwise the next value follows. Returns (draws, n).
    Politis & Romano (1994), The stationary bootstrap, JASA 89.
    """
    draws, n = starts.shape
    order = np.empty((draws, n), np.int64)
    for d in range(draws):
        at = starts[d, 0]
        for i in range(n):
            if i > 0:
                at = starts[d, i] if chances[d, i] * block < 1.0 else at + 1
                if at == n:
                    at = 0
            order[d, i] = at
    return order


@kernel
def block_order(starts: Ints, n: int, block: int) -> Ints:
    """Indexes of the moving-block bootstrap: blocks of `block` values in a row, the last one cut to fit.

    starts: (draws, ceil(n / block)), in [0, n - block]. Returns (draws, n). Künsch (1989), Annals of Statistics 17.
    """
    draws = starts.shape[0]
    order = np.empty((draws, n), np.int64)
    for d in range(draws):
        for i in range(n):
            order[d, i] = starts[d, i // block] + i % block
    return order


@kernel
def paths(returns: Array, order: Ints) -> tuple[Array, Array, Array]:
    """What each order of returns leads to, compounding from 1.

    returns: (n,) fractions; order: (draws, m) indexes into them. Returns (final, deepest, lowest), each (draws,): the
    last value; the deepest drawdown, positive; the lowest value, the start's 1 included. A path that loses everything
    stays at 0.
    """
    draws, m = order.shape
    final, deepest, lowest = np.empty(draws), np.empty(draws), np.empty(draws)
    for d in range(draws):
        value, peak, low, worst = 1.0, 1.0, 1.0, 0.0
        for i in range(m):
            value = max(0.0, value * (1.0 + returns[order[d, i]]))
            if value > peak:
                peak = value
            elif peak - value > worst * peak:
                worst = 1.0 - value / peak
            if value < low:
                low = value
        final[d], deepest[d], lowest[d] = value, worst, low
    return final, deepest, lowest
