"""The whole floor in one process: the real stages on the embedded backend, driven by one loop.

`Floor` opens the ports and hands out what is due, one delivery at a time. Under a virtual clock it jumps from one due
time to the next, so a replay takes as long as its work; under the wall's clock it waits.
"""

from __future__ import annotations

import importlib
import secrets as randomness
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from fluxfloor.adapters.embedded.blobs import FileBlobs
from fluxfloor.adapters.embedded.bus import EmbeddedBus, Pending, Route
from fluxfloor.adapters.embedded.secrets import FileSecrets
from fluxfloor.adapters.embedded.sqlite import Durability
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.adapters.embedded.timers import EmbeddedTimers
from fluxfloor.contracts import ids
from fluxfloor.contracts.events import ScheduleTicked
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import Timer
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Clock, Delivery, MarketData
from fluxfloor.runtime.context import Context, Ports
from fluxfloor.runtime.runner import Outcome, Runner
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.stage import Stage
from fluxfloor.topology import STAGES
from fluxfloor.wiring import RegisteringSecrets, market_data, venues

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that a stage is to be handed, and how to settle it."""

    stage: str
    delivery: Delivery
    source: Pending | Timer | tuple[str, str, int]


class Floor:
    """Not shared between threads, except for the runners' HTTP side."""

    durability: ClassVar[Durability] = Durability.PROCESS  # unless the settings ask for more

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
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        durability = Durability.DISK if settings.store.durable else self.durability
        self.clock = clock
        self.settings = settings
        self.store = SqliteStore(directory, settings.mode, durability)
        self.bus = EmbeddedBus(directory / "bus.db", clock, routes(stages), durability)
        self.timers = EmbeddedTimers(directory / "timers.db", clock, durability)
        self.blobs = FileBlobs(directory / "blobs", _signing_key(directory), f"{settings.api.public_url}/files", clock)
        self.secrets = RegisteringSecrets(FileSecrets(directory / "secrets", secret_defaults))
        ports = Ports(
            store=self.store, bus=self.bus, timers=self.timers, blobs=self.blobs, secrets=self.secrets, clock=clock,
            settings=settings, venue=venues(settings, self.store, clock, self.secrets),
            market_data=source or market_data(settings, clock, self.secrets),
        )  # fmt: skip
        self.ports = wrap(ports) if wrap else ports
        self.runners = {name: Runner(load_stage(name), self.ports) for name in stages}
        self.steps = 0
        self._ticked: dict[tuple[str, str], int] = {}

    # --- what is due ---------------------------------------------------------------------------------------------

    def due(self, limit: int = 1) -> list[Due]:
        """Timers before messages, each oldest first."""
        found = [Due(timer.stage, delivery, timer) for timer, delivery in self.timers.due(limit)]
        found += [Due(item.stage, item.delivery, item) for item in self.bus.due(limit)]
        return found

    def handle(self, due: Due) -> Outcome:
        """Hands it to its stage and settles it."""
        outcome = self.runners[due.stage].handle(due.delivery)
        self.steps += 1
        self.settle(due, outcome)
        return outcome

    def settle(self, due: Due, outcome: Outcome) -> None:
        home = self.timers if isinstance(due.source, Timer) else self.bus
        if isinstance(due.source, tuple):
            return
        (home.ack if outcome is Outcome.ACK else home.nack)(due.source)  # type: ignore[arg-type]

    def drain(self, until_ms: int | None = None, most: int | None = None) -> int:
        """Handles everything that is due now, at most `most`; with a virtual clock, goes on to what falls due until
        `until_ms`. Returns how many."""
        handled = 0
        while True:
            if handled == most:
                return handled
            batch = self.due()
            if batch:
                self.handle(batch[0])
                handled += 1
                continue
            next_ms = self.next_due_ms()
            if until_ms is None or next_ms is None or next_ms > until_ms:
                return handled
            self.clock.advance_to(next_ms)  # type: ignore[attr-defined]

    def next_due_ms(self) -> int | None:
        times = [at for at in (self.bus.next_due_ms(), self.timers.next_due_ms()) if at is not None]
        return min(times) if times else None

    # --- schedules -----------------------------------------------------------------------------------------------

    def schedules(self) -> Iterator[tuple[str, str, int]]:
        """(stage, job, period in ms) of every schedule of the stages that run."""
        for name in self.runners:
            for schedule in STAGES[name].schedules:
                yield name, schedule.job, schedule.every_min * MINUTE_MS

    def tick(self, stage: str, job: str, scheduled_ms: int | None = None) -> Outcome:
        """Runs a scheduled job now."""
        scheduled_ms = self.clock.now_ms() if scheduled_ms is None else scheduled_ms
        outcome = self.runners[stage].handle(tick_delivery(stage, job, scheduled_ms))
        self.steps += 1
        return outcome

    def run_schedules(self) -> int:
        """Runs every job whose time has come since it last ran. The first call only notes the time."""
        ran, now_ms = 0, self.clock.now_ms()
        for stage, job, period_ms in self.schedules():
            slot = now_ms // period_ms
            if self._ticked.setdefault((stage, job), slot) < slot:
                self._ticked[stage, job] = slot
                self.tick(stage, job, slot * period_ms)
                ran += 1
        return ran

    def restart(self, stage: str) -> None:
        """A new process for this stage: what it only remembered is gone."""
        self.runners[stage] = Runner(load_stage(stage), self.ports)

    # --- people --------------------------------------------------------------------------------------------------

    def context(self, stage: str) -> Context:
        """For what a person does through a stage: a setting, a look."""
        return Context(self.runners[stage])

    def request(
        self, stage: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        """A real HTTP request to a stage that answers people, without a socket."""
        builder = EnvironBuilder(method=method, path=path, data=body, headers=Headers(headers or {}))
        return respond(self.runners[stage], Request(builder.get_environ()))

    def undelivered(self) -> int:
        return self.bus.undelivered() + self.timers.undelivered()

    def copy_to(self, other: Floor) -> None:
        """Makes the other floor's documents, messages and timers what they are here."""
        self.store.copy_to(other.store)
        self.bus.copy_to(other.bus)
        self.timers.copy_to(other.timers)

    def close(self) -> None:
        for part in (self.store, self.bus, self.timers):
            part.close()


def respond(runner: Runner, request: Request) -> Response:
    """What the stage answers, as functions-framework would send it."""
    if runner.stage.respond is None:
        raise Misconfigured(f"stage {runner.stage.name} answers no requests")
    answer = runner.stage.respond(Context(runner), request)
    return answer if isinstance(answer, Response) else Response(*answer)


def load_stage(name: str) -> Stage:
    """The stage as its own deployment would load it."""
    module = importlib.import_module(f"functions.{name}.main")
    found: Stage = module.stage
    return found


def routes(stages: tuple[str, ...]) -> list[Route]:
    """The topology's subscriptions, as the embedded bus takes them."""
    return [
        Route(
            name, item.topic, item.ordered, item.only, item.max_attempts, item.min_backoff_s * 1000,
            item.max_backoff_s * 1000,
        )
        for name in stages
        for item in STAGES[name].consumes
    ]  # fmt: skip


def tick_delivery(stage: str, job: str, scheduled_ms: int) -> Delivery:
    event = ScheduleTicked(stage=stage, job=job, scheduled_ms=scheduled_ms)
    fact = Fact.first(ids.schedule_id(stage, job, scheduled_ms), event, scheduled_ms)
    return Delivery(f"{stage}--schedule", fact.data(), fact.attributes())


def _signing_key(directory: Path) -> bytes:
    """Made once per floor; links that were handed out stay good over a restart."""
    path = directory / "secrets" / "link-signing-key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(randomness.token_hex(32))
    return path.read_text().encode()
