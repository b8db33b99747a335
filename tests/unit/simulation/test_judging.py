"""Baselines, chance, capacity, kill switch, ablations and walking forward, on accounts that are easy to see through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fluxfloor.measures.records import Run
from fluxfloor.measures.splits import calendar_windows
from fluxfloor.simulation.ablation import ablations
from fluxfloor.simulation.baselines import CROSS, HOLD, REVERSION, baselines, cross, hold, random_entries
from fluxfloor.simulation.capacity import capacity
from fluxfloor.simulation.following import Costs, follow
from fluxfloor.simulation.histories import History, between, since, span, until
from fluxfloor.simulation.killswitch import departures, kill_criteria
from fluxfloor.simulation.walkforward import Candidate, walk_forward

from tests.support.histories import HOUR, bars_of, random_bars
from tests.support.runs import DAY, T0, trades
from tests.support.runs import run as made_run

COSTS = Costs(0.001, 0.0005)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def trend_run(history: History, costs: Costs = COSTS) -> Run:
    (symbol, bars), *_ = history.items()
    return follow(symbol, bars, cross(bars), costs)


def test_baselines_cover_the_same_bars_with_the_same_money() -> None:
    history = {"A": random_bars(400, 1), "B": random_bars(400, 2)}
    like = trend_run(history)
    found = baselines(history, like, COSTS)
    assert list(found) == [HOLD, CROSS, REVERSION]
    for run in found.values():
        np.testing.assert_array_equal(run.close_ms, like.close_ms)
        assert run.opening == pytest.approx(like.opening)
        assert run.periods_per_year == like.periods_per_year
    held = [bars[-1, 4] / bars[1, 1] / (1.0005 * 1.001) for bars in history.values()]
    assert found[HOLD].equity[-1] == pytest.approx(50_000 * sum(held))


def test_random_entries_keep_count_sides_and_holding_times() -> None:
    history = {"A": random_bars(2_000, 3)}
    run = trend_run(history)
    found = random_entries(history, run, COSTS, rng(), draws=25)
    assert found is not None
    drawn = found.median.trades
    assert len(drawn) == len(run.trades)
    np.testing.assert_array_equal(
        np.sort(drawn.exit_ms - drawn.entry_ms), np.sort(run.trades.exit_ms - run.trades.entry_ms)
    )
    assert (drawn.entry_ms[1:] > drawn.exit_ms[:-1]).all()
    assert sorted(drawn.side) == sorted(run.trades.side)
    assert np.median(found.edges) == pytest.approx(drawn.returns.mean(), rel=0.2, abs=1e-3)


def test_random_entries_lose_about_their_costs_and_foresight_beats_all_of_them() -> None:
    bars = random_bars(3_000, 4, risk=0.003)
    history = {"A": bars}
    ahead = np.append(bars[20:, 1], np.full(20, bars[-1, 1]))
    knowing = np.repeat((ahead > bars[:, 1])[::10].astype(float), 10)
    found = random_entries(history, follow("A", bars, knowing, COSTS), COSTS, rng(), draws=100)
    assert found is not None
    assert found.edges.mean() == pytest.approx(-2 * 0.0015, abs=0.0025)
    assert found.beaten == 1.0


def test_without_a_trade_chance_has_nothing_to_imitate() -> None:
    history = {"A": random_bars(100, 1)}
    assert random_entries(history, follow("A", history["A"], hold(history["A"]), COSTS), COSTS, rng()) is None


def test_capacity_is_where_the_orders_reach_their_share_of_the_bar() -> None:
    bars = bars_of(np.full(101, 100.0), volume=1_000.0)
    run = follow("X", bars, np.tile([1.0, 0.0], 51)[:101], Costs(0.0, 0.0), opening=20_000)
    found = capacity(run, {"X": bars})
    assert found is not None
    assert found.median == pytest.approx(20_000 / 100_000)
    assert found.account == pytest.approx(10_000)
    assert (found.orders, found.dry) == (100, 0)
    thin = bars.copy()
    thin[1::2, 5] = 0.0
    dry = capacity(run, {"X": thin})
    assert dry is not None
    assert dry.dry == 50
    assert capacity(follow("X", bars, np.zeros(101), COSTS), {"X": bars}) is None


def edges(mean: float, count: int, seed: int = 0) -> Run:
    """An account of 100,000 with trades of 1,000 each, and the curve they leave."""
    profit = np.random.default_rng(seed).normal(mean * 1_000, 20.0, count)
    equity = 100_000 + np.cumsum(profit)
    return made_run(equity, opening=100_000.0, closed=trades(profit))


def test_the_kill_switch_is_silent_while_live_is_like_the_backtest_and_speaks_when_it_is_not() -> None:
    criteria = kill_criteria(edges(0.005, 400), rng(), trades=60)
    assert criteria is not None
    alarms = [bool(departures(criteria, edges(0.005, 60, seed))) for seed in range(1, 101)]
    assert np.mean(alarms) < 0.2
    worse = departures(criteria, edges(-0.01, 60, 7))
    assert {found.what for found in worse} >= {"drawdown", "edge"}
    for found in worse:
        assert (found.seen < found.bound) if found.what == "edge" else (found.seen > found.bound)


def test_the_kill_switch_judges_the_edge_only_after_as_many_trades_as_planned() -> None:
    criteria = kill_criteria(edges(0.01, 400), rng(), trades=60)
    assert criteria is not None
    assert [found.what for found in departures(criteria, edges(-0.001, 20, 3))] == ["drawdown"]
    assert kill_criteria(edges(0.01, 0), rng()) is None


def test_an_ablation_is_sure_of_what_is_large_and_unsure_of_nothing() -> None:
    daily = np.random.default_rng(2).normal(0.001, 0.01, 500)
    base = made_run(100 * np.cumprod(1 + daily), opening=100.0)
    worse = made_run(100 * np.cumprod(1 + daily - 0.002), opening=100.0)
    same = replace(base)
    found = {item.variant: item for item in ablations(base, {"no filter": worse, "no gate": same}, rng(), draws=300)}
    assert found["no filter"].sharpe_gain is not None
    assert found["no filter"].sharpe_gain.low > 0
    assert found["no filter"].return_gain is not None
    assert found["no filter"].return_gain.above_zero == 1.0
    assert found["no gate"].sharpe_gain is not None
    assert found["no gate"].sharpe_gain.low == found["no gate"].sharpe_gain.high == 0.0
    with pytest.raises(ValueError, match="does not cover"):
        ablations(base, {"short": made_run(base.equity[:-1])}, rng())


def test_walking_forward_tests_each_month_on_what_was_chosen_before_it() -> None:
    """Prices rise in even months and fall in odd ones; whoever goes with the last month is always wrong."""
    months = np.arange(14)
    starts = (np.datetime64("2023-01") + months).astype("datetime64[ms]").astype(np.int64)
    times = np.arange(starts[0], starts[-1], 6 * HOUR)
    month = np.searchsorted(starts, times, side="right") - 1
    bars = bars_of(100 * np.exp(np.cumsum(np.where(month % 2 == 0, 0.001, -0.001))), step_ms=6 * HOUR)
    bars[:, 0] = times
    seen: list[tuple[int, int]] = []

    def choose(training: History) -> Candidate:
        seen.append(span(training))
        rising = training["X"][-1, 4] > training["X"][0, 4]
        side = 1.0 if rising else -1.0
        return Candidate(
            "long" if rising else "short", lambda h: follow("X", h["X"], np.full(len(h["X"]), side), Costs(0, 0))
        )

    windows = calendar_windows(int(times[0]), int(times[-1] + 6 * HOUR), 1, 1)
    found = walk_forward({"X": bars}, windows, choose, warm_up_bars=3)
    assert len(found.periods) == 12
    assert found.gaining_share == 0.0
    assert not found.passed
    assert found.total_return == pytest.approx(np.prod(1 + found.returns) - 1)
    assert [part.choice for part in found.periods[:3]] == ["long", "short", "long"]
    for window, (first, last) in zip(windows, seen, strict=True):
        assert first >= window.train_from_ms - 3 * 6 * HOUR
        assert last < window.test_from_ms
    assert (np.diff(found.close_ms) > 0).all()
    assert all(part.train_return > 0 for part in found.periods)


def test_a_test_period_begins_flat_and_holds_only_its_own_bars() -> None:
    windows = calendar_windows(T0, T0 + 130 * DAY)
    bars = random_bars(130 * 24, 6)
    told: list[tuple[int, int]] = []
    found = walk_forward(
        {"X": bars}, windows, lambda _: Candidate("cross", trend_run), warm_up_bars=100,
        advance=lambda done, of: told.append((done, of)),
    )  # fmt: skip
    assert told == [(1, 1)]
    (only,) = found.periods
    assert found.close_ms[0] == only.window.test_from_ms + HOUR
    assert found.close_ms[-1] == only.window.test_until_ms
    assert found.returns[0] == 0.0


def test_histories_are_cut_by_time() -> None:
    history: dict[str, Any] = {"A": random_bars(10, 1), "B": random_bars(5, 2, begin_ms=T0 + 8 * HOUR)}
    assert list(until(history, T0 + 4 * HOUR)) == ["A"]
    assert len(until(history, T0 + 4 * HOUR)["A"]) == 4
    assert {name: len(bars) for name, bars in since(history, T0 + 8 * HOUR).items()} == {"A": 2, "B": 5}
    assert len(between(history, T0 + HOUR, T0 + 3 * HOUR)["A"]) == 2
    assert span(history) == (T0, T0 + 12 * HOUR)
    with pytest.raises(ValueError, match="no bars"):
        span({})
