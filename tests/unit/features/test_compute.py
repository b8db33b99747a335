"""A feature row is made of the same bars live, late and in a replay."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.features import LOOKBACK_BARS, NAMES, VERSION, WINDOW_BARS, FeatureSet, NotReady, compute
from fluxfloor.features.definitions import DEFINITIONS, definition
from fluxfloor.kernels import WARM_UP_BARS
from hypothesis import given, settings
from hypothesis import strategies as st

BAR_MS = 900_000


@cache
def history(seed: int = 7, count: int = 1_200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = 2_000 * np.exp(np.cumsum(rng.normal(0, 0.004, count)))
    reach = close * rng.uniform(0, 0.005, (2, count))
    open_ms = 1_700_000_000_000 + BAR_MS * np.arange(count)
    bars = np.column_stack([open_ms, close, close + reach[0], close - reach[1], close, rng.uniform(1, 9, count)])
    bars.flags.writeable = False
    return bars


def at(bars: np.ndarray, place: int) -> int:
    return int(bars[place, 0])


def test_every_feature_is_there_and_finite() -> None:
    bars = history()[:LOOKBACK_BARS]
    got = compute(bars, at(bars, -1))
    assert isinstance(got, FeatureSet)
    assert (got.version, got.open_ms) == (VERSION, at(bars, -1))
    assert tuple(got.values) == NAMES
    assert all(type(value) is float and np.isfinite(value) for value in got.values.values())
    wanted = "log_return_1 log_return_3 log_return_6 volatility_14 rsi_14 macd macd_signal macd_histogram atr_14"
    assert {*wanted.split(), "zscore_price_20", "ma_20", "ma_100", "trend_strength"} <= set(NAMES)


@given(end=st.integers(LOOKBACK_BARS, 1_200), late=st.integers(0, 700), older=st.integers(0, 700))
@settings(max_examples=100, deadline=None)
def test_later_bars_and_a_longer_history_change_nothing(end: int, late: int, older: int) -> None:
    whole = history()
    live = compute(whole[end - LOOKBACK_BARS : end], at(whole, end - 1))
    assert isinstance(live, FeatureSet)
    assert compute(whole[max(0, end - LOOKBACK_BARS - older) : end + late], at(whole, end - 1)) == live


@given(end=st.integers(WARM_UP_BARS, LOOKBACK_BARS - 1), data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_young_history_gives_the_same_row_however_late_it_is_read(end: int, data: st.DataObject) -> None:
    whole = history()
    newest = data.draw(st.integers(end, WINDOW_BARS - 1))
    live = compute(whole[:end], at(whole, end - 1))
    assert isinstance(live, FeatureSet)
    assert compute(whole[:newest], at(whole, end - 1)) == live


@given(end=st.integers(1, 1_200), late=st.integers(0, 600))
@settings(max_examples=150, deadline=None)
def test_a_late_reader_of_the_hot_window_gets_the_live_row_or_none(end: int, late: int) -> None:
    whole = history()
    live = compute(whole[max(0, end - WINDOW_BARS) : end], at(whole, end - 1))
    newest = min(len(whole), end + late)
    seen = compute(whole[max(0, newest - WINDOW_BARS) : newest], at(whole, end - 1))
    assert seen == live or isinstance(seen, NotReady)
    if newest - end <= WINDOW_BARS - LOOKBACK_BARS and end >= LOOKBACK_BARS:
        assert seen == live


@pytest.mark.parametrize("count", [1, 60, WARM_UP_BARS - 1])
def test_a_cold_window_says_how_many_bars_are_missing(count: int) -> None:
    bars = history()[:count]
    got = compute(bars, at(bars, -1))
    assert isinstance(got, NotReady)
    assert got.missing_bars == WARM_UP_BARS - count


def test_the_first_warm_bar_has_features() -> None:
    bars = history()[:WARM_UP_BARS]
    assert isinstance(compute(bars, at(bars, -1)), FeatureSet)


def test_a_bar_that_the_window_does_not_hold_has_none() -> None:
    bars = history()[:300]
    for open_ms in (at(bars, -1) + BAR_MS, at(bars, -1) - 1, at(bars, 0) - BAR_MS):
        assert isinstance(compute(bars, open_ms), NotReady)
    assert isinstance(compute(bars[:0], 0), NotReady)


def test_a_price_that_is_none_gives_no_features_instead_of_nan() -> None:
    bars = history()[:300].copy()
    bars[-4, 4] = 0.0
    got = compute(bars, at(bars, -1))
    assert isinstance(got, NotReady)
    assert "log_return_3" in got.why


def test_the_seed_of_the_averages_has_faded_after_the_lookback() -> None:
    whole = history()
    short = compute(whole[-LOOKBACK_BARS:], at(whole, -1))
    assert isinstance(short, FeatureSet)
    long = definition().latest(*np.ascontiguousarray(whole[:, 1:].T))._asdict()
    assert short.values == pytest.approx(long, rel=1e-9)


@pytest.mark.parametrize("version", DEFINITIONS)
def test_what_an_older_version_stored_can_be_computed_again(version: str) -> None:
    bars = history()[:LOOKBACK_BARS]
    got = compute(bars, at(bars, -1), version)
    assert isinstance(got, FeatureSet)
    assert (got.version, tuple(got.values)) == (version, DEFINITIONS[version].names)


def test_a_version_nobody_has_defined_is_refused_by_name() -> None:
    with pytest.raises(Misconfigured, match="floor-0"):
        compute(history(), at(history(), -1), "floor-0")
