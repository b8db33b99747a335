"""Ways to share capital, walked forward: chosen on the past alone, held over days that follow, costs taken off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.problem import Array

Choose = Callable[[Array, Array, float], Array | None]
"""(window (train, N) of returns, weights held (N,), drawdown now) to weights (N,); None keeps what is held."""


@dataclass(frozen=True, slots=True)
class Walk:
    """How it is walked: days learned from, days held, and what a unit of turnover costs (a fraction, one way)."""

    train: int = 504
    hold: int = 21
    cost: float = 0.001


@dataclass(frozen=True, slots=True)
class Walked:
    """`returns` (D,), out of sample and net; `turnover` Σ |change of weight| a day; `invested` the mean Σ weight;
    `kept` how often there was no answer and the weights stayed."""

    returns: Array
    turnover: float
    invested: float
    kept: int


def walk(table: Array, choose: Choose, how: Walk) -> Walked:
    """Over (T, N) daily returns. Weights drift with the returns while they are held; the rest is cash that earns
    nothing. Raises ValueError where there is no day after the first window."""
    days, count = table.shape
    if days <= how.train:
        raise ValueError(f"{days} days leave none to hold after {how.train} to learn from")
    held, worth, peak = np.zeros(count), 1.0, 1.0
    made, turned, invested, kept = np.zeros(days - how.train), 0.0, 0.0, 0
    for begin in range(how.train, days, how.hold):
        found = choose(table[begin - how.train : begin], held, 1.0 - worth / peak)
        kept += found is None
        wanted = held if found is None else found
        turned += (moved := float(np.abs(wanted - held).sum()))
        part, held, invested_sum = _held(table[begin : begin + how.hold], wanted)
        part[0] = (1.0 + part[0]) * (1.0 - how.cost * moved) - 1.0
        made[begin - how.train : begin - how.train + part.size] = part
        curve = worth * np.cumprod(1.0 + part)
        worth, peak, invested = float(curve[-1]), max(peak, float(curve.max())), invested + invested_sum
    return Walked(made, turned / made.size, invested / made.size, kept)


def _held(days: Array, weights: Array) -> tuple[Array, Array, float]:
    """The portfolio's returns over `days` (H, N), the weights that they drift to, and the sum of what was invested."""
    made, invested = np.zeros(len(days)), 0.0
    for at, day in enumerate(days):
        invested += float(weights.sum())
        made[at] = day @ weights
        weights = weights * (1.0 + day) / (1.0 + made[at])
    return made, weights, invested
