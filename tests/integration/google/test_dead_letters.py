"""Dead letters as Pub/Sub itself forwards them, laid on their topic by hand: the emulator gives up nothing ordered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from fluxfloor.adapters.google.bus import publisher_client
from fluxfloor.adapters.google.dead_letters import PubSubDeadLetters, subscriber_client
from fluxfloor.cli.main import app
from fluxfloor.contracts.facts import Fact, decode
from fluxfloor.errors import Misconfigured, RetryLater
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.topology import Subscription
from typer.testing import CliRunner

from tests.support.facts import AT_MS, update
from tests.support.labs import PubSubLab, pubsub_lab

pytestmark = pytest.mark.emulators
CEREBRO = ["cerebro"]
DAY_MS = 86_400_000
MOST = 100


@pytest.fixture
def lab(emulators: object) -> Iterator[PubSubLab]:
    with pubsub_lab(f"dead-{uuid4().hex[:12]}") as made:
        made.start(("cerebro", Subscription("accounts.updated", ordered=True)))
        yield made


@pytest.fixture
def forward(lab: PubSubLab) -> Callable[..., None]:
    """Forwards a fact that was published at that time, and perhaps a field more than this version knows."""

    def forwarded(fact: Fact, published_ms: int, **more: str) -> None:
        told = {
            "DeliveryCount": "100", "Subscription": "cerebro--accounts.updated",
            "SubscriptionProject": lab.project,
            "TopicPublishTime": datetime.fromtimestamp(published_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        }  # fmt: skip
        message = {
            "data": json.dumps(json.loads(fact.data()) | more).encode(),
            "attributes": fact.attributes() | {f"CloudPubSubDeadLetterSource{name}": told[name] for name in told},
            "ordering_key": fact.event.key(),
        }
        publisher_client().publish(topic=f"projects/{lab.project}/topics/dead-letters--cerebro", messages=[message])

    return forwarded


class NobodyThere:
    def publish(self, facts: Sequence[Fact]) -> None:
        raise RetryLater("publish: nobody there")


def letters(lab: PubSubLab, now_ms: int = AT_MS) -> PubSubDeadLetters:
    return PubSubDeadLetters(subscriber_client(), lab.bus, lab.project, VirtualClock(now_ms), wait_s=10.0)


def test_a_key_goes_back_in_the_order_of_its_publication_without_what_pubsub_had_added(
    lab: PubSubLab, forward: Callable[..., None]
) -> None:
    facts = [update("a", version) for version in range(3)]
    for version in (2, 0, 1):
        forward(facts[version], AT_MS + version)
    found = letters(lab).put_back(CEREBRO, MOST)
    assert [letter.published_ms - AT_MS for letter in found] == [0, 1, 2]
    assert {(letter.ordering_key, letter.delivery.attempt, letter.delivery.subscription) for letter in found} == {
        ("a", 100, "cerebro--accounts.updated")
    }
    lab.run_until(lambda: len(lab.inbox.received) == 3)
    taken = [received.delivery for received in lab.inbox.received]
    assert [decode(delivery.data, delivery.attributes) for delivery in taken] == facts
    assert [delivery.attributes for delivery in taken] == [fact.attributes() for fact in facts]


def test_what_would_lose_a_field_or_might_be_decided_twice_stays(lab: PubSubLab, forward: Callable[..., None]) -> None:
    forward(update("a", 1), AT_MS, mood="new")
    forward(replace(update("a", 2), ts_event_ms=AT_MS - 30 * DAY_MS), AT_MS + 1)
    newer, older = letters(lab).put_back(CEREBRO, MOST)
    assert newer.stays.startswith("a accounts.updated.v1 of another version:")
    assert older.stays.startswith("older than 29 days")
    assert len(letters(lab).dead(CEREBRO, MOST)) == 2
    assert lab.inbox.received == []


def test_what_could_not_be_published_is_still_there_at_once(lab: PubSubLab, forward: Callable[..., None]) -> None:
    forward(update("a", 1), AT_MS)
    broken = PubSubDeadLetters(subscriber_client(), NobodyThere(), lab.project, VirtualClock(AT_MS), wait_s=10.0)
    assert [letter.stays for letter in broken.put_back(CEREBRO, MOST)] == ["publish: nobody there"]
    assert [letter.stays for letter in letters(lab).dead(CEREBRO, 1)] == [""]


def test_a_project_without_a_floor_says_so(lab: PubSubLab) -> None:
    with pytest.raises(Misconfigured, match="dead-letters--alerts is missing"):
        letters(lab).dead(["alerts"], MOST)


def test_the_command_finds_the_project_by_its_variable(
    lab: PubSubLab, forward: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", lab.project)
    now_ms = time.time_ns() // 1_000_000
    forward(replace(update("a", 1), ts_event_ms=now_ms), now_ms)
    done = CliRunner().invoke(app, ["dead-letters", "--stage", "cerebro", "--put-back", "--most", "1"])
    assert done.exit_code == 0, done.output
    assert "key a  100 attempts  cerebro--accounts.updated" in done.output
    assert "1 seen, 1 put back" in done.output
    assert "there may be more of cerebro" in done.output
    lab.run_until(lambda: len(lab.inbox.received) == 1)
