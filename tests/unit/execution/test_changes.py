"""Cancelled, amended, released: what people and senders may change of an intent at work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.plans import Plan, PlanStyle
from fluxfloor.contracts.signals import OrderType
from fluxfloor.runtime.runner import Outcome

from tests.support.desk import AT_MS, d, fill, intent
from tests.support.execution_room import ExecutionRoom, Moody

S = OrderState


def rest(room: ExecutionRoom, name: str = "i1", **more) -> None:
    room.ask(intent(name, lots=100, order_type=OrderType.LIMIT, limit_ticks=400_000, **more))
    room.later(1_000)


def test_a_resting_order_is_cancelled_and_the_cancel_is_confirmed_before_it_is_told(room):
    rest(room)
    room.change("cancel", reason="changed my mind")
    order = room.order("i1")
    assert (order.state, order.reason) == (S.CANCELLED, "cancelled by ann: changed my mind")
    assert room.at_venue()[0].state is S.CANCELLED


def test_a_cancel_that_a_fill_has_overtaken_is_a_fill(room):
    rest(room)
    room.market(39_990, 39_999)
    room.change("cancel")
    assert room.order("i1").state is S.FILLED


def test_a_cancel_that_the_venue_does_not_answer_is_made_again(room):
    rest(room)
    room.venue.mood = "refused"
    inner, room.venue.find = room.venue.find, lambda *given: room.venue.inner.find(*given)
    room.change("cancel")
    assert room.order("i1").state is S.OPEN
    room.venue.find = inner
    room.later(6_000)
    assert room.order("i1").state is S.CANCELLED


def test_new_terms_come_into_force_with_a_new_placement_after_the_old_one_is_gone_for_certain(room):
    rest(room)
    room.change("amend", limit_ticks=390_000, lots=60)
    room.later(1_000)
    first, second = sorted(room.at_venue(), key=lambda item: item.due_ms)
    assert (first.state, second.quantity, int(second.limit_price)) == (S.CANCELLED, d("0.006"), 39_000)
    assert room.order("i1").state is S.OPEN
    room.market(38_990, 38_999)
    room.later(70_000)
    room.sweep()
    order = room.order("i1")
    assert (order.state, order.filled_lots) == (S.FILLED, 60)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"lots": 101}, "more than the 100"),
        ({"limit_ticks": 499_000}, "dearer"),
        ({"trigger_ticks": 1}, "no trigger"),
        ({}, "no new terms"),
    ],
)
def test_what_was_never_decided_on_takes_a_new_signal(room, terms, why):
    rest(room)
    room.change("amend", **terms)
    assert room.order("i1").attempt == 1
    (risk,) = room.risks()
    assert risk["kind"] == "change_refused"
    assert why in risk["message"]


def test_a_change_of_an_order_at_its_end_is_refused(room):
    room.ask(intent())
    room.later(1_000)
    room.change("cancel")
    assert room.order("i1").state is S.FILLED
    assert [risk["kind"] for risk in room.risks()] == ["change_refused"]


def test_a_change_that_overtakes_its_intent_waits_for_it(room):
    assert room.change("cancel", "later") is Outcome.NACK
    room.later(200_000)


def test_a_prepared_intent_leaves_when_it_is_released_and_is_dropped_when_it_is_not(room):
    plan = Plan(style=PlanStyle.PREPARED, release_by_ms=AT_MS + 60_000)
    for name in ("confirmed", "dropped"):
        room.ask(intent(name, plan=plan))
    room.later(30_000)
    assert room.venue.placed == []
    room.change("release", "confirmed")
    room.later(60_000)
    assert (room.order("confirmed").state, room.order("dropped").state) == (S.FILLED, S.EXPIRED)


def test_an_entry_that_does_not_fill_is_chased_at_mid_and_then_given_up(room):
    room.ask(
        intent(
            lots=100, order_type=OrderType.LIMIT, limit_ticks=499_000,
            plan=Plan(style=PlanStyle.CHASE, expected_alpha=d("0.05"), max_chases=2),
        )
    )  # fmt: skip
    room.later(300_000)
    limits = [int(placement.limit_price) for placement in room.venue.placed]
    assert limits == [49_900, 50_000, 50_000]
    order = room.order("i1")
    assert (order.state, order.reason) == (S.CANCELLED, "not filled after 2 chases")


def test_what_was_seen_of_one_placement_is_never_taken_for_the_next(room):
    """Whoever looked was held up; others have taken that placement back meanwhile and sent the next, which got lost."""
    plan = Plan(style=PlanStyle.CHASE, expected_alpha=d("0.05"), max_chases=1)
    room.ask(intent("i1", lots=100, order_type=OrderType.LIMIT, limit_ticks=499_000, plan=plan))
    find, patient_until_ms = room.venue.find, room.clock.now_ms() + 60_000

    def held_up(*asked):
        told = find(*asked)
        if room.clock.now_ms() >= patient_until_ms:
            room.venue.find = find
            room.sweep()
            room.venue.mood = "lost before"
            room.clock.advance_to(room.clock.now_ms() + 1_000)
            room.sweep()
        return told

    room.venue.find = held_up
    room.later(65_000)
    order = room.order("i1")
    assert (len(room.venue.placed), order.attempt, order.venue_order_id) == (2, 2, None)
    room.later(60_000)
    assert (room.order("i1").state, room.order("i1").reason) == (S.EXPIRED, "the venue never had it")


def test_nobody_chases_at_a_price_that_he_was_told_long_ago(room):
    """The quote came in time, and whoever asked for it was held up; the market has fallen meanwhile."""
    plan = Plan(style=PlanStyle.CHASE, expected_alpha=d("0.05"), max_chases=1)
    room.ask(intent(lots=100, order_type=OrderType.LIMIT, limit_ticks=499_000, plan=plan))
    inner, room.venue.quote = room.venue.quote, None

    def held_up(instrument):
        told = inner(instrument)
        room.clock.advance_to(room.clock.now_ms() + 90_000)
        room.market(49_395, 49_405)
        room.venue.quote = inner
        return told

    room.venue.quote = held_up
    room.later(240_000)
    assert [int(placement.limit_price) for placement in room.venue.placed] == [49_900, 49_400]


def test_a_chase_that_fills_is_one_intent_with_one_end(room):
    room.ask(
        intent(
            lots=100, order_type=OrderType.LIMIT, limit_ticks=499_000,
            plan=Plan(style=PlanStyle.CHASE, expected_alpha=d("0.05")),
        )
    )  # fmt: skip
    room.later(61_000)
    room.market(49_980, 49_999)
    room.later(30_000)
    assert [told.state for told in room.reports()] == [S.OPEN, S.OPEN, S.FILLED]
    assert {told.intent.intent_id for told in room.reports()} == {"i1"}


def test_slices_follow_each_other_and_add_up(room):
    room.ask(intent(lots=100, plan=Plan(style=PlanStyle.TWAP, slices=4, over_ms=400_000)))
    room.later(500_000)
    assert [str(placement.quantity) for placement in room.venue.placed] == ["0.0025"] * 4
    assert room.order("i1").state is S.FILLED
    assert [told.state for told in room.reports()][-1] is S.FILLED


def test_a_halt_takes_back_entries_that_rest_and_ends_slices_and_leaves_exits(room):
    rest(room, "resting")
    room.ask(intent("sliced", lots=100, plan=Plan(style=PlanStyle.TWAP, slices=4, over_ms=400_000)))
    room.later(10_000)
    room.halt()
    room.ask(intent("out", Side.SELL, lots=25))
    room.hear_of_halt()
    room.later(200_000)
    states = {name: room.order(name).state for name in ("resting", "sliced", "out")}
    assert states == {"resting": S.CANCELLED, "sliced": S.CANCELLED, "out": S.FILLED}
    assert room.order("resting").reason == "halted: kill switch"


def test_an_entry_that_rests_goes_as_soon_as_a_halt_is_heard_of(room):
    rest(room, "resting")
    room.later(90_000)
    room.halt()
    room.hear_of_halt()
    room.later(1_000)
    assert room.order("resting").state is S.CANCELLED


def test_a_person_may_have_an_order_looked_up_at_any_time(tmp_path):
    class Forgetful(Moody):
        """Shows a fill that came before the cancel an hour later."""

        remembers = False

        def find(self, client_order_id, instrument, since_ms):
            found = super().find(client_order_id, instrument, since_ms)
            ended = found is not None and found.state.terminal
            return replace(found, fills=(fill("late", 4),) if self.remembers else ()) if ended else found

    room = ExecutionRoom(tmp_path, Forgetful)
    rest(room)
    room.change("cancel")
    room.later(3_600_000)
    room.venue.remembers = True
    room.change("look")
    order = room.order("i1")
    assert (order.state, order.filled_lots, room.reports()[-1].late) == (S.CANCELLED, 4, True)
    room.close()
