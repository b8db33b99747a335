"""How many requests one key may still make: a bucket of tokens that fills as time passes.

It lives in the process: several instances of a stage have one each, and what they do together the venue's own answers
(429) tell. Part of it is kept for cancels and for the looks that follow them, so that a flood of look-ups can never
keep an order from being taken back.
"""

from __future__ import annotations

from enum import Enum
from math import ceil
from threading import Lock

from fluxfloor.ports import Clock

MINUTE_MS = 60_000


class Purpose(Enum):
    """What a request is for: who may take the reserve, and who is told what."""

    READ = "read"
    PLACE = "place"
    CANCEL = "cancel"  # and the look that follows one


class Budget:
    """`per_minute` tokens come in a minute, `burst` are the most that wait, `reserved` of them only for cancels."""

    def __init__(self, clock: Clock, per_minute: int, reserved: int = 0, burst: int = 0) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._most = float(min(burst or per_minute, per_minute))
        self._reserved = float(min(reserved, int(self._most) - 1))
        self._tokens = self._most
        self._counted_ms = clock.now_ms()
        self._closed_until_ms = 0
        self._lock = Lock()

    def take(self, purpose: Purpose, cost: int = 1) -> float:
        """Takes `cost` tokens and returns 0, or takes none and returns in how many seconds they will be there."""
        with self._lock:
            now_ms = self._refill()
            if now_ms < self._closed_until_ms:
                return (self._closed_until_ms - now_ms) / 1000
            kept = 0.0 if purpose is Purpose.CANCEL else self._reserved
            missing = min(cost + kept, self._most) - self._tokens
            if missing > 0:
                return ceil(missing * MINUTE_MS / self._per_minute) / 1000
            self._tokens -= cost
            return 0.0

    def give_back(self, cost: int) -> None:
        """What was taken and not used."""
        with self._lock:
            self._tokens = min(self._most, self._tokens + cost)

    def close(self, seconds: float) -> None:
        """The venue asked for patience: nobody gets anything for so long."""
        with self._lock:
            self._closed_until_ms = max(self._closed_until_ms, self._refill() + int(seconds * 1000))

    def _refill(self) -> int:
        now_ms = self._clock.now_ms()
        passed_ms = max(0, now_ms - self._counted_ms)  # a clock that was set back fills nothing
        self._tokens = min(self._most, self._tokens + passed_ms * self._per_minute / MINUTE_MS)
        self._counted_ms = now_ms
        return now_ms
