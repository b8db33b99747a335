"""What must hold of every backtest: the books balance at each bar, nothing is known early, and holding is the index."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from fluxfloor.kernels.switching import switched, switches_of
from fluxfloor.measures.records import Run
from fluxfloor.simulation import FREE, Costs, Prepared, Settings, backtest, grid, preset, spot, sweep, us_equity
from fluxfloor.simulation.settings import rules_of
from fluxfloor.strategies import Compiled, build
from hypothesis import given, settings
from hypothesis import strategies as st

STEP_MS = 900_000
COIN, SHARE = spot("BTC/USDT"), us_equity("ACME")
OPEN_ALL = Settings(edge_gate=False, halts="off")
PLUGINS = ("trend", "mean_reversion", "breakout", "dual_mode", "ma_cross")


@cache
def walk(seed: int, count: int = 1_200, drift: float = 0.0) -> np.ndarray:
    """Bars on the grid that trend, turn and jump."""
    random = np.random.default_rng(seed)
    at = np.arange(count)
    close = 100 * np.exp(np.cumsum(random.normal(drift + 0.002 * np.sin(at / 40), 0.006)))
    open_ = np.r_[100.0, close[:-1]] * np.exp(random.normal(0, 0.001, count))
    reach = np.exp(np.abs(random.normal(0, 0.003, (2, count))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    table = np.round(np.column_stack([open_, high, low, close]), 2)
    return np.column_stack([at * STEP_MS, table, random.uniform(1, 100, count).round(1)])


def strategy(plugin: str) -> Compiled:
    made = build(plugin, {})
    assert isinstance(made, Compiled)
    return made


def worth(run: Run, closes: list[np.ndarray], lots: list[float]) -> np.ndarray:
    """What the positions are worth at each close."""
    return sum((run.positions[:, s] * lots[s] * closes[s] for s in range(len(closes))), np.zeros(len(run.equity)))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(PLUGINS), st.sampled_from(["close", "resting"]))
def test_equity_is_cash_and_positions_at_every_close(seed: int, plugin: str, stops: Any) -> None:
    tables = [walk(seed), walk(seed + 1)]
    rules = [SHARE, us_equity("EMCA")]
    run = backtest(strategy(plugin), tables, rules, replace(preset("us-equities", stops=stops), edge_gate=False))
    closes = [table[:, 4] for table in tables]
    np.testing.assert_allclose(run.equity, run.cash + worth(run, closes, [1.0, 1.0]), rtol=1e-12)
    np.testing.assert_allclose(run.exposure, worth_gross(run, closes) / run.equity, rtol=1e-9, atol=1e-12)
    held = run.positions[-1] != 0
    if not held.any():
        assert run.cash[-1] == pytest.approx(run.opening + run.trades.profit.sum(), rel=1e-12)
    assert set(np.unique(run.trades.side)) <= {-1, 1}
    assert (run.trades.exit_ms >= run.trades.entry_ms).all()
    assert (np.diff(run.trades.exit_ms) >= 0).all()


def worth_gross(run: Run, closes: list[np.ndarray]) -> np.ndarray:
    return sum((np.abs(run.positions[:, s]) * closes[s] for s in range(len(closes))), np.zeros(len(run.equity)))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(PLUGINS), st.integers(150, 1_199), st.booleans())
def test_bars_that_come_later_change_nothing_before(seed: int, plugin: str, cut: int, resting: bool) -> None:
    chosen = replace(OPEN_ALL, stops="resting" if resting else "close")
    whole = backtest(strategy(plugin), [walk(seed)], [COIN], chosen)
    part = backtest(strategy(plugin), [walk(seed)[:cut]], [COIN], chosen)
    np.testing.assert_array_equal(whole.positions[:cut], part.positions)
    np.testing.assert_allclose(whole.equity[:cut], part.equity, rtol=1e-12)
    np.testing.assert_array_equal(whole.trades.entry_price[: len(part.trades)], part.trades.entry_price)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 120))
def test_the_short_way_is_the_general_loop(seed: int, fast: int, more: int) -> None:
    by_weight = Settings(weight=0.9, stops="off", halts="off", costs=Costs(impact=0.0005))
    cross = build("ma_cross", {"fast": fast, "slow": fast + more, "stop_atr": 0})
    assert isinstance(cross, Compiled)
    prepared = Prepared([walk(seed)], [COIN], by_weight)
    run, ledger = prepared.run(cross), prepared.ledger(cross)
    np.testing.assert_allclose(run.equity, ledger.equity, rtol=1e-12)
    np.testing.assert_array_equal(run.positions, ledger.positions)
    np.testing.assert_allclose(run.cash, ledger.cash, rtol=1e-12)
    np.testing.assert_allclose(run.traded, ledger.traded, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(run.trades.entry_ms, ledger.trade_ints[:, 3])
    np.testing.assert_allclose(run.trades.profit, ledger.trade_money[:, 3], rtol=1e-9, atol=1e-9)


def test_nothing_is_entered_that_the_venue_would_not_let_leave_at_its_stop() -> None:
    picky = COIN.model_copy(update={"min_notional": Decimal(1_470)})
    run = backtest(strategy("trend"), [walk(1)], [picky], replace(OPEN_ALL, stops="resting"))
    whole = backtest(strategy("trend"), [walk(1)], [COIN], replace(OPEN_ALL, stops="resting"))
    assert 0 < len(run.trades) < len(whole.trades)
    assert (run.trades.quantity * np.minimum(run.trades.entry_price, run.trades.entry_stop) >= 1_470).all()


def test_buy_and_hold_is_the_index_within_its_costs() -> None:
    table = walk(3, 5_000, 0.0002)
    wanted = np.ones(len(table), np.int8)
    switches = switches_of(wanted)
    rules = rules_of([COIN], 0.0)
    open_, close, volume = (np.ascontiguousarray(table[:, column]) for column in (1, 4, 5))
    held = switched(switches, open_, close, volume, rules, Settings(weight=1.0, costs=FREE).terms(STEP_MS))
    index = close[-1] / open_[1]
    assert held.equity[-1] / 10_000 == pytest.approx(index, rel=1e-6)
    paid = switched(switches, open_, close, volume, rules, Settings(weight=1.0).terms(STEP_MS))
    assert paid.equity[-1] / 10_000 == pytest.approx(index / (1.0006 * 1.0026), rel=3e-4), (
        "prices end on the tick beyond"
    )


@pytest.mark.parametrize("plugin", ["dual_mode", "ma_cross"])
def test_a_sweep_is_its_backtests(plugin: str) -> None:
    points = {
        "dual_mode": grid(entry_atr=[0.3, 0.5], adaptive=[0, 1]),
        "ma_cross": grid(fast=[5, 10], slow=[30, 50], stop_atr=[0, 2]),
    }[plugin]
    chosen = Settings(weight=1.0, stops="off", halts="off") if plugin == "ma_cross" else OPEN_ALL
    found = sweep(plugin, points, [walk(1)], [COIN], chosen, threads=2)
    for place, point in enumerate(points):
        made = build(plugin, point)
        assert isinstance(made, Compiled)
        run = backtest(made, [walk(1)], [COIN], chosen)
        top = np.maximum.accumulate(np.r_[run.opening, run.equity])
        assert found.equity[place] == pytest.approx(run.equity[-1], rel=1e-12)
        assert found.drawdown[place] == pytest.approx(np.max(1 - np.r_[run.opening, run.equity] / top), rel=1e-9)
        expected = run.returns.mean() / run.returns.std(ddof=1) * np.sqrt(run.periods_per_year)
        assert found.sharpe[place] == pytest.approx(expected, rel=1e-6)
        assert found.trades[place] == len(run.trades)
    assert found.best("equity") == int(np.argmax(found.equity))
