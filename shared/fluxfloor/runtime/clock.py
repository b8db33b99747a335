"""The two clocks: the wall's, and one that moves when it is told to."""

from __future__ import annotations

import time


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class VirtualClock:
    """Only ever moves forward; after `release` by itself, with the wall's."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms
        self._released_ns: int | None = None

    def now_ms(self) -> int:
        if self._released_ns is None:
            return self._now_ms
        return self._now_ms + (time.monotonic_ns() - self._released_ns) // 1_000_000

    def release(self) -> None:
        """From here on time passes as it does outside."""
        self._released_ns = time.monotonic_ns()

    def advance_to(self, now_ms: int) -> None:
        self._now_ms = max(self._now_ms, now_ms)
