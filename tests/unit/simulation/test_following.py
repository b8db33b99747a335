"""The account that follows a wished position, and what every backtest must get right: the sanity checks."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.measures.performance import performance
from fluxfloor.simulation.baselines import cross, hold, reversion
from fluxfloor.simulation.following import Costs, combine, follow
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.histories import HOUR, bars_of, random_bars

FREE = Costs(0.0, 0.0)


def test_a_wish_fills_at_the_next_open_with_its_costs() -> None:
    bars = bars_of([100, 110, 120, 130, 140])
    run = follow("X", bars, np.array([1.0, 1, 0, 0, 0]), Costs(0.01, 0.001), opening=1_000)
    paid, got = 100 * 1.001, 120 * 0.999
    quantity = 1_000 / (paid * 1.01)
    assert run.trades.entry_price.tolist() == [paid]
    assert run.trades.exit_price == pytest.approx([got])
    assert run.trades.quantity == pytest.approx([quantity])
    assert run.trades.profit == pytest.approx([quantity * (got * 0.99 - paid * 1.01)])
    assert run.equity[0] == 1_000
    assert run.equity[1] == pytest.approx(quantity * 110)
    assert run.equity[-1] == pytest.approx(1_000 + run.trades.profit[0])
    assert run.traded.tolist() == pytest.approx([0, quantity * paid, 0, quantity * got, 0])


@given(seed=st.integers(0, 10_000), fee=st.floats(0, 0.01), slip=st.floats(0, 0.01), unit=st.floats(0, 0.1))
@settings(max_examples=60, deadline=None)
def test_cash_and_trades_agree_to_the_last_cent(seed: int, fee: float, slip: float, unit: float) -> None:
    rng = np.random.default_rng(seed)
    target = np.repeat(rng.choice([-1.0, 0.0, 0.5, 1.0], 20), 5)
    target[-2:] = 0.0
    run = follow("X", random_bars(100, seed, risk=0.003), target, Costs(fee, slip, unit), opening=5_000)
    assert run.equity[-1] == pytest.approx(5_000 + run.trades.profit.sum())
    assert run.positions[-1, 0] == 0
    assert run.cash[-1] == run.equity[-1]


def test_a_short_gains_what_the_price_loses() -> None:
    bars = bars_of([100, 100, 90, 90])
    run = follow("X", bars, np.array([-1.0, -1, 0, 0]), FREE, opening=1_000)
    assert run.equity[-1] == pytest.approx(1_100)
    assert run.trades.side.tolist() == [-1]
    assert run.positions[1, 0] < 0


def test_buy_and_hold_is_the_index_within_two_per_cent() -> None:
    for seed in range(5):
        bars = random_bars(3_000, seed, drift=0.0002)
        index = bars[-1, 4] / bars[0, 4] - 1.0
        held = performance(follow("X", bars, hold(bars), Costs(0.0026, 0.0005))).total_return
        assert held == pytest.approx(index, abs=0.02 * (1 + index))
        assert follow("X", bars, hold(bars), FREE).equity[-1] / 100_000 == pytest.approx(bars[-1, 4] / bars[1, 1])


def test_a_perfect_predictor_wins_every_trade_and_shows_its_costs() -> None:
    bars = random_bars(500, 3)
    next_move = np.sign(np.append(bars[2:, 1] - bars[1:-1, 1], [0.0, 0.0]))
    free, paying = (follow("X", bars, next_move, costs) for costs in (FREE, Costs(0.001, 0.0005)))
    assert (free.trades.profit >= 0).all()
    sides = 2 * len(paying.trades)
    lost = np.log(free.equity[-1] / paying.equity[-1]) / sides
    assert lost == pytest.approx(0.0015, rel=0.02)
    assert paying.trades.fees.sum() == pytest.approx(0.001 * paying.traded.sum(), rel=1e-9)


def test_random_entries_lose_about_their_costs() -> None:
    """Without drift, the mean return of a random trade is what its two sides cost."""
    rng = np.random.default_rng(8)
    edges = []
    for seed in range(40):
        bars = random_bars(1_000, seed, risk=0.002)
        target = np.repeat((rng.random(100) < 0.5).astype(float), 10)
        edges.append(follow("X", bars, target, Costs(0.0026, 0.0005)).trades.returns)
    assert np.mean(np.concatenate(edges)) == pytest.approx(-2 * (0.0026 + 0.0005), abs=0.001)


def test_the_rules_see_no_bar_after_their_own() -> None:
    bars = random_bars(600, 1)
    for rule in (hold, cross, reversion):
        for cut in (150, 231):
            np.testing.assert_array_equal(rule(bars[:cut]), rule(bars)[:cut])
    assert 0 < reversion(bars).mean() < 1
    assert 0 < cross(bars).mean() < 1


def test_accounts_side_by_side_add_up_over_all_their_times() -> None:
    early = follow("A", random_bars(50, 1), np.repeat([1.0, 0.0], 25), FREE, opening=600)
    late = follow("B", random_bars(50, 2, begin_ms=int(early.close_ms[30])), np.ones(50), FREE, opening=400)
    both = combine([early, late])
    assert both.opening == 1_000
    assert both.symbols == ("A", "B")
    assert both.equity[0] == early.equity[0] + 400
    assert both.equity[-1] == early.equity[-1] + late.equity[-1]
    assert both.positions.shape == (both.close_ms.size, 2)
    assert both.traded.sum() == pytest.approx(early.traded.sum() + late.traded.sum())
    assert len(both.trades) == len(early.trades) + len(late.trades)


def test_a_wish_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        follow("X", bars_of([1, 2, 3]), np.array([0, 2.0, 0]), FREE)
    with pytest.raises(ValueError, match="share"):
        follow("X", bars_of([1, 2, 3]), np.array([0.0, np.nan, 0]), FREE)


def test_times_are_closes() -> None:
    bars = bars_of([1.0, 2.0, 3.0])
    assert follow("X", bars, np.zeros(3), FREE).close_ms.tolist() == (bars[:, 0] + HOUR).astype(int).tolist()
