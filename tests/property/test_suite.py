"""The suite is the single kernels, for every history: short, long, standing still, late or with holes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fluxfloor import kernels
from hypothesis import given, settings
from hypothesis import strategies as st

Bars = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
LENGTHS = (0, 1, 13, 14, 19, 20, 33, 34, 35, 49, 50, 319, 320, 321, 400, 640, 1_000)


def history(n: int, seed: int = 0, scale: float = 100.0) -> Bars:
    random = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(random.normal(0.0, 0.01, n)))
    high, low = close * (1.0 + random.uniform(0, 0.01, n)), close * (1.0 - random.uniform(0, 0.01, n))
    return close.copy(), high, low, close, np.ones(n)


@st.composite
def histories(draw: st.DrawFn) -> Bars:
    """Pieces that move and pieces that stand, so that windows lie within and across them."""
    lengths = draw(st.lists(st.integers(1, 90), min_size=1, max_size=8))
    speeds = [draw(st.sampled_from([0.0, 0.0, 1e-4, 0.01, 0.2])) for _ in lengths]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    moves = np.concatenate([speed * random.normal(size=n) for n, speed in zip(lengths, speeds, strict=True)])
    close = draw(st.sampled_from([1e-7, 1.0, 65_000.0])) * np.exp(np.cumsum(moves))
    reach = draw(st.sampled_from([0.0, 0.01]))
    return close.copy(), close * (1 + reach), close * (1 - reach), close, np.ones(close.size)


def one_by_one(bars: Bars) -> kernels.Suite:
    _, high, low, close, _ = bars
    strength, plus, minus = kernels.adx(high, low, close, 14)
    lower, middle, upper = kernels.bollinger(close, 20, 2.0)
    line, signal, histogram = kernels.macd(close, 12, 26, 9)
    floor, ceiling = kernels.donchian(high, low, 20)
    slope, r2 = kernels.linear_regression(close, 50)
    return kernels.Suite(
        kernels.sma(close, 20), kernels.ema(close, 20), kernels.rsi(close, 14), kernels.atr(high, low, close, 14),
        strength, plus, minus, kernels.kama(close, 10), lower, middle, upper, line, signal, histogram, floor, ceiling,
        kernels.rolling_std(close, 20, 0), kernels.zscore(close, 20), slope, r2,
    )  # fmt: skip


RATIOS = {"rsi_14": 14, "zscore_20": 20, "r2_50": 50}


def same(got: kernels.Suite, expected: kernels.Suite, close: np.ndarray) -> None:
    """To 1e-9; what is a difference of prices, to the last digits of the price as well."""
    most = np.nanmax(np.abs(close), initial=0.0)
    for name, mine, single in zip(got._fields, got, expected, strict=True):
        unit = 1.0 if name in RATIOS or "di_" in name or "adx" in name else most
        if name in RATIOS:  # the prices' last digits, as large as they are beside what the ratio divides by
            spread = kernels.rolling_std(close, RATIOS[name])
            unit = np.where(spread > 0.0, 1.0 + most / np.where(spread > 0.0, spread, 1.0), 1.0)
        assert np.array_equal(np.isnan(mine), np.isnan(single)), name
        beyond = np.abs(mine - single) > 1e-9 * np.abs(single) + 1e-13 * unit
        assert not beyond.any(), (name, mine[beyond], single[beyond])


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("scale", [1e-9, 100.0, 1e9])
def test_every_column_is_the_single_kernels(n: int, scale: float) -> None:
    bars = history(n, n, scale)
    same(kernels.suite(*bars), one_by_one(bars), bars[3])


@given(bars=histories())
@settings(max_examples=60, deadline=None)
def test_every_column_is_the_single_kernels_whatever_the_market_does(bars: Bars) -> None:
    same(kernels.suite(*bars), one_by_one(bars), bars[3])


@given(bars=histories(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_suite_to_the_bit(bars: Bars, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, bars[3].size))
    short, whole = kernels.suite(*(column[:end] for column in bars)), kernels.suite(*bars)
    for mine, long in zip(short, whole, strict=True):
        np.testing.assert_array_equal(mine, long[:end])


@pytest.mark.parametrize("gaps", [(7, 7, 7), (3, 9, 0), (0, 0, 400)])
@pytest.mark.parametrize("hole", [None, 120, 399])
def test_bars_that_are_not_finite_are_treated_as_the_single_kernels_treat_them(
    gaps: tuple[int, int, int], hole: int | None
) -> None:
    bars = history(400, 5)
    for gap, column in zip(gaps, bars[1:4], strict=True):
        column[:gap] = np.nan
    if hole is not None:
        bars[3][hole] = np.nan
    with np.errstate(all="ignore"):
        same(kernels.suite(*bars), one_by_one(bars), bars[3])


def test_an_infinite_price_is_not_smoothed_over() -> None:
    bars = history(400, 6)
    bars[1][200] = np.inf
    got, expected = kernels.suite(*bars), one_by_one(bars)
    for mine, single in zip(got, expected, strict=True):
        np.testing.assert_array_equal(np.isfinite(mine), np.isfinite(single))


def test_a_window_of_bars_ends_as_the_same_bar_deep_in_a_history() -> None:
    bars = history(2_000, 7)
    whole, window = kernels.suite(*bars), kernels.suite(*(column[1_100:] for column in bars))
    for name, long, short in zip(whole._fields, whole, window, strict=True):
        np.testing.assert_allclose(short[-1], long[-1], rtol=1e-9, err_msg=name)


def test_many_histories_in_parallel_are_each_its_own_suite() -> None:
    histories = [history(500, seed) for seed in range(7)]
    stacked = [np.array(columns) for columns in zip(*histories, strict=True)]
    stacked[3][4, 100] = np.nan
    for threads in (None, 1, 3, 20):
        many = kernels.suite_2d(*stacked, threads=threads)
        for row in range(7):
            alone = kernels.suite(*(columns[row] for columns in stacked))
            for all_rows, one in zip(many, alone, strict=True):
                np.testing.assert_array_equal(all_rows[row], one)


def test_no_histories_give_no_rows() -> None:
    assert {column.shape for column in kernels.suite_2d(*(np.empty((0, 5)),) * 5)} == {(0, 5)}


@pytest.mark.parametrize("wrong", range(5))
def test_columns_of_different_shapes_are_refused(wrong: int) -> None:
    bars = list(history(30))
    bars[wrong] = bars[wrong][:-1]
    with pytest.raises(ValueError):
        kernels.suite(*bars)
    with pytest.raises(ValueError):
        kernels.suite_2d(*(column.reshape(1, -1) for column in bars))
    with pytest.raises(ValueError):
        kernels.suite_2d(*history(30))


def test_compiled_equals_interpreted(tmp_path: Path) -> None:
    bars = history(700, 8)
    np.save(tmp_path / "bars.npy", np.array(bars))
    code = (
        "import numpy as np; from fluxfloor import kernels;"
        "assert not hasattr(kernels.sma, 'py_func');"
        f"np.save({str(tmp_path / 'suite.npy')!r}, np.array(kernels.suite(*np.load({str(tmp_path / 'bars.npy')!r}))))"
    )
    command = ["env", "NUMBA_DISABLE_JIT=1", sys.executable, "-W", "ignore", "-c", code]
    subprocess.run(command, check=True)
    same(kernels.suite(*bars), kernels.Suite(*np.load(tmp_path / "suite.npy")), bars[3])
