"""Equal risk contributions: weights whose parts of the portfolio's volatility stand in given proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Array = NDArray[np.float64]


@kernel
def risk_parity(covariance: Array, budgets: Array, tolerance: float, max_sweeps: int) -> tuple[Array, float]:
    """Long-only weights, adding up to 1, with w_i (Σw)_i = b_i w'Σw; and the largest relative error of that.

    The minimum of x'Σx / 2 - Σ b_i ln x_i by cyclic coordinate descent, each coordinate solved exactly:
    x_i = (-c_i + sqrt(c_i² + 4 Σ_ii b_i)) / (2 Σ_ii), c_i = Σ_{j≠i} Σ_ij x_j.
    Maillard, Roncalli & Teïletche (2010), Journal of Portfolio Management 36(4); Griveau-Billion, Richard & Roncalli
    (2013), A fast algorithm for computing high-dimensional risk parity portfolios.
    covariance: (n, n), symmetric, positive on the diagonal. budgets: (n,) above 0, adding up to 1. NaN spreads.
    Stops when the error is at most `tolerance` or after `max_sweeps`.
    """
    n = budgets.size
    x, error = np.empty(n), np.inf
    for i in range(n):
        x[i] = np.sqrt(budgets[i] / covariance[i, i])
    product = np.dot(covariance, x)
    x /= np.sqrt(np.dot(x, product))  # at the minimum x'Σx is 1
    for _ in range(max_sweeps):
        # Anew in each sweep, so that the changes' roundings do not pile up.
        product = np.dot(covariance, x)
        error = 0.0
        for i in range(n):
            error = max(error, abs(x[i] * product[i] / budgets[i] - 1.0))
        if error <= tolerance:
            break
        for i in range(n):
            own, row = covariance[i, i], covariance[i]
            others = product[i] - own * x[i]
            root = np.sqrt(others * others + 4.0 * own * budgets[i])
            # The form without cancellation, whichever sign the others have.
            fresh = 2.0 * budgets[i] / (others + root) if others > 0.0 else (root - others) / (2.0 * own)
            change = fresh - x[i]
            x[i] = fresh
            for j in range(n):
                product[j] += change * row[j]
    return x / x.sum(), error
