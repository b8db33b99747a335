"""Topics, and the push subscriptions that bring their messages to the stages."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES, TOPICS, StageSpec, Subscription

from infra import names
from infra.identities import Identities
from infra.stack import Stack

KEPT_S = 31 * 24 * 3600  # a dead letter waits for a person as long as Pub/Sub allows
UNACKED_S = 7 * 24 * 3600

Topics = Mapping[str, gcp.pubsub.Topic]


def topics(stack: Stack, ready: pulumi.ResourceOptions) -> Topics:
    """Those of the topology, and one of dead letters for every stage that consumes."""
    retention_s = {topic.name: topic.retention_hours * 3600 for topic in TOPICS.values()}
    retention_s |= {names.dead_letters(stage.name): KEPT_S for stage in STAGES.values() if stage.consumes}
    return {name: _topic(stack, name, kept_s, ready) for name, kept_s in retention_s.items()}


def _topic(stack: Stack, name: str, retention_s: int, ready: pulumi.ResourceOptions) -> gcp.pubsub.Topic:
    return gcp.pubsub.Topic(
        f"topic-{name}",
        name=names.checked("topic", name),
        project=stack.project,
        message_retention_duration=f"{retention_s}s",
        message_storage_policy=gcp.pubsub.TopicMessageStoragePolicyArgs(allowed_persistence_regions=[stack.region]),
        opts=ready,
    )


def subscriptions(
    stack: Stack, people: Identities, published: Topics, running: Mapping[str, gcp.cloudrunv2.Service]
) -> None:
    for stage in STAGES.values():
        if not stage.consumes:
            continue
        dead = published[names.dead_letters(stage.name)]
        _keeper(stack, stage.name, dead)
        _agent_may_publish(stack, stage.name, dead)
        for wanted in stage.consumes:
            made = _push(stack, stage, wanted, published[wanted.topic], dead, people, running[stage.name])
            _agent_may_acknowledge(stack, stage.name, wanted.topic, made)


def _push(
    stack: Stack,
    stage: StageSpec,
    wanted: Subscription,
    topic: gcp.pubsub.Topic,
    dead: gcp.pubsub.Topic,
    people: Identities,
    service: gcp.cloudrunv2.Service,
) -> gcp.pubsub.Subscription:
    name = names.subscription(stage.name, wanted.topic)
    return gcp.pubsub.Subscription(
        f"subscription-{name}",
        name=name,
        project=stack.project,
        topic=topic.id,
        # A deadline below the stage's time limit would bring the message again while it is still being handled.
        ack_deadline_seconds=max(wanted.ack_deadline_s, stage.timeout_s),
        enable_message_ordering=wanted.ordered,
        filter=attribute_filter(wanted.only),
        message_retention_duration=f"{UNACKED_S}s",
        expiration_policy=_never(),
        push_config=gcp.pubsub.SubscriptionPushConfigArgs(
            push_endpoint=stack.internal_url(stage.name),
            oidc_token=gcp.pubsub.SubscriptionPushConfigOidcTokenArgs(
                service_account_email=people.callers[stage.name].email, audience=stack.url(stage.name)
            ),
        ),
        dead_letter_policy=gcp.pubsub.SubscriptionDeadLetterPolicyArgs(
            dead_letter_topic=dead.id, max_delivery_attempts=wanted.max_attempts
        ),
        retry_policy=gcp.pubsub.SubscriptionRetryPolicyArgs(
            minimum_backoff=f"{wanted.min_backoff_s}s", maximum_backoff=f"{wanted.max_backoff_s}s"
        ),
        opts=pulumi.ResourceOptions(depends_on=[service]),
    )


def attribute_filter(only: Mapping[str, str]) -> str | None:
    """In Pub/Sub's filter language; None takes everything."""
    return " AND ".join(f'attributes.{name} = "{value}"' for name, value in sorted(only.items())) or None


def _never() -> gcp.pubsub.SubscriptionExpirationPolicyArgs:
    """Pub/Sub deletes a subscription that was quiet for 31 days, unless told not to."""
    return gcp.pubsub.SubscriptionExpirationPolicyArgs(ttl="")


def _keeper(stack: Stack, stage: str, dead: gcp.pubsub.Topic) -> None:
    """A topic without a subscription forgets: this one keeps the dead letters until a person takes them."""
    name = names.dead_letters(stage)
    gcp.pubsub.Subscription(
        f"subscription-{name}",
        name=name,
        project=stack.project,
        topic=dead.id,
        ack_deadline_seconds=60,
        message_retention_duration=f"{KEPT_S}s",
        expiration_policy=_never(),
    )


def _agent_may_publish(stack: Stack, stage: str, dead: gcp.pubsub.Topic) -> None:
    gcp.pubsub.TopicIAMMember(
        f"agent-publishes-{names.dead_letters(stage)}",
        project=stack.project,
        topic=dead.name,
        role="roles/pubsub.publisher",
        member=stack.pubsub_agent,
    )


def _agent_may_acknowledge(stack: Stack, stage: str, topic: str, made: gcp.pubsub.Subscription) -> None:
    """Moving a message to the dead letters means acknowledging it where it was."""
    gcp.pubsub.SubscriptionIAMMember(
        f"agent-acknowledges-{names.subscription(stage, topic)}",
        project=stack.project,
        subscription=made.name,
        role="roles/pubsub.subscriber",
        member=stack.pubsub_agent,
    )
