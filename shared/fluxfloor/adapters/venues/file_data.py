"""Market data from recorded bars, played under a clock.

A bar becomes visible when it has closed by the clock, and not before. The one look ahead is the stated rule for quotes
in a replay without quotes: once a bar has closed, the next bar's open, half the modelled spread to either side, is the
quote until that next bar has closed too. After the last bar its close stands. No quote is taken from a bar that is
broken, or so far off the two bars on either side that no venue can have traded there: the next good one stands in.

Rows are played as they are, so that bad ones reach the quality gate untouched. A row that stands too late in the file
becomes visible with the row before it; one that stands too early waits until it has closed. Only a row that claims a
time after the end of the whole series comes at once, for the gate to refuse as not closed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Instrument, Quote
from fluxfloor.errors import Misconfigured
from fluxfloor.market.quality import HIGHEST_PRICE, LOWEST_PRICE
from fluxfloor.ports import Clock

LARGEST_VOLUME = 1e15  # beyond it no quote can say so much; what claims more is no volume
_ABSURD = 1.5  # a bar this many times off its neighbours is no quote


@dataclass(frozen=True, slots=True)
class Series:
    """Bars of one instrument: rows of open_ms, open, high, low, close, volume. Times must be finite numbers."""

    instrument: Instrument
    timeframe: str
    bars: ArrayLike


class FileMarketData:
    """Plays any number of series. Of several timeframes of one instrument the shortest gives the quotes.

    `spread_bps` is the whole modelled spread, in basis points of the price. `participation` is the share of the last
    closed bar's volume that each quote offers on either side, in whole lots; None tells no size: there is no limit.
    A call costs O(log n) and what it returns.
    """

    def __init__(
        self, series: Iterable[Series], clock: Clock, spread_bps: Decimal = Decimal(2),
        participation: Decimal | None = None,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._participation = participation
        self._half_spread = spread_bps / 20_000
        self._tapes: dict[tuple[str, str], _Tape] = {}
        self._quotes: dict[str, _Tape] = {}
        self._instruments: dict[str, Instrument] = {}
        for item in sorted(series, key=lambda item: TIMEFRAME_MS[item.timeframe]):
            tape = _Tape(item)
            instrument_id = item.instrument.instrument_id
            self._tapes[instrument_id, item.timeframe] = tape
            self._quotes.setdefault(instrument_id, tape)
            self._instruments.setdefault(instrument_id, item.instrument)

    def instruments(self) -> list[Instrument]:
        return list(self._instruments.values())

    def candles(self, instrument: Instrument, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
        """Bars that have closed by the clock, in the file's order; none for a series that is not recorded."""
        tape = self._tapes.get((instrument.instrument_id, timeframe))
        if tape is None:
            return []
        return tape.candles(instrument.instrument_id, since_ms, min(until_ms, self._clock.now_ms() - tape.step_ms + 1))

    def quote(self, instrument: Instrument) -> Quote | None:
        """None before the first bar has begun, and for an instrument that is not recorded. On the tick grid, rounded
        outward: a modelled spread is never narrower than said."""
        tape, now_ms = self._quotes.get(instrument.instrument_id), self._clock.now_ms()
        price = tape.price(now_ms) if tape else None
        if price is None:
            return None
        middle = Decimal(repr(price))
        half = middle * self._half_spread
        bid, ask = instrument.ticks_below(middle - half), instrument.ticks_above(middle + half)
        size = self._size(tape, instrument, now_ms) if tape else None
        return Quote(
            instrument_id=instrument.instrument_id, bid=instrument.price(max(bid, 1)), ask=instrument.price(ask),
            ts_event_ms=now_ms, bid_size=size, ask_size=size,
        )  # fmt: skip

    def _size(self, tape: _Tape, instrument: Instrument, now_ms: int) -> Decimal | None:
        if self._participation is None:
            return None
        traded = Decimal(repr(tape.volume(now_ms)))
        return instrument.quantity(instrument.lots(traded * self._participation))

    def closes_ms(self) -> list[int]:
        """Every time at which some bar closes, sorted: what a replay has to stop at."""
        return sorted({time + tape.step_ms for tape in self._tapes.values() for time in tape.times})


class _Tape:
    """One series, indexed once."""

    def __init__(self, series: Series) -> None:
        self.step_ms = TIMEFRAME_MS[series.timeframe]
        self.timeframe = series.timeframe
        self.times: list[int]
        self.bars: NDArray[np.float64] = np.ascontiguousarray(series.bars, np.float64).reshape(-1, 6)
        if not np.isfinite(self.bars[:, 0]).all():
            raise Misconfigured(f"bars of {series.instrument.instrument_id}: every row needs its open time in ms")
        ordered = _in_order(self.bars[:, 0])
        usable = self.bars[_usable(self.bars, ordered, self.step_ms)]
        times = _known_at(self.bars[:, 0], ordered, self.step_ms)
        sequence = np.argsort(times, kind="stable")
        self.bars, self.times = self.bars[sequence], times[sequence].tolist()
        self._closes_ms: list[int] = (usable[:, 0].astype(np.int64) + self.step_ms).tolist()
        self._opens: list[float] = usable[:, 1].tolist()
        self._closes: list[float] = usable[:, 4].tolist()
        self._volumes: list[float] = usable[:, 5].tolist()

    def candles(self, instrument_id: str, since_ms: int, until_ms: int) -> list[Candle]:
        first, end = bisect_right(self.times, since_ms - 1), bisect_right(self.times, until_ms - 1)
        return [self._candle(instrument_id, row) for row in self.bars[first:end].tolist()]

    def price(self, now_ms: int) -> float | None:
        closed = bisect_right(self._closes_ms, now_ms)
        if closed == len(self._closes):
            return self._closes[-1] if closed else None
        if closed == 0 and now_ms < self._closes_ms[0] - self.step_ms:
            return None
        return self._opens[closed]

    def volume(self, now_ms: int) -> float:
        """Of the bar that closed last; 0 before any has, and where the file has no such number."""
        closed = bisect_right(self._closes_ms, now_ms)
        traded = self._volumes[closed - 1] if closed else 0.0
        return traded if 0.0 < traded < LARGEST_VOLUME else 0.0

    def _candle(self, instrument_id: str, row: list[float]) -> Candle:
        # not validated: NaN and worse are the gate's to find
        return Candle.model_construct(
            instrument_id=instrument_id, timeframe=self.timeframe, open_ms=int(row[0]), open=row[1], high=row[2],
            low=row[3], close=row[4], volume=row[5], marks=(),
        )  # fmt: skip


def _in_order(times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Marks the longest run of rows whose times never fall. One wild time, early or late, then hides no other row."""
    if np.all(times[1:] >= times[:-1]):
        return np.ones(len(times), bool)
    ends: list[float] = []  # the smallest time that a run of each length ends with
    rows: list[int] = []
    before = [-1] * len(times)
    for row, time in enumerate(times.tolist()):
        length = bisect_right(ends, time)
        before[row] = rows[length - 1] if length else -1
        ends[length : length + 1] = [time]
        rows[length : length + 1] = [row]
    marked = np.zeros(len(times), bool)
    row = rows[-1]
    while row >= 0:
        marked[row] = True
        row = before[row]
    return marked


def _known_at(times: NDArray[np.float64], ordered: NDArray[np.bool_], step_ms: int) -> NDArray[np.int64]:
    """The open time, on the grid, that each row is delivered under."""
    if not len(times):
        return np.empty(0, np.int64)
    places = np.maximum.accumulate(np.where(ordered, np.arange(len(times)), -1))
    before = times[np.where(places < 0, int(np.argmax(ordered)), places)]
    known = np.where(times > times[ordered][-1], before, np.maximum(times, before))
    return np.asarray(known // step_ms * step_ms, np.int64)


def _usable(bars: NDArray[np.float64], ordered: NDArray[np.bool_], step_ms: int) -> NDArray[np.intp]:
    """Rows that a venue could have quoted: whole, in order, one per time, on the grid, not absurd."""
    time, open_, high, low, close = bars[:, :5].T
    with np.errstate(invalid="ignore"):
        sane = (low >= LOWEST_PRICE) & (high <= HIGHEST_PRICE) & (low <= open_) & (open_ <= high)
        sane &= ordered & (low <= close) & (close <= high) & (time % step_ms == 0)
    rows: NDArray[np.intp] = np.flatnonzero(sane)
    rows = rows[np.append(True, np.diff(time[rows]) > 0)] if len(rows) else rows
    if len(rows) < 5:
        return rows
    padded = np.pad(close[rows], 2, mode="edge")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    near = np.maximum(high[rows] / usual, usual / low[rows]) < _ABSURD
    kept: NDArray[np.intp] = rows[near]
    return kept
