"""How often senders and strangers may come, as this instance remembers it: a guard against floods, not a promise."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

from fluxfloor.ports import Store
from fluxfloor.signals.ratelimit import Bucket, Taken, take

MAX_BUCKETS = 10_000


class Meter:
    """Token buckets by key. Safe to call from several threads."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def take(self, key: str, per_minute: int, now_ms: int) -> Taken:
        with self._lock:
            if len(self._buckets) >= MAX_BUCKETS and key not in self._buckets:
                del self._buckets[next(iter(self._buckets))]
            taken = take(self._buckets.pop(key, None), per_minute, now_ms)
            self._buckets[key] = taken.bucket  # last: whoever has not come for longest is forgotten first
            return taken


_meters: WeakKeyDictionary[Store, Meter] = WeakKeyDictionary()
_opening = threading.Lock()


def of(store: Store) -> Meter:
    """One meter a store: a process may hold several floors, and they know nothing of each other."""
    with _opening:
        return _meters.setdefault(store, Meter())
