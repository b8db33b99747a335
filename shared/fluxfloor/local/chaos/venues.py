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
from fluxfloor.ports import Venue
from fluxfloor.runtime.context import Ports

# Patient or blind for a while, with or without an expiry, one call at a time, or one whose quotes offer only a share
# of what was traded, so that orders fill in parts.
KINDS: tuple[dict[str, Any], ...] = (
    {}, {"read_lag_ms": 40_000}, {"placement_expiry_ms": 0, "read_lag_ms": 5_000}, {"single_flight": True},
    {"participation": Decimal("0.002")},
)  # fmt: skip


def exchange(ports: Ports, witness: Witness) -> Callable[[str], Venue]:
    """Every account's venue as it is; the witness stands at its door."""
    return wiring.venues(ports.settings, WatchedStore(ports.store, witness), ports.clock, ports.secrets)


def through_the_network(
    inner: Callable[[str], Venue], ports: Ports, faults: Faults, witness: Witness, kind: dict[str, Any]
) -> Callable[[str], Venue]:
    """The same as the stages see it, one object for each account."""
    sight = Sight(kind.get("read_lag_ms", 0))
    opened: dict[str, Venue] = {}

    def venue(account_id: str) -> Venue:
        if account_id not in opened:
            opened[account_id] = FaultyVenue(inner(account_id), faults, witness, ports.clock, sight)
        return opened[account_id]

    return venue


@contextmanager
def trading_on(kind: dict[str, Any]) -> Iterator[None]:
    """For as long as it lasts, this is what execution knows of the paper venue."""
    before = CAPABILITIES["paper"]
    CAPABILITIES["paper"] = replace(before, **{name: value for name, value in kind.items() if name != "participation"})
    try:
        yield
    finally:
        CAPABILITIES["paper"] = before
