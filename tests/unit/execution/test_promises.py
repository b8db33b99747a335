"""What a venue promises decides what is done: who is asked, whether an id is sent again, whose turn it is."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.contracts import venues
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.execution.lifecycle import ASKED, LEASE_MS
from fluxfloor.execution.plans import AMEND
from fluxfloor.ports import Ref
from fluxfloor.runtime.runner import Outcome

from functions.execution import follow
from tests.support.desk import AT_MS, intent
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


def test_one_that_was_seen_again_and_lost_again_is_asked_about_again(room, monkeypatch):
    capable(monkeypatch, placement_expiry_ms=0, permanent_client_ids=False)
    shown, find = [False], room.venue.find
    room.venue.find = lambda *given: find(*given) if shown[0] else None
    room.venue.mood = "lost after"
    room.ask(resting())
    for shown[0], reason, told in ((False, ASKED, 1), (True, "", 1), (False, ASKED, 2)):
        for _ in range(10):
            room.later(60_000)
            room.sweep()
        assert (room.order("i1").reason, len(room.risks())) == (reason, told)


def lost_and_about_to_be_sent_again(room, monkeypatch) -> None:
    """An exit "out", at a venue that takes an id only once."""
    capable(monkeypatch, placement_expiry_ms=0)
    buy_first(room)
    room.venue.mood = "lost before"
    room.ask(intent("out", Side.SELL))
    while state(room, "out") is not S.REQUESTED:
        room.later(1_000)


def test_new_terms_of_a_lost_placement_wait_for_its_end(room, monkeypatch):
    """It is sent again under its id, as it was: the two are one order, whichever of them arrives."""
    lost_and_about_to_be_sent_again(room, monkeypatch)
    room.change("amend", "out", lots=6)
    assert room.order("out").cancelling == AMEND
    room.later(60_000)
    first, second = room.venue.placed[1:]
    assert (first.client_order_id, first.quantity) == (second.client_order_id, second.quantity)
    assert state(room, "out") is S.FILLED


def test_a_lost_placement_of_which_no_more_is_wanted_is_not_sent_again(room, monkeypatch):
    lost_and_about_to_be_sent_again(room, monkeypatch)
    order = room.order("out")
    room.floor.store.patch(Ref("orders", "out"), {"filled_lots": order.intent.lots})
    room.later(300_000)
    room.sweep()
    assert (state(room, "out"), len(room.venue.placed)) == (S.UNKNOWN, 2)
    assert room.order("out").reason == ASKED


def test_a_lost_placement_that_is_proved_not_to_be_there_ends_as_filled_where_nothing_was_left(room):
    room.venue.mood = "lost before"
    room.ask(intent())
    room.floor.store.patch(Ref("orders", "i1"), {"filled_lots": room.order("i1").intent.lots})
    room.later(60_000)
    assert (state(room), len(room.venue.placed)) == (S.FILLED, 1)


def test_an_absence_that_was_seen_before_the_grace_was_over_proves_nothing_after_it(room, monkeypatch):
    """The look-up was made in time, and whoever made it was held up before he could conclude from it."""
    capable(monkeypatch, read_lag_ms=60_000)
    buy_first(room)
    room.venue.mood = "lost after"
    room.ask(intent("out", Side.SELL))
    placed_ms = room.clock.now_ms()

    def hidden(*given):
        if room.clock.now_ms() >= placed_ms + 60_000:
            return room.venue.inner.find(*given)
        if room.clock.now_ms() >= placed_ms + 40_000:
            room.clock.advance_to(placed_ms + 130_000)
        return None

    room.venue.find = hidden
    room.later(45_000)
    assert (state(room, "out"), room.clock.now_ms() >= placed_ms + 130_000) == (S.UNKNOWN, True)
    room.later(60_000)
    assert (state(room, "out"), room.order("out").attempt) == (S.FILLED, 1)


def test_while_a_person_is_awaited_it_is_looked_for_without_a_commit_and_found(room, monkeypatch):
    capable(monkeypatch, placement_expiry_ms=0, permanent_client_ids=False)
    room.venue.mood = "lost before"
    room.ask(intent())
    room.later(600_000)
    room.sweep()
    asked = room.order("i1")
    assert asked.reason == ASKED
    room.later(600_000)
    room.sweep()
    assert room.order("i1").version == asked.version
    room.venue.place(replace(room.venue.placed[0], expires_ms=room.clock.now_ms() + 1_000))
    room.later(1_000)
    room.sweep()
    assert state(room) is S.FILLED


def test_a_timer_that_came_twice_starts_no_second_row_of_looks(room):
    room.venue.mood = "lost before"
    room.ask(intent())
    looks = []
    inner = room.venue.find
    room.venue.find = lambda *given: (looks.append(room.clock.now_ms()), inner(*given))[1]
    for _ in range(3):  # as if the first timer had been delivered four times
        room.floor.drain(until_ms=room.clock.now_ms() + 250)
        follow.advance(room.floor.context("execution"), "i1")
    looks.clear()
    room.later(11_000)
    assert looks == [AT_MS + 5_250, AT_MS + 10_250]


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
