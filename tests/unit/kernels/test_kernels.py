"""Edges of the kernels: refusals, short arrays, standing markets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fluxfloor import kernels

FLAT = np.full(150, 0.1)
ROW_OF_FLAT = {"close": 0.1, "ma_20": 0.1, "ma_100": 0.1, "donchian_lower_20": 0.1, "donchian_upper_20": 0.1}


@pytest.mark.parametrize(
    "call",
    [
        lambda: kernels.sma(FLAT, 0),
        lambda: kernels.ema(FLAT, -1),
        lambda: kernels.rsi(FLAT, 0),
        lambda: kernels.atr(FLAT, FLAT, FLAT, 0),
        lambda: kernels.atr(FLAT[:9], FLAT, FLAT, 14),
        lambda: kernels.atr(FLAT, FLAT[:9], FLAT, 14),
        lambda: kernels.adx(FLAT, FLAT, FLAT, 1),
        lambda: kernels.adx(FLAT, FLAT[:9], FLAT, 14),
        lambda: kernels.kama(FLAT, 0),
        lambda: kernels.kama(FLAT, 10, 30, 2),
        lambda: kernels.kama(FLAT, 10, 0, 30),
        lambda: kernels.efficiency_ratio(FLAT, 0),
        lambda: kernels.bollinger(FLAT, 0),
        lambda: kernels.linear_regression(FLAT, 1),
        lambda: kernels.macd(FLAT, 26, 12, 9),
        lambda: kernels.rolling_std(FLAT, 1, 1),
        lambda: kernels.rolling_std(FLAT, 5, -1),
        lambda: kernels.rolling_median(FLAT, 0),
        lambda: kernels.zscore(FLAT, 0),
        lambda: kernels.donchian(FLAT, FLAT[:9], 20),
        lambda: kernels.donchian(FLAT, FLAT, 0),
        lambda: kernels.log_return(FLAT, 0),
        lambda: kernels.latest(FLAT[:113], FLAT[:113], FLAT[:113], FLAT[:113], FLAT[:113]),
        lambda: kernels.latest(FLAT, FLAT, FLAT, FLAT, FLAT[:120]),
    ],
)
def test_what_makes_no_sense_is_refused_before_memory_is_touched(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize("length", [0, 1, 2, 14])
def test_arrays_shorter_than_the_warm_up_give_only_nan(length: int) -> None:
    x = np.linspace(1.0, 2.0, length)
    results = (
        kernels.sma(x, 20), kernels.ema(x, 20), kernels.rsi(x), kernels.atr(x, x, x), *kernels.macd(x),
        kernels.rolling_std(x, 20), kernels.rolling_median(x, 20), kernels.zscore(x), *kernels.donchian(x, x),
        kernels.log_return(x, 20), *kernels.adx(x, x, x), kernels.kama(x, 20), kernels.efficiency_ratio(x, 20),
        *kernels.bollinger(x), *kernels.linear_regression(x),
    )  # fmt: skip
    for values in results:
        assert values.size == length
        assert np.isnan(values).all()


def test_a_standing_market_deviates_by_exactly_nothing() -> None:
    assert (kernels.rolling_std(FLAT, 20)[19:] == 0).all()
    assert (kernels.zscore(FLAT)[19:] == 0).all()
    assert (kernels.sma(FLAT, 20)[19:] == 0.1).all()
    assert (kernels.atr(FLAT, FLAT, FLAT)[14:] == 0).all()
    assert all((band[19:] == 0.1).all() for band in kernels.bollinger(FLAT))
    assert all((column[49:] == 0).all() for column in kernels.linear_regression(FLAT))
    assert all((column[27:] == 0).all() for column in kernels.adx(FLAT, FLAT, FLAT))
    assert (kernels.kama(FLAT)[10:] == 0.1).all()
    assert (kernels.efficiency_ratio(FLAT)[10:] == 0).all()


def test_a_straight_line_is_wholly_efficient_and_explained_by_its_slope() -> None:
    line = 5.0 + 0.25 * np.arange(120.0)
    for x, slope in ((line, 0.25), (line[::-1].copy(), -0.25)):
        assert (kernels.efficiency_ratio(x)[10:] == 1).all()
        got = kernels.linear_regression(x, 50)
        assert got[0][49:] == pytest.approx(slope, rel=1e-12)
        assert got[1][49:] == pytest.approx(1.0, rel=1e-12)


def test_rsi_of_a_standing_market_is_ta_libs_zero_and_of_a_rise_a_hundred() -> None:
    assert (kernels.rsi(FLAT)[14:] == 0).all()
    assert (kernels.rsi(np.arange(1.0, 40.0))[14:] == 100).all()


def test_deviation_survives_a_price_that_dwarfs_it() -> None:
    x = 1e9 + np.tile([0.0, 1.0], 40)
    assert kernels.rolling_std(x, 20)[19:] == pytest.approx(0.5, rel=1e-9)


def test_ema_begins_after_the_warm_up_of_what_it_smooths() -> None:
    x = np.r_[np.full(5, np.nan), np.arange(10.0)]
    assert np.isnan(kernels.ema(x, 3)[:7]).all()
    assert kernels.ema(x, 3)[7:] == pytest.approx(np.arange(1.0, 9.0))


def test_log_return_has_no_answer_for_a_price_that_is_not_positive() -> None:
    got = kernels.log_return(np.array([1.0, 0.0, 2.0, -1.0, 4.0, 8.0]))
    assert np.isnan(got[:5]).all()
    assert got[5] == pytest.approx(np.log(2))


def test_a_nan_in_a_recursive_indicator_stays() -> None:
    x = 10 + np.sin(np.arange(80.0))
    x[40] = np.nan
    for values in (kernels.rsi(x), kernels.atr(x, x, x), kernels.ema(x, 10), kernels.macd(x)[0], kernels.kama(x)):
        assert np.isfinite(values[39])
        assert np.isnan(values[41:]).all()


def test_the_row_of_a_standing_market_is_finite() -> None:
    row = kernels.latest(FLAT, FLAT, FLAT, FLAT, FLAT)._asdict()
    assert row == pytest.approx({name: ROW_OF_FLAT.get(name, 0.0) for name in kernels.Row._fields}, abs=1e-15)
