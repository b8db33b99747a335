"""The ports with a gate before and after every call, and the faults that belong to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.journal import Timer
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import CommitUnknown, OutcomeUnknown, RetryLater, Throttled
from fluxfloor.local.chaos.gate import stop_at
from fluxfloor.ports import (
    Bus,
    Commit,
    Data,
    Placement,
    Query,
    Ref,
    Snapshot,
    Store,
    Timers,
    Venue,
    VenueBooks,
    VenueOrder,
)


@dataclass(slots=True)
class Odds:
    """How often each thing goes wrong, as a share of the calls it can go wrong at. All zero: a calm world."""

    crash: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    stall: float = 0.0
    lost_commit_answer: float = 0.0
    refused_commit: float = 0.0
    lost_publish: float = 0.0
    venue_timeout_before: float = 0.0
    venue_timeout_after: float = 0.0
    venue_throttle: float = 0.0

    def calm(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0.0)


@dataclass(slots=True)
class Faults:
    """The seed's dice and what they have done so far."""

    random: Random
    odds: Odds
    counts: dict[str, int]

    def strikes(self, kind: str) -> bool:
        chance = getattr(self.odds, kind)
        if not chance or self.random.random() >= chance:
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return True


class GatedStore(Store):
    def __init__(self, inner: Store, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        stop_at("before store.read")
        found = self._inner.read(refs)
        stop_at("after store.read")
        return found

    def commit(self, commit: Commit) -> None:
        stop_at("before store.commit")
        if self._faults.strikes("refused_commit"):
            raise CommitUnknown("the store did not answer, and had not committed")
        self._inner.commit(commit)
        if self._faults.strikes("lost_commit_answer"):
            raise CommitUnknown("the store did not answer, but had committed")
        stop_at("after store.commit")

    def patch(self, ref: Ref, fields: Data) -> None:
        stop_at("before store.patch")
        self._inner.patch(ref, fields)
        stop_at("after store.patch")

    def query(self, query: Query) -> list[Snapshot]:
        stop_at("before store.query")
        return self._inner.query(query)


class GatedBus(Bus):
    def __init__(self, inner: Bus, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    def publish(self, facts: Sequence[Fact]) -> None:
        stop_at("before bus.publish")
        if self._faults.strikes("lost_publish"):
            # Some of a round may have gone out before it failed.
            self._inner.publish(facts[: self._faults.random.randint(0, len(facts))])
            raise RetryLater("the bus did not take every message")
        self._inner.publish(facts)
        stop_at("after bus.publish")


class GatedTimers(Timers):
    def __init__(self, inner: Timers) -> None:
        self._inner = inner

    def set(self, timers: Sequence[Timer]) -> None:
        stop_at("before timers.set")
        self._inner.set(timers)
        stop_at("after timers.set")


class FaultyVenue(Venue):
    """The venue as the network shows it: answers get lost, requests never arrive, new orders stay unseen a while."""

    def __init__(self, inner: Venue, faults: Faults) -> None:
        self._inner, self._faults = inner, faults

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return self._inner.capabilities

    def place(self, placement: Placement) -> VenueOrder:
        stop_at("before venue.place")
        if self._faults.strikes("venue_throttle"):
            raise Throttled("too many requests")
        if self._faults.strikes("venue_timeout_before"):
            raise OutcomeUnknown("timed out; it never arrived")
        order = self._inner.place(placement)
        stop_at("after venue.place")
        if self._faults.strikes("venue_timeout_after"):
            raise OutcomeUnknown("timed out; it had arrived")
        return order

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        stop_at("before venue.find")
        if self._faults.strikes("venue_throttle"):
            raise Throttled("too many requests")
        found = self._inner.find(client_order_id, instrument, since_ms)
        stop_at("after venue.find")
        if self._faults.strikes("venue_timeout_after"):
            raise RetryLater("timed out")
        return found

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        stop_at("before venue.cancel")
        self._inner.cancel(order, instrument)

    def books(self, since_ms: int) -> VenueBooks:
        stop_at("before venue.books")
        if self._faults.strikes("venue_throttle"):
            raise Throttled("too many requests")
        return self._inner.books(since_ms)


def faulty_venues(open_venue: Callable[[str], Venue], faults: Faults) -> Callable[[str], Venue]:
    return lambda account_id: FaultyVenue(open_venue(account_id), faults)
