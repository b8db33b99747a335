"""A stage as it is declared: its name and who handles what. Running it is `runner.py`'s part.

stage = Stage("cerebro")

@stage.on(SignalScored)
def decide(scored, work): ...          # pure: read by id, decide, write, emit

@stage.on(OrderRequested, then=place)  # `place(context, fact)` runs after the commit, and again on redelivery;
def accept(requested, work): ...       # what it could not do, the stage's sweep does

@stage.job("pull")                     # a schedule of topology.py; reads the outside, then takes steps
def pull(context, tick): ...

@stage.timer("check")
def check(context, fired): ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import ScheduleTicked, TimerFired
from fluxfloor.errors import Misconfigured
from fluxfloor.topology import STAGES, StageSpec

if TYPE_CHECKING:
    from flask import Request

    from fluxfloor.contracts.facts import Fact
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

E = TypeVar("E", bound=Event)
Decide = Callable[[Any, "Work"], None]
Effect = Callable[["Context", "Fact"], None]
Respond = Callable[["Context", "Request"], Any]


@dataclass(frozen=True, slots=True)
class Handler:
    decide: Decide
    then: Effect | None = None


class Stage:
    """A name from the topology with its handlers."""

    def __init__(self, name: str) -> None:
        if name not in STAGES:
            raise Misconfigured(f"stage {name!r} is not in topology.STAGES")
        self.name = name
        self.handlers: dict[type[Event], Handler] = {}
        self.jobs: dict[str, Effect] = {}
        self.timers: dict[str, Effect] = {}
        self.respond: Respond | None = None

    @property
    def spec(self) -> StageSpec:
        return STAGES[self.name]

    def on(self, event: type[E], then: Effect | None = None) -> Callable[[Callable[[E, Work], None]], Decide]:
        if event.topic() not in self.spec.topics:
            raise Misconfigured(f"{self.name} handles {event.type}, but topology does not subscribe it")

        def register(decide: Callable[[E, Work], None]) -> Decide:
            self.handlers[event] = Handler(decide, then)
            return decide

        return register

    def job(self, name: str) -> Callable[[Effect], Effect]:
        """A scheduled job. `sweep` runs after the runtime's own relay sweep."""
        if name not in {schedule.job for schedule in self.spec.schedules}:
            raise Misconfigured(f"{self.name} has no schedule {name!r} in topology")

        def register(effect: Effect) -> Effect:
            self.jobs[name] = effect
            return effect

        return register

    def timer(self, purpose: str) -> Callable[[Effect], Effect]:
        if not self.spec.uses_timers:
            raise Misconfigured(f"{self.name} sets timers, but topology gives it none")

        def register(effect: Effect) -> Effect:
            self.timers[purpose] = effect
            return effect

        return register

    def http(self, respond: Respond) -> Respond:
        """What answers people and webhooks."""
        self.respond = respond
        return respond

    def effect_for(self, event: Event) -> Effect | None:
        """What a tick or a fired timer runs."""
        if isinstance(event, ScheduleTicked):
            return self.jobs.get(event.job)
        if isinstance(event, TimerFired):
            return self.timers.get(event.purpose)
        return None
