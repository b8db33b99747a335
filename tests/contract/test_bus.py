"""What every Bus does, from publish to a stage's answer, on every backend."""

from __future__ import annotations

from itertools import pairwise

import pytest
from fluxfloor.contracts.facts import decode
from fluxfloor.ports import Delivery
from fluxfloor.topology import Subscription

from tests.support.facts import risk, update
from tests.support.labs import BusLab

ALERTS = ("alerts", Subscription("risks.raised", min_backoff_s=1, max_backoff_s=2))
DASHBOARD = ("dashboard", Subscription("risks.raised"))
ORDERED = ("cerebro", Subscription("accounts.updated", ordered=True, min_backoff_s=1, max_backoff_s=1))
UNORDERED = ("dashboard", Subscription("accounts.updated"))


def test_a_fact_arrives_as_it_was_stated(bus_lab: BusLab) -> None:
    fact = risk("čau \x00 \n 🌊 " + "x" * 5000)
    bus_lab.start(ALERTS)
    bus_lab.bus.publish([fact])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 1)
    delivery = bus_lab.inbox.received[0].delivery
    assert delivery.data == fact.data()
    assert delivery.attributes == fact.attributes()
    assert delivery.subscription == "alerts--risks.raised"
    assert delivery.message_id
    assert decode(delivery.data, delivery.attributes) == fact


def test_every_subscriber_gets_its_own_copy(bus_lab: BusLab) -> None:
    bus_lab.start(ALERTS, DASHBOARD)
    bus_lab.inbox.answer = lambda stage, _: stage == "dashboard" or len(from_stage(bus_lab, "alerts")) > 1
    bus_lab.bus.publish([risk("one")])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 3)
    assert len(from_stage(bus_lab, "alerts")) == 2
    assert len(from_stage(bus_lab, "dashboard")) == 1


def test_facts_of_several_topics_go_in_one_round(bus_lab: BusLab) -> None:
    bus_lab.start(ALERTS, ORDERED)
    facts = [risk("one"), update("a", 1), risk("two"), update("b", 1), update("a", 2)]
    bus_lab.bus.publish(facts)
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == len(facts))
    assert {event_id(taken.delivery) for taken in bus_lab.inbox.received} == {fact.event_id for fact in facts}


def test_publishing_nothing_is_fine(bus_lab: BusLab) -> None:
    bus_lab.start(ALERTS)
    bus_lab.bus.publish([])
    bus_lab.settle(0.3)
    assert bus_lab.inbox.received == []


def test_publishing_twice_delivers_twice(bus_lab: BusLab) -> None:
    bus_lab.start(ALERTS)
    for _ in range(2):
        bus_lab.bus.publish([risk("again")])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 2)
    first, second = (taken.delivery for taken in bus_lab.inbox.received)
    assert event_id(first) == event_id(second)
    assert first.message_id != second.message_id


def test_an_ack_ends_a_message(bus_lab: BusLab) -> None:
    bus_lab.start(ALERTS)
    bus_lab.bus.publish([risk("once")])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 1)
    bus_lab.settle(1.5)
    assert len(bus_lab.inbox.received) == 1


def test_a_nack_brings_it_back_after_its_back_off(bus_lab: BusLab) -> None:
    bus_lab.start(ALERTS)
    bus_lab.inbox.answer = lambda *_: len(bus_lab.inbox.received) >= 3
    bus_lab.bus.publish([risk("stubborn")])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 3)
    bus_lab.settle(2.5)
    times = [taken.at_ms for taken in bus_lab.inbox.received]
    assert len(times) == 3
    assert all(later - earlier >= 950 for earlier, later in pairwise(times))
    assert len({taken.delivery.message_id for taken in bus_lab.inbox.received}) == 1


def test_a_key_is_read_in_the_order_it_was_stated(bus_lab: BusLab) -> None:
    bus_lab.start(ORDERED)
    for version in range(6):
        bus_lab.bus.publish([update("a", version), update("b", version)])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 12)
    for account in "ab":
        assert versions(bus_lab, "cerebro", account) == list(range(6))


def test_a_failing_head_holds_its_key_back_and_no_other(bus_lab: BusLab) -> None:
    bus_lab.start(ORDERED)
    bus_lab.inbox.answer = lambda _, delivery: (
        delivery.attributes["key"] == "b" or len(versions(bus_lab, "cerebro", "a")) > 2
    )
    bus_lab.bus.publish([update(account, version) for version in range(3) for account in "ab"])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 8)
    assert versions(bus_lab, "cerebro", "a") == [0, 0, 0, 1, 2]
    assert versions(bus_lab, "cerebro", "b") == [0, 1, 2]


def test_one_topic_serves_ordered_and_unordered_readers(bus_lab: BusLab) -> None:
    bus_lab.start(ORDERED, UNORDERED)
    bus_lab.bus.publish([update("a", version) for version in range(5)])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 10)
    assert versions(bus_lab, "cerebro", "a") == list(range(5))
    assert sorted(versions(bus_lab, "dashboard", "a")) == list(range(5))


def test_after_its_last_attempt_a_message_is_a_dead_letter(bus_lab: BusLab) -> None:
    bus_lab.start(("alerts", Subscription("risks.raised", max_attempts=5, min_backoff_s=0, max_backoff_s=0)))
    bus_lab.inbox.answer = lambda *_: False
    bus_lab.bus.publish([risk("hopeless")])
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 5)
    bus_lab.settle(1.0)
    assert len(bus_lab.inbox.received) == 5
    assert bus_lab.dead_letters() == 1


@pytest.mark.parametrize("count", [100])
def test_a_burst_arrives_whole(bus_lab: BusLab, count: int) -> None:
    bus_lab.start(ALERTS)
    facts = [risk(f"burst {number}") for number in range(count)]
    bus_lab.bus.publish(facts)
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) >= count)
    assert {event_id(taken.delivery) for taken in bus_lab.inbox.received} == {fact.event_id for fact in facts}


def event_id(delivery: Delivery) -> str:
    return delivery.attributes["event_id"]


def from_stage(lab: BusLab, stage: str) -> list[Delivery]:
    return [taken.delivery for taken in lab.inbox.received if taken.stage == stage]


def versions(lab: BusLab, stage: str, account: str) -> list[int]:
    """The account versions a stage was handed, in the order it was."""
    events = (decode(found.data, found.attributes).event for found in from_stage(lab, stage))
    return [event.account_version for event in events if event.key() == account]  # type: ignore[attr-defined]
