"""One stage with handlers of the test's own on the embedded backend, and ways to make its ports fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from fluxfloor.adapters.embedded.blobs import FileBlobs
from fluxfloor.adapters.embedded.bus import EmbeddedBus
from fluxfloor.adapters.embedded.secrets import FileSecrets
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.adapters.embedded.timers import EmbeddedTimers
from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.events import AccountUpdated, QuarantineReleased, RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import JOURNAL, QUARANTINE, Timer, claim_id
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local.floor import routes, tick_delivery
from fluxfloor.ports import Bus, Commit, Data, Delivery, Query, Ref, Snapshot, Store, Timers
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Context, Ports
from fluxfloor.runtime.runner import Outcome, Runner
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.stage import Stage
from fluxfloor.runtime.work import Work

NOW_MS = 1_790_000_000_000
BOOK = RiskBook.key("main")
Hook = Callable[[], None]


@dataclass
class Trouble:
    """What happens around the next calls of a port: each hook is used once, in order. A hook may raise."""

    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    always: Hook | None = None
    calls: int = 0

    def run(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.always:
            self.always()
        if self.before:
            self.before.pop(0)()
        result = call()
        if self.after:
            self.after.pop(0)()
        return result


class TroubledStore(Store):
    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.reading, self.committing, self.patching, self.querying = Trouble(), Trouble(), Trouble(), Trouble()

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        found: list[Snapshot] = self.reading.run(lambda: self.inner.read(refs))
        return found

    def commit(self, commit: Commit) -> None:
        self.committing.run(lambda: self.inner.commit(commit))

    def patch(self, ref: Ref, fields: Data) -> None:
        self.patching.run(lambda: self.inner.patch(ref, fields))

    def query(self, query: Query) -> list[Snapshot]:
        found: list[Snapshot] = self.querying.run(lambda: self.inner.query(query))
        return found


class TroubledBus(Bus):
    def __init__(self, inner: Bus) -> None:
        self.inner, self.publishing = inner, Trouble()
        self.published: list[Fact] = []

    def publish(self, facts: Sequence[Fact]) -> None:
        self.publishing.run(lambda: self.inner.publish(facts))
        self.published.extend(facts)


class TroubledTimers(Timers):
    def __init__(self, inner: Timers) -> None:
        self.inner, self.setting = inner, Trouble()

    def set(self, timers: Sequence[Timer]) -> None:
        self.setting.run(lambda: self.inner.set(timers))


class Lab:
    """`stage` takes handlers; `runner` runs it. The rest is what a test looks at."""

    def __init__(self, directory: Path, name: str = "cerebro") -> None:
        self.clock = VirtualClock(NOW_MS)
        self.documents = SqliteStore(directory)
        self.store = TroubledStore(self.documents)
        self.bus = TroubledBus(EmbeddedBus(directory / "bus.db", self.clock, routes((name, "dashboard"))))
        self.timers = TroubledTimers(EmbeddedTimers(directory / "timers.db", self.clock))
        self.stage = Stage(name)
        self.ports = Ports(
            store=self.store, bus=self.bus, timers=self.timers, clock=self.clock, settings=Settings(),
            blobs=FileBlobs(directory / "blobs", b"a key of this test", "http://localhost", self.clock),
            secrets=FileSecrets(directory / "secrets"), venue=_nothing, market_data=_nothing,
        )  # fmt: skip
        self.runner = Runner(self.stage, self.ports)

    @property
    def context(self) -> Context:
        return Context(self.runner)

    def handle(self, fact: Fact, attempt: int = 1) -> Outcome:
        return self.runner.handle(delivery_of(fact, attempt))

    def sweep(self) -> Outcome:
        return self.runner.handle(tick_delivery(self.stage.name, "sweep", self.clock.now_ms()))

    def release(self, quarantine_id: str, attempt: int = 1) -> Outcome:
        stage = quarantine_id.partition(":")[0]
        event = QuarantineReleased(quarantine_id=quarantine_id, stage=stage, released_by="ann")
        self.clock.advance_to(self.clock.now_ms() + 1)
        return self.handle(Fact.first(digest("release", self.clock.now_ms()), event, self.clock.now_ms()), attempt)

    def later(self, ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)

    # --- what is there -------------------------------------------------------------------------------------------

    def put(self, document: Document) -> None:
        """State that somebody else wrote, whatever was there."""
        ref = Ref(document.collection, document.id, document.database)
        (seen,) = self.documents.read([ref])
        if seen.data is None:
            self.documents.commit(Commit(creates={ref: {**document.encode(), "version": 1}}))
        else:
            version = seen.data["version"] + 1
            self.documents.commit(Commit(updates={ref: ({**document.encode(), "version": version}, seen.token)}))

    def find(self, key: Key[Any]) -> Any:
        (seen,) = self.documents.read([Ref(key.kind.collection, key.id, key.kind.database)])
        return None if seen.data is None else key.kind.decode(seen.data)

    def step_of(self, fact: Fact, database: str = "mode") -> Data | None:
        (seen,) = self.documents.read([Ref(JOURNAL, claim_id(self.stage.name, fact.event_id), database)])
        return seen.data

    def journal(self, database: str = "mode") -> list[Data]:
        return self._rows(JOURNAL, database)

    def quarantine(self, database: str = "mode") -> list[Data]:
        return self._rows(QUARANTINE, database)

    def _rows(self, collection: str, database: str) -> list[Data]:
        return [row.data or {} for row in self.documents.query(Query(collection, limit=10_000, database=database))]

    def close(self) -> None:
        self.documents.close()
        self.bus.inner.close()  # type: ignore[attr-defined]
        self.timers.inner.close()  # type: ignore[attr-defined]


def _nothing(_name: str) -> Any:
    raise AssertionError("no venue and no market in this lab")


def delivery_of(fact: Fact, attempt: int = 1) -> Delivery:
    return Delivery("test", fact.data(), fact.attributes(), fact.event_id, attempt)


# --- what there is to hear and to say ----------------------------------------------------------------------------


def heard(version: int = 1, account: str = "paper-main") -> Fact:
    """Something Cerebro listens to."""
    money = Decimal(10_000)
    event = AccountUpdated(
        account_id=account, portfolio_id="main", currency="USDT", cash=money, equity=money, realised=Decimal(0),
        unrealised=Decimal(0), fees=Decimal(0), cause="mark", account_version=version, ts_event_ms=NOW_MS,
    )  # fmt: skip
    return Fact.first(digest("heard", account, version), event, NOW_MS)


def said(message: str = "look") -> RiskRaised:
    return RiskRaised(kind="test", scope="main", severity=Severity.INFO, message=message, ts_event_ms=NOW_MS)


def book(count: int = 0) -> RiskBook:
    """`account_version` is the number that these tests count in."""
    return RiskBook(id="main", account_id="paper-main", currency="USDT", account_version=count)


def count_one(_event: Event, work: Work) -> None:
    """Adds one to the book and says so: twice decided would be seen in both."""
    (kept,) = work.read(BOOK)
    changed = book((kept.account_version if kept else 0) + 1)
    work.write(changed)
    work.emit(said(f"counted {changed.account_version}"))


def raising(problem: BaseException) -> Hook:
    def hook() -> None:
        raise problem

    return hook
