"""Walking forward: choose on the months before, be judged on the month after, roll on.

Each test runs on its own bars with just the warm-up before them, so that it begins flat and nothing is carried over
from the bars the choice was made on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from fluxfloor.market.window import OPEN_MS, Bars
from fluxfloor.measures.records import Floats, Ints, Run
from fluxfloor.measures.splits import PASSING_SHARE, Period, WalkForward, Window
from fluxfloor.simulation.histories import Backtest, History, between


@dataclass(frozen=True, slots=True)
class Candidate:
    """A named way to trade; the name says which parameters."""

    name: str
    backtest: Backtest


Choose = Callable[[History], Candidate]
"""Given the bars of training, with their warm-up, what to trade next."""


def walk_forward(
    history: History, windows: Iterable[Window], choose: Choose, *, warm_up_bars: int = 0,
    passing_share: float = PASSING_SHARE, advance: Callable[[int, int], None] | None = None,
) -> WalkForward:  # fmt: skip
    """Every window in turn; `advance(done, of)` is told after each. A window without a bar to test on is left out."""
    periods: list[Period] = []
    tested: list[tuple[Ints, Floats]] = []
    todo = tuple(windows)
    for done, window in enumerate(todo, 1):
        if _counts(history, window.train_from_ms, window.test_from_ms) and _counts(
            history, window.test_from_ms, window.test_until_ms
        ):
            period, part = _walked(history, window, choose, warm_up_bars)
            periods.append(period)
            tested.append(part)
        if advance is not None:
            advance(done, len(todo))
    close_ms = np.concatenate([times for times, _ in tested]) if tested else np.array([], np.int64)
    returns = np.concatenate([values for _, values in tested]) if tested else np.array([])
    return WalkForward(tuple(periods), close_ms, returns, passing_share)


def _walked(history: History, window: Window, choose: Choose, warm_up_bars: int) -> tuple[Period, tuple[Ints, Floats]]:
    training = with_warm_up(history, window.train_from_ms, window.test_from_ms, warm_up_bars)
    chosen = choose(training)
    trained = after(chosen.backtest(training), window.train_from_ms)
    run = chosen.backtest(with_warm_up(history, window.test_from_ms, window.test_until_ms, warm_up_bars))
    times, returns = after(run, window.test_from_ms)
    entered = int(np.sum(run.trades.entry_ms >= window.test_from_ms))
    period = Period(window, chosen.name, _grown(trained[1]), _grown(returns), entered)
    return period, (times, returns)


def with_warm_up(history: History, from_ms: int, until_ms: int, bars: int) -> dict[str, Bars]:
    """The bars that opened in [from_ms, until_ms), with `bars` of each symbol before them, or what there is."""
    found = {}
    for symbol, columns in between(history, -np.inf, until_ms).items():
        first = int(np.searchsorted(columns[:, OPEN_MS], from_ms))
        if first < len(columns):
            found[symbol] = np.ascontiguousarray(columns[max(0, first - bars) :])
    return found


def after(run: Run, from_ms: int) -> tuple[Ints, Floats]:
    """(close_ms, returns) of the bars that closed after this time."""
    first = int(np.searchsorted(run.close_ms, from_ms, side="right"))
    return run.close_ms[first:], run.returns[first:]


def _grown(returns: Floats) -> float:
    return float(np.prod(1.0 + returns)) - 1.0


def _counts(history: History, from_ms: int, until_ms: int) -> bool:
    return bool(between(history, from_ms, until_ms))
