"""Portfolio losses and their tail, with the last scenario of the tail counted by the fraction that belongs to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import fused_kernel, kernel

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@fused_kernel
def portfolio_losses(returns_by_strategy: Array, weights: Array) -> Array:
    """loss_t = −Σ_i weights_i · returns_by_strategy[i, t]: (T,), positive where money is lost.

    `returns_by_strategy` is (N, T), a contiguous row a strategy; `weights` (N,). Rows of weight zero are not read.
    NaN in a row that is read is NaN in the loss.
    """
    count, days = returns_by_strategy.shape
    losses = np.zeros(days)
    for i in range(count):
        weight = weights[i]
        if weight != 0.0:
            row = returns_by_strategy[i]
            for t in range(days):
                losses[t] -= weight * row[t]
    return losses


@kernel
def tail_cvar(losses: Array, tail: float) -> tuple[float, float]:
    """(VaR, CVaR) of `losses` (T,), each scenario as likely as the other, loss positive (Rockafellar & Uryasev 2002).

    `tail` is how many scenarios the tail holds, (1 − α)·T, and need not be whole: CVaR is the mean of the ⌊tail⌋
    greatest losses and the fraction of the next one; VaR is the least loss that the tail touches. At most one scenario
    makes both the greatest loss. NaN anywhere makes both NaN.
    """
    days = losses.shape[0]
    whole = min(int(np.floor(tail)), days)
    last = min(max(int(np.ceil(tail)), 1), days) - 1
    var = -np.partition(-losses, last)[last]
    above, total = 0, 0.0
    for t in range(days):
        if np.isnan(losses[t]):
            return np.nan, np.nan
        if losses[t] > var:
            above += 1
            total += losses[t] - var
    if whole < 1:
        return var, var
    return var, var + total / min(tail, float(days))


@kernel
def tail_shares(losses: Array, tail: float) -> Array:
    """Each scenario's share of the tail: (T,), at most 1 / tail, together 1, the greatest losses first.

    Their sum weighted by the losses is the CVaR; weighted by minus one strategy's returns it is what one more unit of
    that strategy adds to it. Of equal losses at the edge, the earlier ones come first.
    """
    days = losses.shape[0]
    shares = np.zeros(days)
    order = np.argsort(-losses, kind="mergesort")
    left = 1.0
    cap = 1.0 / max(tail, 1e-300)
    for place in range(days):
        share = min(cap, left)
        shares[order[place]] = share
        left -= share
        if left <= 0.0:
            break
    return shares


@fused_kernel
def weighted_days(returns_by_day: Array, days: Indices, shares: Array) -> Array:
    """Each strategy's returns of `days` (D,) weighted by `shares` (D,): (N,), from (T, N).

    As fast as a matrix product here, and on one thread: BLAS wakes all of them for a millisecond's work.
    """
    count = returns_by_day.shape[1]
    earned = np.zeros(count)
    for k in range(days.shape[0]):
        row, share = returns_by_day[days[k]], shares[k]
        for i in range(count):
            earned[i] += share * row[i]
    return earned


@kernel
def means_and_volatilities(returns_by_strategy: Array) -> tuple[Array, Array]:
    """Each strategy's mean and standard deviation (ddof 0): (N,) each, from (N, T), in two passes over each row.

    NaN or an infinite return makes its strategy's volatility NaN.
    """
    count, days = returns_by_strategy.shape
    means, volatilities = np.empty(count), np.empty(count)
    for i in range(count):
        row = returns_by_strategy[i]
        total = 0.0
        for t in range(days):
            total += row[t]
        mean = total / days
        squares = 0.0
        for t in range(days):
            squares += (row[t] - mean) * (row[t] - mean)
        means[i], volatilities[i] = mean, np.sqrt(squares / days)
    return means, volatilities


__all__ = ["means_and_volatilities", "portfolio_losses", "tail_cvar", "tail_shares", "weighted_days"]
