"""Candles from trades: the way to bars that a venue's OHLC no longer gives.

Trades are rows of (ts_ms, price, amount), oldest first, trades of one millisecond in the venue's own order. A bar
exists only where somebody traded. Volumes are summed with compensation (Kahan), in that order, so that pages of trades
give the bars that all trades at once would have given, to the last bit.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.market.window import Bars

Trades = NDArray[np.float64]
"""Shape (n, 3): ts_ms, price, amount."""

TS_MS, PRICE, AMOUNT = range(3)


def build(trades: Trades, timeframe: str) -> Bars:
    """All bars of these trades, shape (n, 6); the first and the last are as complete as the trades are."""
    if not len(trades):
        return np.empty((0, 6))
    times, prices = trades[:, TS_MS], np.ascontiguousarray(trades[:, PRICE])
    if np.any(times[1:] < times[:-1]):
        raise ValueError("trades must be sorted by time, oldest first")
    step_ms = TIMEFRAME_MS[timeframe]
    opens_ms = times // step_ms * step_ms
    first = np.flatnonzero(np.append(True, opens_ms[1:] != opens_ms[:-1]))
    ends = np.append(first[1:], len(trades))
    amounts = trades[:, AMOUNT].tolist()
    bars = np.empty((len(first), 6))
    bars[:, 0] = opens_ms[first]
    bars[:, 1] = prices[first]
    bars[:, 2] = np.maximum.reduceat(prices, first)
    bars[:, 3] = np.minimum.reduceat(prices, first)
    bars[:, 4] = prices[ends - 1]
    bars[:, 5] = [_sum(amounts[start:end]) for start, end in pairwise([*first.tolist(), len(trades)])]
    return bars


class CandleBuilder:
    """The same from pages of trades. Keeps the trades of the bar that is still open, and nothing else."""

    def __init__(self, timeframe: str) -> None:
        self.timeframe = timeframe
        self._open: Trades = np.empty((0, 3))

    def add(self, trades: Trades) -> Bars:
        """The bars that these trades proved closed: a later bar has begun. Raises ValueError for a trade that is older
        than one it was given before."""
        known = np.concatenate([self._open, trades])
        if not len(known):
            return np.empty((0, 6))
        bars = build(known, self.timeframe)
        self._open = known[known[:, TS_MS] >= bars[-1, 0]]
        return bars[:-1]

    def finish(self, until_ms: int) -> Bars:
        """The last bar, if it ends by `until_ms`, up to which every trade has been given."""
        bars = build(self._open, self.timeframe)
        self._open = self._open[:0]
        return bars[bars[:, 0] + TIMEFRAME_MS[self.timeframe] <= until_ms]


def _sum(amounts: list[float]) -> float:
    total = lost = 0.0
    for amount in amounts:
        corrected = amount - lost
        grown = total + corrected
        lost = (grown - total) - corrected
        total = grown
    return total
