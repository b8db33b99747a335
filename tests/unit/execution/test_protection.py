"""Stops at the venue: one under every position, out of the way of every exit, and never more out than in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from fluxfloor.contracts import venues
from fluxfloor.contracts.execution import Slot
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import VenueRefused
from fluxfloor.execution import slots

from tests.support.desk import BTC, intent, quote
from tests.support.execution_room import ExecutionRoom, Moody

S = OrderState
STOP = 490_000  # 49,000


@pytest.fixture
def room(tmp_path) -> Iterator[ExecutionRoom]:
    opened = ExecutionRoom(tmp_path, stops="venue")
    yield opened
    opened.close()


def enter(room: ExecutionRoom, name: str = "in", lots: int = 100, stop: int | None = STOP, **more) -> None:
    room.ask(intent(name, lots=lots, stop_loss_ticks=stop, **more))
    room.later(1_000)


def resting(room: ExecutionRoom) -> list:
    return [item for item in room.at_venue() if not item.state.terminal]


def position(room: ExecutionRoom) -> int:
    """In lots, by the venue's own fills."""
    return sum(BTC.lots(abs(row.moves["BTC"])) * (1 if row.moves["BTC"] > 0 else -1) for row in room.venue_fills())


def test_what_an_entry_fills_gets_its_stop_at_the_venue(room):
    enter(room)
    (stop,) = resting(room)
    assert (stop.side, stop.order_type, stop.quantity, int(stop.trigger_price)) == (
        Side.SELL, OrderType.STOP, Decimal("0.0100"), 49_000,
    )  # fmt: skip
    assert room.guard().state is S.OPEN


def test_a_stop_that_is_reached_closes_the_position_and_says_so_as_an_intent_of_its_own(room):
    enter(room)
    room.market(48_900, 48_910)
    room.sweep()
    told = room.reports()[-1]
    assert (told.state, told.intent.protects, told.intent.tag) == (S.FILLED, "trend|kraken:BTC/USDT", "stop")
    assert (room.slot().lots, room.slot().guard, room.slot().open) == (0, "", False)


def test_an_exit_takes_the_stop_away_first_and_then_leaves(room):
    enter(room)
    room.ask(intent("out", Side.SELL, lots=100))
    room.later(2_000)
    assert room.order("out").state is S.FILLED
    assert resting(room) == []
    assert position(room) == 0


def test_an_exit_that_meets_a_stop_that_has_filled_has_nothing_left_to_close(room):
    enter(room)
    room.market(48_900, 48_910)
    room.ask(intent("out", Side.SELL, lots=100))
    room.later(5_000)
    assert (room.order("out").state, room.order("out").reason) == (S.CANCELLED, "nothing is left to close")
    assert position(room) == 0


def test_a_part_that_leaves_is_followed_by_a_stop_for_the_rest(room):
    enter(room)
    room.ask(intent("out", Side.SELL, lots=40))
    room.later(2_000)
    (stop,) = resting(room)
    assert stop.quantity == Decimal("0.006")


def test_a_second_entry_has_the_stop_replaced_by_one_for_both(room):
    enter(room)
    enter(room, "more", lots=50)
    room.later(60_000)
    room.sweep()
    (stop,) = resting(room)
    assert stop.quantity == Decimal("0.015")


def test_a_stop_that_somebody_cancels_at_the_venue_is_placed_again(room):
    enter(room)
    (stop,) = resting(room)
    room.venue.inner.cancel(replace(room.venue.inner.find(stop.id, stop.instrument, 0)), stop.instrument)
    room.later(60_000)
    room.sweep()
    (again,) = resting(room)
    assert again.id != stop.id


def test_an_exit_that_dies_behind_the_stop_leaves_it_to_the_sweep(room):
    enter(room)
    room.venue.mood = "killed before"
    room.ask(intent("out", Side.SELL, lots=100))
    for _ in range(6):
        room.later(60_000)
        room.sweep()
    assert room.order("out").state is S.FILLED
    assert position(room) == 0


def test_a_venue_that_takes_no_stop_has_somebody_told_once(tmp_path):
    class Unwilling(Moody):
        def place(self, placement):
            if placement.order_type is OrderType.STOP:
                raise VenueRefused("no stops today", code="order_type")
            return super().place(placement)

    room = ExecutionRoom(tmp_path, Unwilling, stops="venue")
    enter(room)
    for _ in range(5):
        room.later(60_000)
        room.sweep()
    kinds = [risk["kind"] for risk in room.risks()]
    assert kinds.count("unprotected") == 1
    room.close()


@pytest.mark.parametrize("gap", [False, True])
def test_a_stop_that_the_venue_turns_away_is_the_floors_to_watch(tmp_path, gap):
    """As where the market has gone through it before it could be placed: nobody waits for a stop that never stands."""

    class Unwilling(Moody):
        def place(self, placement):
            if placement.order_type is OrderType.STOP:
                raise VenueRefused("the stop price must be below the market", code="would_trigger")
            return super().place(placement)

    room = ExecutionRoom(tmp_path, Unwilling, stops="venue")
    enter(room)
    room.later(20_000)
    assert position(room) == 100
    room.market(48_900, 48_910) if gap else room.market(49_500, 49_510)
    room.later(11_000)
    assert position(room) == (0 if gap else 100)
    assert (room.slot().lots == 0) is gap
    room.close()


def test_a_stop_that_is_taken_at_last_is_the_venues_again(tmp_path):
    class Reluctant(Moody):
        refusals = 2

        def place(self, placement):
            if placement.order_type is OrderType.STOP and self.refusals:
                self.refusals -= 1
                raise VenueRefused("an order of the other side is open", code="wash_trade")
            return super().place(placement)

    room = ExecutionRoom(tmp_path, Reluctant, stops="venue")
    enter(room)
    for _ in range(3):
        room.later(30_000)
        room.sweep()
    (stop,) = resting(room)
    assert int(stop.trigger_price) == 49_000
    room.market(48_990, 48_999)
    room.sweep()
    room.later(11_000)
    assert position(room) == 0, "sold once, by the venue's stop"
    assert [report.intent.tag for report in room.reports() if report.new_fills][-1] == "stop"
    room.close()


def test_a_position_without_a_known_stop_has_somebody_told(room):
    enter(room, stop=None)
    room.later(60_000)
    room.sweep()
    room.sweep()
    assert [risk["kind"] for risk in room.risks()] == ["unprotected"]


def test_where_the_venue_has_no_stops_the_floor_watches_the_market(room, monkeypatch):
    without = replace(venues.CAPABILITIES["paper"], order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}))
    monkeypatch.setitem(venues.CAPABILITIES, "paper", without)
    enter(room)
    room.sweep()
    room.later(6_000)
    assert resting(room) == []
    room.market(48_990, 48_999)
    room.later(11_000)
    assert position(room) == 0
    assert room.reports()[-1].intent.tag == "stop"


def test_a_trailing_stop_that_the_venue_does_not_move_is_moved_by_the_floor(room):
    enter(room, stop=490_000, trail_ticks=10_000)
    room.market(51_000, 51_010)
    for _ in range(3):
        room.later(20_000)
        room.sweep()
    (stop,) = resting(room)
    assert int(stop.trigger_price) == 50_000
    room.market(50_500, 50_510)
    for _ in range(3):
        room.later(20_000)
        room.sweep()
    (stop,) = resting(room)
    assert int(stop.trigger_price) == 50_000, "a stop never moves back"
    room.market(49_990, 49_999)
    room.later(60_000)
    room.sweep()
    assert position(room) == 0


def test_what_an_entry_trailed_to_get_in_by_does_not_move_its_stop():
    entry = intent("in", order_type=OrderType.TRAILING_STOP, trail_ticks=500, stop_loss_ticks=490_000)
    held = Slot(id="a|b|c", lots=10, entry=entry, stop_ticks=490_000, open=True)
    assert slots.trailed(held, BTC, quote(52_000, 52_010)) == held
    beside = held.model_copy(update={"entry": entry.model_copy(update={"order_type": OrderType.MARKET})})
    assert slots.trailed(beside, BTC, quote(52_000, 52_010)).stop_ticks == 519_500


def test_two_exits_together_take_no_more_than_is_held(room):
    enter(room)
    room.ask(intent("a", Side.SELL, lots=100))
    room.ask(intent("b", Side.SELL, lots=100))
    room.later(10_000)
    assert position(room) == 0
    assert {room.order(name).state for name in "ab"} == {S.FILLED, S.CANCELLED}


# --- what is too small to leave ----------------------------------------------------------------------------------


def test_a_rest_too_small_for_the_venue_is_handed_to_dust_lot_for_lot_and_the_strategy_is_flat(tmp_path):
    room = ExecutionRoom(tmp_path)
    enter(room)
    room.trades_at_least("0.005")
    room.ask(intent("most", Side.SELL, lots=90))
    room.later(2_000)
    room.ask(intent("rest", Side.SELL, lots=10))
    room.later(2_000)
    order, taken = room.order("rest"), room.reports()[-1]
    assert (order.state, order.filled_lots, order.reason[:5]) == (S.CANCELLED, 10, "dust:")
    assert (taken.intent.strategy_id, taken.intent.side, taken.filled_lots) == ("dust", Side.BUY, 10)
    assert room.slot().lots == 0
    assert position(room) == 10, "at the venue nothing has moved"
    room.close()


def test_a_small_part_of_a_large_position_is_no_dust(tmp_path):
    room = ExecutionRoom(tmp_path)
    enter(room)
    room.trades_at_least("0.005")
    room.ask(intent("part", Side.SELL, lots=10))
    room.later(2_000)
    assert (room.order("part").state, room.order("part").filled_lots, room.slot().lots) == (S.CANCELLED, 0, 100)
    room.close()


# --- a stop of which nobody knows whether it is there ------------------------------------------------------------


def test_a_lost_stop_at_a_venue_where_ids_are_for_ever_is_sent_again_to_use_its_id_up_and_then_makes_way(
    tmp_path, monkeypatch
):
    keeps_ids = replace(venues.CAPABILITIES["paper"], placement_expiry_ms=0, read_lag_ms=5_000)
    monkeypatch.setitem(venues.CAPABILITIES, "paper", keeps_ids)

    class Losing(Moody):
        lost = 0

        def place(self, placement):
            if placement.order_type is OrderType.STOP and not self.lost:
                self.lost += 1
                self.placed.append(placement)
                raise TimeoutError("it is on its way, somewhere")
            return super().place(placement)

    room = ExecutionRoom(tmp_path, Losing, stops="venue")
    enter(room)
    room.ask(intent("out", Side.SELL, lots=100))
    room.later(300_000)
    assert room.order("out").state is S.FILLED
    stops = [placement for placement in room.venue.placed if placement.order_type is OrderType.STOP]
    assert len(stops) == 2
    assert len({placement.client_order_id for placement in stops}) == 1
    with pytest.raises(VenueRefused):  # it arrives at last, and is refused: its id has been used
        room.venue.inner.place(replace(stops[0], expires_ms=room.clock.now_ms() + 10_000))
    assert resting(room) == []
    assert position(room) == 0
    room.close()
