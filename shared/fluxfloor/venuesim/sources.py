"""Where the outside market comes from: a seeded random walk, bars, or quotes written down beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Protocol

from fluxfloor.venuesim.markets import Market, Quote
from fluxfloor.venuesim.tape import MINUTE_MS, Print


class Source(Protocol):
    @property
    def due_ms(self) -> int | None:
        """When the next quote comes; None: no more."""
        ...

    def pop(self) -> Quote: ...

    def history(self) -> Iterable[Print]:
        """What was traded before it began, oldest first."""
        ...


class Played:
    """Quotes as they are written, by their own times."""

    def __init__(self, quotes: Iterable[Quote]) -> None:
        self._quotes = sorted(quotes, key=lambda quote: quote.ts_ms)
        self._next = 0

    @property
    def due_ms(self) -> int | None:
        return self._quotes[self._next].ts_ms if self._next < len(self._quotes) else None

    def pop(self) -> Quote:
        self._next += 1
        return self._quotes[self._next - 1]

    def history(self) -> Iterable[Print]:
        return ()


class Walk:
    """A random walk from `price`: a step every `step_ms`, `volatility` its standard deviation as a fraction.

    The same seed walks the same way. `spread` is a fraction of the price, at least one tick; `size` stands at the best
    bid and ask (None: no end). Before `start_ms` it has a past, so that there are bars to begin with.
    """

    def __init__(
        self, market: Market, price: Decimal, seed: int, start_ms: int, step_ms: int = 1_000,
        volatility: float = 0.0002, spread: Decimal = Decimal("0.0002"), size: Decimal | None = None,
        history_minutes: int = 720,
    ) -> None:  # fmt: skip
        self._tick, self._price, self._size = market.tick, float(price), size
        self._lot = market.min_quantity or market.lot
        self._random = Random(seed)
        self._past = Random(f"past {seed}")
        self._step_ms, self._volatility = step_ms, volatility
        self._half = max(1, int(price * spread / market.tick) // 2)
        self._start_ms, self._minutes = start_ms, history_minutes
        self.due_ms: int | None = start_ms

    def pop(self) -> Quote:
        assert self.due_ms is not None
        ts_ms, self.due_ms = self.due_ms, self.due_ms + self._step_ms
        self._price *= 1 + self._volatility * self._random.gauss(0, 1)
        middle = max(self._half + 1, round(self._price / float(self._tick)))
        bid, ask = (middle - self._half) * self._tick, (middle + self._half) * self._tick
        return Quote(bid, ask, ts_ms, self._size, self._size, middle * self._tick)

    def history(self) -> Iterable[Print]:
        """Walked backwards, so that it ends where the walk begins: four prints a minute."""
        price, prints = self._price, []
        for back in range(1, self._minutes * 4 + 1):
            price *= 1 + self._volatility * (MINUTE_MS / 4 / self._step_ms) ** 0.5 * self._past.gauss(0, 1)
            ticks = max(1, round(price / float(self._tick)))
            prints.append(Print(self._start_ms - back * MINUTE_MS // 4, ticks * self._tick, self._lot))
        return reversed(prints)


def quotes_of(
    market: Market,
    bars: Iterable[Sequence[float]],
    step_ms: int,
    spread: Decimal = Decimal("0.0002"),
    size: Decimal | None = None,
) -> list[Quote]:
    """Four quotes of each bar (open_ms, open, high, low, close, …), for `Played`: its open, its two ends (the one it
    leaves again first) and its close."""
    made = []
    for open_ms, begin, high, low, close, *_ in bars:
        ends = (low, high) if close >= begin else (high, low)
        times = (0, step_ms // 4, step_ms // 2, step_ms - 1)
        for offset, value in zip(times, (begin, *ends, close), strict=True):
            made.append(_quote(market, value, int(open_ms) + offset, spread, size))
    return made


def _quote(market: Market, value: float, ts_ms: int, spread: Decimal, size: Decimal | None) -> Quote:
    middle = max(2, round(value / float(market.tick)))
    half = max(1, int(middle * spread) // 2)
    half = min(half, middle - 1)
    return Quote((middle - half) * market.tick, (middle + half) * market.tick, ts_ms, size, size, middle * market.tick)


def shifted(quotes: Sequence[Quote], start_ms: int, pace: float) -> list[Quote]:
    """The same quotes from `start_ms` on, `pace` times as fast."""
    if not quotes:
        return []
    first_ms = quotes[0].ts_ms
    return [replace(quote, ts_ms=start_ms + int((quote.ts_ms - first_ms) / pace)) for quote in quotes]
