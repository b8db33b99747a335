"""What execution and reconciliation build on, asked of every venue alike: the paper one, and the real adapter before
simulated ones over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import VenueRefused

from tests.support.desk import BTC
from tests.support.paper_room import PaperRoom
from tests.support.simulated_venue import FACADES, an_id, venue_room
from tests.support.venue_door import Door

D = Decimal


@pytest.fixture(params=("paper", *FACADES))
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    if request.param == "paper":
        room = PaperRoom(tmp_path)
        room.quote(60_000, "60000.1")
        yield Door(room, BTC, room.clock.now_ms())
        return
    with venue_room(request.param) as simulated:
        yield Door(simulated, simulated.rules, simulated.clock.now_ms())


def test_a_market_order_fills_and_its_fill_is_exact(door: Door) -> None:
    door.place(an_id(1))
    door.later()
    order = door.found(an_id(1))
    assert order.state is OrderState.FILLED
    assert order.filled == sum(fill.quantity for fill in order.fills) == D("0.01")
    assert all(fill.price > 0 and fill.fee_currency for fill in order.fills)
    assert all((fill.fee > 0) == (door.rules.taker_fee > 0) for fill in order.fills)
    assert (order.symbol, order.side) == (door.rules.symbol, Side.BUY)


def test_a_resting_order_is_found_open_and_cancelled(door: Door) -> None:
    door.limit(an_id(1), "50000")
    door.later()
    order = door.found(an_id(1))
    assert (order.state, order.filled, order.fills) == (OrderState.OPEN, 0, ())
    door.venue.cancel(order, door.rules)
    assert door.found(an_id(1)).state is OrderState.CANCELLED


def test_a_resting_order_fills_when_the_market_comes(door: Door) -> None:
    door.limit(an_id(1), "50000")
    door.later()
    door.room.quote("49990", "49999")
    door.later()
    order = door.found(an_id(1))
    assert order.state is OrderState.FILLED
    assert order.fills[0].price <= 50_000


def test_what_was_never_placed_is_not_found(door: Door) -> None:
    assert door.find(an_id(404)) is None


def test_a_client_id_in_use_is_refused_as_a_duplicate(door: Door) -> None:
    door.limit(an_id(1), "50000")
    with pytest.raises(VenueRefused) as refusal:
        door.limit(an_id(1), "50000")
    assert refusal.value.code == "duplicate_client_order_id"
    assert not refusal.value.retryable


def test_a_placement_whose_time_is_over_is_refused(door: Door) -> None:
    placement = door.placement(an_id(1))
    door.later(10_001)
    with pytest.raises(VenueRefused) as refusal:
        door.venue.place(placement)
    assert refusal.value.code == "expired"
    assert door.find(an_id(1)) is None


def test_an_order_beyond_the_balance_is_refused(door: Door) -> None:
    with pytest.raises(VenueRefused) as refusal:
        door.place(an_id(1), quantity="5")
    assert refusal.value.code == "insufficient_funds"
    assert not refusal.value.retryable


def test_an_order_below_the_minimum_is_refused(door: Door) -> None:
    least = min(door.rules.lot_size, D("0.00001"))
    with pytest.raises(VenueRefused) as refusal:
        door.place(an_id(1), quantity=str(least))
    assert refusal.value.code in ("min_quantity", "min_notional", "lot_size")


def test_a_stop_waits_for_its_trigger_and_then_sells(door: Door) -> None:
    door.bought(an_id(1))
    door.place(an_id(2), Side.SELL, order_type=OrderType.STOP, trigger_price=D(58_000))
    door.later()
    assert door.found(an_id(2)).state is OrderState.OPEN
    door.room.quote("57990", "57990.1")
    door.later()
    order = door.found(an_id(2))
    assert order.state is OrderState.FILLED
    assert order.fills[0].price <= 58_000


def test_the_books_move_by_what_the_fills_say(door: Door) -> None:
    """A venue may know of nothing older than the floor: the books before are those without any fill."""
    before = door.books().balances
    door.bought(an_id(1))
    door.place(an_id(2), Side.SELL, "0.004")
    door.later()
    assert door.found(an_id(2)).state is OrderState.FILLED
    after = door.books()
    moved = dict(before)
    for row in after.fills:
        for currency, change in row.moves.items():
            moved[currency] = moved.get(currency, D(0)) + change
    assert moved == after.balances
    assert sorted(row.fill.quantity for row in after.fills) == [D("0.004"), D("0.01")]


def test_the_books_show_what_is_open(door: Door) -> None:
    door.limit(an_id(1), "50000")
    door.later()
    open_now = door.books().orders
    assert open_now is not None
    assert [(order.client_order_id, order.symbol, order.side) for order in open_now] == [
        (an_id(1), door.rules.symbol, Side.BUY)
    ]


def test_a_look_up_and_the_books_tell_the_same_fills(door: Door) -> None:
    door.place(an_id(1))
    door.later()
    found = {fill.trade_id: (fill.price, fill.quantity, fill.fee) for fill in door.found(an_id(1)).fills}
    told = {row.fill.trade_id: (row.fill.price, row.fill.quantity, row.fill.fee) for row in door.books().fills}
    assert found == told


def test_the_books_know_whose_order_a_fill_was(door: Door) -> None:
    door.bought(an_id(1))
    (row,) = door.books().fills
    assert row.client_order_id == an_id(1)
    assert row.venue_order_id == door.found(an_id(1)).venue_order_id


def test_the_quote_is_the_markets(door: Door) -> None:
    quote = door.venue.quote(door.rules)
    assert quote is not None
    assert (quote.bid, quote.ask) == (60_000, D("60000.1"))


def test_the_clock_is_told(door: Door) -> None:
    assert abs(door.venue.clock_offset_ms()) <= 1_000
