"""What a sweep keeps of an equity curve: four numbers, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Floats = NDArray[np.float64]


class Summary(NamedTuple):
    """final: the last equity. drawdown: the deepest fall from the highest before it, a fraction, positive. mean,
    deviation (ddof 1): of the simple returns a bar, the first against the opening."""

    final: float
    drawdown: float
    mean: float
    deviation: float


@kernel
def summary(equity: Floats, opening: float) -> Summary:
    """equity: (n,), positive, n >= 1. Sums are taken of returns as they are: they are small, and none cancels."""
    top, deepest, least, total, squares, before = opening, 0.0, opening, 0.0, 0.0, opening
    for value in equity:
        if value != before:  # a bar without a position changes nothing
            change = value / before - 1.0
            total += change
            squares += change * change
            before = value
            if value < least:
                deepest = 1.0 - value / top
                least = value
            elif value > top:
                top = value
                least = top * (1.0 - deepest)
    n = equity.size
    mean = total / n
    variance = max(squares - n * mean * mean, 0.0) / max(n - 1, 1)
    return Summary(equity[-1], deepest, mean, np.sqrt(variance))
