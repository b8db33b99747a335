"""What each part of a strategy is worth: the same run without it, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from fluxfloor.measures.performance import RISK_FREE, daily_curve, every_day, performance
from fluxfloor.measures.records import Run
from fluxfloor.measures.resampling import DRAWS, LEVEL, Interval, annual_return, paired_interval, sharpe_ratio


@dataclass(frozen=True, slots=True)
class Ablation:
    """A variant against the base. Differences are base - variant: above zero, the part earns its place. None where a
    figure is undefined."""

    variant: str
    total_return: float
    sharpe: float | None
    trades: int
    sharpe_gain: Interval | None
    return_gain: Interval | None


def ablations(
    base: Run, variants: Mapping[str, Run], rng: Generator, *, draws: int = DRAWS, level: float = LEVEL,
    risk_free: float = RISK_FREE,
) -> tuple[Ablation, ...]:  # fmt: skip
    """Paired stationary-bootstrap intervals of the differences in Sharpe ratio and annual return, on daily returns.

    The runs must cover the same bars; raises ValueError where they do not.
    """
    _, _, per_year = daily_curve(base)
    kept = every_day(base)
    made = []
    for name, run in variants.items():
        if not np.array_equal(run.close_ms, base.close_ms):
            raise ValueError(f"variant {name!r} does not cover the bars of the base")
        other, figures = every_day(run), performance(run, risk_free)
        sharpe, growth = sharpe_ratio(per_year, risk_free), annual_return(per_year)
        gains = [paired_interval(kept, other, measure, rng, draws=draws, level=level) for measure in (sharpe, growth)]
        made.append(Ablation(name, figures.total_return, figures.sharpe, len(run.trades), *gains))
    return tuple(made)
