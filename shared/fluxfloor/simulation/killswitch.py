"""When to stop a strategy that lives: when it departs from what its backtest says was to be expected.

The criteria are fixed before it goes live, from the backtest alone, for as many trades as it will be judged after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from fluxfloor.measures.performance import drawdowns
from fluxfloor.measures.records import Run
from fluxfloor.measures.resampling import DRAWS, account_returns, chunks, trade_order

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class KillCriteria:
    """Bounds for a stretch of `trades` trades, each broken by chance in 1 - level of the stretches.

    max_drawdown: positive, of the account over its trades. least_edge: the mean return of a trade.
    longest_loss: losses in a row.
    """

    trades: int
    level: float
    max_drawdown: float
    least_edge: float
    longest_loss: int


@dataclass(frozen=True, slots=True)
class Departure:
    """A bound that the live account broke."""

    what: str
    seen: float
    bound: float


def kill_criteria(
    backtest: Run, rng: Generator, *, trades: int | None = None, level: float = LEVEL, draws: int = DRAWS
) -> KillCriteria | None:
    """From trades of the backtest drawn with replacement, `trades` at a time (default: as many as it had); None
    without a trade."""
    account, edges = account_returns(backtest), backtest.trades.returns
    count = len(backtest.trades) if trades is None else trades
    spread = trade_order(account, rng, draws=draws, replace=True, count=count, levels=(level,)) if count else None
    if spread is None:
        return None
    means, losing = [], []
    for part in chunks(draws, count):
        drawn = edges[rng.integers(0, edges.size, (part, count))]
        means.append(drawn.mean(axis=1))
        losing.append(_longest_losses(drawn < 0.0))
    least = float(np.quantile(np.concatenate(means), 1.0 - level))
    longest = int(np.ceil(np.quantile(np.concatenate(losing), level)))
    return KillCriteria(count, level, spread.drawdown(level), least, longest)


def departures(criteria: KillCriteria, live: Run) -> tuple[Departure, ...]:
    """What the live account did that its backtest did not lead to expect. The drawdown, of every bar and not of the
    trades alone, is judged from the first one on; edge and losses once there were as many trades as planned."""
    found = []
    deepest = float(drawdowns(live.equity, live.opening).max(initial=0.0))
    if deepest > criteria.max_drawdown:
        found.append(Departure("drawdown", deepest, criteria.max_drawdown))
    last = live.trades.returns[-criteria.trades :]
    if last.size >= criteria.trades:
        edge, losing = float(last.mean()), int(_longest_losses(last[None, :] < 0.0)[0])
        if edge < criteria.least_edge:
            found.append(Departure("edge", edge, criteria.least_edge))
        if losing > criteria.longest_loss:
            found.append(Departure("losing streak", float(losing), float(criteria.longest_loss)))
    return tuple(found)


def _longest_losses(lost: np.ndarray) -> np.ndarray:
    """(draws, k) flags to (draws,) longest runs: a count that starts over at each win."""
    longest, now = np.zeros(len(lost), np.int64), np.zeros(len(lost), np.int64)
    for column in lost.T:
        now = np.where(column, now + 1, 0)
        longest = np.maximum(longest, now)
    return longest
