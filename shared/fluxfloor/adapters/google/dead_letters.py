"""Dead letters on Pub/Sub: looked at without taking them, and put back on the topics that they came from.

A message that is put back goes to every subscriber of its topic. That is harmless: each stage's claim makes an event
decided once, and whoever has decided this one only acknowledges it. A claim is forgotten after `CLAIM_DAYS`, a day
before the dead letter is; so what is about as old as that stays where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

import grpc
from google.api_core import exceptions as google
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import ReceivedMessage

from fluxfloor.adapters.google import faults
from fluxfloor.adapters.google.bus import EMULATOR_VARIABLE, PubSubBus
from fluxfloor.contracts.facts import Fact, decode_whole
from fluxfloor.errors import FloorError, Misconfigured, Poison
from fluxfloor.ports import Bus, Clock, DeadLetter, DeadLetters, Delivery
from fluxfloor.topology import CLAIM_DAYS, dead_letters_name

SOURCE = "CloudPubSubDeadLetterSource"  # Pub/Sub's own attributes of a dead letter begin with it
SLICE = 100  # messages of one request
HELD_S = 600  # nobody else is shown what was pulled for so long, unless it is given back before; the most there is
WAIT_S = 5.0  # for the first answer: Pub/Sub waits with an empty one, and a client's patience may end before
MORE_S = 1.0  # for what comes after it
TIMEOUT_S = 10.0
OLDEST_MS = (CLAIM_DAYS - 1) * 86_400_000  # a day to be delivered to all

Place = tuple[int, int, str, str]
"""In the order of publication; of one instant, as they were given up: when, when, stage and message id."""
Held = dict[Place, tuple[str, DeadLetter]]
"""What is hidden from everybody else now, each with what it is acknowledged by."""


class PubSubDeadLetters(DeadLetters):
    """What the subscriptions `dead-letters--<stage>` of a project keep."""

    def __init__(
        self, subscriber: SubscriberClient, bus: Bus, project: str, clock: Clock, wait_s: float = WAIT_S
    ) -> None:
        self._subscriber = subscriber
        self._bus = bus
        self._project = project
        self._clock = clock
        self._wait_s = wait_s

    @classmethod
    def connect(cls, project: str, clock: Clock) -> PubSubDeadLetters:
        """With the caller's own credentials, or to PUBSUB_EMULATOR_HOST."""
        try:
            return cls(subscriber_client(), PubSubBus.connect(project), project, clock)
        except DefaultCredentialsError as problem:
            raise Misconfigured(f"no Google credentials: {problem}") from problem

    def dead(self, stages: Sequence[str], most: int) -> list[DeadLetter]:
        with self._holding(stages, most) as held:
            return [letter for _, (_, letter) in sorted(held.items())]

    def put_back(self, stages: Sequence[str], most: int) -> list[DeadLetter]:
        """Published first and acknowledged after: a crash between the two has it published again. The first failure
        ends it, or a later message of a key would go before an earlier one."""
        with self._holding(stages, most) as held:
            seen = {place: letter for place, (_, letter) in sorted(held.items())}
            fit = [place for place, letter in seen.items() if not letter.stays]
            for start in range(0, len(fit), SLICE):
                try:
                    self._move(held, fit[start : start + SLICE])
                except FloorError as problem:
                    seen |= {place: replace(seen[place], stays=str(problem)) for place in fit[start:]}
                    break
        return list(seen.values())

    def _move(self, held: Held, places: Sequence[Place]) -> None:
        letters = [held[place][1] for place in places]
        self._bus.publish([_fact(letter.delivery) for letter in letters])
        for stage in {letter.stage for letter in letters}:
            of_stage = [place for place in places if held[place][1].stage == stage]
            name = self._subscription(stage)
            with _asking(name):
                acks = [held[place][0] for place in of_stage]
                self._subscriber.acknowledge(
                    subscription=name, ack_ids=acks, timeout=TIMEOUT_S, retry=faults.repeating(TIMEOUT_S)
                )
            for place in of_stage:
                del held[place]

    @contextmanager
    def _holding(self, stages: Sequence[str], most: int) -> Iterator[Held]:
        """What is still held at the end is there for everybody again, at once; or after HELD_S where that fails."""
        held: Held = {}
        try:
            with ThreadPoolExecutor(max_workers=max(1, len(stages))) as pool:
                list(pool.map(lambda stage: self._pull(stage, most, held), stages))
            yield held
        finally:
            for stage in stages:
                acks = [ack for ack, letter in held.values() if letter.stage == stage]
                with suppress(FloorError):
                    self._hide(stage, acks, 0)

    def _pull(self, stage: str, most: int, held: Held) -> None:
        """Until there are no more. An answer with nothing new means that what was held is coming again: enough."""
        seen: set[Place] = set()
        while len(seen) < most:
            answer = self._answer(stage, min(SLICE, most - len(seen)), MORE_S if seen else self._wait_s)
            found = {_place(stage, received): received for received in answer}
            held.update({place: (received.ack_id, self._letter(stage, received)) for place, received in found.items()})
            self._hide(stage, [received.ack_id for received in found.values()], HELD_S)
            if found.keys() <= seen:
                return
            seen |= found.keys()

    def _answer(self, stage: str, most: int, wait_s: float) -> Sequence[ReceivedMessage]:
        name = self._subscription(stage)
        with _asking(name):
            try:
                pulled = self._subscriber.pull(
                    subscription=name, max_messages=most, timeout=wait_s, retry=faults.repeating(wait_s)
                )
            except google.DeadlineExceeded:
                return ()
            return pulled.received_messages

    def _hide(self, stage: str, acks: list[str], for_s: int) -> None:
        name = self._subscription(stage)
        for start in range(0, len(acks), SLICE):
            with _asking(name):
                self._subscriber.modify_ack_deadline(
                    subscription=name,
                    ack_ids=acks[start : start + SLICE],
                    ack_deadline_seconds=for_s,
                    timeout=TIMEOUT_S,
                    retry=faults.repeating(TIMEOUT_S),
                )

    def _letter(self, stage: str, received: ReceivedMessage) -> DeadLetter:
        message = received.message
        attributes = dict(message.attributes)
        tried = attributes.get(f"{SOURCE}DeliveryCount", "")
        source = attributes.get(f"{SOURCE}Subscription", "").rsplit("/", 1)[-1]
        own = {name: value for name, value in attributes.items() if not name.startswith(SOURCE)}
        attempt = int(tried) if tried.isdecimal() else 0
        delivery = Delivery(source, message.data, own, message.message_id, attempt)
        return DeadLetter(stage, delivery, message.ordering_key, _published_ms(received), self._stays(delivery))

    def _stays(self, delivery: Delivery) -> str:
        try:
            fact = _fact(delivery)
        except Poison as problem:
            return str(problem)
        if self._clock.now_ms() - fact.ts_event_ms > OLDEST_MS:
            return f"older than {CLAIM_DAYS - 1} days: a stage that has decided it may have forgotten that"
        return ""

    def _subscription(self, stage: str) -> str:
        return f"projects/{self._project}/subscriptions/{dead_letters_name(stage)}"


def subscriber_client() -> SubscriberClient:
    """The library's plain client; it knows nothing of emulators."""
    host = os.environ.get(EMULATOR_VARIABLE)
    if not host:
        return SubscriberClient()
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(host)))


def _fact(delivery: Delivery) -> Fact:
    return decode_whole(delivery.data, delivery.attributes)


def _place(stage: str, received: ReceivedMessage) -> Place:
    died_ms = int(received.message.publish_time.timestamp() * 1_000)
    return _published_ms(received), died_ms, stage, received.message.message_id


def _published_ms(received: ReceivedMessage) -> int:
    """To its own topic; where nobody tells that, the time at which it was given up has to do."""
    told = received.message.attributes.get(f"{SOURCE}TopicPublishTime", "")
    with suppress(ValueError):
        return int(datetime.fromisoformat(told).timestamp() * 1_000)
    return int(received.message.publish_time.timestamp() * 1_000)


@contextmanager
def _asking(name: str) -> Iterator[None]:
    try:
        yield
    except google.NotFound:
        raise Misconfigured(f"{name} is missing: is a floor deployed in this project?") from None
    except (google.Forbidden, google.Unauthorized) as problem:
        raise Misconfigured(f"{name}: {problem.message}: whoever does this needs roles/pubsub.editor") from problem
    except google.GoogleAPIError as problem:
        raise faults.of_call(problem, name) from problem
