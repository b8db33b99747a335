"""One seed, from an empty floor to quiescence. Everything that happens is drawn from the seed, so it happens again."""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.local.chaos import house, invariants, people, scenario
from fluxfloor.local.chaos.gate import Handling
from fluxfloor.local.chaos.ports import GatedBus, GatedStore, GatedTimers, faulty_venues
from fluxfloor.local.chaos.weather import Faults, Odds, odds_of
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.local.floor import Due, tick_delivery
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome
from fluxfloor.topology import STAGES

MINUTE_MS = 60_000
MAX_IN_FLIGHT = 6
RESENDS = 3
MAX_ACTIONS = 200_000
ACTIONS_PER_SIGNAL = 2_000
STALLS_MS = (1_000, 20_000, 90_000, 600_000)
QUEUED_MS = (1_000, 5_000)  # how long the platform holds a request back before an instance sees it
HISTORY = 20_000
# What kind of venue a seed trades on: patient or blind for a while, with or without an expiry, one call at a time, or
# one whose quotes offer only a share of what was traded, so that orders fill in parts.
VENUES: tuple[dict[str, Any], ...] = (
    {}, {"read_lag_ms": 40_000}, {"placement_expiry_ms": 0, "read_lag_ms": 5_000}, {"single_flight": True},
    {"participation": Decimal("0.002")},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Play:
    """How a seed is played. What is left out is drawn from it."""

    seed: int
    signals: int | None = None
    odds: Odds | None = None
    given: scenario.Scenario | None = None
    venue: dict[str, Any] | None = None
    limits: dict[str, Any] | None = None  # of the portfolio, over the house's own
    shadow: dict[str, Any] | None = None  # limits of a version that decides beside the live one
    twice: bool = False  # every message is delivered once more after it was acked
    crash_at: int | None = None  # the number of the one boundary at which a handler dies
    sweeps: bool = True  # does execution's sweep resume orders?
    calm_min: int = 40  # what everything has, after the storm, to come to its end


@dataclass(slots=True)
class Result:
    """What one seed did. `violations` is empty when every invariant held."""

    seed: int
    steps: int
    actions: int
    boundaries: int
    faults: dict[str, int]
    violations: list[str]
    history: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Active:
    """A handler in flight, and what to do when it ends or dies."""

    handling: Handling
    stage: str
    settle: Callable[[Any], None]
    died: Callable[[], None]
    key: object = None
    asleep_until_ms: int = 0


@dataclass(slots=True)
class Line:
    """One request of a sender, as long as he is on it; `redial` sends the same once more."""

    redial: Callable[[], None]
    sent: int
    open: bool = True

    def hang_up(self) -> None:
        if self.open and self.sent <= RESENDS:
            self.redial()
        self.open = False


class Simulation:
    """Builds the floor of a seed and runs it once."""

    def __init__(self, play: Play, directory: Path) -> None:
        self.play = play
        self.random = Random(play.seed)
        self.faults = Faults(self.random, play.odds or odds_of(self.random))
        self.venue = self.random.choice(VENUES) if play.venue is None else play.venue
        signals = self.random.randint(5, 30) if play.signals is None else play.signals
        self.scenario = play.given or scenario.make(self.random, signals, bars=4)
        self.clock = VirtualClock(self.scenario.begin_ms)
        self.witness = Witness()
        self.floor = house.open_floor(
            directory, self.clock, self.scenario.bars, self._gated, limits=play.limits,
            participation=self.venue.get("participation"), shadow=play.shadow,
        )  # fmt: skip
        self.people = people.People(self.floor, self.witness)
        self.active: list[Active] = []
        self.inputs: list[tuple[int, int, Callable[[], None]]] = []
        self.answered: dict[str, set[str]] = {}  # mark of a webhook -> the event ids it was answered with
        self.steps = self.actions = self.boundaries = self._order = 0
        self.history: deque[str] = deque(maxlen=HISTORY)
        self._seen: set[object] = set()

    def _gated(self, ports: Ports) -> Ports:
        return replace(
            ports, store=GatedStore(ports.store, self.faults, self.witness), bus=GatedBus(ports.bus, self.faults),
            timers=GatedTimers(ports.timers, self.faults),
            venue=faulty_venues(
                ports.venue, self.faults, self.witness, self.clock, self.venue.get("read_lag_ms", 0)
            ),
        )  # fmt: skip

    def run(self) -> Result:
        violations: list[str] = []
        try:
            with _trading_on(self.venue), self._sweeping():
                self._play()
            violations = [*self.witness.problems, *invariants.check(self.floor, self.answered)]
        except Exception as problem:
            violations = [*self.witness.problems, f"the simulation itself failed: {problem!r}"]
        finally:
            self.floor.close()
        return Result(
            self.play.seed, self.steps, self.actions, self.boundaries, self.faults.counts, violations,
            list(self.history),
        )  # fmt: skip

    def _play(self) -> None:
        storm, self.faults.odds = self.faults.odds, Odds()
        house.prepare(self.floor)
        self.faults.odds = storm
        self._schedule_inputs()
        self._storm()
        self._calm()

    @contextmanager
    def _sweeping(self) -> Iterator[None]:
        jobs = self.floor.runners["execution"].stage.jobs
        resume = jobs["sweep"]
        if not self.play.sweeps:
            jobs["sweep"] = lambda _context, _tick: None
        try:
            yield
        finally:
            jobs["sweep"] = resume

    # --- what it is given ----------------------------------------------------------------------------------------

    def _schedule_inputs(self) -> None:
        for webhook in self.scenario.webhooks:
            self._at(webhook.at_ms, self._sender(webhook))
        for at_ms in range(self.scenario.begin_ms, self.scenario.end_ms, MINUTE_MS):
            self._at(at_ms + 3_000, self._ticker("market", "pull", at_ms))
            self._at(at_ms + 30_000, lambda: house.trade(self.floor))
            self._at(at_ms + 1_000, self._ticker("execution", "sweep", at_ms))
        for person in self.scenario.people:
            self._at(person.at_ms, lambda act=person.act: self._tell(self.people.do(act)))  # type: ignore[misc]

    def _at(self, at_ms: int, act: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self.inputs, (at_ms, self._order, act))

    def _ticker(self, stage: str, job: str, at_ms: int) -> Callable[[], None]:
        def tick() -> None:
            delivery = tick_delivery(stage, job, at_ms)
            self._start(stage, lambda: self.floor.runners[stage].handle(delivery), lambda _: None, lambda: None)

        return tick

    def _sender(self, webhook: scenario.Webhook, sent: int = 1) -> Callable[[], None]:
        """Sends as TradingView does: hangs up after 3 s, and sends the same again 5 s after a 5xx or none, three times
        at most. What it hung up on goes on all the same."""
        path, headers = f"/webhooks/{scenario.SENDER}", {"Content-Type": "application/json"}

        def send() -> None:
            line = Line(lambda: self._at(self.clock.now_ms() + 5_000, self._sender(webhook, sent + 1)), sent)
            self._at(self.clock.now_ms() + 3_000, line.hang_up)
            call = lambda: self.floor.request("ingestion", "POST", path, webhook.body, headers)  # noqa: E731
            self._start("ingestion", call, lambda response: self._answered(webhook, line, response), line.hang_up)

        return send

    def _answered(self, webhook: scenario.Webhook, line: Line, response: Any) -> None:
        if not line.open:
            return
        if response.status_code >= 500:
            line.hang_up()
            return
        line.open = False
        if response.status_code == 200:
            event_id = json.loads(response.get_data())["event_id"]
            self.answered.setdefault(webhook.mark, set()).add(event_id)
            if line.sent <= RESENDS and (self.faults.strikes("duplicate") or (self.play.twice and line.sent == 1)):
                line.redial()

    # --- the storm -----------------------------------------------------------------------------------------------

    def _storm(self) -> None:
        most = MAX_ACTIONS + ACTIONS_PER_SIGNAL * len(self.scenario.webhooks)
        while self._act():
            self.actions += 1
            if self.actions >= most:
                self.witness.problems.append(f"no rest after {most} actions")
                return

    def _act(self) -> bool:
        """One thing, drawn from what may happen next. False when nothing is left to happen."""
        while self.inputs and self.inputs[0][0] <= self.clock.now_ms():
            heapq.heappop(self.inputs)[2]()
        if self.active and self.faults.strikes("blackout"):
            for item in list(self.active):
                self._crash(item)
        awake = [item for item in self.active if item.asleep_until_ms <= self.clock.now_ms()]
        if awake and (len(self.active) >= MAX_IN_FLIGHT or self.random.random() < 0.7):
            self._move(self.random.choice(awake))
        elif not self._start_delivery() and not awake and not self._wait():
            return False
        if self.random.random() < 0.2:
            self.clock.advance_to(self.clock.now_ms() + self.random.randint(1, 60))
        return True

    def _move(self, item: Active) -> None:
        self.boundaries += 1
        if item.handling.at == "before store.commit" and self.faults.strikes("meddling"):
            self._tell(self.people.do(self.random.choice(("tighten", "halt", "resume"))))
        if self.boundaries == self.play.crash_at or self.faults.strikes("crash"):
            self._crash(item)
        elif self.faults.strikes("stall"):
            waits = item.stage == "ingestion" and item.handling.at == "start"
            stall_ms = self.random.choice(QUEUED_MS if waits else STALLS_MS)
            item.asleep_until_ms = self.clock.now_ms() + stall_ms
            self._tell(f"stall {item.handling.name} {item.handling.at}")
        else:
            item.handling.resume()
            if item.handling.done:
                self._finish(item)

    def _crash(self, item: Active) -> None:
        self._tell(f"crash {item.handling.name} {item.handling.at}")
        item.handling.crash()
        self.active.remove(item)
        self.floor.restart(item.stage)
        item.died()

    def _finish(self, item: Active) -> None:
        self.active.remove(item)
        self.steps += 1
        if item.handling.error is not None:
            raise item.handling.error
        self._tell(f"done {item.handling.name} {item.handling.result!r}")
        item.settle(item.handling.result)

    def _start_delivery(self) -> bool:
        if len(self.active) >= MAX_IN_FLIGHT:
            return False
        busy = {item.key for item in self.active}
        waiting = [due for due in self.floor.due(12) if _identity(due) not in busy or self.faults.strikes("overlap")]
        if not waiting:
            return False
        due = self.random.choice(waiting)
        if self.faults.strikes("delay"):
            self.floor.settle(due, Outcome.NACK)
            return True
        call = lambda: self.floor.runners[due.stage].handle(due.delivery)  # noqa: E731
        lost = lambda: self.floor.settle(due, Outcome.NACK)  # noqa: E731
        self._start(due.stage, call, self._settler(due), lost, _identity(due))
        return True

    def _settler(self, due: Due) -> Callable[[Any], None]:
        def settle(outcome: Outcome) -> None:
            # A duplicate is a message whose ack was lost: it stays, and comes again.
            lost = outcome is Outcome.ACK and (self.faults.strikes("duplicate") or self._first_time(due))
            self.floor.settle(due, Outcome.NACK if lost else outcome)

        return settle

    def _first_time(self, due: Due) -> bool:
        if not self.play.twice or _identity(due) in self._seen:
            return False
        self._seen.add(_identity(due))
        return True

    def _start(
        self, stage: str, call: Callable[[], Any], settle: Callable[[Any], None], died: Callable[[], None],
        key: object = None,
    ) -> None:  # fmt: skip
        self._order += 1
        self.active.append(Active(Handling(f"{stage}#{self._order}", call), stage, settle, died, key))

    def _wait(self) -> bool:
        """Nothing to do now: on to the next thing that will be. False when there is nothing at all."""
        times = [item.asleep_until_ms for item in self.active]
        times += [self.inputs[0][0]] if self.inputs else []
        next_ms = self.floor.next_due_ms()
        times += [next_ms] if next_ms is not None else []
        times = [at_ms for at_ms in times if at_ms > self.clock.now_ms()]
        if not times or (not self.inputs and not self.active and self.clock.now_ms() >= self.scenario.end_ms):
            return False
        self.clock.advance_to(min(times))
        return True

    # --- the calm ------------------------------------------------------------------------------------------------

    def _calm(self) -> None:
        """Faults stop; what is in flight ends; sweeps run until everything has had its time."""
        self.faults.odds.calm()
        self._finish_all()
        while self.inputs:
            at_ms, _, act = heapq.heappop(self.inputs)
            self.clock.advance_to(at_ms)
            act()
            self._finish_all()
            self.floor.drain()
        for _ in range(self.play.calm_min):
            self.clock.advance_to(self.clock.now_ms() + MINUTE_MS)
            house.trade(self.floor)
            for stage in house.STAGES_RUN:
                for schedule in STAGES[stage].schedules:
                    if schedule.job in ("sweep", "pull"):
                        self.floor.tick(stage, schedule.job)
            self.steps += self.floor.drain(until_ms=self.clock.now_ms())

    def _finish_all(self) -> None:
        while self.active:
            self.active[0].handling.resume()
            if self.active[0].handling.done:
                self._finish(self.active[0])

    def _tell(self, text: str) -> None:
        self.history.append(f"{self.clock.now_ms() - self.scenario.begin_ms:>8} ms {text}")


def _identity(due: Due) -> object:
    source = due.source
    return type(source).__name__, getattr(source, "delivery_id", None) or getattr(source, "timer_id", None)


@contextmanager
def _trading_on(venue: dict[str, Any]) -> Iterator[None]:
    """For as long as it lasts, this is what execution knows of the paper venue."""
    before = CAPABILITIES["paper"]
    known = {name: value for name, value in venue.items() if name != "participation"}
    CAPABILITIES["paper"] = replace(before, **known)
    try:
        yield
    finally:
        CAPABILITIES["paper"] = before
