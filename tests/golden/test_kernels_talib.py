"""Kernels against TA-Lib, wherever it has the function: to 1e-9 of the value.

What it takes from differences of far larger numbers (deviations, slopes) it cannot know to 1e-9 of the result; there
the last digits of the price are allowed for as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib
from fluxfloor import kernels

Bars = dict[str, np.ndarray]
BARS = 3_000


def walk(seed: int, scale: float = 100.0) -> Bars:
    random = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(random.normal(0.0, 0.02, BARS)))
    open_ = np.r_[close[0], close[:-1]]
    reach = 1.0 + np.abs(random.normal(0.0, 0.01, (2, BARS)))
    return {"high": np.maximum(open_, close) * reach[0], "low": np.minimum(open_, close) / reach[1], "close": close}


def in_ticks(bars: Bars) -> Bars:
    """Prices whose sums are exact in binary: TA-Lib's running sums then leave no residue in a standstill."""
    return {name: np.round(column * 64.0) / 64.0 for name, column in bars.items()}


def standing(bars: Bars) -> Bars:
    """Two standstills after moves: one of whole bars, one only of closes."""
    for column in bars.values():
        column[900:1_100] = bars["close"][900]
    bars["close"][2_000:2_200] = bars["close"][2_000]
    bars["high"][2_000:2_200] = np.maximum(bars["high"][2_000:2_200], bars["close"][2_000])
    bars["low"][2_000:2_200] = np.minimum(bars["low"][2_000:2_200], bars["close"][2_000])
    return bars


def late(bars: Bars) -> Bars:
    """As another indicator would hand them over: NaN while it warms up."""
    for gap, column in zip((7, 11, 5), bars.values(), strict=True):
        column[:gap] = np.nan
    return bars


MARKETS: dict[str, Bars] = {
    "a walk": walk(1),
    "another walk": walk(2),
    "a walk that halts": standing(walk(8)),
    "standstills": standing(in_ticks(walk(3))),
    "a late start": late(walk(4)),
    "prices of 1e-7": walk(5, 1e-7),
    "prices of 1e12": walk(6, 1e12),
    "prices of 1e-12": walk(7, 1e-12),
    "a rise": {name: np.arange(1.0, 500.0) + away for name, away in (("high", 0.5), ("low", -0.5), ("close", 0.0))},
    "a fall": {name: np.arange(500.0, 1.0, -1) + away for name, away in (("high", 0.5), ("low", -0.5), ("close", 0.0))},
}

Sides = Callable[[Bars], tuple[object, object]]
EXACT: dict[str, Sides] = {
    "sma": lambda b: (kernels.sma(b["close"], 20), talib.SMA(b["close"], 20)),
    "ema": lambda b: (kernels.ema(b["close"], 20), talib.EMA(b["close"], 20)),
    "rsi": lambda b: (kernels.rsi(b["close"], 14), talib.RSI(b["close"], 14)),
    "atr": lambda b: (kernels.atr(*b.values(), 14), talib.ATR(*b.values(), 14)),
    "adx": lambda b: (
        kernels.adx(*b.values(), 14),
        (talib.ADX(*b.values(), 14), talib.PLUS_DI(*b.values(), 14), talib.MINUS_DI(*b.values(), 14)),
    ),
    "adx of 5": lambda b: (
        kernels.adx(*b.values(), 5),
        (talib.ADX(*b.values(), 5), talib.PLUS_DI(*b.values(), 5), talib.MINUS_DI(*b.values(), 5)),
    ),
    "kama": lambda b: (kernels.kama(b["close"]), talib.KAMA(b["close"], 10)),
    "kama of 30": lambda b: (kernels.kama(b["close"], 30), talib.KAMA(b["close"], 30)),
    "donchian": lambda b: (
        kernels.donchian(b["high"], b["low"], 20),
        (talib.MIN(b["low"], 20), talib.MAX(b["high"], 20)),
    ),
}
NEAR: dict[str, Sides] = {
    "macd": lambda b: (kernels.macd(b["close"]), talib.MACD(b["close"])),
    "bollinger": lambda b: (kernels.bollinger(b["close"], 20, 2.0), talib.BBANDS(b["close"], 20, 2.0, 2.0)[::-1]),
    "slope": lambda b: (kernels.linear_regression(b["close"], 50)[0], talib.LINEARREG_SLOPE(b["close"], 50)),
}


def columns(result: object) -> list[np.ndarray]:
    return [np.asarray(column) for column in result] if isinstance(result, tuple) else [np.asarray(result)]


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", EXACT)
def test_a_kernel_is_ta_libs(name: str, market: str) -> None:
    ours, theirs = EXACT[name](MARKETS[market])
    for mine, other in zip(columns(ours), columns(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=0)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("name", NEAR)
def test_a_difference_of_prices_is_ta_libs_as_far_as_the_prices_digits_go(name: str, market: str) -> None:
    ours, theirs = NEAR[name](MARKETS[market])
    slack = 1e-13 * np.nanmax(MARKETS[market]["close"])
    for mine, other in zip(columns(ours), columns(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=slack)


@pytest.mark.parametrize("market", MARKETS)
def test_deviation_and_explained_share_are_ta_libs_where_it_has_the_digits(market: str) -> None:
    close = MARKETS[market]["close"]
    spread, theirs = kernels.rolling_std(close, 20), talib.STDDEV(close, 20)
    clear = ~(spread < 1e-3 * np.abs(close))  # below, TA-Lib is left with too few digits of E[x²] - mean²
    np.testing.assert_allclose(spread[clear], theirs[clear], rtol=1e-9, atol=0)
    r2 = kernels.linear_regression(close, 50)[1]
    np.testing.assert_allclose(r2, talib.CORREL(close, np.arange(float(close.size)), 50) ** 2, rtol=1e-9, atol=1e-9)
