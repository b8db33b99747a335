"""Labs: a bus or timers on one backend, with something that receives, driven alike by the contract tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fluxfloor.adapters.embedded.bus import EmbeddedBus, Route
from fluxfloor.adapters.embedded.timers import EmbeddedTimers
from fluxfloor.adapters.google.bus import PubSubBus, publisher_client
from fluxfloor.adapters.google.dead_letters import PubSubDeadLetters
from fluxfloor.adapters.google.timers import CloudTasksTimers
from fluxfloor.local.cloud_tasks import CloudTasksServer
from fluxfloor.local.provision import provision_subscriptions, provision_topics, subscriber_client
from fluxfloor.ports import Bus, DeadLetters, Delivery, Secrets, Timers
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.topology import INTERNAL_PATH, Subscription, dead_letters_name, subscription_name
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1.types import PullRequest, PushConfig

from tests.support.receiver import Receiver

START_MS = 1_790_000_000_000
Answer = Callable[[str, Delivery], bool]


@dataclass(frozen=True)
class Received:
    stage: str
    delivery: Delivery
    at_ms: int


@dataclass
class Inbox:
    """What came, and what the stage answers: True acks, False nacks."""

    now_ms: Callable[[], int]
    answer: Answer = lambda _stage, _delivery: True
    received: list[Received] = field(default_factory=list)

    def take(self, stage: str, delivery: Delivery) -> bool:
        self.received.append(Received(stage, delivery, self.now_ms()))
        return self.answer(stage, delivery)


class Lab(Protocol):
    inbox: Inbox

    def run_until(self, done: Callable[[], bool], timeout_s: float = 30.0) -> None: ...

    def settle(self, duration_s: float) -> None:
        """Lets that much time pass, for what must not come."""
        ...


class BusLab(Lab, Protocol):
    bus: Bus

    @property
    def letters(self) -> DeadLetters: ...

    def start(self, *subscriptions: tuple[str, Subscription]) -> None: ...

    def dead_letters(self) -> int: ...

    def refuse(self, stage: str, topic: str, done: Callable[[], bool]) -> None:
        """Whatever comes there, until `done`; the inbox answers no."""


class TimersLab(Lab, Protocol):
    timers: Timers


@dataclass
class SecretsLab:
    secrets: Secrets
    write: Callable[[str, str], object]


# --- embedded: a virtual clock that jumps to the next delivery ----------------------------------------------------


class _Pumped:
    def __init__(self) -> None:
        self.clock = VirtualClock(START_MS)
        self.inbox = Inbox(self.clock.now_ms)

    def pump(self) -> bool:
        raise NotImplementedError

    def next_due_ms(self) -> int | None:
        raise NotImplementedError

    def run_until(self, done: Callable[[], bool], timeout_s: float = 30.0) -> None:
        deadline_ms = self.clock.now_ms() + int(timeout_s * 1000)
        while not done():
            if self.pump():
                continue
            due_ms = self.next_due_ms()
            if due_ms is None or not self.clock.now_ms() < due_ms <= deadline_ms:
                raise AssertionError(f"it never came; received {self.inbox.received}")
            self.clock.advance_to(due_ms)

    def settle(self, duration_s: float) -> None:
        until_ms = self.clock.now_ms() + int(duration_s * 1000)
        while (due_ms := self.next_due_ms()) is not None and due_ms <= until_ms:
            self.clock.advance_to(due_ms)
            self.pump()
        self.clock.advance_to(until_ms)


class EmbeddedBusLab(_Pumped):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._path = directory / "bus.db"

    def start(self, *subscriptions: tuple[str, Subscription]) -> None:
        self.bus = EmbeddedBus(self._path, self.clock, [_route(stage, wanted) for stage, wanted in subscriptions])

    @property
    def letters(self) -> DeadLetters:
        return self.bus

    def pump(self) -> bool:
        found = self.bus.due()
        for pending in found:
            settle = self.bus.ack if self.inbox.take(pending.stage, pending.delivery) else self.bus.nack
            settle(pending)
        return bool(found)

    def next_due_ms(self) -> int | None:
        return self.bus.next_due_ms()

    def dead_letters(self) -> int:
        return self.bus.dead_letters()

    def refuse(self, stage: str, topic: str, done: Callable[[], bool]) -> None:
        self.run_until(done)


def _route(stage: str, wanted: Subscription) -> Route:
    return Route(
        stage, wanted.topic, wanted.ordered, wanted.only, wanted.max_attempts,
        wanted.min_backoff_s * 1000, wanted.max_backoff_s * 1000,
    )  # fmt: skip


class EmbeddedTimersLab(_Pumped):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.timers = EmbeddedTimers(directory / "timers.db", self.clock)

    def pump(self) -> bool:
        found = self.timers.due()
        for timer, delivery in found:
            settle = self.timers.ack if self.inbox.take(timer.stage, delivery) else self.timers.nack
            settle(timer)
        return bool(found)

    def next_due_ms(self) -> int | None:
        return self.timers.next_due_ms()


# --- google: real pushes over loopback HTTP ------------------------------------------------------------------------


class _Pushed:
    def __init__(self) -> None:
        self.inbox = Inbox(lambda: time.time_ns() // 1_000_000)
        self.receiver = Receiver(self.inbox.take)

    def run_until(self, done: Callable[[], bool], timeout_s: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < deadline, f"it never came; received {self.inbox.received}"
            time.sleep(0.005)

    def settle(self, duration_s: float) -> None:
        time.sleep(duration_s)


class PubSubLab(_Pushed):
    def __init__(self, project: str) -> None:
        super().__init__()
        self.project = project
        self._publisher = publisher_client()
        self._subscriptions: list[tuple[str, str]] = []
        self.bus = PubSubBus(self._publisher, project)
        self.letters = PubSubDeadLetters(subscriber_client(), self.bus, project, VirtualClock(START_MS), wait_s=2.0)

    def start(self, *subscriptions: tuple[str, Subscription]) -> None:
        provision_topics(self.project, {wanted.topic for _, wanted in subscriptions})
        for stage, wanted in subscriptions:
            provision_subscriptions(self.project, stage, [wanted], self.receiver.url(stage))
            self._subscriptions.append((stage, wanted.topic))

    def dead_letters(self) -> int:
        return sum(self._pull(dead_letters_name(stage)) for stage in {stage for stage, _ in self._subscriptions})

    def _pull(self, subscription: str) -> int:
        path = f"projects/{self.project}/subscriptions/{subscription}"
        return len(subscriber_client().pull(subscription=path, max_messages=100, timeout=10).received_messages)

    def refuse(self, stage: str, topic: str, done: Callable[[], bool]) -> None:
        """By pulls: the emulator's own pushes may stop for good once some of them were refused."""
        subscriber, url = subscriber_client(), f"{self.receiver.url(stage)}{INTERNAL_PATH}"
        name = f"projects/{self.project}/subscriptions/{subscription_name(stage, topic)}"
        subscriber.modify_push_config(subscription=name, push_config=PushConfig())
        deadline = time.monotonic() + 90.0
        while not done():
            assert time.monotonic() < deadline, f"{name} gives nothing up"
            with suppress(GoogleAPICallError):
                request = PullRequest(subscription=name, max_messages=100)
                found = subscriber.pull(request, timeout=2.0).received_messages
                ids = [item.ack_id for item in found]
                if ids:
                    subscriber.modify_ack_deadline(subscription=name, ack_ids=ids, ack_deadline_seconds=0)
        subscriber.modify_push_config(subscription=name, push_config=PushConfig(push_endpoint=url))

    def close(self) -> None:
        subscriber = subscriber_client()
        for stage, topic in self._subscriptions:  # or the emulator goes on pushing at a closed port
            name = f"projects/{self.project}/subscriptions/{subscription_name(stage, topic)}"
            subscriber.delete_subscription(subscription=name)
        self._publisher.transport.close()
        self.receiver.close()


class CloudTasksLab(_Pushed):
    def __init__(self, server: CloudTasksServer) -> None:
        super().__init__()
        self.server = server
        self.timers = CloudTasksTimers.connect("floor", "here", self.receiver.url)

    def close(self) -> None:
        self.receiver.close()


@contextmanager
def pubsub_lab(project: str) -> Iterator[PubSubLab]:
    lab = PubSubLab(project)
    try:
        yield lab
    finally:
        lab.close()
