"""Counts what each stage asks of its ports, call by call and document by document, as Firestore and Pub/Sub bill them.

`CountingFloor` takes the place of `Floor`: it files every operation under the stage that ran and the cause that set it
off, which is what `reporting.cost` multiplies by a month's traffic. The paper venue's own documents are not counted:
they stand for somebody else's machine.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Self

from werkzeug.wrappers import Response

from fluxfloor.contracts import ids
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.journal import JOURNAL, Timer
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.local.floor import Due, Floor
from fluxfloor.ports import (
    Blob,
    Blobs,
    Bus,
    Clock,
    Commit,
    Data,
    MarketData,
    Placement,
    Query,
    Ref,
    Snapshot,
    Store,
    Timers,
    Venue,
    VenueBooks,
    VenueOrder,
)  # fmt: skip
from fluxfloor.reporting.operations import SIGNAL, OperationCounts
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import Settings
from fluxfloor.topology import STAGES


@dataclass(slots=True)
class Operations:
    """What was asked of the ports. `rounds` are calls that are waited for, one after the other."""

    handled: int = 0
    reads: int = 0  # calls
    commits: int = 0
    patches: int = 0
    queries: int = 0
    publishes: int = 0
    settings: int = 0  # calls that set timers
    venue_calls: int = 0
    documents_read: int = 0  # a missing one and an empty query count as one
    documents_written: int = 0  # created, updated, verified or marked
    documents_deleted: int = 0  # deleted, or verified to be absent
    documents_kept: int = 0  # created, and not in the journal
    steps: int = 0
    timers: int = 0
    blob_writes: int = 0
    blob_reads: int = 0
    messages: Counter[str] = field(default_factory=Counter)  # by topic

    @property
    def rounds(self) -> int:
        blobs = self.blob_reads + self.blob_writes
        return self.reads + self.commits + self.patches + self.queries + self.publishes + self.settings + blobs

    def __add__(self, other: Self) -> Self:
        return type(self)(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    def each(self, times: float) -> OperationCounts:
        """The share of one of `times` causes, as the bill is worked out from."""
        return OperationCounts(
            invocations=self.handled / times, steps=self.steps / times, reads=self.documents_read / times,
            writes=self.documents_written / times, deletes=self.documents_deleted / times,
            kept=self.documents_kept / times, timers=self.timers / times, blob_writes=self.blob_writes / times,
            blob_reads=self.blob_reads / times, rounds=self.rounds / times,
            published={topic: count / times for topic, count in self.messages.items()},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Handled:
    """One invocation: which stage, of what, set off by what."""

    stage: str
    what: str
    cause: str
    operations: Operations


class Tally:
    """Every invocation in turn. Not shared between threads."""

    def __init__(self) -> None:
        self.handled: list[Handled] = []
        self._now = Operations()  # outside of any invocation: filed nowhere

    @property
    def now(self) -> Operations:
        return self._now

    @contextmanager
    def invocation(self, stage: str, what: str, cause: str) -> Iterator[Operations]:
        outside, self._now = self._now, Operations(handled=1)
        try:
            yield self._now
        finally:
            self.handled.append(Handled(stage, what, cause, self._now))
            self._now = outside

    def by_cause(self) -> dict[str, dict[str, Operations]]:
        """Cause -> stage -> all that it did for it."""
        sums: dict[str, dict[str, Operations]] = defaultdict(lambda: defaultdict(Operations))
        for item in self.handled:
            sums[item.cause][item.stage] += item.operations
        return {cause: dict(stages) for cause, stages in sums.items()}

    def wrap(self, ports: Ports) -> Ports:
        return replace(
            ports, store=CountingStore(ports.store, self), bus=CountingBus(ports.bus, self),
            timers=CountingTimers(ports.timers, self), blobs=CountingBlobs(ports.blobs, self),
            venue=lambda account_id: CountingVenue(ports.venue(account_id), self),
        )  # fmt: skip


# --- the ports ---------------------------------------------------------------------------------------------------


class CountingStore(Store):
    def __init__(self, inner: Store, tally: Tally) -> None:
        self._inner, self._tally = inner, tally

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        now = self._tally.now
        now.reads += len({ref.database for ref in refs})
        now.documents_read += len(refs)
        return self._inner.read(refs)

    def commit(self, commit: Commit) -> None:
        now = self._tally.now
        now.commits += 1
        self._inner.commit(commit)
        claims = sum(ref.collection == JOURNAL for ref in commit.creates)
        now.steps += claims
        now.documents_written += len(commit.creates) + len(commit.updates) + len(commit.verifies)
        now.documents_deleted += len(commit.deletes) + len(commit.absents)
        now.documents_kept += len(commit.creates) - claims

    def patch(self, ref: Ref, fields: Data) -> None:
        self._tally.now.patches += 1
        self._tally.now.documents_written += 1
        self._inner.patch(ref, fields)

    def query(self, query: Query) -> list[Snapshot]:
        found = self._inner.query(query)
        self._tally.now.queries += 1
        self._tally.now.documents_read += max(1, len(found))
        return found


class CountingBus(Bus):
    def __init__(self, inner: Bus, tally: Tally) -> None:
        self._inner, self._tally = inner, tally

    def publish(self, facts: Sequence[Fact]) -> None:
        self._tally.now.publishes += 1
        self._tally.now.messages.update(fact.topic for fact in facts)
        self._inner.publish(facts)


class CountingTimers(Timers):
    def __init__(self, inner: Timers, tally: Tally) -> None:
        self._inner, self._tally = inner, tally

    def set(self, timers: Sequence[Timer]) -> None:
        self._tally.now.settings += 1
        self._tally.now.timers += len(timers)
        self._inner.set(timers)


class CountingBlobs(Blobs):
    def __init__(self, inner: Blobs, tally: Tally) -> None:
        self._inner, self._tally = inner, tally

    def put(self, name: str, data: bytes, content_type: str, if_generation: int | None = None) -> int:
        self._tally.now.blob_writes += 1
        return self._inner.put(name, data, content_type, if_generation)

    def get(self, name: str) -> Blob | None:
        self._tally.now.blob_reads += 1
        return self._inner.get(name)

    def list(self, prefix: str) -> list[str]:
        self._tally.now.blob_writes += 1  # Cloud Storage bills a listing like a write
        return self._inner.list(prefix)

    def delete(self, name: str) -> None:
        self._inner.delete(name)

    def link(self, name: str, expires_s: int) -> str:
        return self._inner.link(name, expires_s)


class CountingVenue(Venue):
    def __init__(self, inner: Venue, tally: Tally) -> None:
        self._inner, self._tally = inner, tally

    @property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        return self._inner.capabilities

    def place(self, placement: Placement) -> VenueOrder:
        self._tally.now.venue_calls += 1
        return self._inner.place(placement)

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        self._tally.now.venue_calls += 1
        return self._inner.find(client_order_id, instrument, since_ms)

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        self._tally.now.venue_calls += 1
        self._inner.cancel(order, instrument)

    def books(self, since_ms: int) -> VenueBooks:
        self._tally.now.venue_calls += 1
        return self._inner.books(since_ms)

    def quote(self, instrument: Instrument) -> Quote | None:
        self._tally.now.venue_calls += 1
        return self._inner.quote(instrument)

    def clock_offset_ms(self) -> int:
        return self._inner.clock_offset_ms()


# --- the floor ---------------------------------------------------------------------------------------------------


class CountingFloor(Floor):
    """A floor that files what it does. A cause is SIGNAL, or "<stage>/<job>" for what a schedule set off; what a pull
    sets off beyond the pull itself comes from the bars that had closed."""

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        clock: Clock,
        source: Callable[[str], MarketData] | None = None,
        secret_defaults: dict[str, str] | None = None,
        wrap: Callable[[Ports], Ports] | None = None,
        stages: tuple[str, ...] = tuple(STAGES),
    ) -> None:
        self.tally = Tally()
        self._jobs: dict[str, str] = {}

        def counted(ports: Ports) -> Ports:
            return self.tally.wrap(wrap(ports) if wrap else ports)

        super().__init__(directory, settings, clock, source, secret_defaults, counted, stages)

    def handle(self, due: Due) -> Outcome:
        attributes = due.delivery.attributes
        cause = self._jobs.get(attributes.get("root", ""), SIGNAL)
        with self.tally.invocation(due.stage, attributes.get("type", ""), cause):
            return super().handle(due)

    def tick(self, stage: str, job: str, scheduled_ms: int | None = None) -> Outcome:
        scheduled_ms = self.clock.now_ms() if scheduled_ms is None else scheduled_ms
        cause = self._jobs[ids.schedule_id(stage, job, scheduled_ms)] = f"{stage}/{job}"
        with self.tally.invocation(stage, job, cause):
            return super().tick(stage, job, scheduled_ms)

    def request(
        self, stage: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        with self.tally.invocation(stage, f"{method} {path.split('?')[0]}", SIGNAL):
            return super().request(stage, method, path, body, headers)
