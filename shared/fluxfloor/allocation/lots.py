"""Money made whole lots, toward less exposure, with every limit kept afterwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.certificate import TOLERANCE
from fluxfloor.allocation.problem import Array, CvarProblem
from fluxfloor.allocation.tails import portfolio_losses, tail_cvar, tail_shares

MAX_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Rounded:
    """`kept` says whether every limit holds; `lots` are 0 where a strategy has no lots; `cvar` per unit of capital."""

    money: Array
    lots: tuple[int, ...]
    cvar: float
    kept: bool


def rounded(asked: CvarProblem, money: Array, capital: float, lots: Array, least: Array) -> Rounded:
    """Rounds each strategy's money (N,) down to whole `lots` (N,; 0: any amount), never under `least` (N,).

    Less of a hedge is more risk: while CVaR is over its limit, a lot leaves the strategy that adds most to the tail.
    """
    steps = np.where(lots > 0.0, lots, 1.0)
    money = np.where(lots > 0.0, np.maximum(np.floor(money / steps + 1e-9) * steps, least), money)
    by_strategy = np.ascontiguousarray(np.asarray(asked.returns, dtype=np.float64).T)
    tail = (1.0 - asked.alpha) * by_strategy.shape[1]
    for _ in range(MAX_STEPS):
        losses = portfolio_losses(by_strategy, money / capital)
        cvar = tail_cvar(losses, tail)[1]
        spare = (lots > 0.0) & (money - steps >= least - 1e-9 * steps)
        adds = np.where(spare, -(by_strategy @ tail_shares(losses, tail)), 0.0)
        if cvar <= asked.cvar_limit + TOLERANCE or not adds.max() > 0.0:
            break
        worst = int(np.argmax(adds))
        money[worst] -= steps[worst]
    kept = cvar <= asked.cvar_limit + TOLERANCE and _rows_kept(asked, money / capital)
    count = tuple(int(n) for n in np.where(lots > 0.0, np.rint(money / steps), 0.0))
    return Rounded(money, count, float(cvar), bool(kept))


def _rows_kept(asked: CvarProblem, weights: Array) -> bool:
    """Caps may have negative coefficients, so rounding down is no proof."""
    within = bool((weights <= asked.upper + TOLERANCE).all()) and float(weights.sum()) <= asked.budget + TOLERANCE
    if asked.caps is None:
        return within
    return within and bool((asked.caps.coefficients @ weights <= asked.caps.limits + TOLERANCE).all())


__all__ = ["Rounded", "rounded"]
