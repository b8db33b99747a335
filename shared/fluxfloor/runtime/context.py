"""What a handler that touches the outside is given: the ports of its stage, and `step` to commit what it learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import Step
from fluxfloor.ports import Blobs, Bus, Clock, MarketData, Secrets, Store, Timers, Venue
from fluxfloor.runtime import tracing

if TYPE_CHECKING:
    from fluxfloor.runtime.runner import Runner
    from fluxfloor.runtime.settings import Settings
    from fluxfloor.runtime.work import Work

A = TypeVar("A", bound=Document)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a stage may need. `venue` and `market_data` are opened when first asked for."""

    store: Store
    bus: Bus
    timers: Timers
    blobs: Blobs
    secrets: Secrets
    clock: Clock
    settings: Settings
    venue: Callable[[str], Venue]
    market_data: Callable[[str], MarketData]


@dataclass(frozen=True, slots=True)
class Taken:
    """A committed step. `fresh` only if this very call committed it and knows so: who is not sure that he is the
    one must not act on the outside, but look."""

    step: Step
    fresh: bool


class Context:
    """One invocation's view. Each `step` is a commit of its own."""

    def __init__(self, runner: Runner, fact: Fact | None = None) -> None:
        self._runner = runner
        self.fact = fact
        self.ports = runner.ports
        self.stage = runner.stage.name

    @property
    def now_ms(self) -> int:
        return self.ports.clock.now_ms()

    @property
    def settings(self) -> Settings:
        return self.ports.settings

    def read(self, key: Key[A]) -> A | None:
        """One document, not verified by anything: to find out what to do, not to decide on."""
        return self._runner.read(key)

    def reference(self, key: Key[A]) -> A | None:
        """Reference data, cached for a minute."""
        found: A | None = self._runner.reference(key)
        return found

    def step(self, fact: Fact, decide: Callable[[Any, Work], None], also: tuple[str, ...] = ()) -> Taken:
        """Commits one decision under the fact's claim and sends what it states; a claim that exists (or that of one
        of `also`, other ids of the same cause) gives the first decision again."""
        if fact is self.fact:
            return self._runner.step(fact, decide, also)
        with tracing.span(self.stage, fact):
            return self._runner.step(fact, decide, also)

    def cause(self, event: Event, *identity: object) -> Fact:
        """A fact for a step of this invocation's own: its id is derived from `identity`, which must say exactly
        what happened (an order and its version; a bar and its window)."""
        return self._runner.cause(self.fact, event, *identity)
