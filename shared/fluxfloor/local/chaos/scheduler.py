"""One seed, from an empty floor to quiescence. Everything that happens is drawn from the seed, so it happens again."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.contracts.state import Sender
from fluxfloor.errors import Conflict
from fluxfloor.local.chaos import invariants, scenario
from fluxfloor.local.chaos.gate import Handling
from fluxfloor.local.chaos.ports import Faults, GatedBus, GatedStore, GatedTimers, Odds, faulty_venues
from fluxfloor.local.floor import Due, Floor, tick_delivery
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import Settings, load
from fluxfloor.topology import STAGES

STAGES_RUN = ("ingestion", "market", "features", "cerebro", "execution", "reconciliation")
MINUTE_MS = 60_000
MAX_IN_FLIGHT = 6
RESENDS = 3
CALM_MINUTES = 40
MAX_ACTIONS = 200_000


@dataclass(slots=True)
class Result:
    """What one seed did. `violations` is empty when every invariant held."""

    seed: int
    steps: int
    actions: int
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


def odds_of(random: Random) -> Odds:
    """Each seed has its own weather: most faults rare, one of them frequent."""
    odds = Odds(
        crash=0.01, duplicate=0.1, delay=0.1, stall=0.01, lost_commit_answer=0.01, refused_commit=0.01,
        lost_publish=0.02, venue_timeout_before=0.05, venue_timeout_after=0.1, venue_throttle=0.03,
    )  # fmt: skip
    worst = random.choice(list(Odds.__slots__))
    setattr(odds, worst, min(0.5, getattr(odds, worst) * 5))
    return odds


class Simulation:
    """Builds the floor of a seed and runs it once."""

    def __init__(self, seed: int, directory: Path, signals: int | None = None, odds: Odds | None = None) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.faults = Faults(self.random, odds or odds_of(self.random), {})
        signals = signals if signals is not None else self.random.randint(5, 30)
        self.scenario = scenario.make(self.random, signals, bars=4)
        self.clock = VirtualClock(self.scenario.begin_ms)
        self.floor = _floor(directory, self.clock, self.scenario, self.faults)
        self.active: list[Active] = []
        self.inputs: list[tuple[int, int, Callable[[], None]]] = []
        self.accepted: dict[str, int] = {}
        self.halted_ms: int | None = None
        self.steps = self.actions = self._order = 0
        self.history: list[str] = []

    def run(self) -> Result:
        self._open()
        self._schedule_inputs()
        try:
            self._storm()
            self._calm()
            violations = invariants.check(self.floor, set(self.accepted), self.halted_ms)
        except Exception as problem:
            violations = [f"the simulation itself failed: {problem!r}"]
        finally:
            self.floor.close()
        return Result(self.seed, self.steps, self.actions, self.faults.counts, violations, self.history)

    # --- what it is given ----------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Policies, senders, catalog, books and a warm window, in good weather."""
        settings = self.floor.settings
        policy = settings.portfolios["main"]
        documents = (
            Policy(
                id="main", preset=policy.preset, account_id=policy.account, currency="USDT", limits=policy.resolved()
            ),
            Sender(
                id=scenario.SENDER, portfolio_id="main", secret_name=f"sender-{scenario.SENDER}",
                default_expected_alpha="0.05", rate_per_minute=6_000,
            ),
        )  # fmt: skip
        for item in documents:
            ref = Ref(item.collection, item.id, item.database)
            self.floor.store.commit(Commit(creates={ref: {**item.encode(), "version": 1}}))
        for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
            self.floor.tick(stage, job)
        self.floor.drain()

    def _schedule_inputs(self) -> None:
        for webhook in self.scenario.webhooks:
            self._at(webhook.at_ms, self._sender(webhook.body))
        for at_ms in range(self.scenario.begin_ms, self.scenario.end_ms, MINUTE_MS):
            self._at(at_ms + 3_000, self._ticker("market", "pull", at_ms))
            self._at(at_ms + 1_000, self._ticker("execution", "sweep", at_ms))
        if self.scenario.halt_at_ms is not None:
            self._at(self.scenario.halt_at_ms, self._kill)

    def _at(self, at_ms: int, act: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self.inputs, (at_ms, self._order, act))

    def _ticker(self, stage: str, job: str, at_ms: int) -> Callable[[], None]:
        def tick() -> None:
            delivery = tick_delivery(stage, job, at_ms)
            self._start(stage, lambda: self.floor.runners[stage].handle(delivery), lambda _: None, lambda: None)

        return tick

    def _sender(self, body: bytes, sent: int = 1) -> Callable[[], None]:
        """Sends as TradingView does: again after 5 s when there was no answer or a 5xx, three times at most."""

        def again() -> None:
            if sent <= RESENDS:
                self._at(self.clock.now_ms() + 5_000, self._sender(body, sent + 1))

        def answered(response: Any) -> None:
            if response.status_code >= 500:
                again()
            elif response.status_code == 200:
                self.accepted[json.loads(response.get_data())["event_id"]] = self.clock.now_ms()
                if self.faults.strikes("duplicate"):
                    again()

        path, headers = f"/webhooks/{scenario.SENDER}", {"Content-Type": "application/json"}

        def send() -> None:
            call = lambda: self.floor.request("ingestion", "POST", path, body, headers)  # noqa: E731
            self._start("ingestion", call, answered, again)

        return send

    def _kill(self) -> None:
        halt = Halt(id=FLOOR, reason="kill switch", raised_by="a person", ts_event_ms=self.clock.now_ms())
        try:
            self.floor.store.commit(Commit(creates={Ref(Halt.collection, FLOOR): halt.encode()}))
        except Conflict:
            return
        self.halted_ms = self.clock.now_ms()
        self._tell("kill switch")

    # --- the storm -----------------------------------------------------------------------------------------------

    def _storm(self) -> None:
        while self.actions < MAX_ACTIONS:
            self.actions += 1
            self._take_inputs()
            awake = [item for item in self.active if item.asleep_until_ms <= self.clock.now_ms()]
            if awake and (len(self.active) >= MAX_IN_FLIGHT or self.random.random() < 0.7):
                self._move(self.random.choice(awake))
            elif not self._start_delivery() and not awake and not self._wait():
                return
            if self.random.random() < 0.2:
                self.clock.advance_to(self.clock.now_ms() + self.random.randint(1, 60))

    def _take_inputs(self) -> None:
        while self.inputs and self.inputs[0][0] <= self.clock.now_ms():
            heapq.heappop(self.inputs)[2]()

    def _move(self, item: Active) -> None:
        if self.faults.strikes("crash"):
            self._crash(item)
        elif self.faults.strikes("stall"):
            item.asleep_until_ms = self.clock.now_ms() + self.random.choice((1_000, 20_000, 90_000, 600_000))
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
        busy = {item.key for item in self.active}
        waiting = [due for due in self.floor.due(12) if _identity(due) not in busy]
        if not waiting or len(self.active) >= MAX_IN_FLIGHT:
            return False
        due = self.random.choice(waiting)
        if self.faults.strikes("delay"):
            self.floor.settle(due, Outcome.NACK)
            return True
        runner = self.floor.runners[due.stage]
        self._start(
            due.stage, lambda: runner.handle(due.delivery), self._settler(due), self._loser(due), _identity(due)
        )
        return True

    def _settler(self, due: Due) -> Callable[[Any], None]:
        def settle(outcome: Outcome) -> None:
            # A duplicate is a message whose ack was lost: it stays, and comes again.
            lost = outcome is Outcome.ACK and self.faults.strikes("duplicate")
            self.floor.settle(due, Outcome.NACK if lost else outcome)

        return settle

    def _loser(self, due: Due) -> Callable[[], None]:
        return lambda: self.floor.settle(due, Outcome.NACK)

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
        while self.active:
            item = self.active[0]
            item.handling.resume()
            if item.handling.done:
                self._finish(item)
        while self.inputs:
            self._take_late_input()
        for _ in range(CALM_MINUTES):
            self.clock.advance_to(self.clock.now_ms() + MINUTE_MS)
            for stage in STAGES_RUN:
                for schedule in STAGES[stage].schedules:
                    if schedule.job in ("sweep", "pull"):
                        self.floor.tick(stage, schedule.job)
            self.steps += self.floor.drain(until_ms=self.clock.now_ms())

    def _take_late_input(self) -> None:
        at_ms, _, act = heapq.heappop(self.inputs)
        self.clock.advance_to(at_ms)
        act()
        while self.active:
            self._move(self.active[0])
        self.floor.drain()

    def _tell(self, text: str) -> None:
        self.history.append(f"{self.clock.now_ms() - self.scenario.begin_ms:>8} ms {text}")


def _identity(due: Due) -> object:
    return (
        type(due.source).__name__,
        getattr(due.source, "delivery_id", None) or getattr(due.source, "timer_id", None),
    )


def _settings() -> Settings:
    return load(
        overrides={
            "market": {"symbols": ["BTC/USDT"], "timeframes": ["15m"]},
            "portfolios": {
                "main": {"limits": {"max_open_positions": 10, "position_cap": "0.9", "exposure_cap": "0.9"}}
            },
        }
    )


def _floor(directory: Path, clock: VirtualClock, given: scenario.Scenario, faults: Faults) -> Floor:
    def wrap(ports: Ports) -> Ports:
        return replace(
            ports, store=GatedStore(ports.store, faults), bus=GatedBus(ports.bus, faults),
            timers=GatedTimers(ports.timers), venue=faulty_venues(ports.venue, faults),
        )  # fmt: skip

    source = FileMarketData([Series(scenario.INSTRUMENT, "15m", given.bars)], clock)
    secrets = {f"sender-{scenario.SENDER}": scenario.SECRET}
    return Floor(directory, _settings(), clock, lambda _: source, secrets, wrap, STAGES_RUN)
