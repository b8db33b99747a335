"""What resampling promises of every series: whose values come, how they follow each other, what a path goes through."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor import kernels
from fluxfloor.kernels._build import KERNELS
from fluxfloor.measures.performance import drawdowns, tail_loss
from fluxfloor.measures.resampling import (
    automatic_block,
    deepest_drawdown,
    interval,
    mean_return,
    orders,
    paired_interval,
    total_return,
    trade_order,
)
from hypothesis import given, settings
from hypothesis import strategies as st

RETURNS = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=60).map(np.array)
SEEDS = st.integers(0, 2**32 - 1)


@given(n=st.integers(1, 50), share=st.floats(0, 1), seed=SEEDS, moving=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_draw_is_as_long_as_the_series_and_made_of_it(n: int, share: float, seed: int, moving: bool) -> None:
    block = 1 + share * (n - 1)
    order = orders(n, block, 7, np.random.default_rng(seed), "moving" if moving else "stationary")
    assert order.shape == (7, n)
    assert order.min() >= 0
    assert order.max() < n


@given(n=st.integers(4, 40), block=st.integers(1, 40), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_moving_blocks_are_runs_of_neighbours(n: int, block: int, seed: int) -> None:
    block = min(block, n)
    order = orders(n, block, 3, np.random.default_rng(seed), "moving")
    for at in range(1, n):
        if at % block:
            assert (order[:, at] == order[:, at - 1] + 1).all()


def test_stationary_blocks_are_of_the_mean_length_asked_for_and_wrap_around() -> None:
    order = orders(500, 12.5, 400, np.random.default_rng(3))
    follows = (np.diff(order, axis=1) % 500) == 1
    assert 1 / (1 - follows.mean()) == pytest.approx(12.5, rel=0.05)
    assert ((order[:, 1:] == 0) & (order[:, :-1] == 499)).any()
    assert np.bincount(order.ravel(), minlength=500).min() > 0


@given(returns=RETURNS, seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_paths_are_the_compounded_returns_in_their_order(returns: np.ndarray, seed: int) -> None:
    order = np.random.default_rng(seed).integers(0, returns.size, (5, 17))
    final, deepest, lowest = kernels.paths(returns, order)
    values = np.cumprod(1.0 + returns[order], axis=1)
    np.testing.assert_allclose(final, values[:, -1], rtol=1e-12)
    np.testing.assert_allclose(lowest, np.minimum(values.min(axis=1), 1.0), rtol=1e-12)
    np.testing.assert_allclose(deepest, [drawdowns(value, 1.0).max() for value in values], atol=1e-12)


def test_a_path_that_loses_everything_stays_lost() -> None:
    final, deepest, lowest = kernels.paths(np.array([-1.5, 3.0]), np.array([[0, 1], [1, 0]]))
    assert (final.tolist(), deepest.tolist(), lowest.tolist()) == ([0.0, 0.0], [1.0, 1.0], [0.0, 0.0])


@given(returns=RETURNS, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_compiled_equals_interpreted(returns: np.ndarray, seed: int) -> None:
    rng, n = np.random.default_rng(seed), returns.size
    times, equity = np.cumsum(rng.integers(1, 9, n)), np.cumprod(1.0 + returns)
    starts = rng.integers(0, n, (3, n))
    for name, given_ in {
        "stationary_order": (starts, rng.random((3, n)), 3.0), "block_order": (np.zeros((2, n), np.int64), n, 1),
        "paths": (returns, starts), "drawdown": (equity, times, 1.0, 0),
    }.items():  # fmt: skip
        np.testing.assert_equal(KERNELS[name](*given_), KERNELS[name].py_func(*given_))


@given(returns=RETURNS, opening=st.floats(0.5, 2.0))
@settings(max_examples=80, deadline=None)
def test_the_compiled_drawdown_is_the_plain_one(returns: np.ndarray, opening: float) -> None:
    equity = opening * np.cumprod(1.0 + returns)
    times = np.arange(equity.size) * 10 + 10
    deepest, longest = kernels.drawdown(equity, times, opening, 0)
    below = drawdowns(equity, opening)
    assert deepest == pytest.approx(below.max(), abs=1e-12)
    best, run = 0, 0
    for value in below:
        run = run + 1 if value > 0 else 0
        best = max(best, run)
    # a stretch of k bars under water lasts from the peak before it to the bar that ends it
    assert longest in ((0,) if best == 0 else (10 * best, 10 * (best + 1)))


@given(returns=RETURNS, confidence=st.floats(0.5, 0.99))
@settings(max_examples=80, deadline=None)
def test_the_tail_loss_is_the_worst_of_all_ways_to_weigh_the_tail(returns: np.ndarray, confidence: float) -> None:
    """Its dual: the expected loss under the worst weights, none above 1 / (n (1 - confidence))."""
    most, left, worst = 1.0 / (returns.size * (1.0 - confidence)), 1.0, 0.0
    for loss in sorted(-returns, reverse=True):
        weight = min(most, left)
        worst, left = worst + weight * loss, left - weight
    assert tail_loss(returns, confidence) == pytest.approx(worst, rel=1e-9, abs=1e-12)


@given(returns=RETURNS, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_same_seed_gives_the_same_interval_and_it_is_ordered(returns: np.ndarray, seed: int) -> None:
    first, second = (interval(returns, mean_return, np.random.default_rng(seed), draws=50) for _ in range(2))
    assert first == second
    assert first is not None
    assert first.low <= first.high
    assert returns.min() - 1e-12 <= first.low
    assert first.high <= returns.max() + 1e-12


@given(returns=RETURNS, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_series_does_not_differ_from_itself(returns: np.ndarray, seed: int) -> None:
    found = paired_interval(returns, returns.copy(), total_return, np.random.default_rng(seed), draws=20)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for _ in range(200):
        found = interval(rng.normal(0.1, 1.0, 120), mean_return, rng, draws=300, level=0.9, block=1.0)
        assert found is not None
        covered += found.low <= 0.1 <= found.high
    assert 0.83 <= covered / 200 <= 0.96


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    rng = np.random.default_rng(5)
    market = rng.normal(0.0, 0.02, 400)
    better, worse = market + rng.normal(0.0005, 0.001, 400), market
    found = paired_interval(better, worse, mean_return, np.random.default_rng(1))
    alone = interval(better, mean_return, np.random.default_rng(1))
    assert found is not None
    assert alone is not None
    assert found.low > 0.0
    assert found.high - found.low < 0.2 * (alone.high - alone.low)


def test_automatic_blocks_are_short_for_noise_and_near_the_best_for_what_remembers() -> None:
    """The best length for an AR(1) with coefficient r is (4 n r^2 / (1 - r^2)^2)^(1/3) (Politis & White 2004)."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=4_000)
    lasting = np.zeros(4_000)
    for at in range(1, lasting.size):
        lasting[at] = 0.7 * lasting[at - 1] + noise[at]
    best = (4 * 4_000 * 0.49 / (1 - 0.49) ** 2) ** (1 / 3)
    assert automatic_block(noise) < 8
    assert automatic_block(lasting) == pytest.approx(best, rel=0.4)
    assert automatic_block(np.zeros(50)) == 1.0


@given(returns=RETURNS, seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_another_order_of_the_same_trades_ends_where_they_ended(returns: np.ndarray, seed: int) -> None:
    found = trade_order(returns, np.random.default_rng(seed), draws=30)
    assert found is not None
    for total in found.totals:
        assert total == pytest.approx(np.prod(1.0 + returns) - 1.0, abs=1e-9)
    assert list(found.drawdowns) == sorted(found.drawdowns)


def test_ruin_is_as_likely_as_the_trades_are_bad() -> None:
    rng = np.random.default_rng(0)
    bad = trade_order(np.array([-0.4, 0.1]), rng, replace=True, count=40)
    good = trade_order(np.array([-0.01, 0.05]), rng, replace=True, count=40)
    assert bad is not None
    assert good is not None
    assert bad.ruin > 0.95
    assert good.ruin == 0.0
    assert good.drawdown(0.5) < good.drawdown(0.95) < bad.drawdown(0.5)
    assert trade_order(np.array([]), rng) is None


def test_the_drawdown_measure_takes_any_shape() -> None:
    returns = np.array([[0.1, -0.5, 0.2], [0.0, 0.1, 0.1]])
    assert deepest_drawdown(returns) == pytest.approx([0.5, 0.0])
    assert float(deepest_drawdown(returns[0])) == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "block"), [(0, 1.0), (5, 0.5), (5, 6.0)])
def test_blocks_that_can_not_be_are_refused(n: int, block: float) -> None:
    with pytest.raises(ValueError, match="can't draw"):
        orders(n, block, 1, np.random.default_rng(0))
