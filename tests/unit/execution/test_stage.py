"""The stage itself, on the embedded floor: sent once, looked up when in doubt, refused, halted."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.execution.lifecycle import LEASE_MS, STALE_ENTRY_MS

from functions.execution import sending
from tests.support.desk import intent
from tests.support.execution_room import ExecutionRoom, Moody, buy_first, state, states

S = OrderState


def test_a_market_order_is_sent_once_and_filled(room):
    room.ask(intent())
    room.later(1_000)
    assert states(room) == [S.OPEN, S.FILLED]
    assert len(room.venue.placed) == 1


def test_the_same_request_again_sends_nothing(room):
    for _ in range(3):
        room.ask(intent())
    room.later(1_000)
    room.ask(intent())
    assert len(room.venue.placed) == 1


def test_a_lost_answer_is_unknown_until_a_look_tells(room):
    room.venue.mood = "lost after"
    room.ask(intent())
    assert state(room) is S.UNKNOWN
    room.later(6_000)
    assert states(room) == [S.UNKNOWN, S.FILLED]
    assert len(room.venue.placed) == 1


def test_an_entry_that_never_arrived_is_given_up_and_never_sent_again(room):
    room.venue.mood = "lost before"
    room.ask(intent())
    room.later(60_000)
    assert states(room) == [S.UNKNOWN, S.EXPIRED]
    assert len(room.venue.placed) == 1


def test_an_exit_that_never_arrived_is_sent_again_after_its_expiry_under_a_new_id(room):
    buy_first(room)
    room.venue.mood = "lost before"
    room.ask(intent("out", Side.SELL))
    room.later(60_000)
    assert states(room, "out")[-1] is S.FILLED
    first, second = room.venue.placed[1:]
    assert first.client_order_id != second.client_order_id
    assert second.expires_ms - 10_000 >= first.expires_ms


@pytest.mark.parametrize("mood", ["killed before", "killed after"])
def test_a_sender_that_dies_leaves_the_order_to_whoever_looks_next(room, mood):
    room.venue.mood = mood
    room.ask(intent())
    assert state(room) is S.SUBMITTING
    room.ask(intent())
    assert len(room.venue.placed) == 1, "a redelivery must look, not send"
    room.later(LEASE_MS + 60_000)
    assert state(room) is (S.FILLED if mood == "killed after" else S.EXPIRED)


def test_a_sender_that_was_held_up_sends_no_placement_that_is_somebody_elses(room, monkeypatch):
    """It has committed the first attempt, and wakes when the second is on its way: sent by one who has died since."""
    buy_first(room)
    real = sending.Context.step
    woken: list[str] = []

    def held_up(self, fact, decide, also=()):
        taken = real(self, fact, decide, also)
        order = room.order("out")
        if not woken and order is not None and order.state is S.SUBMITTING:
            woken.append("once")
            room.later(35_000)
            room.venue.mood = "killed after"
            room.later(6_000)
            assert (room.order("out").state, room.order("out").attempt) == (S.SUBMITTING, 2)
        return taken

    monkeypatch.setattr(sending.Context, "step", held_up)
    room.ask(intent("out", Side.SELL))
    room.later(120_000)
    sent = [placement.client_order_id for placement in room.venue.placed]
    assert len(sent) == len(set(sent)) == 2
    assert room.order("out").state is S.FILLED


def test_an_id_that_was_used_before_is_an_order_of_ours_and_is_looked_up(room):
    """The request got through twice on its way: refusing the second does not undo the first."""
    room.venue.mood = "sent twice"
    room.ask(intent())
    room.later(10_000)
    assert states(room) == [S.UNKNOWN, S.FILLED]


def test_a_refusal_is_the_end_with_its_reason(room):
    room.venue.mood = "refused"
    room.ask(intent())
    room.later(60_000)
    assert states(room) == [S.REJECTED]
    assert room.order("i1").reason == "maintenance: not today"


def test_an_exit_that_only_came_too_late_is_sent_again_at_once(tmp_path):
    class Slow(Moody):
        def place(self, placement):
            if len(self.placed) == 1:
                room.clock.advance_to(room.clock.now_ms() + 11_000)
            return super().place(placement)

    room = ExecutionRoom(tmp_path, Slow)
    buy_first(room)
    room.ask(intent("out", Side.SELL))
    room.later(5_000)
    assert states(room, "out")[-1] is S.FILLED
    assert len(room.venue.placed) == 3
    room.close()


def test_an_entry_meets_a_halt_before_it_leaves_and_an_exit_does_not(room):
    buy_first(room)
    room.halt()
    room.ask(intent("in"))
    room.ask(intent("out", Side.SELL))
    room.later(1_000)
    assert (state(room, "in"), state(room, "out")) == (S.CANCELLED, S.FILLED)
    assert room.order("in").reason == "halted: kill switch"


def test_an_entry_that_waited_too_long_is_not_sent(room):
    room.later(STALE_ENTRY_MS + 1)
    room.ask(intent())
    assert states(room) == [S.EXPIRED]
    assert room.venue.placed == []
