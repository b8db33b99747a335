"""The suite's twenty columns with TA-Lib, one call each, none computed twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import talib


def run(given: dict[str, Any]) -> list[Any]:
    high, low, close = given["high"], given["low"], given["close"]
    if close.ndim == 1:
        return columns(high, low, close, given["number"])
    return [columns(*one, given["number"]) for one in zip(high, low, close, strict=True)]


def columns(high: Any, low: Any, close: Any, number: Any) -> list[Any]:
    mean, deviation = talib.SMA(close, 20), talib.STDDEV(close, 20)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    return [
        mean,
        talib.EMA(close, 20),
        talib.RSI(close, 14),
        talib.ATR(high, low, close, 14),
        talib.ADX(high, low, close, 14),
        talib.PLUS_DI(high, low, close, 14),
        talib.MINUS_DI(high, low, close, 14),
        talib.KAMA(close, 10),
        lower,
        middle,
        upper,
        *talib.MACD(close, 12, 26, 9),
        talib.MIN(low, 20),
        talib.MAX(high, 20),
        deviation,
        (close - mean) / deviation,
        talib.LINEARREG_SLOPE(close, 50),
        np.square(talib.CORREL(close, number, 50)),
    ]
