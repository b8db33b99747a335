"""Returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]


@kernel
def log_return(close: Array, lag: int = 1) -> Array:
    """Logarithmic return over `lag` bars: ln(close[i] / close[i-lag]).

    close: (n,), prices. Returns (n,), without unit, positive for a rise; the first `lag` are NaN, and so is every value
    with a NaN or a price that is not positive at either end. Raises ValueError for a lag below 1.
    """
    if lag < 1:
        raise ValueError("lag must be at least 1")
    out = np.full(close.size, np.nan)
    for i in range(lag, close.size):
        if close[i] > 0.0 and close[i - lag] > 0.0:
            out[i] = np.log(close[i] / close[i - lag])
    return out
