"""The detectors find what was planted, and nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from fluxfloor import kernels
from fluxfloor.simulation.baselines import cross
from fluxfloor.simulation.following import Costs, follow
from fluxfloor.simulation.histories import Backtest, History
from fluxfloor.simulation.honesty import look_ahead, of_columns, of_run, run_look_ahead, run_table, warm_up

from tests.support.histories import random_bars

Columns = Mapping[str, np.ndarray]
BARS = random_bars(400, 5)


def honest(bars: Any) -> Columns:
    high, low, close = (np.ascontiguousarray(bars[:, at]) for at in (2, 3, 4))
    return {"sma": kernels.sma(close, 20), "rsi": kernels.rsi(close, 14), "atr": kernels.atr(high, low, close, 14)}


def shifted(bars: Any) -> Columns:
    """The next bar's return, as a label that strayed among the features."""
    return {**honest(bars), "next": np.append(np.diff(np.log(bars[:, 4])), np.nan)}


def scaled(bars: Any) -> Columns:
    """Normalised by the mean and deviation of the whole history."""
    close = bars[:, 4]
    return {**honest(bars), "scaled": (close - close.mean()) / close.std()}


def centred(bars: Any) -> Columns:
    """A smooth that looks two bars to either side."""
    return {**honest(bars), "centred": np.convolve(bars[:, 4], np.ones(5) / 5, mode="same")}


def peak(bars: Any) -> Columns:
    """The highest price of all time, known from the start."""
    return {**honest(bars), "peak": np.full(len(bars), bars[:, 2].max())}


def filled_backward(bars: Any) -> Columns:
    values = kernels.sma(np.ascontiguousarray(bars[:, 4]), 20)
    return {**honest(bars), "filled": np.where(np.isnan(values), values[19], values), "late": np.flip(values)}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_honest_columns_pass() -> None:
    found = look_ahead(of_columns(honest), {"X": BARS}, rng())
    assert found.honest
    assert len(found.cuts_ms) == 20


@pytest.mark.parametrize(
    ("planted", "name"), [(shifted, "next"), (scaled, "scaled"), (centred, "centred"), (filled_backward, "late")]
)
def test_a_planted_look_ahead_is_found_and_named(planted: Callable[[Any], Columns], name: str) -> None:
    found = look_ahead(of_columns(planted), {"X": BARS}, rng())
    assert found.names == (name,)
    leak = found.leaks[0]
    assert leak.at_ms <= leak.cut_ms
    assert leak.whole != leak.cut


def test_a_maximum_of_all_time_is_found_when_it_lies_behind_the_cut() -> None:
    rising = random_bars(400, 5, drift=0.01)
    assert look_ahead(of_columns(peak), {"X": rising}, rng(), cuts=3).names == ("peak",)


def test_each_symbol_answers_for_itself() -> None:
    calls = iter([honest, shifted] * 100)
    found = look_ahead(of_columns(lambda bars: next(calls)(bars)), {"A": BARS, "B": BARS.copy()}, rng(), cuts=4)
    assert found.names == ("B next",)


def sees(bars_ahead: int) -> Backtest:
    """Follows the sign of the move that many bars ahead: 0 is the last one known, 1 the next one."""

    def backtest(history: History) -> Any:
        (symbol, bars), *_ = history.items()
        moves = np.sign(np.diff(bars[:, 4], prepend=bars[0, 4]))
        target = np.append(moves[bars_ahead:], np.zeros(bars_ahead)) if bars_ahead else moves
        return follow(symbol, bars, target, Costs())

    return backtest


def test_a_backtest_that_peeks_is_found_and_one_that_does_not_is_not() -> None:
    assert run_look_ahead(sees(0), {"X": BARS}, rng()).honest
    found = run_look_ahead(sees(2), {"X": BARS}, rng())
    assert {"position X", "equity"} <= set(found.names)


def test_a_peek_at_the_very_next_close_shows_in_no_position_and_is_found_all_the_same() -> None:
    assert look_ahead(of_run(sees(1)), {"X": BARS}, rng()).honest
    assert run_look_ahead(sees(1), {"X": BARS}, rng()).names == ("decision X",)


def test_a_column_that_changes_in_one_row_only_is_found() -> None:
    def once(bars: Any) -> Columns:
        values = np.zeros(len(bars))
        values[-1] = bars[-1, 4]  # today's close stands in yesterday's row once tomorrow is there
        return {"once": values}

    assert look_ahead(of_columns(once), {"X": BARS}, rng(), cuts=1).names == ("once",)


def test_what_is_cut_may_differ_by_rounding_alone() -> None:
    def noisy(bars: Any) -> Columns:
        return {"noisy": bars[:, 4] * (1 + 1e-10 * len(bars))}

    assert not look_ahead(of_columns(noisy), {"X": BARS}, rng()).honest
    assert look_ahead(of_columns(noisy), {"X": BARS}, rng(), rtol=1e-6).honest


def test_too_few_bars_to_cut_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        look_ahead(of_columns(honest), {"X": BARS[:2]}, rng())


def test_the_warm_up_is_the_window_of_what_has_one() -> None:
    def windows(bars: Any) -> Columns:
        close = np.ascontiguousarray(bars[:, 4])
        return {"close": close, "sma": kernels.sma(close, 30), "median": kernels.rolling_median(close, 11)}

    found = warm_up(of_columns(windows), {"X": BARS}, rng())
    assert found.bars == {"close": 0, "sma": 29, "median": 10}
    assert found.longest == 29


def test_an_average_without_end_takes_until_its_seed_has_faded() -> None:
    """Wilder's weights are 13/14 a bar: 1e-6 is 187 bars or so, 1e-3 half of it."""
    long = random_bars(1_500, 2)

    def wilder(bars: Any) -> Columns:
        return {"atr": kernels.atr(*(np.ascontiguousarray(bars[:, at]) for at in (2, 3, 4)), 14)}

    fine, coarse = (warm_up(of_columns(wilder), {"X": long}, rng(), rtol=rtol).longest for rtol in (1e-6, 1e-3))
    assert fine is not None
    assert coarse is not None
    assert 120 < fine < 260
    assert 40 < coarse < fine - 60


def test_what_never_settles_says_so() -> None:
    found = warm_up(of_columns(lambda bars: {"sum": np.cumsum(bars[:, 4])}), {"X": BARS}, rng())
    assert found.bars == {"sum": None}
    assert found.longest is None


def test_positions_of_a_run_settle_where_its_averages_do() -> None:
    def backtest(history: History) -> Any:
        (symbol, bars), *_ = history.items()
        return follow(symbol, bars, cross(bars), Costs())

    def positions(history: History) -> Any:
        table = run_table(backtest(history))
        return type(table)(table.close_ms, {"in": np.sign(table.columns["position X"])})

    settled = warm_up(positions, {"X": random_bars(900, 1)}, rng()).longest
    assert settled is not None
    assert 90 <= settled <= 110
