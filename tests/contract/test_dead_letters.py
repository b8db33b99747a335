"""What was given up can be looked at, and put back, on every backend."""

from __future__ import annotations

from fluxfloor.contracts.facts import Fact
from fluxfloor.topology import Subscription

from tests.support.facts import risk
from tests.support.labs import BusLab

ATTEMPTS = 5
GIVES_UP = ("alerts", Subscription("risks.raised", max_attempts=ATTEMPTS, min_backoff_s=0, max_backoff_s=0))
GIVEN_UP = "alerts", "risks.raised"
ALERTS = ["alerts"]
MOST = 100


class Unreadable(Fact):
    """Of a type that nobody has a reader for any more."""

    def attributes(self) -> dict[str, str]:
        return super().attributes() | {"type": "risks.raised.v0"}


def unreadable(fact: Fact) -> Fact:
    return Unreadable(fact.event_id, fact.event, fact.root, fact.parent, fact.ts_event_ms, fact.traceparent)


def given_up(lab: BusLab, *facts: Fact) -> None:
    lab.start(GIVES_UP)
    lab.inbox.answer = lambda *_: False
    lab.bus.publish(facts)
    lab.refuse(*GIVEN_UP, lambda: len(lab.letters.dead(ALERTS, MOST)) == len(facts))
    lab.inbox.received.clear()
    lab.inbox.answer = lambda *_: True


def test_a_dead_letter_is_shown_as_often_as_one_looks_and_put_back_once(bus_lab: BusLab) -> None:
    fact = risk("hopeless \x00 🌊")
    given_up(bus_lab, fact)
    for _ in range(2):
        (letter,) = bus_lab.letters.dead(ALERTS, MOST)
        assert (letter.stage, letter.delivery.subscription, letter.stays) == ("alerts", "alerts--risks.raised", "")
        assert (letter.delivery.data, letter.delivery.attributes) == (fact.data(), fact.attributes())
        assert letter.delivery.attempt == ATTEMPTS
    assert [letter.stays for letter in bus_lab.letters.put_back(ALERTS, MOST)] == [""]
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 1)
    (taken,) = bus_lab.inbox.received
    assert (taken.stage, taken.delivery.subscription) == ("alerts", "alerts--risks.raised")
    assert (taken.delivery.data, taken.delivery.attributes) == (fact.data(), fact.attributes())
    assert bus_lab.letters.dead(ALERTS, MOST) == []
    assert len(bus_lab.inbox.received) == 1


def test_what_cannot_be_read_stays_where_it_is(bus_lab: BusLab) -> None:
    given_up(bus_lab, unreadable(risk("old")), risk("new"))
    stays = {letter.delivery.attributes["type"]: letter.stays for letter in bus_lab.letters.put_back(ALERTS, MOST)}
    assert stays == {"risks.raised.v0": "no reader for event type 'risks.raised.v0'", "risks.raised.v1": ""}
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 1)
    assert [letter.stays for letter in bus_lab.letters.dead(ALERTS, MOST)] == [stays["risks.raised.v0"]]
    assert len(bus_lab.inbox.received) == 1


def test_no_more_are_taken_than_asked_for(bus_lab: BusLab) -> None:
    given_up(bus_lab, risk("one"), risk("two"))
    assert len(bus_lab.letters.put_back(ALERTS, 1)) == 1
    bus_lab.run_until(lambda: len(bus_lab.inbox.received) == 1)
    assert len(bus_lab.letters.dead(ALERTS, 1)) == 1
