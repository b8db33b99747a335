"""Slows down whoever guesses passwords: a back-off that doubles with every failure, per slice of the network.

Slices are a fixed number of buckets, so that failures can't fill the store, and one attacker can't lock everybody out.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import deque

from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.views import LoginGuard
from fluxfloor.errors import Conflict
from fluxfloor.ports import Commit, Ref, Snapshot, Store
from fluxfloor.webapi.problems import refusal

FREE_FAILURES = 5  # people mistype
LONGEST_WAIT_MS = 300_000
FORGET_MS = 3_600_000
PER_MINUTE = 30  # of one process, all callers together: what the password hash may cost
TRIES = 8


def slice_of(address: str) -> str:
    """One of 256 buckets. Neighbours share one: an attacker has his whole network, a person has one address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "00"
    network = ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False)
    return digest("login", network, size=1)


def wait_ms(guard: LoginGuard, now_ms: int) -> int:
    """How much longer this slice has to wait. Nothing for the first failures, then 1 s, 2 s, 4 s …"""
    if guard.failures < FREE_FAILURES or now_ms - guard.last_failure_ms >= FORGET_MS:
        return 0
    backoff_ms = min(LONGEST_WAIT_MS, 1_000 << min(guard.failures - FREE_FAILURES, 20))
    return max(0, guard.last_failure_ms + backoff_ms - now_ms)


def enter(store: Store, address: str, now_ms: int) -> bool:
    """Counts this attempt as a failure before the password is looked at, so that parallel guesses count too.
    Raises ApiError 429 while the slice has to wait. True if this was the attempt that closed it."""
    for _ in range(TRIES):
        found, guard = _read(store, address)
        left_ms = wait_ms(guard, now_ms)
        if left_ms:
            seconds = -(-left_ms // 1000)
            fix = f"wait {seconds} s"
            raise refusal(429, "too many failed logins", "password", fix, {"Retry-After": str(seconds)})
        failures = 1 if now_ms - guard.last_failure_ms >= FORGET_MS else guard.failures + 1
        counted = guard.model_copy(update={"failures": failures, "last_failure_ms": now_ms})
        if _written(store, found, counted):
            return failures == FREE_FAILURES
    raise refusal(429, "too many logins at once", "password", "wait 1 s", {"Retry-After": "1"})


def leave(store: Store, address: str) -> None:
    """The login was good: what was counted is forgotten."""
    for _ in range(TRIES):
        found, guard = _read(store, address)
        if guard.failures == 0 or _written(store, found, guard.model_copy(update={"failures": 0})):
            return


def _read(store: Store, address: str) -> tuple[Snapshot, LoginGuard]:
    bucket = slice_of(address)
    (found,) = store.read([Ref(LoginGuard.collection, bucket, LoginGuard.database)])
    return found, LoginGuard(id=bucket) if found.data is None else LoginGuard.decode(found.data)


def _written(store: Store, found: Snapshot, guard: LoginGuard) -> bool:
    data = {**guard.encode(), "version": guard.version + 1}
    commit = (
        Commit(creates={found.ref: data}) if found.data is None else Commit(updates={found.ref: (data, found.token)})
    )
    try:
        store.commit(commit)
    except Conflict:
        return False
    return True


class PerMinute:
    """How often something may happen in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: deque[int] = deque()
        self._lock = threading.Lock()

    def take(self, now_ms: int) -> None:
        """Raises ApiError 429 when it was too often."""
        with self._lock:
            while self._times and now_ms - self._times[0] >= 60_000:
                self._times.popleft()
            if len(self._times) >= self._limit:
                wait_s = max(1, -(-(self._times[0] + 60_000 - now_ms) // 1000))
                fix = f"wait {wait_s} s"
                raise refusal(429, "too many logins in this minute", "password", fix, {"Retry-After": str(wait_s)})
            self._times.append(now_ms)
