"""The Google adapters against the emulators and loopback services: what only they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from fluxfloor.adapters.google.bus import PubSubBus
from fluxfloor.adapters.google.secrets import SecretManagerSecrets, secret_manager_client
from fluxfloor.adapters.google.store import FirestoreStore
from fluxfloor.adapters.google.timers import CloudTasksTimers
from fluxfloor.contracts.journal import Timer
from fluxfloor.errors import CommitUnknown, Misconfigured, Poison, RetryLater
from fluxfloor.local.cloud_tasks import CloudTasksServer
from fluxfloor.local.provision import provision, subscriber_client
from fluxfloor.local.secret_manager import SecretManagerServer
from fluxfloor.ports import Commit, Ref
from fluxfloor.topology import STAGES, TOPICS, Subscription, dead_letters_name
from google.cloud import firestore

from tests.support.facts import risk, update
from tests.support.labs import pubsub_lab

DATABASES = {"edge": "edge", "mode": "paper"}
STEP = Ref("journal", "cerebro:1")


@pytest.fixture
def project() -> str:
    return f"google-{uuid4().hex[:12]}"


# --- Firestore ------------------------------------------------------------------------------------------------------


@pytest.mark.emulators
def test_a_step_expires_after_30_days_and_readers_do_not_see_it(emulators: object, project: str) -> None:
    store = FirestoreStore.connect(project, DATABASES)
    store.commit(Commit(creates={STEP: {"pending": "cerebro"}, Ref("risk_books", "main"): {"version": 1}}))
    store.patch(STEP, {"pending": ""})
    stored = firestore.Client(project=project, database="paper").document("journal/cerebro:1").get().to_dict()
    assert 29.9 < (stored["expires_at"] - datetime.now(UTC)).total_seconds() / 86_400 <= 30
    assert [found.data for found in store.read([STEP, Ref("risk_books", "main")])] == [{"pending": ""}, {"version": 1}]


@pytest.mark.emulators
def test_integers_beyond_64_bits_survive(emulators: object, project: str) -> None:
    store = FirestoreStore.connect(project, DATABASES)
    data = {"lots": 10**36, "low": [-(2**63) - 1, {"x": 2**64}]}
    store.commit(Commit(creates={Ref("c", "1"): data}))
    assert store.read([Ref("c", "1")])[0].data == data


@pytest.mark.emulators
def test_a_document_that_firestore_will_never_take_is_poison(emulators: object, project: str) -> None:
    store = FirestoreStore.connect(project, DATABASES)
    with pytest.raises(Poison):
        store.commit(Commit(creates={Ref("c", "1"): {"text": "x" * 1_100_000}}))


def test_a_stage_is_told_which_database_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:9")
    with pytest.raises(Misconfigured, match="mode"):
        FirestoreStore.connect("floor", {"edge": "edge"}).read([Ref("c", "1")])


def test_a_commit_that_reaches_nobody_is_unknown_and_a_read_is_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:9")
    clients = {"mode": firestore.Client(project="floor", database="paper")}
    store = FirestoreStore(clients, timeout_s=0.5)
    with pytest.raises(CommitUnknown):
        store.commit(Commit(creates={STEP: {}}))
    with pytest.raises(RetryLater):
        store.read([STEP])


# --- Pub/Sub --------------------------------------------------------------------------------------------------------


@pytest.mark.emulators
def test_the_whole_topology_is_provisioned_and_moves_when_done_again(emulators: object, project: str) -> None:
    provision(project, lambda stage: f"http://127.0.0.1:9/old/{stage}")
    provision(project, lambda stage: f"http://127.0.0.1:9/{stage}")
    subscriber = subscriber_client()
    made = {
        found.name.rsplit("/", 1)[1]: found for found in subscriber.list_subscriptions(project=f"projects/{project}")
    }
    expected = {f"{stage.name}--{topic}" for stage in STAGES.values() for topic in stage.topics}
    kept = {dead_letters_name(stage.name) for stage in STAGES.values() if stage.consumes}
    assert made.keys() == expected | kept
    ordered = made["cerebro--accounts.updated"]
    assert ordered.enable_message_ordering
    assert ordered.push_config.push_endpoint == "http://127.0.0.1:9/cerebro/_floor"
    assert ordered.dead_letter_policy.dead_letter_topic.endswith("/topics/dead-letters--cerebro")
    assert made["reconciliation--candles.closed"].filter == 'attributes.traded = "true"'
    assert {found.topic.rsplit("/", 1)[1] for found in made.values()} <= TOPICS.keys() | kept
    for name in expected:
        subscriber.delete_subscription(subscription=f"projects/{project}/subscriptions/{name}")


@pytest.mark.emulators
def test_one_missing_topic_fails_the_round_and_the_others_are_sent(emulators: object, project: str) -> None:
    with pubsub_lab(project) as lab:
        lab.start(("alerts", Subscription("risks.raised")))
        with pytest.raises(RetryLater, match="1 of 2 requests failed: NOT_FOUND"):
            lab.bus.publish([update("a", 1), risk("sent")])
        lab.run_until(lambda: len(lab.inbox.received) == 1)


def test_a_bus_that_cannot_be_reached_is_to_be_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    bus = PubSubBus.connect("floor")
    started = time.monotonic()
    with pytest.raises(RetryLater, match="2 of 2"):
        bus.publish([risk("one"), update("a", 1)])
    assert time.monotonic() - started < 6
    with pytest.raises(RetryLater):  # and an ordering key is not stuck after its first error
        bus.publish([update("a", 2)])


# --- Secret Manager and Cloud Tasks ---------------------------------------------------------------------------------


@pytest.fixture
def secret_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretManagerServer]:
    server = SecretManagerServer({"sender-demo": "one"})
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", server.host)
    yield server
    server.stop()


def test_a_secret_is_asked_for_once_a_minute(secret_manager: SecretManagerServer) -> None:
    now_s = [0.0]
    secrets = SecretManagerSecrets(secret_manager_client(), "floor", monotonic_s=lambda: now_s[0])
    assert secrets.get("sender-demo") == "one"
    secret_manager.add_version("sender-demo", "two")
    now_s[0] = 59.9
    assert secrets.get("sender-demo") == "one"
    assert secret_manager.accesses == 1
    now_s[0] = 60.1
    assert secrets.get("sender-demo") == "two"


def test_the_newest_enabled_version_counts_when_the_newest_is_disabled(secret_manager: SecretManagerServer) -> None:
    for value in ("two", "three"):
        secret_manager.add_version("sender-demo", value)
    secret_manager.disable("sender-demo", 3)
    assert SecretManagerSecrets.connect("floor").get("sender-demo") == "two"


def test_a_secret_whose_versions_are_all_disabled_is_misconfigured(secret_manager: SecretManagerServer) -> None:
    secret_manager.disable("sender-demo", 1)
    with pytest.raises(Misconfigured, match="no enabled version"):
        SecretManagerSecrets.connect("floor").get("sender-demo")


def test_a_secret_manager_that_cannot_be_reached_is_to_be_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_MANAGER_EMULATOR_HOST", "127.0.0.1:9")
    secrets = SecretManagerSecrets(secret_manager_client(), "floor", timeout_s=0.5)
    with pytest.raises(RetryLater):
        secrets.get("sender-demo")


def test_a_task_whose_stage_is_down_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = CloudTasksServer()
    monkeypatch.setenv("CLOUD_TASKS_EMULATOR_HOST", server.host)
    timers = CloudTasksTimers.connect("floor", "here", lambda _: "http://127.0.0.1:9/")
    timers.set([Timer("t1", "execution", 0, "check", "order-1")])
    time.sleep(0.3)
    assert server.undelivered() == 1
    server.stop()
