"""What kind of venue a seed trades on, and how the network shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from fluxfloor import wiring
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.ports import FaultyVenue, Sight, WatchedStore
from fluxfloor.local.chaos.records import Records, of_paper
from fluxfloor.local.chaos.sim_venue import SimVenue, Storm, of_core, open_core
from fluxfloor.local.chaos.weather import Faults
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.ports import Clock, Venue
from fluxfloor.runtime.context import Ports
from fluxfloor.venuesim.rules import FeeIn

# The paper venue, patient or blind for a while, with or without an expiry, one call at a time, one whose quotes offer
# only a share of what was traded, so that orders fill in parts, or one whose clock is off. Then simulated venues with
# the promises of real ones, and one that promises neither that it drops what comes late nor that an id is used once.
KINDS: tuple[dict[str, Any], ...] = (
    {}, {"read_lag_ms": 40_000}, {"placement_expiry_ms": 0, "read_lag_ms": 5_000}, {"single_flight": True},
    {"participation": Decimal("0.002")}, {"clock_error_ms": 5_000, "skew_ms": 4_800},
    {"clock_error_ms": 5_000, "skew_ms": -4_800}, {"read_lag_ms": 60_000, "permanent_client_ids": False},
    {"like": "kraken"}, {"like": "kraken", "read_lag_ms": 60_000, "clock_error_ms": 6_000, "skew_ms": 5_000},
    {"like": "kraken", "clock_error_ms": 6_000, "skew_ms": -5_000}, {"like": "binance"}, {"like": "binance"},
    {"like": "coinbase"}, {"like": "coinbase"}, {"like": "neither"},
)  # fmt: skip
OURS = ("participation", "skew_ms", "like")  # what is the venue's own business, and no promise


def promises(kind: dict[str, Any]) -> Capabilities:
    """What execution may build on. It never leaves a simulation: see `trading_on`."""
    like = kind.get("like", "paper")
    row = CAPABILITIES["kraken"] if like == "neither" else CAPABILITIES[like]
    if like == "neither":
        row = replace(row, placement_expiry_ms=0)
    return replace(row, **{name: value for name, value in kind.items() if name not in OURS})


class SkewedClock(Clock):
    def __init__(self, inner: Clock, skew_ms: int) -> None:
        self._inner, self._skew_ms = inner, skew_ms

    def now_ms(self) -> int:
        return self._inner.now_ms() + self._skew_ms


@dataclass(slots=True)
class Exchange:
    """A seed's venue as it is, behind the network. `pass_time` lets it do what is due there."""

    venue: Callable[[str], Venue]
    sight: Sight
    pass_time: Callable[[], None]
    records: Callable[[], Records]


def paper(ports: Ports, witness: Witness, kind: dict[str, Any]) -> Exchange:
    store, clock = WatchedStore(ports.store, witness.venue_committed), SkewedClock(ports.clock, kind.get("skew_ms", 0))
    venue = wiring.venues(ports.settings, store, clock, ports.secrets)
    return Exchange(venue, _sight(kind), lambda: witness.trade(venue), lambda: of_paper(ports.store))


def simulated(
    ports: Ports, witness: Witness, kind: dict[str, Any], faults: Faults, bars: list[list[float]]
) -> Exchange:  # fmt: skip
    """On the simulated venue's core; fees in what was bought, where the venue it is like does so."""
    row, sight = promises(kind), _sight(kind)
    deposits = {name: {account.currency: account.deposit} for name, account in ports.settings.accounts.items()}
    fee_in = FeeIn.RECEIVED if kind["like"] == "binance" else FeeIn.QUOTE
    core = open_core(
        scenario.INSTRUMENT, bars[scenario.WARM_BARS :], scenario.STEP_MS, deposits, ports.clock.now_ms, row, fee_in,
        Storm(faults, row.read_lag_ms), witness,
    )  # fmt: skip
    core.skew_ms = sight.skew_ms

    def pass_time() -> None:
        core.advance()

    return Exchange(lambda account_id: SimVenue(core, account_id, row), sight, pass_time, lambda: of_core(core))


def _sight(kind: dict[str, Any]) -> Sight:
    return Sight(promises(kind).read_lag_ms, kind.get("skew_ms", 0))


def through_the_network(
    exchange: Exchange, ports: Ports, faults: Faults, witness: Witness, out: Callable[[], bool]
) -> Callable[[str], Venue]:  # fmt: skip
    """The same as the stages see it, one object for each account."""
    opened: dict[str, Venue] = {}

    def venue(account_id: str) -> Venue:
        if account_id not in opened:
            inner = exchange.venue(account_id)
            opened[account_id] = FaultyVenue(inner, faults, witness, ports.clock, exchange.sight, out)
        return opened[account_id]

    return venue


@contextmanager
def trading_on(kind: dict[str, Any]) -> Iterator[None]:
    """For as long as it lasts, this is what execution knows of the paper venue."""
    before = CAPABILITIES["paper"]
    CAPABILITIES["paper"] = promises(kind)
    try:
        yield
    finally:
        CAPABILITIES["paper"] = before
