"""The ports with a gate before and after every call, the faults that belong to each, and a witness behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.journal import Timer
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import CommitUnknown, OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.local.chaos.gate import stop_at
from fluxfloor.local.chaos.weather import Faults
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.ports import (
    Bus,
    Clock,
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

LATE_MS = (2_000, 9_000, 30_000, 300_000)


class GatedStore(Store):
    def __init__(self, inner: Store, faults: Faults, witness: Witness) -> None:
        self._inner, self._faults, self._witness = inner, faults, witness

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
        self._witness.committed(commit)
        if self._faults.strikes("lost_commit_answer"):
            raise CommitUnknown("the store did not answer, but had committed")
        stop_at("after store.commit")

    def patch(self, ref: Ref, fields: Data) -> None:
        stop_at("before store.patch")
        if self._faults.strikes("lost_mark"):
            raise RetryLater("the store did not answer")
        self._inner.patch(ref, fields)
        stop_at("after store.patch")

    def query(self, query: Query) -> list[Snapshot]:
        stop_at("before store.query")
        found = self._inner.query(query)
        stop_at("after store.query")
        return found


class WatchedStore(Store):
    """The venue's own, and people's: no gates, nothing fails, and `seen` is told of every commit."""

    def __init__(self, inner: Store, seen: Callable[[Commit], None]) -> None:
        self._inner, self._seen = inner, seen

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        return self._inner.read(refs)

    def patch(self, ref: Ref, fields: Data) -> None:
        self._inner.patch(ref, fields)

    def query(self, query: Query) -> list[Snapshot]:
        return self._inner.query(query)

    def commit(self, commit: Commit) -> None:
        self._inner.commit(commit)
        self._seen(commit)


class StirringBus(Bus):
    """`stir` is called when there may be something new to deliver."""

    def __init__(self, inner: Bus, stir: Callable[[], None]) -> None:
        self._inner, self._stir = inner, stir

    def publish(self, facts: Sequence[Fact]) -> None:
        self._stir()
        self._inner.publish(facts)


class GatedBus(Bus):
    """`out` says whether there is an outage."""

    def __init__(self, inner: Bus, faults: Faults, out: Callable[[], bool]) -> None:
        self._inner, self._faults, self._out = inner, faults, out

    def publish(self, facts: Sequence[Fact]) -> None:
        stop_at("before bus.publish")
        if self._out():
            raise RetryLater("the bus is not there")
        if self._faults.strikes("lost_publish"):
            # Some of a round may have gone out before it failed.
            self._inner.publish(facts[: self._faults.random().randint(0, len(facts))])
            raise RetryLater("the bus did not take every message")
        self._inner.publish(facts)
        stop_at("after bus.publish")


class GatedTimers(Timers):
    def __init__(self, inner: Timers, faults: Faults, stir: Callable[[], None]) -> None:
        self._inner, self._faults, self._stir = inner, faults, stir

    def set(self, timers: Sequence[Timer]) -> None:
        stop_at("before timers.set")
        if self._faults.strikes("lost_timer"):
            raise RetryLater("the queue did not answer")
        self._stir()
        self._inner.set(timers)
        stop_at("after timers.set")


@dataclass(slots=True)
class Sight:
    """How long at most a new order stays unseen, and until when each does, by client order id; and its clock."""

    lag_ms: int
    skew_ms: int = 0  # its clock minus ours
    late: list[tuple[int, Callable[[], object]]] = field(default_factory=list)  # what is still on its way to it
    clear_ms: dict[str, int] = field(default_factory=dict)

    def arrive(self, now_ms: int) -> None:
        """What was on its way and is there by now. Nobody hears what the venue says to it."""
        due = [item for item in self.late if item[0] <= now_ms]
        self.late = [item for item in self.late if item[0] > now_ms]
        for _, act in due:
            with suppress(VenueRefused):
                act()


class FaultyVenue(Venue):
    """The venue as the network shows it: answers get lost, requests never arrive, new orders stay unseen a while, its
    clock is another one, and it may not be there at all."""

    def __init__(
        self, inner: Venue, faults: Faults, witness: Witness, clock: Clock, sight: Sight, out: Callable[[], bool]
    ) -> None:
        self._inner, self._faults, self._witness, self._clock = inner, faults, witness, clock
        self._sight, self._out = sight, out

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return self._inner.capabilities

    def _answers(self) -> None:
        """Of a call that changes nothing."""
        if self._out() or self._faults.strikes("venue_error"):
            raise RetryLater("503: under maintenance")
        if self._faults.strikes("venue_throttle"):
            raise Throttled("too many requests")

    def place(self, placement: Placement) -> VenueOrder:
        stop_at("before venue.place")
        self._witness.placing(placement.client_order_id)
        self._takes(placement)
        if self._faults.strikes("venue_late"):
            due_ms = self._clock.now_ms() + self._faults.random().choice(LATE_MS)
            self._sight.late.append((due_ms, partial(self._inner.place, placement)))
            raise OutcomeUnknown("timed out; it is still on its way")
        order = self._inner.place(placement)
        if self._faults.strikes("venue_hides"):
            lag_ms = self._faults.random().randint(0, self._sight.lag_ms)
            self._sight.clear_ms[placement.client_order_id] = self._clock.now_ms() + lag_ms
        stop_at("after venue.place")
        if self._faults.strikes("venue_timeout_after"):
            raise OutcomeUnknown("timed out; it had arrived")
        return order

    def _takes(self, placement: Placement) -> None:
        strikes = self._faults.strikes
        if self._out() or strikes("venue_error"):
            raise OutcomeUnknown("503: under maintenance")
        if strikes("venue_throttle"):
            raise Throttled("too many requests")
        if strikes("venue_no_funds"):
            raise VenueRefused("insufficient funds", code="insufficient_funds")
        if strikes("venue_turns_away"):
            raise VenueRefused("invalid nonce", code="nonce", retryable=True)
        if strikes("venue_timeout_before"):
            raise OutcomeUnknown("timed out; it never arrived")

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        stop_at("before venue.find")
        self._answers()
        found = self._inner.find(client_order_id, instrument, since_ms)
        if self._clock.now_ms() < self._sight.clear_ms.get(client_order_id, 0):
            found = None
        stop_at("after venue.find")
        if self._faults.strikes("venue_timeout_after"):
            raise RetryLater("timed out")
        return found

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        stop_at("before venue.cancel")
        self._answers()
        if self._faults.strikes("venue_timeout_before"):
            raise RetryLater("timed out; it never arrived")
        self._inner.cancel(order, instrument)
        stop_at("after venue.cancel")
        if self._faults.strikes("venue_timeout_after"):
            raise RetryLater("timed out; it had arrived")

    def books(self, since_ms: int) -> VenueBooks:
        stop_at("before venue.books")
        self._answers()
        found = self._inner.books(since_ms)
        stop_at("after venue.books")
        return found

    def quote(self, instrument: Instrument) -> Quote | None:
        stop_at("before venue.quote")
        self._answers()
        return self._inner.quote(instrument)

    def clock_offset_ms(self) -> int:
        return self._sight.skew_ms
