"""What this process of the api stage remembers between requests. Nothing here is needed for correctness: a new
process starts with an empty desk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from fluxfloor.ports import Store
from fluxfloor.webapi.guard import PER_MINUTE, PerMinute
from fluxfloor.webapi.sessions import Gate

from functions.api.curves import Curves
from functions.api.gather import Gathered, Probe

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

FRESH_S = 2.0  # an overview is told again for so long without any look at the store
STALE_S = 30.0  # and for so long while the journal shows no new step


@dataclass(slots=True)
class Kept:
    gathered: Gathered
    probe: Probe
    read_s: float
    looked_s: float


@dataclass(slots=True)
class Desk:
    gate: Gate
    https: bool
    logins: PerMinute = field(default_factory=lambda: PerMinute(PER_MINUTE))
    curves: Curves = field(default_factory=Curves)
    kept: Kept | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def gathered(self, look: Callable[[], Probe], gather: Callable[[], Gathered]) -> Gathered:
        """What the page shows, read again only when it may have changed. One reader at a time: the others wait for
        his answer instead of asking the store the same."""
        with self.lock:
            now_s = monotonic()
            if self.kept is not None and now_s - self.kept.looked_s < FRESH_S:
                return self.kept.gathered
            probe = look()
            if self.kept is not None and self._unchanged(probe, now_s - self.kept.read_s):
                self.kept.looked_s = now_s
            else:
                self.kept = Kept(gather(), probe, now_s, now_s)
            return self.kept.gathered

    def _unchanged(self, probe: Probe, age_s: float) -> bool:
        kept = self.kept
        return kept is not None and kept.probe.settled and probe.newest == kept.probe.newest and age_s < STALE_S

    def forget(self) -> None:
        """After a write: whoever made it sees it at once."""
        with self.lock:
            self.kept = None


_desks: WeakKeyDictionary[Store, Desk] = WeakKeyDictionary()
_opening = threading.Lock()


def desk_of(context: Context) -> Desk:
    """One desk a store: a process may hold several floors (tests do), and they know nothing of each other."""
    with _opening:
        desk = _desks.get(context.ports.store)
        if desk is None:
            https = context.settings.api.public_url.startswith("https://")
            desk = Desk(Gate(context.ports.secrets, context.ports.clock, https), https)
            _desks[context.ports.store] = desk
    return desk
