"""The hot window: the last closed bars of one instrument and timeframe, as one short text.

A bar is six little-endian float64 (open_ms, open, high, low, close, volume): 48 bytes, which base64 turns into exactly
64 characters with no padding. So a bar is a slice of the text, and adding one never decodes the others.
"""

from __future__ import annotations

import struct
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.errors import InvariantBroken

Bars = NDArray[np.float64]
"""Shape (n, 6), C-contiguous, oldest first: open_ms, open, high, low, close, volume."""

COLUMNS = ("open_ms", "open", "high", "low", "close", "volume")
OPEN_MS, OPEN, HIGH, LOW, CLOSE, VOLUME = range(6)
LIMIT = 500
_ROW_CHARS = 64
_ROW = struct.Struct("<6d")


def window_id(instrument_id: str, timeframe: str) -> str:
    return f"{instrument_id}|{timeframe}"


def encode(bars: Bars) -> str:
    """The text of bars of shape (n, 6)."""
    return b2a_base64(np.ascontiguousarray(bars, "<f8").tobytes(), newline=False).decode("ascii")


def decode(bars: str) -> Bars:
    """A writable array (kernels are compiled for those), shape (n, 6). Raises InvariantBroken for what is no window."""
    if len(bars) % _ROW_CHARS:
        raise InvariantBroken(f"a candle window of {len(bars)} characters does not hold whole bars")
    try:
        raw = bytearray(a2b_base64(bars))
    except (Base64Error, ValueError) as problem:
        raise InvariantBroken(f"a candle window is not base64: {problem}") from problem
    if len(raw) * 4 != len(bars) * 3:
        raise InvariantBroken("a candle window holds characters that base64 does not know")
    return np.frombuffer(raw, "<f8").reshape(-1, 6)


def tail(bars: str, count: int) -> Bars:
    """The newest `count` bars, at most; cheaper than decoding all of them."""
    return decode(bars[-count * _ROW_CHARS :]) if count > 0 else decode("")


def columns(bars: Bars) -> Bars:
    """Shape (6, n): each column contiguous, as kernels want it."""
    return np.ascontiguousarray(bars.T)


def rows(candles: Sequence[Candle]) -> Bars:
    """Shape (n, 6), in the order given."""
    return np.array([_row(candle) for candle in candles], np.float64).reshape(-1, 6)


def extend(window: CandleWindow | None, id: str, candles: Sequence[Candle], limit: int = LIMIT) -> CandleWindow:
    """The window with these bars in it, one per open time (the one given last stays), the newest `limit` of them."""
    before = window if window is not None else CandleWindow(id=id)
    if not candles:
        return before
    last_open_ms = before.last_open_ms if before.count else -1
    bars = before.bars + _encoded(candles) if _follow(candles, last_open_ms) else _merged(before.bars, candles)
    bars = bars[-limit * _ROW_CHARS :]
    last_open_ms = max(last_open_ms, max(candle.open_ms for candle in candles))
    return before.model_copy(
        update={"bars": bars, "count": len(bars) // _ROW_CHARS, "last_open_ms": last_open_ms},
    )


def _row(candle: Candle) -> tuple[float, ...]:
    return (candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


def _encoded(candles: Sequence[Candle]) -> str:
    return b2a_base64(b"".join(_ROW.pack(*_row(candle)) for candle in candles), newline=False).decode("ascii")


def _follow(candles: Sequence[Candle], last_open_ms: int) -> bool:
    """Does each bar come after the one before?"""
    for candle in candles:
        if candle.open_ms <= last_open_ms:
            return False
        last_open_ms = candle.open_ms
    return True


def _merged(bars: str, candles: Sequence[Candle]) -> str:
    """A late bar goes to its place, a repeated one takes the place of the first."""
    return encode(unique(np.concatenate([decode(bars), rows(candles)])))


def unique(bars: Bars) -> Bars:
    """Sorted by open time, one bar each; of several with one open time the last given stays."""
    ordered = bars[np.argsort(bars[:, OPEN_MS], kind="stable")]
    if len(ordered) < 2:
        return ordered
    kept: Bars = ordered[np.append(ordered[1:, OPEN_MS] != ordered[:-1, OPEN_MS], True)]
    return kept
