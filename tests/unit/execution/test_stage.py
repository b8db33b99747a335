"""The stage itself, on the embedded floor: sent once, looked up when in doubt, followed to the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fluxfloor.contracts import venues
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import CommitUnknown, OutcomeUnknown, VenueRefused
from fluxfloor.execution.lifecycle import LEASE_MS, STALE_ENTRY_MS
from fluxfloor.ports import Query
from fluxfloor.runtime.runner import Outcome

from functions.execution import sending
from tests.support.desk import AT_MS, fill, intent
from tests.support.execution_room import ExecutionRoom, Moody

S = OrderState


@pytest.fixture
def room(tmp_path) -> Iterator[ExecutionRoom]:
    opened = ExecutionRoom(tmp_path)
    yield opened
    opened.close()


def state(room: ExecutionRoom, name: str = "i1") -> OrderState:
    order = room.order(name)
    assert order is not None
    return order.state


def states(room: ExecutionRoom, name: str = "i1") -> list[OrderState]:
    return [told.state for told in room.reports() if told.intent.intent_id == name]


def buy_first(room: ExecutionRoom, lots: int = 10) -> None:
    room.ask(intent("first", lots=lots))
    room.later(1_000)
    assert state(room, "first") is S.FILLED


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


# --- orders that rest --------------------------------------------------------------------------------------------


def resting(name: str = "i1", **more):
    return intent(name, order_type=OrderType.LIMIT, limit_ticks=400_000, **more)


def test_a_resting_limit_expires_at_its_time_by_a_cancel_that_is_confirmed(room):
    room.ask(resting(expires_ms=AT_MS + 600_000))
    room.later(599_999)
    assert state(room) is S.OPEN
    room.later(1)
    assert states(room) == [S.OPEN, S.CANCELLED]
    assert room.at_venue()[0].state is S.CANCELLED


def test_a_fill_that_came_before_the_cancel_counts(room):
    room.ask(resting(expires_ms=AT_MS + 600_000))
    room.later(300_000)
    room.market(39_990, 39_999)
    room.later(300_000)
    assert states(room) == [S.OPEN, S.FILLED]


def test_a_cancel_that_the_venue_refuses_is_no_end(room):
    room.ask(resting(expires_ms=AT_MS + 600_000))
    room.later(599_000)
    room.venue.mood = "refused"
    inner = room.venue.find
    room.venue.find = lambda *given: room.venue.inner.find(*given)
    room.later(2_000)
    assert state(room) is S.OPEN
    room.venue.find = inner
    room.sweep()
    assert state(room) is S.CANCELLED


@pytest.fixture
def shallow(tmp_path):
    """A market that offers 40 lots a quote."""
    made = ExecutionRoom(tmp_path, partial_fills=True)
    made.market(size="0.004")
    yield made
    made.close()


def test_an_order_that_fills_in_parts_is_told_of_part_by_part_and_each_fill_once(shallow):
    shallow.ask(intent(lots=100))
    for _ in range(4):
        shallow.later(60_000)
        shallow.market(size="0.004")
        shallow.sweep()
        shallow.sweep()
    reports = shallow.reports()
    assert [report.state for report in reports if report.new_fills] == [
        S.PARTIALLY_FILLED,
        S.PARTIALLY_FILLED,
        S.FILLED,
    ]
    assert [report.filled_lots for report in reports if report.new_fills] == [40, 80, 100]
    told = [fill.trade_id for report in reports for fill in report.new_fills]
    assert sorted(told) == sorted(row.fill.trade_id for row in shallow.venue_fills())
    assert len(set(told)) == len(told) == 3


def test_an_entry_that_is_partly_filled_at_its_time_keeps_its_part_and_ends(shallow):
    shallow.ask(intent(lots=100, expires_ms=AT_MS + 600_000))
    shallow.later(599_000)
    assert state(shallow) is S.PARTIALLY_FILLED
    shallow.later(61_000)
    order = shallow.order("i1")
    assert (order.state, order.filled_lots) == (S.CANCELLED, 40)
    assert shallow.at_venue()[0].state is S.CANCELLED
    shallow.market(size="5")
    shallow.later(3_600_000)
    assert len(shallow.venue_fills()) == 1


def test_the_sweep_finds_what_a_resting_order_has_become(room):
    room.ask(resting())
    room.later(3_600_000)
    room.market(39_990, 39_999)
    room.sweep()
    assert states(room) == [S.OPEN, S.FILLED]


def test_a_resting_order_costs_no_commit_while_nothing_happens(room):
    room.ask(resting())
    room.later(120_000)
    before = room.order("i1").version
    steps = len(room.floor.store.query(_journal()))
    for _ in range(10):
        room.sweep()
    assert room.order("i1").version == before
    assert len(room.floor.store.query(_journal())) == steps


def _journal() -> Query:
    return Query("journal", limit=10_000)


# --- what can go wrong around it ---------------------------------------------------------------------------------


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


# --- other venues' promises --------------------------------------------------------------------------------------


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


# --- answers that come late --------------------------------------------------------------------------------------


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
