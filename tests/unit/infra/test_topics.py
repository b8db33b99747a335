"""Topics and subscriptions: all of the topology's, each able to deliver, to try again and to give up safely."""

from __future__ import annotations

import pytest
from fluxfloor.topology import INTERNAL_PATH, STAGES, TOPICS

from infra.topics import attribute_filter

PUSHED = [(stage, wanted) for stage in STAGES.values() for wanted in stage.consumes]
AGENT = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"


def subscription(floor, stage, topic):
    return floor.one(f"subscription-{stage}--{topic}")


def test_every_topic_exists_and_keeps_its_messages_as_long_as_the_topology_says(either):
    found = {topic["name"]: topic["messageRetentionDuration"] for topic in either.of("Topic")}
    for topic in TOPICS.values():
        assert found.pop(topic.name) == f"{topic.retention_hours * 3600}s"
    assert set(found) == {f"dead-letters--{stage.name}" for stage in STAGES.values() if stage.consumes}


def test_messages_are_stored_in_the_stack_s_region_only(either):
    for topic in either.of("Topic"):
        assert topic["messageStoragePolicy"]["allowedPersistenceRegions"] == [either.stack.region]


def test_there_is_a_push_subscription_for_each_interest_and_one_that_keeps_each_stage_s_dead_letters(either):
    found = {each["name"]: "pushConfig" in each.inputs for each in either.of("Subscription")}
    assert found == {f"{stage.name}--{wanted.topic}": True for stage, wanted in PUSHED} | {
        f"dead-letters--{stage.name}": False for stage in STAGES.values() if stage.consumes
    }


@pytest.mark.parametrize(("stage", "wanted"), PUSHED, ids=lambda value: getattr(value, "topic", None) or value.name)
def test_a_push_goes_to_its_stage_s_internal_path_with_a_token_of_its_caller(paper, stage, wanted):
    push = subscription(paper, stage.name, wanted.topic)["pushConfig"]
    url = f"https://{stage.name}-123456789012.us-central1.run.app"
    assert push["pushEndpoint"] == url + INTERNAL_PATH
    assert push["oidcToken"] == {
        "audience": url, "serviceAccountEmail": f"call-{stage.name}@my-floor.iam.gserviceaccount.com",
    }  # fmt: skip


@pytest.mark.parametrize(("stage", "wanted"), PUSHED, ids=lambda value: getattr(value, "topic", None) or value.name)
def test_a_subscription_retries_orders_filters_and_gives_up_as_the_topology_says(paper, stage, wanted):
    found = subscription(paper, stage.name, wanted.topic)
    assert found["topic"] == f"topic-{wanted.topic}-id"
    assert found["retryPolicy"] == {
        "minimumBackoff": f"{wanted.min_backoff_s}s", "maximumBackoff": f"{wanted.max_backoff_s}s",
    }  # fmt: skip
    assert found["deadLetterPolicy"] == {
        "deadLetterTopic": f"topic-dead-letters--{stage.name}-id", "maxDeliveryAttempts": wanted.max_attempts,
    }  # fmt: skip
    assert found["enableMessageOrdering"] is wanted.ordered
    assert found.get("filter") == attribute_filter(wanted.only)
    assert found["expirationPolicy"] == {"ttl": ""}


def test_a_filter_is_written_in_pubsub_s_language():
    assert attribute_filter({}) is None
    assert attribute_filter({"traded": "true"}) == 'attributes.traded = "true"'
    assert attribute_filter({"b": "2", "a": "1"}) == 'attributes.a = "1" AND attributes.b = "2"'


def test_no_message_is_brought_again_while_its_first_call_may_still_run(paper):
    for stage, wanted in PUSHED:
        deadline_s = subscription(paper, stage.name, wanted.topic)["ackDeadlineSeconds"]
        assert deadline_s >= max(stage.timeout_s, wanted.ack_deadline_s)
        assert deadline_s <= 600


def test_every_dead_letter_policy_has_the_two_grants_without_which_pubsub_drops_it(either):
    publishes = {
        grant["topic"]
        for grant in either.of("TopicIAMMember")
        if grant["member"] == AGENT and grant["role"] == "roles/pubsub.publisher"
    }
    acknowledges = {
        grant["subscription"]
        for grant in either.of("SubscriptionIAMMember")
        if grant["member"] == AGENT and grant["role"] == "roles/pubsub.subscriber"
    }
    pushed = [each for each in either.of("Subscription") if "deadLetterPolicy" in each.inputs]
    assert len(pushed) == len(PUSHED)
    assert publishes == {f"dead-letters--{stage.name}" for stage in STAGES.values() if stage.consumes}
    assert acknowledges == {each["name"] for each in pushed}


def test_a_dead_letter_waits_for_a_person_for_31_days(either):
    keepers = [each for each in either.of("Subscription") if "pushConfig" not in each.inputs]
    assert {each["topic"] for each in keepers} == {
        f"topic-dead-letters--{stage.name}-id" for stage in STAGES.values() if stage.consumes
    }
    assert {each["messageRetentionDuration"] for each in keepers} == {f"{31 * 24 * 3600}s"}
    assert {each["expirationPolicy"]["ttl"] for each in keepers} == {""}
