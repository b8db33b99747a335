"""What was traded outside: the newest prints, and bars of a minute made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

MINUTE_MS = 60_000
PRINTS = 5_000
MINUTES = 3 * 1_440


@dataclass(frozen=True, slots=True)
class Print:
    ts_ms: int
    price: Decimal
    quantity: Decimal


@dataclass(slots=True)
class Bar:
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    count: int

    @property
    def average(self) -> Decimal:
        """Weighted by volume; of a bar without one, where it stands."""
        return self.turnover / self.volume if self.volume else self.close

    def add(self, other: Bar) -> None:
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.volume += other.volume
        self.turnover += other.turnover
        self.count += other.count


@dataclass(slots=True)
class Tape:
    prints: deque[Print] = field(default_factory=lambda: deque(maxlen=PRINTS))
    minutes: deque[Bar] = field(default_factory=lambda: deque(maxlen=MINUTES))
    count: int = 0

    def add(self, made: Print) -> None:
        self.count += 1
        self.prints.append(made)
        price, quantity = made.price, made.quantity
        bar = Bar(made.ts_ms // MINUTE_MS * MINUTE_MS, price, price, price, price, quantity, price * quantity, 1)
        if self.minutes and self.minutes[-1].open_ms >= bar.open_ms:
            self.minutes[-1].add(bar)
        else:
            self.minutes.append(bar)

    def precede(self, past: Iterable[Print]) -> None:
        """Puts a past before what is kept."""
        kept = list(self.prints)
        self.prints.clear()
        self.minutes.clear()
        self.count -= len(kept)
        for made in (*(one for one in past if not kept or one.ts_ms < kept[0].ts_ms), *kept):
            self.add(made)

    def numbered(self) -> list[tuple[int, Print]]:
        """The prints that are kept, with their numbers from the beginning, oldest first."""
        first = self.count - len(self.prints) + 1
        return list(enumerate(self.prints, first))

    def bars(self, step_ms: int, since_ms: int, limit: int) -> list[Bar]:
        """The newest `limit` from `since_ms` on, oldest first, the open one included; none where nothing traded."""
        made: list[Bar] = []
        for minute in self.minutes:
            open_ms = minute.open_ms // step_ms * step_ms
            if open_ms < since_ms:
                continue
            if made and made[-1].open_ms == open_ms:
                made[-1].add(minute)
            else:
                made.append(
                    Bar(open_ms, minute.open, minute.high, minute.low, minute.close, minute.volume, minute.turnover,
                        minute.count)
                )  # fmt: skip
        return made[-limit:]
