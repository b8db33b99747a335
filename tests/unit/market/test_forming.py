"""The bar that is about to close, made from its minutes."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.instruments import Candle
from fluxfloor.market.forming import as_it_stands, open_ms

MINUTE = 60_000
BEGAN = 1_790_000_100_000 // 900_000 * 900_000


def minute(place: int, open: float, high: float, low: float, close: float) -> Candle:
    return Candle(
        instrument_id="kraken:BTC/USDT", timeframe="1m", open_ms=BEGAN + place * MINUTE, open=open, high=high, low=low,
        close=close, volume=2.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after_ms", "timeframe", "found"),
    [
        (14 * MINUTE, "15m", True), (14 * MINUTE - 1, "15m", False), (15 * MINUTE - 1, "15m", True),
        (0, "15m", False), (15 * MINUTE, "15m", False), (30_000, "1m", False), (4 * MINUTE, "5m", True),
    ],
)  # fmt: skip
def test_a_bar_is_looked_at_in_its_last_minute_only(after_ms: int, timeframe: str, found: bool) -> None:
    assert (open_ms(timeframe, BEGAN + after_ms) is not None) is found


def test_it_is_what_its_minutes_make_of_it() -> None:
    minutes = [minute(-1, 1, 999, 1, 1), minute(0, 100, 104, 99, 101), minute(13, 101, 103, 95, 102)]
    bar = as_it_stands("15m", BEGAN, [*minutes, minute(15, 1, 999, 1, 1)])
    assert bar is not None
    assert (bar.open_ms, bar.timeframe) == (BEGAN, "15m")
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (100, 104, 95, 102, 4.0)
    assert as_it_stands("15m", BEGAN, minutes[:1]) is None
