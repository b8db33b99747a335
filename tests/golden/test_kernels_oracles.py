"""Kernels against the same definitions written a second way, with pandas and numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fluxfloor import kernels


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    close = 65_000 * np.exp(np.cumsum(rng.normal(0, 0.003, 1_500)))
    close[700:760] = close[699]  # a market that stands still
    high, low = close * (1 + rng.uniform(0, 0.004, 1_500)), close * (1 - rng.uniform(0, 0.004, 1_500))
    return pd.DataFrame({"high": high, "low": low, "close": close})


def same(got: np.ndarray, expected: pd.Series | np.ndarray) -> None:
    np.testing.assert_allclose(got, np.asarray(expected, dtype=float), rtol=1e-9, atol=1e-9)


def seeded(x: pd.Series, first: int, period: int, alpha: float) -> pd.Series:
    """An exponential average that starts at index `first` with the plain mean of the `period` values up to it."""
    tail = x.copy()
    tail.iloc[first] = x.iloc[first - period + 1 : first + 1].mean()
    return tail.iloc[first:].ewm(alpha=alpha, adjust=False).mean().reindex(x.index)


@pytest.mark.parametrize("period", [1, 2, 7, 20, 100, 127])
def test_window_statistics_are_those_of_pandas(bars: pd.DataFrame, period: int) -> None:
    close = bars["close"]
    x = close.to_numpy()
    same(kernels.sma(x, period), close.rolling(period).mean())
    same(kernels.rolling_median(x, period), close.rolling(period).median())
    lower, upper = kernels.donchian(bars["high"].to_numpy(), bars["low"].to_numpy(), period)
    same(lower, bars["low"].rolling(period).min())
    same(upper, bars["high"].rolling(period).max())
    for ddof in range(min(2, period)):
        windows = np.lib.stride_tricks.sliding_window_view(x, period)
        expected = np.concatenate([np.full(period - 1, np.nan), windows.std(axis=1, ddof=ddof)])
        np.testing.assert_allclose(kernels.rolling_std(x, period, ddof), expected, rtol=1e-8, atol=1e-6)


def test_zscore_is_the_distance_from_the_mean_in_deviations(bars: pd.DataFrame) -> None:
    close = bars["close"]
    window = close.rolling(20)
    got = kernels.zscore(close.to_numpy())
    moving = np.r_[19:710, 780:1_500]
    expected = ((close - window.mean()) / window.std(ddof=0)).to_numpy()
    np.testing.assert_allclose(got[moving], expected[moving], rtol=1e-6, atol=1e-9)
    assert (got[720:760] == 0).all()


def test_log_returns_are_differences_of_logarithms(bars: pd.DataFrame) -> None:
    close = bars["close"]
    for lag in (1, 3, 6):
        same(kernels.log_return(close.to_numpy(), lag), np.log(close).diff(lag))


def test_ema_is_an_exponential_average_seeded_with_a_mean(bars: pd.DataFrame) -> None:
    close = bars["close"]
    same(kernels.ema(close.to_numpy(), 26), seeded(close, 25, 26, 2 / 27))


def test_rsi_is_the_share_of_gains_in_wilders_averages(bars: pd.DataFrame) -> None:
    change = bars["close"].diff()
    gain, loss = (seeded(side, 14, 14, 1 / 14) for side in (change.clip(lower=0), -change.clip(upper=0)))
    same(kernels.rsi(bars["close"].to_numpy()), 100 - 100 / (1 + gain / loss))


def test_atr_is_wilders_average_of_true_ranges(bars: pd.DataFrame) -> None:
    last = bars["close"].shift()
    reaches = pd.concat([bars["high"] - bars["low"], bars["high"] - last, last - bars["low"]], axis=1)
    ranges = reaches.max(axis=1).where(last.notna())
    got = kernels.atr(*(bars[name].to_numpy() for name in ("high", "low", "close")))
    same(got, seeded(ranges, 14, 14, 1 / 14))


def test_macd_seeds_both_averages_at_the_same_bar(bars: pd.DataFrame) -> None:
    close = bars["close"]
    gap = seeded(close, 25, 12, 2 / 13) - seeded(close, 25, 26, 2 / 27)
    smooth = seeded(gap, 33, 9, 2 / 10)
    line, signal, histogram = kernels.macd(close.to_numpy())
    same(line, gap.where(smooth.notna()))
    same(signal, smooth)
    same(histogram, gap - smooth)
