"""How many questions a venue takes: a bucket per account that empties with each and fills again with time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from fluxfloor.venuesim.refusals import Reason, Refused


@dataclass(slots=True)
class Budget:
    """`weights` by the core's names of calls; a call that is not named weighs 1. Public calls share one bucket."""

    capacity: float
    per_s: float
    weights: Mapping[str, float] = field(default_factory=dict)
    _used: dict[str, tuple[float, int]] = field(default_factory=dict)  # account → (used, at)

    def spend(self, account: str, name: str, now_ms: int) -> None:
        """Raises Refused, with the seconds until it would be taken as its detail, where the bucket lacks it."""
        weight = self.weights.get(name, 1)
        used, at_ms = self._used.get(account, (0.0, now_ms))
        used = max(0.0, used - self.per_s * max(0, now_ms - at_ms) / 1000)
        if used + weight > self.capacity:
            self._used[account] = (used, now_ms)
            raise Refused(Reason.RATE_LIMITED, str(ceil((used + weight - self.capacity) / self.per_s)))
        self._used[account] = (used + weight, now_ms)
