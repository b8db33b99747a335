"""The bar that is about to close, as it stands: made from its own minutes, those that have closed."""

from __future__ import annotations

from collections.abc import Sequence

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle

MINUTE_MS = 60_000
MINUTES = "1m"


def open_ms(timeframe: str, now_ms: int) -> int | None:
    """When the bar began that closes within a minute from now; None while none does, or where a bar is no longer than
    that."""
    step_ms = TIMEFRAME_MS[timeframe]
    began_ms = now_ms // step_ms * step_ms
    last_minute = step_ms > MINUTE_MS and now_ms - began_ms >= step_ms - MINUTE_MS
    return began_ms if last_minute else None


def as_it_stands(timeframe: str, began_ms: int, minutes: Sequence[Candle]) -> Candle | None:
    """The bar made from those of its minutes that are known; None without any. `minutes` oldest first."""
    own = [item for item in minutes if began_ms <= item.open_ms < began_ms + TIMEFRAME_MS[timeframe]]
    if not own:
        return None
    return Candle(
        instrument_id=own[0].instrument_id, timeframe=timeframe, open_ms=began_ms, open=own[0].open,
        high=max(item.high for item in own), low=min(item.low for item in own), close=own[-1].close,
        volume=sum(item.volume for item in own),
    )  # fmt: skip
