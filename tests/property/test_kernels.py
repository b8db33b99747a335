"""What every kernel promises of every series: prefix, window, batch = last bar, compiled = interpreted."""

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

# Each takes the function (compiled or interpreted) and (high, low, close).
CALLS: dict[str, Call] = {
    "sma": lambda f, b: f(b[2], 7),
    "ema": lambda f, b: f(b[2], 7),
    "rsi": lambda f, b: f(b[2], 5),
    "atr": lambda f, b: f(b[0], b[1], b[2], 5),
    "adx": lambda f, b: f(b[0], b[1], b[2], 4),
    "kama": lambda f, b: f(b[2], 5, 2, 9),
    "macd": lambda f, b: f(b[2], 3, 6, 4),
    "efficiency_ratio": lambda f, b: f(b[2], 6),
    "bollinger": lambda f, b: f(b[2], 7, 2.5),
    "linear_regression": lambda f, b: f(b[2], 7),
    "rolling_std": lambda f, b: f(b[2], 7, 1),
    "rolling_median": lambda f, b: f(b[2], 6),
    "zscore": lambda f, b: f(b[2], 7),
    "donchian": lambda f, b: f(b[0], b[1], 7),
    "log_return": lambda f, b: f(b[2], 3),
    "_window_sum": lambda f, b: f(b[2], 7),
    "_window_max": lambda f, b: f(b[0], 7),
    "_window_moments": lambda f, b: f(b[2], 7),
    "_window_line": lambda f, b: f(b[2], 7),
    "_path": lambda f, b: f(b[2], 6),
}
OF_ONE_BAR = {"_start", "_start_of_bars", "_true_range", "_movements"}
"""Helpers that have no series of their own; their callers are tried here."""
ROOMS = {f"fluxfloor.kernels.{name}" for name in ("windows", "recursive", "returns")}
PUBLIC = [name for name in CALLS if not name.startswith("_")]
WINDOWED = {
    "sma": 7, "rolling_std": 7, "rolling_median": 6, "zscore": 7, "donchian": 7, "log_return": 4, "_window_sum": 7,
    "_window_max": 7, "_window_moments": 7, "_window_line": 7, "_path": 7, "efficiency_ratio": 7, "bollinger": 7,
    "linear_regression": 7,
}  # fmt: skip
"""How many bars back a value looks."""
SEEDED = ("ema", "rsi", "atr", "adx", "kama", "macd")
ELSEWHERE = {"drawdown", "block_order", "stationary_order", "paths"}
"""No indicators: what they promise is in a test of their own (test_resampling.py)."""


@st.composite
def bars(draw: st.DrawFn, least: int = 0, most: int = 60) -> Bars:
    """Prices that also stand still: equal neighbours are where windows and averages go wrong."""
    moves = draw(st.lists(st.sampled_from([0.0, 0.0, 0.01, -0.01, 0.3, -0.2]), min_size=least, max_size=most))
    close = draw(st.floats(1e-4, 1e5)) * np.exp(np.cumsum(np.array(moves, dtype=np.float64)))
    reach = draw(st.floats(0, 0.1))
    return close * (1 + reach), close * (1 - reach), close


def outputs(result: Any) -> list[np.ndarray]:
    return list(result) if isinstance(result, tuple) else [result]


def cut(series: Bars, start: int, end: int) -> Bars:
    high, low, close = (column[start:end].copy() for column in series)
    return high, low, close


def same(left: Any, right: Any) -> None:
    for a, b in zip(outputs(left), outputs(right), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_indicator_is_covered_here() -> None:
    indicators = {name for name, kernel in KERNELS.items() if kernel.py_func.__module__ in ROOMS}
    assert set(CALLS) | OF_ONE_BAR == indicators


@pytest.mark.parametrize("name", CALLS)
@given(series=bars())
@settings(max_examples=25, deadline=None)
def test_compiled_equals_interpreted(name: str, series: Bars) -> None:
    with np.errstate(all="ignore"):
        interpreted = CALLS[name](KERNELS[name].py_func, series)
    for got, expected in zip(outputs(CALLS[name](KERNELS[name], series)), outputs(interpreted), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", CALLS)
@given(series=bars(least=1), data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_result(name: str, series: Bars, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(series[0])))
    whole = outputs(CALLS[name](KERNELS[name], series))
    for short, long in zip(outputs(CALLS[name](KERNELS[name], cut(series, 0, end))), whole, strict=True):
        np.testing.assert_array_equal(short, long[:end])


@pytest.mark.parametrize("name", WINDOWED)
@given(series=bars(least=7), data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_window_value_does_not_depend_on_what_came_before_its_window(
    name: str, series: Bars, data: st.DataObject
) -> None:
    end = data.draw(st.integers(7, len(series[0])))
    whole = outputs(CALLS[name](KERNELS[name], series))
    alone = outputs(CALLS[name](KERNELS[name], cut(series, end - WINDOWED[name], end)))
    for short, long in zip(alone, whole, strict=True):
        assert short[-1] == long[end - 1]


@pytest.mark.parametrize("name", WINDOWED)
@given(series=bars(least=20), data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_nan_spoils_its_windows_and_leaves_with_them(name: str, series: Bars, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(series[0]) - 1))
    for column in series:
        column[place] = np.nan
    for values in outputs(CALLS[name](KERNELS[name], series)):
        assert np.isnan(values[place])
        assert np.isfinite(values[place + WINDOWED[name] :]).all()


@pytest.mark.parametrize("name", PUBLIC)
@given(series=bars())
@settings(max_examples=25, deadline=None)
def test_inputs_stay_as_they_were_and_outputs_are_as_long(name: str, series: Bars) -> None:
    before = cut(series, 0, len(series[0]))
    for values in outputs(CALLS[name](KERNELS[name], series)):
        assert values.shape == series[2].shape
        assert values.dtype == np.float64
    same(series, before)


@given(series=bars())
@settings(max_examples=50, deadline=None)
def test_what_is_bounded_stays_within_its_bounds(series: Bars) -> None:
    high, low, close = series
    for values, most in (
        (kernels.efficiency_ratio(close, 6), 1.0),
        (kernels.linear_regression(close, 7)[1], 1.0),
        (kernels.rsi(close, 5), 100.0),
        *((column, 100.0) for column in kernels.adx(high, low, close, 4)),
    ):
        seen = values[np.isfinite(values)]
        assert ((seen >= 0.0) & (seen <= most)).all()


@pytest.mark.parametrize("name", SEEDED)
@given(series=bars(least=40), data=st.data())
@settings(max_examples=25, deadline=None)
def test_leading_nan_only_move_a_recursion_and_a_later_one_stays(name: str, series: Bars, data: st.DataObject) -> None:
    gap = data.draw(st.integers(0, 5))
    whole = outputs(CALLS[name](KERNELS[name], series))
    waited = tuple(np.r_[np.full(gap, np.nan), column] for column in series)
    for shifted, plain in zip(outputs(CALLS[name](KERNELS[name], waited)), whole, strict=True):
        assert np.isnan(shifted[:gap]).all()
        np.testing.assert_array_equal(shifted[gap:], plain)
    for column in series:
        column[20] = np.nan
    for values in outputs(CALLS[name](KERNELS[name], series)):
        assert np.isnan(values[20:]).all()


@pytest.mark.parametrize("name", SEEDED)
def test_a_recursion_forgets_where_it_began_at_its_own_pace(name: str) -> None:
    """Batch = streaming for what carries on: enough bars into a window its seed weighs less than the last digits."""
    random = np.random.default_rng(11)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, 700)))
    series = (close * 1.01, close * 0.99, close)
    whole = outputs(CALLS[name](KERNELS[name], series))
    window = outputs(CALLS[name](KERNELS[name], cut(series, 300, 700)))
    for short, long in zip(window, whole, strict=True):
        np.testing.assert_allclose(short[-1], long[-1], rtol=1e-9, atol=1e-10)


@given(series=bars(least=114, most=180))
@settings(max_examples=40, deadline=None)
def test_the_latest_row_is_the_last_value_of_each_kernel(series: Bars) -> None:
    high, low, close = series
    row = kernels.latest(close, high, low, close, np.ones_like(close))
    line, signal, histogram = kernels.macd(close)
    ranges = kernels.atr(high, low, close)
    one_bar = kernels.log_return(close, 1)
    lower, upper = kernels.donchian(high, low, 20)
    fast, slow = kernels.sma(close, 20), kernels.sma(close, 100)
    expected = kernels.Row(
        close=close[-1],
        log_return_1=one_bar[-1],
        log_return_3=kernels.log_return(close, 3)[-1],
        log_return_6=kernels.log_return(close, 6)[-1],
        volatility_14=kernels.rolling_std(one_bar, 14, 1)[-1] * np.sqrt(14),
        rsi_14=kernels.rsi(close)[-1],
        macd=line[-1],
        macd_signal=signal[-1],
        macd_histogram=histogram[-1],
        atr_14=ranges[-1],
        atr_median_100=float(np.median(ranges[-100:])),
        zscore_price_20=kernels.zscore(close)[-1],
        ma_20=fast[-1],
        ma_100=slow[-1],
        trend_strength=abs(fast[-1] - slow[-1]) / ranges[-1] if ranges[-1] else 0.0,
        donchian_lower_20=lower[-2],
        donchian_upper_20=upper[-2],
    )
    assert row == expected


@given(series=bars(least=114, most=150))
@settings(max_examples=5, deadline=None)
def test_the_row_compiled_equals_the_row_interpreted(series: Bars) -> None:
    high, low, close = series
    columns = (close, high, low, close, np.ones_like(close))
    interpreted = KERNELS["latest"].py_func(*columns)
    assert kernels.latest(*columns) == pytest.approx(interpreted, rel=1e-13, abs=1e-300)
