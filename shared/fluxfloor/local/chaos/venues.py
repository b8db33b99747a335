"""What kind of venue a seed trades on, and how the network shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from fluxfloor import wiring
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.local.chaos.ports import FaultyVenue, Sight, WatchedStore
from fluxfloor.local.chaos.weather import Faults
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.ports import Clock, Venue
from fluxfloor.runtime.context import Ports

# Patient or blind for a while, with or without an expiry, one call at a time, one whose quotes offer only a share of
# what was traded, so that orders fill in parts, or one whose clock is off.
KINDS: tuple[dict[str, Any], ...] = (
    {}, {"read_lag_ms": 40_000}, {"placement_expiry_ms": 0, "read_lag_ms": 5_000}, {"single_flight": True},
    {"participation": Decimal("0.002")}, {"clock_error_ms": 5_000, "skew_ms": 4_800},
    {"clock_error_ms": 5_000, "skew_ms": -4_800}, {"read_lag_ms": 60_000, "permanent_client_ids": False},
)  # fmt: skip
OURS = ("participation", "skew_ms")  # what is the venue's own business, and no promise


class SkewedClock(Clock):
    def __init__(self, inner: Clock, skew_ms: int) -> None:
        self._inner, self._skew_ms = inner, skew_ms

    def now_ms(self) -> int:
        return self._inner.now_ms() + self._skew_ms


def exchange(ports: Ports, witness: Witness, kind: dict[str, Any]) -> Callable[[str], Venue]:
    """Every account's venue as it is; the witness stands at its door."""
    store, clock = WatchedStore(ports.store, witness.venue_committed), SkewedClock(ports.clock, kind.get("skew_ms", 0))
    return wiring.venues(ports.settings, store, clock, ports.secrets)


def through_the_network(
    inner: Callable[[str], Venue], ports: Ports, faults: Faults, witness: Witness, kind: dict[str, Any],
    out: Callable[[], bool],
) -> Callable[[str], Venue]:  # fmt: skip
    """The same as the stages see it, one object for each account."""
    sight = Sight(kind.get("read_lag_ms", 0), kind.get("skew_ms", 0))
    opened: dict[str, Venue] = {}

    def venue(account_id: str) -> Venue:
        if account_id not in opened:
            opened[account_id] = FaultyVenue(inner(account_id), faults, witness, ports.clock, sight, out)
        return opened[account_id]

    return venue


@contextmanager
def trading_on(kind: dict[str, Any]) -> Iterator[None]:
    """For as long as it lasts, this is what execution knows of the paper venue."""
    before = CAPABILITIES["paper"]
    CAPABILITIES["paper"] = replace(before, **{name: value for name, value in kind.items() if name not in OURS})
    try:
        yield
    finally:
        CAPABILITIES["paper"] = before
