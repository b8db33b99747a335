"""Figures of trades: by hand, against quantstats, and by what they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fluxfloor.measures.trades import by_entry, by_exit, by_mode, by_symbol, longest_run, select, trade_figures
from hypothesis import given
from hypothesis import strategies as st

from tests.support.runs import trades

PROFIT = [10.0, -5.0, 20.0, -5.0, -10.0, 0.0]


def test_the_figures_of_six_trades() -> None:
    found = trade_figures(trades(PROFIT, hours=[1, 2, 3, 4, 5, 6], side=[1, 1, -1, 1, 1, 1]))
    assert (found.count, found.longs, found.profit, found.fees) == (6, 5, 10.0, 6.0)
    assert found.win_rate == pytest.approx(2 / 6)
    assert found.profit_factor == pytest.approx(30 / 20)
    assert found.expectancy == pytest.approx(10 / 6)
    assert found.edge == pytest.approx(10 / 6 / 1_000)
    assert (found.average_win, found.payoff) == (15.0, pytest.approx(15 / (20 / 3)))
    assert (found.best, found.worst) == (0.02, -0.01)
    assert (found.mean_holding_h, found.median_holding_h) == (3.5, 3.5)
    assert found.losing_streak == 2
    assert found.undefined == {}


def test_what_quantstats_says_of_the_same_returns() -> None:
    import pandas as pd

    stats: Any = pytest.importorskip("quantstats").stats
    returns = np.random.default_rng(0).normal(0.001, 0.01, 200)
    found = trade_figures(trades(returns * 1_000))
    series = pd.Series(returns, pd.date_range("2020-01-01", periods=200))
    assert found.win_rate == pytest.approx(stats.win_rate(series))
    assert found.profit_factor == pytest.approx(stats.profit_factor(series))
    assert found.payoff == pytest.approx(stats.payoff_ratio(series))
    assert found.losing_streak == stats.consecutive_losses(series)


def test_what_can_not_be_told_is_none_and_says_why() -> None:
    nothing = trade_figures(trades([]))
    assert (nothing.count, nothing.win_rate, nothing.best) == (0, None, None)
    assert nothing.undefined["win_rate"] == "there are no trades"
    won = trade_figures(trades([5.0]))
    assert (won.win_rate, won.profit_factor, won.payoff) == (1.0, None, None)
    assert won.undefined["profit_factor"] == "no trade lost"


def test_modes_triggers_and_symbols_share_the_trades_among_them() -> None:
    made = trades(PROFIT, mode=[0, 0, 1, 1, 1, 0], left_on=[0, 1, 1, 1, 1, 1], symbol=[0, 0, 0, 1, 1, 1])
    assert {name: found.count for name, found in by_mode(made).items()} == {"trend": 3, "reversion": 3}
    assert {name: found.profit for name, found in by_exit(made).items()} == {"cross": 10.0, "stop": 0.0}
    assert by_entry(made)["cross"].count == 6
    assert "stop" not in by_entry(made)
    assert by_symbol(made, ("A", "B"))["B"].profit == -15.0


@given(st.lists(st.floats(-100, 100).map(lambda value: round(value, 2)), min_size=1, max_size=40))
def test_the_parts_sum_to_the_whole(profit: list[float]) -> None:
    made = trades(profit, mode=np.arange(len(profit)) % 2)
    parts, whole = by_mode(made), trade_figures(made)
    assert sum(part.profit for part in parts.values()) == pytest.approx(whole.profit, abs=1e-9)
    assert sum(part.count for part in parts.values()) == whole.count
    assert whole.losing_streak == max(
        (len(run) for run in "".join("x" if value < 0 else " " for value in profit).split()), default=0
    )


def test_a_selection_cuts_every_column_alike() -> None:
    chosen = select(trades(PROFIT), np.array([2, 0]))
    assert chosen.profit.tolist() == [20.0, 10.0]
    assert len(chosen) == 2
    assert {getattr(chosen, name).size for name in ("side", "fees", "exit_ms", "left_on")} == {2}


def test_no_flag_is_a_run_of_nothing() -> None:
    assert longest_run(np.array([], np.bool_)) == 0
    assert longest_run(np.array([True, True, False, True])) == 2
