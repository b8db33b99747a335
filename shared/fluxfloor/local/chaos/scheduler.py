"""One seed, from an empty floor to quiescence. Everything that happens is drawn from the seed, so it happens again."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.contracts.journal import Timer
from fluxfloor.local import audit
from fluxfloor.local.chaos import calm, house, invariants, people, scenario, venues
from fluxfloor.local.chaos.gate import Fate, Handling
from fluxfloor.local.chaos.mail import Mail, identity
from fluxfloor.local.chaos.play import Play, Result
from fluxfloor.local.chaos.ports import GatedBus, GatedStore, GatedTimers, StirringBus
from fluxfloor.local.chaos.senders import Senders
from fluxfloor.local.chaos.weather import Faults, odds_of
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.local.floor import Due, tick_delivery
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome

MINUTE_MS = 60_000
QUARTER_MS = 900_000
HOUR_MS = 3_600_000
MAX_IN_FLIGHT = 6
MAX_ACTIONS = 200_000
ACTIONS_PER_SIGNAL = 2_000
STALLS_MS = (1_000, 20_000, 90_000, 600_000)
QUEUED_MS = (1_000, 5_000)  # how long the platform holds a request back before an instance sees it
AWAY_MS = (600_000, HOUR_MS, 8 * HOUR_MS, 72 * HOUR_MS)  # at most, each as likely
LONGEST_IDLE_MS = 12 * HOUR_MS  # while nothing is to be done, ticks come at doubling intervals, up to this
# How many boundaries a handler passes at most before another one may go on. One is the finest interleaving; with more
# of them at a time, handlers get far past each other, which single steps seldom do.
STRETCHES = (1, 3, 7, 15)
# The house's own, or those that bind: two positions, and a share of equity that is soon used.
LIMITS: tuple[dict[str, Any], ...] = (
    {}, {}, {"max_open_positions": 2, "position_cap": "0.15", "exposure_cap": "0.30"},
    {"max_open_positions": 3, "position_cap": "0.05", "exposure_cap": "0.06", "joint_window_takes": "all"},
)  # fmt: skip
SENDERS = (scenario.SENDER,)
RULES = {scenario.INSTRUMENT.instrument_id: scenario.INSTRUMENT}
HISTORY = 20_000


class Active(Handling):
    """A handler in flight, and what to do when it ends or dies."""

    def __init__(
        self, name: str, call: Callable[[], Any], judge: Callable[[Active], Fate], stage: str,
        settle: Callable[[Any], None], died: Callable[[], None], key: object,
    ) -> None:  # fmt: skip
        super().__init__(name, call, judge)
        self.stage, self.settle, self.died, self.key = stage, settle, died, key
        self.asleep_until_ms = 0


class Simulation:
    """Builds the floor of a seed and runs it once."""

    def __init__(self, play: Play, directory: Path) -> None:
        self.play = play
        drawn, only = Random(f"{play.seed}/weather"), play.only
        odds = odds_of(drawn)
        self.faults = Faults(play.seed, play.odds or odds, only.faults if only else None, play.surely)
        self.venue = drawn.choice(venues.KINDS) if play.venue is None else play.venue
        self.stretch = drawn.choice(STRETCHES)
        limits = drawn.choice(LIMITS) if play.limits is None else play.limits
        stops = drawn.choice(("floor", "floor", "venue")) if play.stops is None else play.stops
        two = drawn.random() < 0.25 if play.two is None else play.two
        given = play.given or scenario.drawn(play.seed, play.signals, tuple(house.SENDERS) if two else SENDERS)
        self.scenario = given.only(only.webhooks, only.people, only.outages) if only else given
        self.random = Random(f"{play.seed}/order")
        self.clock = VirtualClock(self.scenario.begin_ms)
        self.witness = Witness(RULES.values())
        self._away: dict[str, int] = {}  # until when a stage, the bus or the venue is not there
        self.floor = house.open_floor(
            directory, self.clock, self.scenario.bars, self._gated, floor_type=house.Passing, limits=limits,
            participation=self.venue.get("participation"), shadow=play.shadow, stops=stops, two=two,
        )  # fmt: skip
        self.mail = Mail(self.floor)
        self.senders = Senders(self.floor, self.faults, self.later, self.start, play.twice, self.out)
        self.active: list[Active] = []
        self.inputs: list[tuple[int, int, Callable[[], None]]] = []
        self.handled = self.actions = self.boundaries = self._order = 0
        self.people = people.People(self.floor, self._plain, self.witness, self._published)
        self._to_pass = self._next_tick_ms = self._quarter = 0
        self._idle_ms, self._taken = MINUTE_MS, 0
        self._told: deque[tuple[int, str, str, Any]] = deque(maxlen=HISTORY)

    def _gated(self, ports: Ports) -> Ports:
        def published() -> None:
            self.mail.messages.fresh = False

        def set_() -> None:
            self.mail.timers.fresh = False

        self.exchange = (
            venues.simulated(ports, self.witness, self.venue, self.faults, self.scenario.bars)
            if "like" in self.venue
            else venues.paper(ports, self.witness, self.venue)
        )
        self._plain, self._published = ports, published
        network = venues.through_the_network(self.exchange, ports, self.faults, self.witness, lambda: self.out("venue"))
        return replace(
            ports, store=GatedStore(ports.store, self.faults, self.witness), venue=network,
            bus=GatedBus(StirringBus(ports.bus, published), self.faults, lambda: self.out("bus")),
            timers=GatedTimers(ports.timers, self.faults, set_),
        )  # fmt: skip

    def out(self, what: str) -> bool:
        """Is it not there just now?"""
        return self._away.get(what, 0) > self.clock.now_ms()

    def run(self, keep: bool = False) -> Result:
        """`keep`: the floor stays open."""
        violations: list[str] = []
        try:
            with ExitStack() as stack:
                stack.enter_context(venues.trading_on(self.venue))
                if not self.play.sweeps:
                    stack.enter_context(calm.without_the_sweep(self.floor))
                self._play()
            found = self.exchange.records()
            violations = [*self.witness.problems, *invariants.check(self.floor, self.senders.answered, found, RULES)]
        except Exception as problem:
            violations = [*self.witness.problems, f"the simulation itself failed: {problem!r}"]
        finally:
            if not keep:
                self.floor.close()
        return Result(
            self.play.seed, self.witness.steps, self.handled, self.actions, self.boundaries, self.faults.counts,
            self.faults.struck, violations, [self._line(*told) for told in self._told],
        )  # fmt: skip

    def _play(self) -> None:
        house.make_ready(self.floor, self.scenario.bars, self.venue.get("participation"))
        store = self.floor.store
        self.witness.recount.begins_with(audit.rows(store, "policies"), audit.rows(store, "risk_books"))
        self.witness.mirrors.begins_with(audit.rows(store, "ledger"))
        self._schedule_inputs()
        self._storm()
        self.faults.calm = True
        self.handled += calm.settle(self)

    @property
    def answered(self) -> dict[str, set[str]]:
        return self.senders.answered

    # --- what it is given ----------------------------------------------------------------------------------------

    def _schedule_inputs(self) -> None:
        begin_ms = self._next_tick_ms = self.scenario.begin_ms + 3_000
        minutes = {(hook.at_ms - begin_ms) // MINUTE_MS for hook in self.scenario.webhooks}
        for minute in sorted(minutes):  # somebody looked at the market within the minute before
            self.at(begin_ms + minute * MINUTE_MS, self._ticker("market", "pull", minute))
        for webhook in self.scenario.webhooks:
            self.at(webhook.at_ms, self.senders.sender(webhook))
        for person in self.scenario.people:
            self.at(person.at_ms, partial(self._acts, person.act, person.pick))
        for outage in self.scenario.outages:
            self.at(outage.at_ms, partial(self._goes_away, outage))

    def _acts(self, act: str, pick: int = 0) -> None:
        self.tell("person", self.people.do(act, pick))

    def _goes_away(self, outage: scenario.Outage) -> None:
        """What a stage was doing dies with it; its messages wait."""
        self.tell("away", outage.of, outage.for_ms)
        self._away[outage.of] = max(self._away.get(outage.of, 0), self.clock.now_ms() + outage.for_ms)
        for item in [item for item in self.active if item.stage == outage.of]:
            item.crash()
            self._bury(item)

    def at(self, at_ms: int, act: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self.inputs, (at_ms, self._order, act))

    def later(self, in_ms: int, act: Callable[[], None]) -> None:
        self.at(self.clock.now_ms() + in_ms, act)

    def _ticker(self, stage: str, job: str, name: int) -> Callable[[], None]:
        def tick() -> None:
            delivery = tick_delivery(stage, job, self.scenario.begin_ms + name)
            self.start(stage, lambda: self.floor.runners[stage].handle(delivery), lambda _: None, lambda: None)

        return tick

    def _tick(self, now_ms: int) -> None:
        """The minute's jobs that have something to do, and every quarter of an hour all of them. While nothing moves,
        at doubling intervals: what finds nothing new changes nothing, and days must pass quickly."""
        self.pass_time()
        quarter, waiting = now_ms // QUARTER_MS, bool(self.active or self._deliverable())
        wanted = {"pull": waiting, "sweep": bool(self.witness.open_orders)}
        for stage, job in calm.JOBS if quarter > self._quarter else calm.EVERY_MINUTE:
            if (quarter > self._quarter or wanted[job]) and not self.out(stage):
                self._ticker(stage, job, now_ms - self.scenario.begin_ms)()
        moved, self._taken = self.witness.taken > self._taken, self.witness.taken
        self._quarter = quarter
        self._idle_ms = MINUTE_MS if waiting or moved else min(2 * self._idle_ms, LONGEST_IDLE_MS)
        self._next_tick_ms = now_ms + self._idle_ms
        if now_ms < self.scenario.end_ms:  # a bar that closes is always seen at once
            self._next_tick_ms = min(self._next_tick_ms, (quarter + 1) * QUARTER_MS + 3_000)

    def pass_time(self) -> None:
        """The venue's own business is done there, whether or not anybody looks at it."""
        self.exchange.sight.arrive(self.clock.now_ms())
        self.exchange.pass_time()

    def _deliverable(self) -> list[Due]:
        waiting = self.mail.waiting()
        if not waiting or not self._away:
            return waiting
        bus = not self.out("bus")
        return [due for due in waiting if not self.out(due.stage) and (bus or isinstance(due.source, Timer))]

    def in_doubt(self) -> bool:
        """Is there an order that is not at its end, and not a stop under a position?"""
        guards = {row["guard"] for row in audit.rows(self.floor.store, "slots") if row["lots"]}
        return bool(self.witness.open_orders - guards)

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
        now_ms, draw = self.clock.now_ms(), self.random.random
        if self.exchange.sight.late:
            self.exchange.sight.arrive(now_ms)
        while self.inputs and self.inputs[0][0] <= now_ms:
            heapq.heappop(self.inputs)[2]()
        if now_ms >= self._next_tick_ms:
            self._tick(now_ms)
        if self.active and self.faults.strikes("blackout"):
            self._blackout()
        awake = [item for item in self.active if item.asleep_until_ms <= now_ms]
        if awake and (len(self.active) >= MAX_IN_FLIGHT or draw() < 0.7):
            self._move(awake)
        elif not self._start_delivery():
            if awake:
                self._move(awake)
            elif not self._wait():
                return False
        if draw() < 0.3:
            self.clock.advance_to(self.clock.now_ms() + 1 + int(draw() * 80))
        return True

    def _move(self, awake: list[Active]) -> None:
        item = awake[int(self.random.random() * len(awake))]
        fate = self._struck(item) if item.at == "start" else Fate.GO
        if fate is Fate.GO:
            item.resume()
        elif fate is Fate.DIE:
            item.crash()
        if item.crashed:
            self._bury(item)
        elif item.dead:
            self._finish(item)

    def _judge(self, item: Active) -> Fate:
        """At a boundary, in the handler itself."""
        fate = self._struck(item)
        self._to_pass -= 1
        if fate is Fate.GO and self._to_pass < 0:
            self._to_pass = int(self.random.random() * (2 * self.stretch - 1))
            return Fate.PARK
        return fate

    def _struck(self, item: Active) -> Fate:
        self.boundaries += 1
        strikes = self.faults.strikes
        if item.at == "before store.commit" and strikes("meddling"):
            drawn = self.faults.random()
            self._acts(drawn.choice(people.MEDDLES), drawn.randrange(1_000))
        if self.boundaries == self.play.crash_at or strikes("crash"):
            return Fate.DIE
        if not strikes("stall"):
            return Fate.GO
        waits = item.stage == "ingestion" and item.at == "start"
        item.asleep_until_ms = self.clock.now_ms() + self.faults.random().choice(QUEUED_MS if waits else STALLS_MS)
        self.tell("stall", item.name, item.at)
        return Fate.PARK

    def _blackout(self) -> None:
        for item in list(self.active):
            item.crash()
            self._bury(item)

    def _bury(self, item: Active) -> None:
        self.tell("crash", item.name, item.at)
        self.active.remove(item)
        self.floor.restart(item.stage)
        item.died()

    def _finish(self, item: Active) -> None:
        self.active.remove(item)
        self.handled += 1
        if item.error is not None:
            raise item.error
        self.tell("done", item.name, item.result)
        item.settle(item.result)

    def finish_all(self) -> None:
        while self.active:
            item = self.active[0]
            item.resume()
            if item.dead:
                self._finish(item)

    def _start_delivery(self) -> bool:
        if len(self.active) >= MAX_IN_FLIGHT:
            return False
        waiting = self._deliverable()
        if waiting and self.active:
            busy = {item.key for item in self.active}
            waiting = [due for due in waiting if identity(due) not in busy or self.faults.strikes("overlap")]
        if not waiting:
            return False
        due = waiting[int(self.random.random() * len(waiting))]
        if self.clock.now_ms() >= self.scenario.end_ms and self.mail.comes_late(due):
            return True
        if self.faults.strikes("delay"):
            self.mail.settle(due, Outcome.NACK)
        elif self.faults.strikes("away"):
            drawn = self.faults.random()
            self.mail.hold(due, self.clock.now_ms() + drawn.randint(60_000, drawn.choice(AWAY_MS)))
        else:
            call = lambda: self.floor.runners[due.stage].handle(due.delivery)  # noqa: E731
            lost = lambda: self.mail.settle(due, Outcome.NACK)  # noqa: E731
            self.start(due.stage, call, self._settler(due), lost, identity(due))
        return True

    def _settler(self, due: Due) -> Callable[[Any], None]:
        def settle(outcome: Outcome) -> None:
            # A duplicate is a message whose ack was lost: it stays, and comes again.
            first = self.play.twice and not self.mail.handled_before(due)
            again = outcome is Outcome.ACK and (first or self.faults.strikes("duplicate")) and self.mail.copy(due)
            self.mail.settle(due, Outcome.NACK if again else outcome)

        return settle

    def start(
        self, stage: str, call: Callable[[], Any], settle: Callable[[Any], None], died: Callable[[], None],
        key: object = None,
    ) -> None:  # fmt: skip
        self._order += 1
        self.active.append(Active(f"{stage}#{self._order}", call, self._judge, stage, settle, died, key))

    def _wait(self) -> bool:
        """Nothing to do now: on to the next thing that will be. False when there is nothing at all, or nothing but
        what the calm may as well do."""
        now_ms = self.clock.now_ms()
        times = [item.asleep_until_ms for item in self.active]
        times += [self.inputs[0][0]] if self.inputs else []
        next_ms = self.mail.next_ms()
        times += [next_ms] if next_ms is not None else []
        times += [at_ms for at_ms, _ in self.exchange.sight.late]
        times += [at_ms for at_ms in self._away.values() if at_ms > now_ms]
        late = now_ms >= self.scenario.end_ms and not any(at_ms > now_ms for at_ms in self._away.values())
        if not times or (late and not self.inputs and not self.active and not self.mail.away()):
            return False
        self.clock.advance_to(max(now_ms + 1, min(*times, self._next_tick_ms)))
        return True

    def tell(self, what: str, name: str, more: Any = "") -> None:
        self._told.append((self.clock.now_ms() - self.scenario.begin_ms, what, name, more))

    @staticmethod
    def _line(at_ms: int, what: str, name: str, more: Any) -> str:
        return f"{at_ms:>9} ms {what} {name} {more}".rstrip()
