"""What should not happen and does: late fills and answers, more than was asked for, a commit that nobody is sure of."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.errors import CommitUnknown, OutcomeUnknown, VenueRefused
from fluxfloor.execution.lifecycle import LEASE_MS
from fluxfloor.runtime.runner import Outcome

from tests.support.desk import AT_MS, fill, intent
from tests.support.execution_room import ExecutionRoom, Moody, buy_first, resting, state, states

S = OrderState


def test_one_order_that_can_not_be_followed_keeps_no_other_from_it(room):
    room.ask(resting("a"))
    room.ask(resting("b"))
    room.later(120_000)
    room.market(39_990, 39_999)
    room.venue.mood = "blind"
    assert room.sweep() is Outcome.NACK
    assert sorted([state(room, "a"), state(room, "b")]) == [S.FILLED, S.OPEN]
    assert room.sweep() is Outcome.ACK
    assert state(room, "a") is state(room, "b") is S.FILLED


def test_a_late_fill_after_a_cancel_is_found_and_booked(tmp_path):
    class Lagging(Moody):
        """Shows the cancel first and the fill that came before it a little later."""

        hidden = True

        def find(self, client_order_id, instrument, since_ms):
            found = super().find(client_order_id, instrument, since_ms)
            if found is None or not found.state.terminal:
                return found
            late = (fill("late", 4),) if not self.hidden else ()
            return replace(found, fills=late)

    room = ExecutionRoom(tmp_path, Lagging)
    room.ask(resting(expires_ms=AT_MS + 100_000))
    room.later(101_000)
    assert state(room) is S.CANCELLED
    room.venue.hidden = False
    room.later(120_000)
    last = room.reports()[-1]
    assert (last.state, last.late, last.filled_lots) == (S.CANCELLED, True, 4)
    room.close()


def test_an_order_that_comes_to_life_after_it_was_given_up_is_taken_out_again(tmp_path):
    """A venue that breaks its promise: the placement arrives long after its expiry, and rests."""

    class Delaying(Moody):
        def place(self, placement):
            self.placed.append(placement)
            raise TimeoutError("it is on its way, somewhere")

    room = ExecutionRoom(tmp_path, Delaying)
    room.ask(resting())
    room.later(30_000)
    assert state(room) is S.EXPIRED
    late = replace(room.venue.placed[0], expires_ms=AT_MS + 10**9)
    room.venue.inner.place(late)
    room.later(120_000)
    assert room.at_venue()[0].state is S.CANCELLED
    room.close()


def test_more_than_was_asked_for_is_booked_halts_entries_and_calls_a_person(tmp_path):
    class Generous(Moody):
        def find(self, client_order_id, instrument, since_ms):
            found = super().find(client_order_id, instrument, since_ms)
            return replace(found, fills=(*found.fills, fill("extra", 5))) if found and found.fills else found

    room = ExecutionRoom(tmp_path, Generous)
    room.ask(intent())
    room.later(1_000)
    assert room.order("i1").filled_lots == 15
    assert [risk["kind"] for risk in room.risks()] == ["overfilled"]
    room.ask(intent("next"))
    assert state(room, "next") is S.CANCELLED
    room.close()


def test_an_intent_that_had_its_order_long_ago_is_told_so(room):
    room.ask(intent())
    room.later(1_000)
    room.ask(intent(), time=2)
    assert states(room) == [S.OPEN, S.FILLED, S.REJECTED]
    assert state(room) is S.FILLED
    assert len(room.venue.placed) == 1


def test_a_refusal_that_comes_after_the_order_was_seen_ends_nothing(tmp_path):
    class Contradicting(Moody):
        def place(self, placement):
            self.inner.place(placement)
            room.later(LEASE_MS)
            raise VenueRefused("what order?", code="unknown")

    room = ExecutionRoom(tmp_path, Contradicting)
    room.ask(resting())
    assert states(room) == [S.OPEN]
    room.close()


def test_an_answer_to_an_attempt_that_is_over_says_nothing_about_the_next(tmp_path):
    """The first sender stalls; the exit is sent again and is alive, its answer lost; then the first is refused."""
    meanwhile = []

    class Stalled(Moody):
        def place(self, placement):
            self.placed.append(placement)
            if len(self.placed) == 2:  # the exit, the first time
                room.later(LEASE_MS + 5_300)
                meanwhile.append((room.order("out").attempt, state(room, "out")))
                raise VenueRefused("the placement arrived after its expiry", code="expired")
            order = self.inner.place(placement)
            if len(self.placed) == 3:
                raise OutcomeUnknown("timed out; it had arrived")
            return order

    room = ExecutionRoom(tmp_path, Stalled)
    buy_first(room)
    room.ask(intent("out", Side.SELL))
    assert meanwhile == [(2, S.UNKNOWN)]
    assert room.order("out").attempt == 2
    room.later(60_000)
    assert states(room, "out")[-1] is S.FILLED
    assert len(room.venue.placed) == 3
    room.close()


def test_who_is_not_sure_that_his_commit_was_the_one_does_not_send(room):
    """The commit to `submitting` applied, and its answer was lost: somebody else may be sending by now."""
    inner, lose = room.floor.store.commit, [True]

    def commit(change):
        inner(change)
        submits = any(data.get("state") == "submitting" for data, _ in change.updates.values())
        if submits and lose:
            lose.clear()
            raise CommitUnknown("no answer")

    room.floor.store.commit = commit
    room.ask(intent())
    assert state(room) is S.SUBMITTING
    assert room.venue.placed == []
    room.later(60_000)
    assert state(room) is S.EXPIRED
