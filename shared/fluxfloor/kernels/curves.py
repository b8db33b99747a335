"""What an equity curve has gone through, and what it could have gone through had its pieces come in another order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@kernel
def drawdown(equity: Array, times: Ints, opening: float, begin: int) -> tuple[float, int]:
    """The deepest drawdown max(1 - equity / peak), and the longest time under water.

    equity: (n,), money; times: (n,), any integer clock; the account opened with `opening` at `begin`, its first peak.
    Under water is the time from a peak until it is reached again or until the end; neighbouring peaks are not, however
    far apart. Returns (fraction, positive for a loss; time in the clock's unit). A NaN is no peak and no loss.
    """
    peak, deepest = opening, 0.0
    peak_at, since, longest = -1, begin, 0
    for i in range(equity.size):
        if equity[i] >= peak:
            if i > peak_at + 1:
                longest = max(longest, times[i] - since)
            peak, peak_at, since = equity[i], i, times[i]
        else:
            # a product, not a quotient: dividing at every new low only
            if peak - equity[i] > deepest * peak:
                deepest = 1.0 - equity[i] / peak
    if equity.size > peak_at + 1:
        longest = max(longest, times[-1] - since)
    return deepest, longest
