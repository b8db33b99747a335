"""The compiled backtest against an account that shares none of its code, and against what no backtest may do."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from fluxfloor.features import definitions
from fluxfloor.market.window import Bars
from fluxfloor.measures.performance import performance
from fluxfloor.simulation import preset, spot
from fluxfloor.simulation.baselines import cross
from fluxfloor.simulation.following import follow
from fluxfloor.simulation.honesty import look_ahead, of_columns, run_look_ahead, warm_up
from fluxfloor.simulation.setups import Setup, best, points, possible, try_all

from tests.support.histories import random_bars

FINE = spot("X/USDT", "0.000001")
ALL_IN = preset("kraken-mvp", weight=1.0, stops="off", halts="off", edge_gate=False)
OPEN = preset("kraken-mvp", halts="off", edge_gate=False)


def bars(n: int, seed: int, **more: Any) -> Any:
    """On a fine grid of ticks."""
    made = random_bars(n, seed, **more)
    made[:, 1:5] = np.round(made[:, 1:5], 6)
    made[:, 2], made[:, 3] = made[:, 1:5].max(axis=1), made[:, 1:5].min(axis=1)
    return made


def setup(plugin: str, settings: Any = OPEN, **params: float) -> Setup:
    return Setup(plugin, params, {"X/USDT": FINE}, settings)


def test_the_compiled_loop_and_the_plain_account_agree() -> None:
    history = {"X/USDT": bars(4_000, 1)}
    run = setup("ma_cross", ALL_IN)(history)
    plain = follow(
        "X/USDT", history["X/USDT"], cross(history["X/USDT"]), setup("ma_cross", ALL_IN).plain_costs, opening=10_000.0
    )
    assert len(run.trades) == len(plain.trades) > 10
    np.testing.assert_array_equal(run.trades.entry_ms, plain.trades.entry_ms)
    np.testing.assert_array_equal(run.trades.exit_ms, plain.trades.exit_ms)
    np.testing.assert_allclose(run.trades.entry_price, plain.trades.entry_price, rtol=1e-7)
    np.testing.assert_allclose(run.equity, plain.equity, rtol=1e-5)


def test_holding_a_rise_is_the_index_within_two_per_cent() -> None:
    """The last close above the mean of a hundred is a way to hold what only rises."""
    history = {"X/USDT": bars(3_000, 2, drift=0.002, risk=0.002)}
    run = setup("ma_cross", ALL_IN, fast=1, slow=100)(history)
    inside = np.flatnonzero(run.positions[:, 0])
    assert (run.positions[inside[0] :, 0] > 0).all()
    index = history["X/USDT"][-1, 4] / history["X/USDT"][inside[0], 1]
    assert performance(run).total_return + 1 == pytest.approx(index, rel=0.02)


@pytest.mark.parametrize("plugin", ["trend", "mean_reversion", "breakout", "dual_mode", "ma_cross"])
def test_no_strategy_knows_the_future(plugin: str) -> None:
    history = {"X/USDT": bars(1_500, 3, risk=0.008)}
    found = run_look_ahead(setup(plugin), history, np.random.default_rng(0), cuts=6, least=300)
    assert found.honest, found.leaks[:3]
    assert len(setup(plugin)(history).trades) > 3  # there was something to find


@pytest.mark.parametrize("version", ["floor-1", "floor-2"])
def test_no_feature_knows_the_future_and_all_settle_within_their_look_back(version: str) -> None:
    definition = definitions.definition(version)

    def columns(table: Bars) -> dict[str, np.ndarray]:
        values = definition.batch(*(np.ascontiguousarray(column) for column in table.T[1:]))
        return dict(zip(definition.names, values.T, strict=True))

    history = {"X/USDT": bars(1_400, 4)}
    found = look_ahead(of_columns(columns), history, np.random.default_rng(1), cuts=8, least=200, rtol=1e-9)
    assert found.honest, found.names
    settled = warm_up(of_columns(columns), history, np.random.default_rng(2), starts=4, rtol=1e-6)
    assert settled.longest is not None
    assert settled.longest <= definition.lookback_bars


def test_a_sweep_gives_each_point_what_its_own_backtest_would() -> None:
    history = {"X/USDT": bars(2_000, 5)}
    base = setup("ma_cross", ALL_IN)
    setups = possible(base, points({"fast": [5, 20], "slow": [20, 50]}))
    assert [dict(item.params) for item in setups] == [
        {"fast": 5, "slow": 20}, {"fast": 5, "slow": 50}, {"fast": 20, "slow": 50},
    ]  # fmt: skip
    found = list(try_all(setups, history, "total_return"))
    for variant, one in zip(found, setups, strict=True):
        alone = performance(one(history))
        assert variant.total_return == pytest.approx(alone.total_return, rel=1e-12)
        assert np.prod(1 + variant.daily) - 1 == pytest.approx(alone.total_return)
    assert found[best(found)].total_return == max(item.total_return for item in found)


def test_taking_a_part_away_changes_its_switch_alone() -> None:
    without = setup("dual_mode").without()
    assert without["regime gate"].params == {"regime_gate": 0.0}
    assert without["KAMA (a fixed EMA instead)"].params == {"kama": 0.0}
    assert "regime gate" not in setup("dual_mode", regime_gate=0.0).without()
    assert setup("trend").without() == {}


def test_baselines_pay_what_the_strategy_pays() -> None:
    paid = setup("trend").plain_costs
    assert (paid.fee, paid.slippage, paid.per_unit) == (0.0026, pytest.approx(0.0006), 0.0)


def test_every_point_is_one_combination_and_none_is_the_base() -> None:
    assert list(points({"a": [1, 2], "b": [3]})) == [{"a": 1, "b": 3}, {"a": 2, "b": 3}]
    assert list(points({})) == [{}]
    with pytest.raises(Exception, match="side by side"):
        points({"a": [float(n) for n in range(300)], "b": [float(n) for n in range(300)]})


def test_a_planted_peek_in_the_compiled_loop_is_found() -> None:
    """The same cross, handed bars whose closes came one bar early."""
    base = setup("ma_cross", ALL_IN)

    def peeking(history: Any) -> Any:
        table = history["X/USDT"]
        early = table.copy()
        early[:-1, 4] = table[1:, 4]
        early[:, 2], early[:, 3] = early[:, 1:5].max(axis=1), early[:, 1:5].min(axis=1)
        return base({"X/USDT": early})

    history = {"X/USDT": bars(1_200, 6)}
    assert not run_look_ahead(peeking, history, np.random.default_rng(0), cuts=6, least=150).honest
    assert run_look_ahead(partial(base), history, np.random.default_rng(0), cuts=6, least=150).honest
