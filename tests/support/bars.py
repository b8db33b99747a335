"""Bars for tests about the market: hourly unless said otherwise, calm unless asked."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Instrument

HOUR = TIMEFRAME_MS["1h"]
T0 = 1_700_000_000_000 // HOUR * HOUR
BTC = Instrument(
    instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.00000001"), min_quantity=Decimal("0.00005"),
)  # fmt: skip


def bar(
    place: int, close: float = 100.0, *, open: float | None = None, high: float | None = None, low: float | None = None,
    volume: float = 1.0, timeframe: str = "1h",
) -> Candle:  # fmt: skip
    """The `place`-th bar after T0, not validated, so that it may be broken."""
    opened = close if open is None else open
    return Candle.model_construct(
        instrument_id=BTC.instrument_id, timeframe=timeframe, open_ms=T0 + place * TIMEFRAME_MS[timeframe], open=opened,
        high=max(opened, close) if high is None else high, low=min(opened, close) if low is None else low, close=close,
        volume=volume, marks=(),
    )  # fmt: skip


def calm(count: int, start: int = 0, price: float = 100.0) -> list[Candle]:
    """Bars that move by a tenth of a percent."""
    return [bar(start + at, price * (1.001 if at % 2 else 1.0)) for at in range(count)]


def table(candles: list[Candle]) -> np.ndarray:
    rows = [(c.open_ms, c.open, c.high, c.low, c.close, c.volume) for c in candles]
    return np.array(rows, np.float64).reshape(-1, 6)


def places(candles: list[Candle] | tuple[Candle, ...]) -> list[int]:
    return [(candle.open_ms - T0) // HOUR for candle in candles]
