"""Bars of several symbols, and parts of them by time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fluxfloor.market.window import OPEN_MS, Bars
from fluxfloor.measures.records import Run

History = Mapping[str, Bars]
"""By symbol, each (n, 6): open_ms, open, high, low, close, volume; oldest first, each open time once."""

Backtest = Callable[[History], Run]
"""Whatever makes a run of bars: the compiled backtest, the simulation, or something in a test."""


def between(history: History, from_ms: float, until_ms: float) -> dict[str, Bars]:
    """The bars that opened in [from_ms, until_ms); symbols without one are left out."""
    found = {symbol: bars[slice(*np.searchsorted(bars[:, OPEN_MS], [from_ms, until_ms]))]
             for symbol, bars in history.items()}  # fmt: skip
    return {symbol: np.ascontiguousarray(bars) for symbol, bars in found.items() if len(bars)}


def until(history: History, until_ms: float) -> dict[str, Bars]:
    """What was known at that time: the bars that opened before it."""
    return between(history, -np.inf, until_ms)


def since(history: History, from_ms: float) -> dict[str, Bars]:
    return between(history, from_ms, np.inf)


def span(history: History) -> tuple[int, int]:
    """First and last open time. Raises ValueError where there is no bar."""
    if not any(len(bars) for bars in history.values()):
        raise ValueError("there are no bars")
    opens = [bars[[0, -1], OPEN_MS] for bars in history.values() if len(bars)]
    return int(min(first for first, _ in opens)), int(max(last for _, last in opens))


def step_ms(bars: Bars) -> int:
    """The usual distance between bars; 0 for a single one."""
    return int(np.median(np.diff(bars[:1001, OPEN_MS]))) if len(bars) > 1 else 0
