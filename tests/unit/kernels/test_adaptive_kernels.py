"""Adaptive averages and regimes at their limits: where they switch, where they lead over, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fluxfloor import kernels
from fluxfloor.kernels import regimes
from fluxfloor.kernels.spread import modelled_spread
from fluxfloor.simulation import spot
from fluxfloor.simulation.settings import rules_of

NAN = np.nan


def a(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def walk(count: int = 900, seed: int = 4) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))


def test_the_constant_is_squared_and_lies_where_kaufman_puts_it() -> None:
    assert kernels.smoothing_constant(a(0, 1)) == pytest.approx([0.0041623, 0.4444444], abs=5e-8)
    assert kernels.smoothing_constant(a(0.5)) == pytest.approx([(0.5 * (2 / 3 - 2 / 31) + 2 / 31) ** 2])


def test_the_bias_leans_both_ways_without_a_jump() -> None:
    er = np.linspace(0, 1, 100_001)
    lean = kernels.regime_bias(er)
    assert (lean[er > 0.61] >= er[er > 0.61]).all()
    assert (lean[er < 0.29] <= er[er < 0.29]).all()
    assert (lean[(er > 0.3) & (er < 0.6)] == er[(er > 0.3) & (er < 0.6)]).all()
    assert np.diff(lean).min() >= 0
    assert np.diff(lean).max() < 3e-5  # no more than three times the step of er
    assert (lean[0], lean[-1]) == (0, 1)


def test_within_its_memory_the_average_is_kama_itself() -> None:
    close = walk()
    faded, whole = kernels.faded_kama(close), kernels.kama(close)
    np.testing.assert_allclose(faded[:310], whole[:310], rtol=1e-13)
    np.testing.assert_allclose(faded, whole, rtol=1e-6)


def test_a_standstill_is_taken_as_kama_takes_it() -> None:
    close = np.r_[walk(40), np.full(60, 90.0)]
    np.testing.assert_allclose(kernels.faded_kama(close), kernels.kama(close), rtol=1e-12)


def test_a_change_of_regime_arrives_over_five_bars() -> None:
    """From noise to a straight line: the weight of the newest close grows step by step, never in one leap."""
    close = np.r_[np.tile([100.0, 101.0], 60), 100 + 5 * np.arange(1.0, 40)]
    er = kernels.efficiency_ratio(close, 10)
    eased = kernels.smoothing_constant(kernels.sma(kernels.regime_bias(er), 5))
    raw = kernels.smoothing_constant(kernels.regime_bias(er))
    assert np.nanmax(np.abs(np.diff(eased))) < 0.7 * np.nanmax(np.abs(np.diff(raw)))
    first = int(np.argmax(raw >= 0.44))
    assert eased[first] < raw[first] - 0.01
    assert eased[first + 4] == pytest.approx(raw[first + 4])


def test_periods_follow_volatility_at_its_limits() -> None:
    got = kernels.adaptive_period(a(1.5, 1.5001, 0.5, 0.4999, 1.0, NAN), 14)
    np.testing.assert_array_equal(got, [14, 10, 14, 18, 14, NAN])
    np.testing.assert_array_equal(kernels.adaptive_period(a(2.0, 0.1), 20), [14, 26])
    assert kernels.adaptive_period(a(9.0), 1) == [1.0]


def test_volatility_is_held_against_its_own_mean() -> None:
    atr = np.r_[np.full(13, NAN), np.ones(49), 3.0]
    got = kernels.volatility_ratio(atr)
    assert np.isnan(got[:62]).all()
    assert got[62] == pytest.approx(3 / (52 / 50))
    assert (kernels.volatility_ratio(np.zeros(60))[49:] == 1).all()


def test_with_one_period_the_adaptive_averages_are_the_plain_ones() -> None:
    close = walk()
    period = np.full(close.size, 20.0)
    np.testing.assert_allclose(kernels.adaptive_sma(close, period)[19:], kernels.sma(close, 20)[19:], rtol=1e-12)
    np.testing.assert_allclose(kernels.adaptive_ema(close, period)[250:], kernels.ema(close, 20)[250:], rtol=1e-9)
    np.testing.assert_allclose(kernels.adaptive_rsi(close, period)[600:], kernels.rsi(close, 20)[600:], rtol=1e-5)


def test_shorter_periods_answer_sooner() -> None:
    close = np.r_[np.full(300, 100.0), np.full(5, 110.0)]
    quick, slow = np.full(305, 14.0), np.full(305, 26.0)
    for average in (kernels.adaptive_sma, kernels.adaptive_ema):
        assert average(close, quick)[-1] > average(close, slow)[-1]


def test_a_spike_is_a_five_minute_range_beyond_twice_the_hours() -> None:
    np.testing.assert_array_equal(kernels.spikes(a(2.0, 2.01, 1.0, NAN), a(1.0, 1.0, NAN, 1.0)), [0, 1, NAN, NAN])
    assert (kernels.in_spike(1.0), kernels.in_spike(0.0)) == ((1.5, 0.7), (1.0, 1.0))


# --- alpha = f(ATR) ----------------------------------------------------------------------------------------------


def test_the_fit_finds_the_weight_that_foresees_best() -> None:
    """A level that wanders, seen through noise, where the best weight is known: Kalman's gain."""
    rng, count, gain = np.random.default_rng(8), 60_000, 0.4
    noise = 1.0
    drift = gain * gain / (1 - gain) * noise
    level = 1_000 + np.cumsum(rng.normal(0, np.sqrt(drift), count))
    close = level + rng.normal(0, np.sqrt(noise), count)
    fitted = kernels.fit_alpha(close, rng.uniform(0.5, 1.5, count), gain)
    assert fitted.base + fitted.per_ratio == pytest.approx(gain, abs=0.02)
    assert fitted.per_ratio == pytest.approx(0, abs=0.05)
    assert fitted.bars == count - 2


def test_the_fit_tells_wild_bars_from_calm_ones() -> None:
    """Calm bars are noise around a level, wild ones move it: the line must rise."""
    rng = np.random.default_rng(9)
    wild = rng.random(40_000) < 0.5
    level = 1_000 + np.cumsum(np.where(wild, rng.normal(0, 1, wild.size), 0))
    close = level + rng.normal(0, 1, wild.size)
    assert kernels.fit_alpha(close, np.where(wild, 1.6, 0.6)).per_ratio > 0.1


def test_alpha_is_held_in_its_bands_and_leads_from_one_to_the_other() -> None:
    ratio = np.linspace(0, 3, 3_001)
    for base, per_ratio in ((5.0, 0.0), (-5.0, 0.0), (0.0, 0.3)):
        alpha = kernels.alpha_of(ratio, base, per_ratio)
        assert ((alpha[ratio <= 0.5] >= 0.1) & (alpha[ratio <= 0.5] <= 0.2)).all()
        assert ((alpha[ratio >= 1.5] >= 0.4) & (alpha[ratio >= 1.5] <= 0.6)).all()
        assert np.abs(np.diff(alpha)).max() < 0.001
    assert np.isnan(kernels.alpha_of(a(NAN), 0.1, 0.1)[0])


def test_a_modelled_spread_is_on_the_grid_and_never_narrower_than_said() -> None:
    rules = rules_of([spot("X/USDT", "0.5")], 0.0)
    price = a(100.0, 101.25, 7_000.0)
    got = modelled_spread(rules, 0, price, 0.0001)
    np.testing.assert_array_equal(got, [1.0, 0.5, 2.0])
    assert (got >= 2 * 0.0001 * price).all()


# --- regimes -----------------------------------------------------------------------------------------------------


def test_a_trend_needs_strength_and_fit_and_takes_the_sign_of_the_slope() -> None:
    adx = a(25.1, 25.1, 25.0, 25.1, 19.9, 19.9, 20.0, 40, NAN)
    slope = a(1, -1, 1, 1, 1, 1, 1, 0, 1)
    r2 = a(0.61, 0.61, 0.61, 0.6, 0.39, 0.4, 0.39, 0.9, 0.9)
    expected = [regimes.UP, regimes.DOWN, 0, 0, regimes.REVERTING, 0, 0, 0, NAN]
    np.testing.assert_array_equal(kernels.trend_regime(adx, slope, r2), expected)


def test_volatility_has_its_own_limits_for_the_label() -> None:
    np.testing.assert_array_equal(kernels.volatility_regime(a(1.51, 1.5, 0.7, 0.69, NAN)), [1, 0, 0, -1, NAN])


def test_a_label_needs_three_bars_and_then_persists() -> None:
    raw = a(NAN, 1, 1, 2, 1, 1, 1, 2, 0, 2, 2, 2, 1, 1)
    expected = [NAN, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal(kernels.confirmed(raw), expected)


def test_a_label_that_nothing_renews_becomes_neutral() -> None:
    raw = np.r_[2.0, 2.0, 2.0, np.tile([0.0, 1.0], 60)]
    got = kernels.confirmed(raw)
    assert (got[2:102] == 2).all()
    assert (got[102:] == 0).all()


def test_what_moves_as_one_correlates_fully_and_what_stands_still_with_nobody() -> None:
    x = np.sin(np.arange(80.0))
    assert kernels.mean_correlation(np.column_stack([x, 2 * x, x + 1]))[-1] == pytest.approx(1)
    assert kernels.mean_correlation(np.column_stack([x, -x]))[-1] == pytest.approx(-1)
    assert kernels.mean_correlation(np.column_stack([x, x, np.ones(80)]))[-1] == pytest.approx(1 / 3)
    assert regimes.CORRELATED == 0.8


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernels.smoothing_constant(a(0.5), 0, 30),
        lambda: kernels.smoothing_constant(a(0.5), 30, 2),
        lambda: kernels.faded_kama(walk(50), 0),
        lambda: kernels.faded_kama(walk(50), 10, 2, 30, 0),
        lambda: kernels.adaptive_kama(walk(50), 10, 2, 30, 0),
        lambda: kernels.adaptive_period(a(1.0), 0),
        lambda: kernels.adaptive_sma(a(1, 2), a(1)),
        lambda: kernels.adaptive_ema(a(1, 2), a(1)),
        lambda: kernels.adaptive_rsi(a(1, 2), a(1, 1), 0),
        lambda: kernels.alpha_ema(a(1, 2), a(1)),
        lambda: kernels.spikes(a(1, 2), a(1)),
        lambda: kernels.fit_alpha(walk(50), np.ones(50)),
        lambda: kernels.fit_alpha(walk(50), walk(50), 0.0),
        lambda: kernels.fit_alpha(walk(50), walk(49)),
        lambda: kernels.trend_regime(a(1, 2), a(1), a(1, 2)),
        lambda: kernels.confirmed(a(1), 0),
        lambda: kernels.mean_correlation(np.ones((9, 1))),
        lambda: kernels.mean_correlation(np.ones((9, 2)), 1),
        lambda: kernels.corwin_schultz(a(1, 2), a(1), a(1, 2)),
        lambda: kernels.corwin_schultz(a(1), a(1), a(1), 0),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize("count", [0, 1, 2, 9, 13])
def test_short_series_give_only_what_there_is(count: int) -> None:
    x = walk(100)[:count]
    results = (
        kernels.faded_kama(x), kernels.adaptive_kama(x), kernels.volatility_ratio(x),
        kernels.adaptive_sma(x, np.full(count, 20.0)), kernels.corwin_schultz(x, x, x, 20),
    )  # fmt: skip
    assert all(np.isnan(values[: min(count, 10)]).all() and values.size == count for values in results)
