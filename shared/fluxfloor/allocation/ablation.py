"""What each part of the allocation is worth: the same histories walked forward with it and without it.

Equal weight, mean–variance (Ledoit–Wolf) and plain CVaR are what a user could have instead; the others add uncertainty
(means are lowered by their standard errors), a risk budget that shrinks in a drawdown, and both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from fluxfloor.allocation.allocate import allocate
from fluxfloor.allocation.histories import History
from fluxfloor.allocation.problem import Array
from fluxfloor.allocation.walking import Choose, Walk, Walked, walk
from fluxfloor.contracts.allocation import AllocationPolicy
from fluxfloor.measures.performance import sharpe, tail_loss
from fluxfloor.measures.resampling import Interval, paired_interval, sharpe_ratio

BASELINE = "equal weight"
CONTENDERS: Mapping[str, Mapping[str, Any]] = {
    BASELINE: {"objective": "equal", "cvar_limit": None},
    "mean-variance": {"objective": "mean_variance", "cvar_limit": None},
    "plain CVaR": {"shrinkage": "none"},
    "shrunk CVaR": {},
    "+ uncertainty": {"uncertainty": 1.0},
    "+ drawdown budget": {"drawdown_begins": 0.05, "drawdown_ends": 0.20},
    "+ both": {"uncertainty": 1.0, "drawdown_begins": 0.05, "drawdown_ends": 0.20},
}
"""What differs from the policy that the ablation is run under, by name; each line is one part more or less."""


@dataclass(frozen=True, slots=True)
class Row:
    """Out of sample and net of costs. Per year: `annual`, `volatility`, `turnover`; `cvar` per day, loss positive;
    `beyond_equal` is the Sharpe ratio less that of equal weight, drawn in pairs; None for equal weight itself."""

    name: str
    annual: float
    volatility: float
    sharpe: float | None
    max_drawdown: float
    cvar: float
    turnover: float
    invested: float
    kept: int
    beyond_equal: Interval | None


def ablation(
    table: Array, names: Sequence[str], policy: AllocationPolicy, how: Walk, rng: Generator, per_year: float = 252.0,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Iterator[Row]:  # fmt: skip
    """`table` is (T, N) daily returns. Cash earns nothing, so the Sharpe ratios are over a risk-free rate of 0."""
    base: Walked | None = None
    for done, (name, changes) in enumerate(CONTENDERS.items()):
        tried = AllocationPolicy.model_validate({**policy.model_dump(), **changes})
        found = walk(table, choosing(names, tried), how)
        yield _row(name, found, base, tried.cvar_alpha, rng, per_year)
        base = base or found
        progress(done + 1, len(CONTENDERS))


def choosing(names: Sequence[str], policy: AllocationPolicy) -> Choose:
    """The policy as a way to choose weights from a window; where it has no answer, what is held stays."""

    def choose(window: Array, held: Array, drawdown: float) -> Array | None:
        days = np.arange(len(window))
        histories = [History(name, days, window[:, i]) for i, name in enumerate(names)]
        current = dict(zip(names, held.tolist(), strict=True)) if held.any() else None
        found = allocate(histories, policy, current, drawdown=drawdown)
        return np.array([found.weights[name] for name in names]) if found.weights else None

    return choose


def _row(name: str, found: Walked, base: Walked | None, alpha: float, rng: Generator, per_year: float) -> Row:
    worth = np.cumprod(1.0 + found.returns)
    deepest = float(np.max(1.0 - worth / np.maximum.accumulate(np.append(1.0, worth))[1:]))
    beyond = None
    if base is not None:
        beyond = paired_interval(found.returns, base.returns, sharpe_ratio(per_year, 0.0), rng)
    return Row(
        name=name, annual=float(worth[-1] ** (per_year / worth.size) - 1.0),
        volatility=float(found.returns.std(ddof=1) * np.sqrt(per_year)), sharpe=sharpe(found.returns, per_year, 0.0),
        max_drawdown=deepest, cvar=tail_loss(found.returns, alpha) or 0.0, turnover=found.turnover * per_year,
        invested=found.invested, kept=found.kept, beyond_equal=beyond,
    )  # fmt: skip
