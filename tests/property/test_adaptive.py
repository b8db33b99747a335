"""What adaptive averages, regimes and spreads promise: prefix, memory, bounds, compiled = interpreted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fluxfloor import kernels
from fluxfloor.kernels._build import KERNELS
from hypothesis import given, settings
from hypothesis import strategies as st

Bars = tuple[np.ndarray, np.ndarray, np.ndarray]
Call = Callable[[Any, Bars], Any]


def unit(b: Bars) -> np.ndarray:
    """Something in 0..1 with a warm-up."""
    return kernels.efficiency_ratio(b[2], 4)


def ratio(b: Bars) -> np.ndarray:
    return kernels.volatility_ratio(kernels.atr(*b, 3), 6)


def periods(b: Bars) -> np.ndarray:
    return kernels.adaptive_period(ratio(b), 5)


def codes(b: Bars) -> np.ndarray:
    return np.floor(3.0 * unit(b))


CALLS: dict[str, Call] = {
    "smoothing_constant": lambda f, b: f(unit(b), 2, 30),
    "regime_bias": lambda f, b: f(unit(b)),
    "faded_kama": lambda f, b: f(b[2], 4, 2, 30, 9),
    "adaptive_kama": lambda f, b: f(b[2], 4, 2, 30, 3, 9),
    "volatility_ratio": lambda f, b: f(kernels.atr(*b, 3), 6),
    "adaptive_period": lambda f, b: f(ratio(b), 14),
    "adaptive_sma": lambda f, b: f(b[2], periods(b)),
    "adaptive_ema": lambda f, b: f(b[2], periods(b), 9),
    "adaptive_rsi": lambda f, b: f(b[2], periods(b), 9),
    "spikes": lambda f, b: f(b[0] - b[1], kernels.atr(*b, 3)),
    "alpha_of": lambda f, b: f(ratio(b), 0.1, 0.3),
    "alpha_ema": lambda f, b: f(b[2], kernels.alpha_of(ratio(b), 0.1, 0.3), 9),
    "trend_regime": lambda f, b: f(100 * unit(b), b[2] - 50.0, unit(b)),
    "volatility_regime": lambda f, b: f(ratio(b)),
    "confirmed": lambda f, b: f(codes(b), 3, 8),
    "mean_correlation": lambda f, b: f(np.column_stack([b[2], b[2] ** 2, codes(b)]), 5),
    "corwin_schultz": lambda f, b: f(*b, 3),
    "_smoothed": lambda f, b: f(b[2], 0.5 * b[2] / b[2].max(), 2, 7) if b[2].size else np.empty(0),
    "_kaufman_ratio": lambda f, b: f(b[2], 4),
    "_first_number": lambda f, b: np.array([float(f(unit(b)))]),
}
OF_THE_WHOLE = {"_smoothed", "_first_number"}  # the call here looks at the whole series
MEMORY = {"faded_kama": 13, "adaptive_kama": 16, "confirmed": 14}
"""Bars after which a value does not depend on what came before: the memory and the warm-up of what it reads."""
ELSEWHERE = {"fit_alpha", "in_spike", "modelled_spread"}  # tried in test_adaptive_kernels.py
ROOMS = {f"fluxfloor.kernels.{name}" for name in ("adaptive", "regimes", "spread")}


@st.composite
def bars(draw: st.DrawFn, least: int = 0, most: int = 60) -> Bars:
    moves = draw(st.lists(st.sampled_from([0.0, 0.0, 0.01, -0.01, 0.3, -0.2]), min_size=least, max_size=most))
    close = draw(st.floats(1e-4, 1e5)) * np.exp(np.cumsum(np.array(moves, dtype=np.float64)))
    reach = draw(st.floats(0, 0.1))
    return close * (1 + reach), close * (1 - reach), close


def outputs(result: Any) -> list[np.ndarray]:
    return list(result) if isinstance(result, tuple) else [result]


def cut(series: Bars, start: int, end: int) -> Bars:
    high, low, close = (column[start:end].copy() for column in series)
    return high, low, close


def test_every_kernel_of_these_rooms_is_covered_here() -> None:
    found = {name for name, function in KERNELS.items() if function.py_func.__module__ in ROOMS}
    assert set(CALLS) | ELSEWHERE == found


@pytest.mark.parametrize("name", CALLS)
@given(series=bars())
@settings(max_examples=20, deadline=None)
def test_compiled_equals_interpreted(name: str, series: Bars) -> None:
    with np.errstate(all="ignore"):
        interpreted = CALLS[name](KERNELS[name].py_func, series)
    for got, expected in zip(outputs(CALLS[name](KERNELS[name], series)), outputs(interpreted), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", sorted(set(CALLS) - OF_THE_WHOLE))
@given(series=bars(least=1), data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_result(name: str, series: Bars, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(series[0])))
    whole = outputs(CALLS[name](KERNELS[name], series))
    for short, long in zip(outputs(CALLS[name](KERNELS[name], cut(series, 0, end))), whole, strict=True):
        np.testing.assert_array_equal(short, long[:end])


@pytest.mark.parametrize("name", MEMORY)
@given(series=bars(least=20), data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_came_before_the_memory_is_forgotten(name: str, series: Bars, data: st.DataObject) -> None:
    end = data.draw(st.integers(MEMORY[name] + 1, len(series[0])))
    whole = CALLS[name](KERNELS[name], series)[end - 1]
    alone = CALLS[name](KERNELS[name], cut(series, end - MEMORY[name] - 1, end))[-1]
    assert alone == pytest.approx(whole, rel=1e-12)


@given(weights=st.lists(st.floats(0.0, 1.0), min_size=30, max_size=80), memory=st.integers(1, 40), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_value_is_the_recursion_begun_a_memory_ago(weights: list[float], memory: int, data: st.DataObject) -> None:
    weight = np.array(weights)
    x = 100 + 10 * np.cos(np.arange(weight.size))
    start = data.draw(st.integers(0, 5))
    got = KERNELS["_smoothed"](x, weight, start, memory)
    assert np.isnan(got[:start]).all()
    for i in range(start, x.size):
        begun = max(start, i - memory)
        value = x[begun]
        for j in range(begun + 1, i + 1):
            value += (x[j] - value) * weight[j]
        assert got[i] == pytest.approx(value, rel=1e-12)


@given(series=bars(least=12))
@settings(max_examples=60, deadline=None)
def test_bounds_hold(series: Bars) -> None:
    er = kernels.efficiency_ratio(series[2], 5)
    lean, constant = kernels.regime_bias(er), kernels.smoothing_constant(kernels.regime_bias(er))
    known = ~np.isnan(er)
    assert ((lean[known] >= 0) & (lean[known] <= 1)).all()
    low, high = (2 / 31) ** 2, (2 / 3) ** 2
    assert ((constant[known] >= low * (1 - 1e-12)) & (constant[known] <= high * (1 + 1e-12))).all()
    for values in (
        kernels.faded_kama(series[2], 5),
        kernels.adaptive_kama(series[2], 5),
        kernels.adaptive_sma(series[2], np.full(series[2].size, 3.0)),
    ):
        inside = values[~np.isnan(values)]
        assert (inside <= series[2].max() * (1 + 1e-12)).all()
        assert (inside >= series[2].min() * (1 - 1e-12)).all()
    strength = kernels.adaptive_rsi(series[2], np.full(series[2].size, 4.0))
    assert ((strength >= 0) & (strength <= 100)).all()
    spread = kernels.corwin_schultz(*series)
    assert (spread[1:] >= 0).all()
    assert (spread[1:] <= 2).all()


@given(series=bars(least=8), symbols=st.integers(2, 5), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_mean_correlation_is_the_mean_of_the_pairs(series: Bars, symbols: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    moves = rng.normal(size=(len(series[0]), symbols)) + series[2][:, None] / series[2].max()
    got = kernels.mean_correlation(moves, 6)
    pairs = [(a, b) for a in range(symbols) for b in range(a)]
    for end in range(6, len(moves) + 1):
        matrix = np.corrcoef(moves[end - 6 : end].T)
        assert got[end - 1] == pytest.approx(np.mean([matrix[pair] for pair in pairs]), abs=1e-12)


@given(raw=st.lists(st.sampled_from([-1.0, 0.0, 1.0, 2.0]), min_size=1, max_size=300), data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_confirmed_label_is_the_same_from_any_window_that_holds_the_memory(
    raw: list[float], data: st.DataObject
) -> None:
    """Whenever the last `memory` bars hold a confirmation the window gives it, and without one both say neutral."""
    codes_ = np.array(raw)
    memory = data.draw(st.integers(3, 60))
    whole = kernels.confirmed(codes_, 3, memory)
    for end in range(1, codes_.size + 1):
        window = codes_[max(0, end - memory - 2) : end]
        assert kernels.confirmed(window, 3, memory)[-1] == whole[end - 1]
