"""Which bars are due, what to ask the venue for, and how: from its OHLC, or from its trades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.market.window import LIMIT, window_id


@dataclass(frozen=True, slots=True)
class Line:
    """One series of bars."""

    instrument_id: str
    timeframe: str

    @property
    def id(self) -> str:
        """Of its window and its cursor."""
        return window_id(self.instrument_id, self.timeframe)

    @property
    def step_ms(self) -> int:
        return TIMEFRAME_MS[self.timeframe]


@dataclass(frozen=True, slots=True)
class Ask:
    """Open times in [since_ms, until_ms), both multiples of the timeframe."""

    since_ms: int
    until_ms: int


def due(last_open_ms: int, timeframe: str, now_ms: int, settle_ms: int = 2_000, limit: int = LIMIT) -> Ask | None:
    """The closed bars after the last one known (0: none is), or None. A bar is due `settle_ms` after it closed.

    At most the newest `limit` are asked for: after a long outage older ones are no news, and would not fit the window.
    """
    step_ms = TIMEFRAME_MS[timeframe]
    until_ms = (now_ms - settle_ms) // step_ms * step_ms
    since_ms = max(last_open_ms + step_ms if last_open_ms else 0, until_ms - limit * step_ms, 0)
    return Ask(since_ms, until_ms) if since_ms < until_ms else None


def due_lines(
    lines: Iterable[Line], windows: Mapping[str, CandleWindow | None], now_ms: int, settle_ms: int = 2_000,
    limit: int = LIMIT,
) -> list[tuple[Line, Ask]]:  # fmt: skip
    """What to pull now, in the order of the lines. `windows` by line id; a line without one starts cold."""
    found = []
    for line in lines:
        window = windows.get(line.id)
        ask = due(window.last_open_ms if window else 0, line.timeframe, now_ms, settle_ms, limit)
        if ask is not None:
            found.append((line, ask))
    return found


def split(ask: Ask, timeframe: str, now_ms: int, ohlc_bars: int | None) -> tuple[Ask | None, Ask | None]:
    """(from trades, from OHLC). `ohlc_bars` is how many of the newest bars the venue's OHLC gives, the open one among
    them (Kraken: 720); None means all of them.

    One bar of margin: the oldest may have dropped out of the answer before it arrives.
    """
    if ohlc_bars is None:
        return None, ask
    step_ms = TIMEFRAME_MS[timeframe]
    horizon_ms = now_ms // step_ms * step_ms - (ohlc_bars - 2) * step_ms
    if ask.since_ms >= horizon_ms:
        return None, ask
    if ask.until_ms <= horizon_ms:
        return ask, None
    return Ask(ask.since_ms, horizon_ms), Ask(horizon_ms, ask.until_ms)


def tells_stale(overdue: int, stale_bars: int, due_for_ms: int, every_ms: int = 60_000) -> bool:
    """Is this the run to say that bars stay away? Said when `stale_bars` are overdue and at each doubling (3, 6, 12 …),
    in the first run after the newest of them fell due (`due_for_ms` ago), so that nobody is told the same each minute.
    """
    if stale_bars <= 0 or overdue < stale_bars or due_for_ms >= every_ms:
        return False
    times, rest = divmod(overdue, stale_bars)
    return rest == 0 and times.bit_count() == 1
