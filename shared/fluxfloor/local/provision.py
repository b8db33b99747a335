"""Makes the topology's topics and push subscriptions on the Pub/Sub emulator, as Pulumi does in the cloud.

The emulator keeps filters without applying them, sends no token with a push, and leaves the ordering key and the
attempt out of its body.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta

from google.api_core import exceptions as google
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.types import (
    DeadLetterPolicy,
    ExpirationPolicy,
    PushConfig,
    RetryPolicy,
    Topic,
    UpdateSubscriptionRequest,
)
from google.pubsub_v1.types import Subscription as PushSubscription

from fluxfloor.adapters.google import dead_letters
from fluxfloor.adapters.google.bus import EMULATOR_VARIABLE, publisher_client
from fluxfloor.errors import Misconfigured
from fluxfloor.topology import INTERNAL_PATH, STAGES, TOPICS, Subscription, dead_letters_name, subscription_name

MIN_ATTEMPTS, MAX_ATTEMPTS = 5, 100  # what Pub/Sub takes


def provision(project: str, url_of_stage: Callable[[str], str]) -> None:
    """Everything in the topology. Doing it again moves the subscriptions to the new addresses."""
    provision_topics(project, TOPICS)
    for stage in STAGES.values():
        provision_subscriptions(project, stage.name, stage.consumes, url_of_stage(stage.name))


def provision_topics(project: str, names: Iterable[str]) -> None:
    publisher = publisher_client()
    for name in names:
        _make_topic(publisher, project, name)


def provision_subscriptions(project: str, stage: str, wanted: Iterable[Subscription], url: str) -> None:
    """The stage's push subscriptions, and the topic of its dead letters with a subscription that keeps them: a topic
    nobody subscribes to forgets what it is sent. `url` is where the stage answers."""
    subscriber, dead = subscriber_client(), dead_letters_name(stage)
    subscriptions = [push_subscription(project, stage, subscription, url) for subscription in wanted]
    if subscriptions:
        provision_topics(project, [dead])
        subscriptions.append(PushSubscription(name=_subscription(project, dead), topic=_topic(project, dead)))
    for subscription in subscriptions:
        _make_subscription(subscriber, subscription)


def push_subscription(project: str, stage: str, subscription: Subscription, url: str) -> PushSubscription:
    return PushSubscription(
        name=_subscription(project, subscription_name(stage, subscription.topic)),
        topic=_topic(project, subscription.topic),
        push_config=PushConfig(push_endpoint=url + INTERNAL_PATH),
        ack_deadline_seconds=subscription.ack_deadline_s,
        enable_message_ordering=subscription.ordered,
        filter=" AND ".join(f'attributes.{name} = "{value}"' for name, value in subscription.only.items()),
        retry_policy=RetryPolicy(
            minimum_backoff=timedelta(seconds=subscription.min_backoff_s),
            maximum_backoff=timedelta(seconds=subscription.max_backoff_s),
        ),
        dead_letter_policy=DeadLetterPolicy(
            dead_letter_topic=_topic(project, dead_letters_name(stage)),
            max_delivery_attempts=min(max(subscription.max_attempts, MIN_ATTEMPTS), MAX_ATTEMPTS),
        ),
        expiration_policy=ExpirationPolicy(),  # never
    )


def subscriber_client() -> SubscriberClient:
    """For the emulator only: in the cloud nothing of the floor makes subscriptions."""
    if not os.environ.get(EMULATOR_VARIABLE):
        raise Misconfigured(
            f"{EMULATOR_VARIABLE} is not set: provisioning here is for the emulator, Pulumi does the cloud"
        )
    return dead_letters.subscriber_client()


def _make_topic(publisher: PublisherClient, project: str, name: str) -> None:
    topic = Topic(name=_topic(project, name))
    if name in TOPICS:
        topic.message_retention_duration = timedelta(hours=TOPICS[name].retention_hours)
    try:
        publisher.create_topic(topic)
    except google.AlreadyExists:
        return


def _make_subscription(subscriber: SubscriberClient, wanted: PushSubscription) -> None:
    try:
        subscriber.create_subscription(wanted)
    except google.AlreadyExists:
        moved = UpdateSubscriptionRequest(subscription=wanted, update_mask=FieldMask(paths=["push_config"]))
        subscriber.update_subscription(moved)


def _topic(project: str, name: str) -> str:
    return f"projects/{project}/topics/{name}"


def _subscription(project: str, name: str) -> str:
    return f"projects/{project}/subscriptions/{name}"
