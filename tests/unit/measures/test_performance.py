"""Figures of a curve: by hand, and against quantstats where the definitions agree.

Where they do not: quantstats' CVaR takes the mean below a normal quantile (ours: the fractional empirical tail), its
CAGR counts a year as `periods` returns (ours: the calendar), its drawdown starts from the first value (ours: from the
opening equity), its win rate leaves out what came out even (ours counts it as no win).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fluxfloor.measures.performance import (
    daily_curve,
    daily_returns,
    drawdowns,
    performance,
    sharpe,
    sortino,
    tail_loss,
)

from tests.support.runs import DAY, T0, run, walk

MINUTE = 60_000
HOUR = 3_600_000


@pytest.fixture(scope="module")
def oracle() -> Any:
    return pytest.importorskip("quantstats").stats


@pytest.fixture(scope="module")
def series() -> Any:
    import pandas as pd

    returns = np.random.default_rng(4).normal(0.0008, 0.012, 700)
    return pd.Series(returns, pd.date_range("2020-01-01", periods=700))


def test_ratios_are_quantstats(oracle: Any, series: Any) -> None:
    returns = series.to_numpy()
    for risk_free in (0.0, 0.04):
        assert sharpe(returns, 252, risk_free) == pytest.approx(oracle.sharpe(series, risk_free, 252), rel=1e-9)
        assert sortino(returns, 252, risk_free) == pytest.approx(oracle.sortino(series, risk_free, 252), rel=1e-9)
    assert np.std(returns, ddof=1) * np.sqrt(252) == pytest.approx(oracle.volatility(series, 252), rel=1e-9)


def test_drawdown_total_and_calmar_are_quantstats(oracle: Any, series: Any) -> None:
    found = performance(run(1e4 * np.cumprod(1 + series.to_numpy()), opening=1e4))
    assert found.max_drawdown == pytest.approx(-oracle.max_drawdown(series), rel=1e-9)
    assert found.total_return == pytest.approx(oracle.comp(series), rel=1e-9)
    assert found.annual_return == pytest.approx(oracle.cagr(series, periods=365.25), rel=1e-9)
    assert found.calmar == pytest.approx(oracle.calmar(series, periods=365.25), rel=1e-9)
    assert found.exposure == 1.0


def test_a_day_is_one_return_however_many_bars_it_has() -> None:
    days = walk(60)
    minutes = np.repeat(days, 1440)
    fine, coarse = performance(run(minutes, step_ms=MINUTE, opening=1e4)), performance(run(days, opening=1e4))
    for name in ("total_return", "annual_return", "volatility", "sharpe", "sortino", "tail_loss", "max_drawdown"):
        assert getattr(fine, name) == pytest.approx(getattr(coarse, name), rel=1e-9), name
    assert fine.returns_per_year == pytest.approx(365.25)


def test_drawdown_is_seen_between_the_days() -> None:
    equity = np.full(2 * 1440, 100.0)
    equity[700] = 60.0
    found = performance(run(equity, step_ms=MINUTE))
    assert found.max_drawdown == pytest.approx(0.4)
    assert found.max_drawdown_days * 1440 == pytest.approx(2)
    assert found.volatility == 0.0


def test_a_bar_that_closes_at_midnight_belongs_to_the_day_that_ends() -> None:
    times, equity, _ = daily_curve(run(np.arange(1.0, 49.0), step_ms=HOUR))
    assert times.tolist() == [T0 + DAY, T0 + 2 * DAY]
    assert equity.tolist() == [24.0, 48.0]


def test_an_exchange_with_hours_has_fewer_days_a_year() -> None:
    """390 minutes on five days a week; thin days and a half first day do not change what a year is."""
    days = [day for day in range(40) if day % 7 < 5]
    closes = np.concatenate([T0 + day * DAY + (np.arange(390) + 871) * MINUTE for day in days])[200:]
    _, _, per_year = daily_curve(run(np.full(closes.size, 5.0), close_ms=closes, per_year=252.0 * 390))
    assert per_year == pytest.approx(252)


def test_a_market_with_short_sundays_has_as_many_days_a_year_as_it_has_returns() -> None:
    """Hours from Sunday 22:00 to Friday 22:00, as currencies trade: six days a week have a bar."""
    week = np.arange(118, 238) * HOUR
    closes = T0 - 5 * DAY + np.concatenate([week + at * 7 * DAY for at in range(52)])
    returns, per_year = daily_returns(run(np.full(closes.size, 5.0), close_ms=closes, per_year=120 * 365.25 / 7))
    assert returns.size == 52 * 6
    assert per_year == pytest.approx(6 * 365.25 / 7, rel=0.01)


def test_what_is_undefined_is_none_and_says_why() -> None:
    found = performance(run(np.full(10, 100.0)))
    assert (found.sharpe, found.sortino, found.calmar, found.annual_return) == (None, None, None, None)
    assert found.volatility == 0.0
    assert found.undefined["sharpe"] == found.undefined["sortino"] == "the returns do not deviate"
    assert "too short" in found.undefined["annual_return"]
    short = performance(run(np.array([1.0, 2.0]), step_ms=HOUR))
    assert short.undefined["sharpe"] == "needs 2 daily returns, there are 1"
    rising = performance(run(1.01 ** np.arange(400.0)))
    assert rising.calmar is None
    assert rising.undefined["calmar"] == "there was no drawdown"
    assert rising.sortino is not None  # the first day, flat, lies below the risk-free rate


def test_a_lost_account_ends_its_returns_and_nothing_is_infinite() -> None:
    broke = run(np.array([100.0, 50.0, 0.0, 0.0, 0.0] * 8)[:40], opening=100.0)
    found = performance(broke)
    assert daily_returns(broke)[0].tolist() == [0.0, -0.5, -1.0]
    assert found.annual_return == -1.0
    assert found.max_drawdown == 1.0
    assert all(np.isfinite(value) for value in vars_of(found) if isinstance(value, float))


def vars_of(found: Any) -> list[Any]:
    return [getattr(found, name) for name in found.__slots__]


def test_time_under_water_runs_from_peak_to_peak_and_to_the_end() -> None:
    recovered = performance(run(np.array([100, 110, 90, 95, 111, 112.0]), opening=100.0))
    assert recovered.max_drawdown_days == 3.0
    drowned = performance(run(np.array([100, 110, 111, 112, 90, 91.0]), opening=100.0))
    assert drowned.max_drawdown_days == 2.0
    below = performance(run(np.array([90.0, 95.0]), opening=100.0))
    assert below.max_drawdown_days == 2.0
    assert below.max_drawdown == pytest.approx(0.1)


def test_a_market_that_was_shut_is_not_under_water() -> None:
    closes = T0 + np.array([1, 2, 9, 10]) * DAY
    assert performance(run(np.array([1.0, 2, 3, 4]), close_ms=closes)).max_drawdown_days == 0.0


def test_the_tail_counts_its_edge_by_the_part_that_belongs_to_it() -> None:
    returns = np.array([-0.10, -0.04, 0.01, 0.02, 0.03])
    assert tail_loss(returns, 0.8) == pytest.approx(0.10)
    assert tail_loss(returns, 0.7) == pytest.approx((0.10 + 0.5 * 0.04) / 1.5)
    assert tail_loss(returns, 0.99) == pytest.approx(0.10)
    assert tail_loss(np.array([]), 0.95) is None


def test_turnover_is_what_was_traded_a_year_over_what_was_held() -> None:
    from dataclasses import replace

    held = replace(run(np.full(731, 100.0)), traded=np.r_[np.full(4, 50.0), np.zeros(727)])
    found = performance(held)
    assert found.years == pytest.approx(731 / 365.25)
    assert found.turnover == pytest.approx(2.0 / found.years)


def test_drawdowns_are_never_negative_and_start_at_the_opening() -> None:
    assert drawdowns(np.array([90.0, 120.0, 60.0]), 100.0) == pytest.approx([0.1, 0.0, 0.5])


def test_a_run_without_bars_is_refused() -> None:
    with pytest.raises(ValueError, match="without bars"):
        performance(run(np.array([]), opening=1.0))
