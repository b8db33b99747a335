"""What a report of a run is made from, and how all of it is worked out from the run and its bars.

Everything beside the run itself may be missing: a report says what it was given, and nothing it was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from fluxfloor.measures.overfitting import (
    Deflated,
    Overfitting,
    chosen_from,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
)
from fluxfloor.measures.performance import RISK_FREE, TAIL, daily_returns, excess
from fluxfloor.measures.records import Floats, Run
from fluxfloor.measures.resampling import (
    Interval,
    Spread,
    account_returns,
    annual_return,
    deepest_drawdown,
    interval,
    mean_return,
    sharpe_ratio,
    trade_order,
)
from fluxfloor.measures.splits import WalkForward
from fluxfloor.simulation.ablation import Ablation
from fluxfloor.simulation.baselines import RANDOM, RandomEntries, baselines, random_entries
from fluxfloor.simulation.capacity import Capacity, capacity
from fluxfloor.simulation.explaining import with_regimes
from fluxfloor.simulation.following import Costs
from fluxfloor.simulation.histories import History
from fluxfloor.simulation.killswitch import KillCriteria, kill_criteria

SHARPE, ANNUAL, DRAWDOWN, EDGE = "Sharpe ratio", "annual return", "daily drawdown", "edge a trade"
RUIN_LEVEL = 0.5
FEWEST_TRADES = 10  # below, what other orders of them or further ones could bring is not told


@dataclass(frozen=True, slots=True)
class Luck:
    """How much of the Sharpe ratio may be luck. probabilistic: that the true one exceeds zero; needed_years: how long
    a record like this must be to be 95 % sure of that; None where it is undefined, or not above zero."""

    probabilistic: float | None
    needed_years: float | None
    skew: float
    kurtosis: float


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """chance: the run's trades at random moments. orders: its trades shuffled; again: drawn anew. The baselines, by
    name, are runs over the same bars."""

    title: str
    run: Run
    baselines: Mapping[str, Run] = field(default_factory=dict)
    chance: RandomEntries | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    luck: Luck | None = None
    orders: Spread | None = None
    again: Spread | None = None
    capacity: Capacity | None = None
    kill: KillCriteria | None = None
    walk_forward: WalkForward | None = None
    deflated: Deflated | None = None
    overfitting: Overfitting | None = None
    ablations: tuple[Ablation, ...] = ()
    assumptions: tuple[str, ...] = ()
    risk_free: float = RISK_FREE
    tail: float = TAIL


def study(
    title: str, run: Run, history: History, costs: Costs, rng: Generator, *, walk_forward: WalkForward | None = None,
    trials: Floats | None = None, ablations: tuple[Ablation, ...] = (), assumptions: tuple[str, ...] = (),
    risk_free: float = RISK_FREE, draws: int = 2_000,
) -> Report:  # fmt: skip
    """Everything that can be told of a run from itself and its bars. `costs` are those of the baselines.

    trials: (days, variants) daily returns of every variant that was tried, for deflation and the probability of
    overfitting; without them neither is told.
    """
    run = with_regimes(run, history)
    chance = random_entries(history, run, costs, rng)
    beside = baselines(history, run, costs)
    if chance is not None:
        beside[RANDOM] = chance.median
    enough = len(run.trades) >= FEWEST_TRADES
    account = account_returns(run) if enough else np.array([])
    returns, per_year = daily_returns(run)
    over = excess(returns, per_year, risk_free)
    tried = excess(trials, per_year, risk_free) if trials is not None else np.empty((0, 0))
    deflated, overfitting = chosen_from(over, tried)
    return Report(
        title=title, run=run, baselines=beside, chance=chance, intervals=intervals(run, rng, risk_free, draws),
        luck=_luck(over, per_year), orders=trade_order(account, rng, draws=draws, ruin_level=RUIN_LEVEL),
        again=trade_order(account, rng, draws=draws, replace=True, ruin_level=RUIN_LEVEL),
        capacity=capacity(run, history) if len(run.trades) else None,
        kill=kill_criteria(run, rng, draws=draws) if enough else None,
        walk_forward=walk_forward, ablations=ablations, assumptions=assumptions, risk_free=risk_free,
        deflated=deflated, overfitting=overfitting,
    )  # fmt: skip


def intervals(run: Run, rng: Generator, risk_free: float = RISK_FREE, draws: int = 2_000) -> dict[str, Interval]:
    """The bootstrap intervals of the figures people look at; those that are undefined are left out."""
    returns, per_year = daily_returns(run)
    if not run.traded.any():
        return {}
    found = {
        SHARPE: interval(returns, sharpe_ratio(per_year, risk_free), rng, draws=draws),
        ANNUAL: interval(returns, annual_return(per_year), rng, draws=draws) if returns.size >= 28 else None,
        DRAWDOWN: interval(returns, deepest_drawdown, rng, draws=draws),
        EDGE: interval(run.trades.returns, mean_return, rng, draws=draws, block=1.0),
    }
    return {name: item for name, item in found.items() if item is not None}


def _luck(over: Floats, per_year: float) -> Luck | None:
    if over.size < 2 or np.ptp(over) == 0.0:
        return None
    of = moments(over)
    needed = minimum_track_record(of.sharpe, 0.0, of.skew, of.kurtosis)
    sure = probabilistic_sharpe(of.sharpe, of.count, of.skew, of.kurtosis)
    return Luck(sure, None if needed is None else needed / per_year, of.skew, of.kurtosis)
