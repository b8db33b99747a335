"""What a venue promises decides what is done: who is asked, whether an id is sent again, whose turn it is."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.contracts import venues
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.execution.lifecycle import LEASE_MS
from fluxfloor.runtime.runner import Outcome

from tests.support.desk import intent
from tests.support.execution_room import buy_first, resting, state, states

S = OrderState


def capable(monkeypatch, **more) -> None:
    changed = replace(venues.CAPABILITIES["paper"], **more)
    monkeypatch.setitem(venues.CAPABILITIES, "paper", changed)


def test_where_nothing_proves_it_a_person_is_asked_once_and_the_order_stays_open(room, monkeypatch):
    capable(monkeypatch, placement_expiry_ms=0, permanent_client_ids=False)
    room.venue.mood = "lost before"
    room.ask(intent())
    for _ in range(10):
        room.later(60_000)
        room.sweep()
    assert state(room) is S.UNKNOWN
    assert [risk["kind"] for risk in room.risks()] == ["order_unknown"]
    assert len(room.venue.placed) == 1


def test_where_ids_are_taken_once_the_same_id_is_sent_again(room, monkeypatch):
    capable(monkeypatch, placement_expiry_ms=0)
    buy_first(room)
    room.venue.mood = "lost before"
    room.ask(intent("out", Side.SELL))
    for _ in range(3):
        room.later(60_000)
        room.sweep()
    assert states(room, "out")[-1] is S.FILLED
    first, second = room.venue.placed[1:]
    assert first.client_order_id == second.client_order_id


def test_one_request_at_a_time_per_key_where_the_venue_wants_it_so(room, monkeypatch):
    capable(monkeypatch, single_flight=True)
    room.venue.mood = "killed before"
    room.ask(intent("a"))
    assert room.ask(intent("b")) is Outcome.NACK
    assert state(room, "b") is S.REQUESTED
    room.later(LEASE_MS)
    room.ask(intent("b"))
    room.later(1_000)
    assert state(room, "b") is S.FILLED


def test_the_turn_is_passed_on_as_soon_as_there_is_an_answer(room, monkeypatch):
    capable(monkeypatch, single_flight=True)
    for name in "abc":
        assert room.ask(intent(name)) is Outcome.ACK
    room.later(1_000)
    assert {state(room, name) for name in "abc"} == {S.FILLED}


def test_what_a_venue_can_not_do_is_refused_before_anything_is_sent(room, monkeypatch):
    capable(monkeypatch, order_types=frozenset({OrderType.MARKET}))
    room.ask(resting())
    assert state(room) is S.REJECTED
    assert room.at_venue() == []
