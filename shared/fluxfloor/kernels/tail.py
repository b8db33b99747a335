"""CVaR of a set of equally likely losses with the fractional tail, and the largest trade that keeps it under a limit.

Source: Rockafellar and Uryasev, "Optimization of conditional value-at-risk" (2000) and "Conditional value-at-risk for
general loss distributions" (2002): the mean of the worst (1 − alpha) of all probability, the scenario at its edge taken
with the part of it that falls inside. Losses are positive.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Floats = NDArray[np.float64]
NEVER = -1
"""No size at all stays under the limit."""


class Edge(NamedTuple):
    """cvar: of the losses. slope: how it changes with every unit of what changes the losses by `slopes`."""

    cvar: float
    slope: float


@kernel
def tail_edge(losses: Floats, slopes: Floats, alpha: float) -> Edge:
    """losses, slopes: (n,), finite, n >= 1; alpha in (0, 1). O(n).

    Where several scenarios stand at the edge the first of them are taken: `slope` is then one of the subgradients.
    """
    mass = round((1.0 - alpha) * losses.size, 9)
    among = max(1, int(np.ceil(mass)))
    edge = np.partition(losses, losses.size - among)[losses.size - among]
    left, beyond, slope = mass, 0.0, 0.0
    for i in range(losses.size):
        if losses[i] > edge:
            left -= 1.0
            beyond += losses[i]
            slope += slopes[i]
    beyond += left * edge
    for i in range(losses.size):
        if left <= 0.0:
            break
        if losses[i] == edge:
            part = min(1.0, left)
            slope += part * slopes[i]
            left -= part
    return Edge(beyond / mass, slope / mass)


@kernel
def cvar(losses: Floats, alpha: float) -> float:
    """As `tail_edge`, the value alone."""
    return float(tail_edge(losses, losses, alpha).cvar)


@kernel
def largest_size(base: Floats, each: Floats, alpha: float, limit: float, most: int) -> int:
    """The largest whole x in [0, most] with CVaR(base + x · each) <= limit, NEVER if there is none.

    base, each: (n,), losses without the trade and those of one unit of it. CVaR is convex and piecewise linear in x, so
    a tangent's root never lies below the answer: stepping from tangent to tangent down from `most` ends exactly at it,
    after a handful of pieces. The last steps upward undo what rounding took.
    """
    x = most
    while True:
        at = tail_edge(base + x * each, each, alpha)
        if at.cvar <= limit:
            break
        if at.slope <= 0.0:
            return NEVER
        x = min(x - 1, int(np.floor(x - (at.cvar - limit) / at.slope)))
        if x < 0:
            return NEVER
    while x < most and tail_edge(base + (x + 1) * each, each, alpha).cvar <= limit:
        x += 1
    return x
