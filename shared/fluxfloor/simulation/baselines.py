"""What a strategy has to beat: holding, a moving-average cross, plain reversion, and chance itself.

All of them pay the same costs as the strategy, on the same bars, split evenly over its symbols. Random entries keep the
strategy's number of trades, sides, holding times and size; only the moments are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from fluxfloor.kernels import sma, zscore
from fluxfloor.market.window import CLOSE, OPEN, OPEN_MS, Bars
from fluxfloor.measures.records import Floats, Ints, Run, Trades
from fluxfloor.measures.trades import select
from fluxfloor.simulation.following import Costs, combine, follow
from fluxfloor.simulation.histories import History

FAST, SLOW = 20, 100
ENTRY_Z, EXIT_Z, Z_PERIOD = -2.0, 0.0, 20
RANDOM_DRAWS = 200
HOLD, CROSS, REVERSION, RANDOM = "buy and hold", f"MA cross {FAST}/{SLOW}", f"reversion z{Z_PERIOD}", "random entries"


@dataclass(frozen=True, slots=True, eq=False)
class RandomEntries:
    """`edges`: (draws,) the mean net return of a trade in each draw. `beaten` is the share of the draws that the
    strategy's own edge exceeds, `median` the run of the middle draw."""

    edge: float
    edges: Floats
    beaten: float
    median: Run


def baselines(history: History, like: Run, costs: Costs) -> dict[str, Run]:
    """Holding, cross and reversion over the bars of a run, each with its opening equity."""
    rules: dict[str, Callable[[Bars], Floats]] = {HOLD: hold, CROSS: cross, REVERSION: reversion}
    return {name: _everywhere(history, like, costs, rule) for name, rule in rules.items()}


def _everywhere(history: History, like: Run, costs: Costs, rule: Callable[[Bars], Floats]) -> Run:
    share = like.opening / len(history)
    return combine(
        [
            follow(
                symbol, bars, rule(bars), costs, opening=share, currency=like.currency,
                periods_per_year=like.periods_per_year,
            )
            for symbol, bars in history.items()
        ]
    )  # fmt: skip


# --- rules: (n, 6) bars to the share wished at each close ----------------------------------------------------------


def hold(bars: Bars) -> Floats:
    return np.ones(len(bars))


def cross(bars: Bars) -> Floats:
    """In while the fast average of the closes is above the slow one."""
    close = np.ascontiguousarray(bars[:, CLOSE])
    with np.errstate(invalid="ignore"):
        return (sma(close, FAST) > sma(close, SLOW)).astype(np.float64)


def reversion(bars: Bars) -> Floats:
    """In below ENTRY_Z standard deviations, out above EXIT_Z, in between as before."""
    z = zscore(np.ascontiguousarray(bars[:, CLOSE]), Z_PERIOD)
    with np.errstate(invalid="ignore"):
        says = np.where(z < ENTRY_Z, 1.0, np.where(z > EXIT_Z, 0.0, np.nan))
    says[0] = 0.0 if np.isnan(says[0]) else says[0]
    last = np.maximum.accumulate(np.where(np.isnan(says), 0, np.arange(says.size)))
    return np.asarray(says[last])


# --- chance ------------------------------------------------------------------------------------------------------


def random_entries(
    history: History, run: Run, costs: Costs, rng: Generator, draws: int = RANDOM_DRAWS
) -> RandomEntries | None:
    """The run's trades at random moments; None where it has none, or none that its bars have room for."""
    own = _by_symbol(history, run)
    if not own:
        return None
    # of the account of one symbol, which holds its share of the whole
    size = float(np.clip(_usual_size(run) * len(own), 0.01, 1.0))
    found = [[_placed(len(history[symbol]), trades, rng) for symbol, trades in own.items()] for _ in range(draws)]
    edges = np.array([_edge(history, own, placed, costs) for placed in found])
    middle = found[int(np.argsort(edges)[draws // 2])]
    edge = float(np.mean(run.trades.returns))
    return RandomEntries(edge, edges, float(np.mean(edges < edge)), _run(history, run, own, middle, size, costs))


@dataclass(frozen=True, slots=True, eq=False)
class _Trips:
    """Of one symbol: (k,) whole bars held, and sides."""

    held: Ints
    side: Ints


def _by_symbol(history: History, run: Run) -> dict[str, _Trips]:
    made = {}
    for place, symbol in enumerate(run.symbols):
        trades = select(run.trades, run.trades.symbol == place)
        if symbol in history and len(trades):
            trips = _trips(history[symbol], trades)
            if trips.held.size:
                made[symbol] = trips
    return made


def _trips(bars: Bars, trades: Trades) -> _Trips:
    opens = bars[:, OPEN_MS]
    entered = np.searchsorted(opens, trades.entry_ms, side="right")
    held = np.maximum(np.searchsorted(opens, trades.exit_ms, side="right") - entered, 1)
    # positions of one symbol never overlap, but partial exits do: as many as there is room for
    fits = np.cumsum(held + 1) <= len(bars) - 2
    return _Trips(held[fits], trades.side[fits])


def _placed(n: int, trips: _Trips, rng: Generator) -> tuple[Ints, Ints, Ints]:
    """(entry bars, exit bars, sides): shuffled trips that do not overlap, every placement equally likely."""
    order = rng.permutation(trips.held.size)
    held = trips.held[order]
    free = n - 1 - int(np.sum(held + 1))
    before = np.sort(rng.integers(0, free + 1, held.size))
    entry = 1 + before + np.concatenate(([0], np.cumsum(held + 1)[:-1]))
    return entry, entry + held, trips.side[order]


def _edge(history: History, own: dict[str, _Trips], placed: list[tuple[Ints, Ints, Ints]], costs: Costs) -> float:
    returns = [_net(history[symbol], *where, costs) for symbol, where in zip(own, placed, strict=True)]
    return float(np.mean(np.concatenate(returns)))


def _net(bars: Bars, entry: Ints, exit: Ints, side: Ints, costs: Costs) -> Floats:
    """Return of each trip on its entry notional, after costs."""
    paid = bars[entry, OPEN] * (1.0 + side * costs.slippage)
    got = bars[exit, OPEN] * (1.0 - side * costs.slippage)
    fees = (paid + got) * costs.fee + 2.0 * costs.per_unit
    return np.asarray((side * (got - paid) - fees) / paid)


def _run(
    history: History, run: Run, own: dict[str, _Trips], placed: list[tuple[Ints, Ints, Ints]], size: float,
    costs: Costs,
) -> Run:  # fmt: skip
    accounts = []
    for symbol, where in zip(own, placed, strict=True):
        account = follow(
            symbol, history[symbol], _targets(len(history[symbol]), *where, size), costs,
            opening=run.opening / len(own), currency=run.currency, periods_per_year=run.periods_per_year,
        )  # fmt: skip
        accounts.append(account)
    return replace(combine(accounts), settings={"baseline": RANDOM})


def _targets(n: int, entry: Ints, exit: Ints, side: Ints, size: float) -> Floats:
    """A wish at one close fills at the next open."""
    target = np.zeros(n)
    for begin, end, sign in zip(entry.tolist(), exit.tolist(), side.tolist(), strict=True):
        target[begin - 1 : end - 1] = sign * size
    return target


def _usual_size(run: Run) -> float:
    """The mean entry notional of a trade as a share of the equity then."""
    place = np.maximum(np.searchsorted(run.close_ms, run.trades.entry_ms, side="right") - 1, 0)
    return float(np.mean(run.trades.cost / run.equity[place]))
