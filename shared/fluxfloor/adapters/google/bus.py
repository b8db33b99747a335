"""The Bus on Pub/Sub: one publish request per topic and ordering key, all of them in flight at once.

The requests go straight to the transport. The library's batching publisher adds a thread and its batching delay to
every message (0.6 ms became 2.8 to 12.8 ms), retries for ten minutes, and stops an ordering key at its first error
until somebody resumes it; here an error is the caller's to see, and the outbox's to send again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import grpc
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import pubsub as _messages

from fluxfloor.contracts.facts import Fact
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Bus
from fluxfloor.topology import STAGES

RawPublish: Any = _messages.PublishRequest.pb()

TIMEOUT_S = 5.0
EMULATOR_VARIABLE = "PUBSUB_EMULATOR_HOST"
ORDERED_TOPICS = frozenset(
    subscription.topic for stage in STAGES.values() for subscription in stage.consumes if subscription.ordered
)


class PubSubBus(Bus):
    """Publishes to `projects/<project>/topics/<topic>`."""

    def __init__(self, publisher: PublisherClient, project: str, timeout_s: float = TIMEOUT_S) -> None:
        transport: Any = publisher.transport  # its callables have futures, which their type does not tell
        self._publish = transport.publish
        self._project = project
        self._timeout_s = timeout_s

    @classmethod
    def connect(cls, project: str) -> PubSubBus:
        """With the process's own credentials, or to PUBSUB_EMULATOR_HOST."""
        return cls(publisher_client(), project)

    def publish(self, facts: Sequence[Fact]) -> None:
        """Facts of one topic and ordering key keep their order. Raises RetryLater if any is not known to be durable."""
        calls = [self._send(request) for request in self._requests(facts)]
        problems = [problem for call in calls if (problem := call.exception()) is not None]
        if problems:
            raise RetryLater(f"publish: {len(problems)} of {len(calls)} requests failed: {_told(problems[0])}")

    def _requests(self, facts: Sequence[Fact]) -> Iterable[Any]:
        """A request may carry one ordering key only. A step's facts fit well under Pub/Sub's 1,000 messages."""
        requests: dict[tuple[str, str], Any] = {}
        for fact in facts:
            ordering_key = fact.event.key() if fact.topic in ORDERED_TOPICS else ""
            request = requests.get((fact.topic, ordering_key))
            if request is None:
                request = RawPublish(topic=f"projects/{self._project}/topics/{fact.topic}")
                requests[fact.topic, ordering_key] = request
            request.messages.add(data=fact.data(), attributes=fact.attributes(), ordering_key=ordering_key)
        return requests.values()

    def _send(self, request: Any) -> Any:
        return self._publish.future(
            _messages.PublishRequest.wrap(request),
            timeout=self._timeout_s,
            metadata=[("x-goog-request-params", f"topic={quote(request.topic)}")],
        )


def publisher_client() -> PublisherClient:
    """The plain client, which the library's own batching one would wrap; it knows nothing of emulators."""
    host = os.environ.get(EMULATOR_VARIABLE)
    if not host:
        return PublisherClient()
    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(host)))


def _told(problem: Any) -> str:
    return f"{problem.code().name}: {problem.details()}" if isinstance(problem, grpc.RpcError) else repr(problem)
