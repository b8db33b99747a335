"""Reference data that a stage decides with and no commit verifies: cached in the process, by id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fluxfloor.contracts.base import Key
from fluxfloor.ports import Clock, Ref, Snapshot, Store

TTL_MS = 60_000
SLOW_TTL_MS = 600_000  # of what changes about once a day


def ref_of(key: Key[Any]) -> Ref:
    return Ref(key.kind.collection, key.id, key.kind.database)


class References:
    """Safe to use from several threads: they may read the same document twice, and that is all."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._found: dict[Ref, tuple[int, Any]] = {}
        self._slow: dict[Ref, tuple[int, Any]] = {}

    def one(self, key: Key[Any]) -> Any:
        """A miss is asked again at once: absence is usually a start-up order, not a fact to remember."""
        ref, now_ms = ref_of(key), self._clock.now_ms()
        cached = self._found.get(ref)
        if cached is not None and now_ms - cached[0] < TTL_MS:
            return cached[1]
        (snapshot,) = self._store.read([ref])
        found = None if snapshot.data is None else key.kind.decode(snapshot.data)
        if found is not None:
            self._found[ref] = (now_ms, found)
        return found

    def many(self, keys: Sequence[Key[Any]]) -> list[Any]:
        """Documents that change about once a day and may well be missing, in one round; a miss is remembered like a
        find. What kept its version stays the very object it was: what was made of it may be kept by identity."""
        now_ms, kinds = self._clock.now_ms(), {ref_of(key): key for key in keys}
        due = [ref for ref in kinds if ref not in self._slow or now_ms - self._slow[ref][0] >= SLOW_TTL_MS]
        for snapshot in self._store.read(due) if due else ():
            self._slow[snapshot.ref] = (now_ms, self._renewed(kinds[snapshot.ref], snapshot))
        return [self._slow[ref_of(key)][1] for key in keys]

    def _renewed(self, key: Key[Any], snapshot: Snapshot) -> Any:
        if snapshot.data is None:
            return None
        before = self._slow.get(snapshot.ref, (0, None))[1]
        if before is not None and before.version == snapshot.data.get("version"):
            return before
        return key.kind.decode(snapshot.data)
