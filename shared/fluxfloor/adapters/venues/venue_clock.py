"""The venue's clock, as far as it can be told from here: what a placement's expiry is stamped by."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from fluxfloor.contracts.venues import MAX_CLOCK_OFFSET_MS
from fluxfloor.errors import FloorError
from fluxfloor.ports import Clock

log = logging.getLogger("fluxfloor.venues")
GOOD_FOR_MS = 300_000


class VenueClock:
    """`ask` tells the venue's time; it is asked at most every five minutes, and again once somebody doubts it.

    The offset is taken against the middle of the question and its answer; where the clock is told in whole seconds,
    against the middle of that second.
    """

    def __init__(self, ask: Callable[[], int], clock: Clock, step_ms: int = 1, venue: str = "") -> None:
        self._ask = ask
        self._clock = clock
        self._step_ms = step_ms
        self._venue = venue
        self._offset_ms: int | None = None
        self._measured_ms = 0
        self._lock = Lock()

    def offset_ms(self) -> int:
        """Its clock minus ours. Where the venue does not answer, what was measured before; else raises RetryLater."""
        with self._lock:
            if self._offset_ms is None or abs(self._clock.now_ms() - self._measured_ms) >= GOOD_FOR_MS:
                self._measure()
            assert self._offset_ms is not None
            return self._offset_ms

    def now_ms(self) -> int:
        return self._clock.now_ms() + self.offset_ms()

    def known_ms(self) -> int:
        """The time there, without asking for it: what requests are signed with."""
        return self._clock.now_ms() + (self._offset_ms or 0)

    def forget(self) -> None:
        """The venue called our time wrong: it is measured before the next placement."""
        self._measured_ms = -GOOD_FOR_MS

    def _measure(self) -> None:
        before_ms = self._clock.now_ms()
        try:
            there_ms = self._ask() + self._step_ms // 2
        except FloorError:
            if self._offset_ms is None:
                raise
            return
        after_ms = self._clock.now_ms()
        self._offset_ms, self._measured_ms = there_ms - (before_ms + after_ms) // 2, after_ms
        if abs(self._offset_ms) > MAX_CLOCK_OFFSET_MS:
            log.warning(
                "the clock of %s is %d ms away from this machine's: more than %d; one of the two is wrong",
                self._venue, self._offset_ms, MAX_CLOCK_OFFSET_MS,
            )  # fmt: skip
