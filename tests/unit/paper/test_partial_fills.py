"""The paper venue with partial fills: a quote gives what it offers, once; the rest of an order waits for the next."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import VenueRefused
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import BTC, d
from tests.support.paper_room import PaperRoom

OPEN, PARTLY, FILLED = OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.FILLED


@pytest.fixture
def room(tmp_path: Path) -> PaperRoom:
    """A market that offers 0.004 on either side."""
    made = PaperRoom(tmp_path, partial_fills=True, latency_ms=(0, 0))
    made.quote(size="0.004")
    return made


def next_quote(room: PaperRoom, size: str | None = "0.004", bid: float = 49_995, ask: float = 50_005) -> None:
    room.later(60_000)
    room.quote(bid, ask, size=size)


def quantities(room: PaperRoom, name: str = "c1") -> list[Decimal]:
    found = room.find(name)
    assert found is not None
    return [fill.quantity for fill in found.fills]


def test_an_order_fills_quote_by_quote_until_it_is_whole(room: PaperRoom) -> None:
    assert room.place(quantity="0.01").state is PARTLY
    states = []
    for _ in range(3):
        next_quote(room)
        found = room.find()
        assert found is not None
        states.append(found.state)
    assert states == [PARTLY, FILLED, FILLED]
    assert quantities(room) == [d("0.004"), d("0.004"), d("0.002")]


def test_a_quote_gives_what_it_offers_only_once_however_often_one_looks(room: PaperRoom) -> None:
    room.place(quantity="0.01")
    for _ in range(3):
        room.later(1_000)
        room.find()
    assert quantities(room) == [d("0.004")]


def test_what_one_order_takes_another_of_the_account_can_not_have(room: PaperRoom) -> None:
    room.place("a", quantity="0.003")
    room.place("b", quantity="0.003")
    assert (quantities(room, "a"), quantities(room, "b")) == ([d("0.003")], [d("0.001")])


def test_buying_takes_nothing_from_what_is_offered_to_sellers(room: PaperRoom) -> None:
    room.place("a", quantity="0.004")
    room.place("b", quantity="0.004", side=Side.SELL)
    assert quantities(room, "b") == [d("0.004")]


def test_each_part_is_a_trade_of_its_own_with_its_price_and_its_fee(room: PaperRoom) -> None:
    room.place(quantity="0.006")
    next_quote(room, bid=50_995, ask=51_005)
    found = room.find()
    assert found is not None
    first, second = found.fills
    assert first.trade_id != second.trade_id
    assert (first.price, second.price) == (d("50030.1"), d("51030.6"))
    assert second.fee == d("51030.6") * d("0.002") * d("0.0026")
    assert second.ts_event_ms - first.ts_event_ms == 60_000
    assert {item.fill.trade_id for item in room.venue.books(0).fills} == {first.trade_id, second.trade_id}


def test_the_balance_moves_with_every_part(room: PaperRoom) -> None:
    room.place(quantity="0.01")
    assert room.venue.books(0).balances["BTC"] == d("0.004")
    next_quote(room)
    room.find()
    assert room.venue.books(0).balances["BTC"] == d("0.008")


def test_a_quote_older_than_the_last_that_filled_gives_nothing(room: PaperRoom) -> None:
    room.later(60_000)
    room.quote(size="0.004")
    room.place(quantity="0.01")
    room.quote(size="5", at_ms=room.clock.now_ms() - 30_000)
    room.later(1_000)
    assert room.find() is not None
    assert quantities(room) == [d("0.004")]


def test_a_cancel_keeps_what_was_filled_and_withdraws_the_rest(room: PaperRoom) -> None:
    order = room.place(quantity="0.01")
    room.venue.cancel(order, BTC)
    next_quote(room)
    found = room.find()
    assert found is not None
    assert (found.state, quantities(room)) == (OrderState.CANCELLED, [d("0.004")])


def test_a_market_that_offers_nothing_leaves_the_order_resting(room: PaperRoom) -> None:
    next_quote(room, "0")
    assert room.place().state is OPEN
    next_quote(room, "0.00005")  # less than a lot
    assert quantities(room) == []


def test_a_limit_order_fills_in_parts_only_while_the_market_is_as_good(room: PaperRoom) -> None:
    room.place(quantity="0.01", order_type=OrderType.LIMIT, limit_price="50005")
    next_quote(room, ask=50_005.1)
    assert quantities(room) == [d("0.004")]
    next_quote(room)
    assert quantities(room) == [d("0.004"), d("0.004")]


def test_without_the_money_for_the_rest_the_order_ends_with_what_it_had(tmp_path: Path) -> None:
    room = PaperRoom(tmp_path, cash="510", partial_fills=True, latency_ms=(0, 0))
    room.quote(size="0.004")
    room.place(quantity="0.01")
    next_quote(room)
    room.find()
    next_quote(room, bid=59_995, ask=60_005)
    found = room.find()
    assert found is not None
    assert (found.state, found.reason) == (OrderState.CANCELLED, "insufficient funds")
    assert quantities(room) == [d("0.004"), d("0.004")]


@pytest.mark.parametrize(("partial_fills", "size"), [(False, "0.004"), (True, None)])
def test_whole_orders_fill_unless_the_setting_and_the_quote_both_say_otherwise(
    tmp_path: Path, partial_fills: bool, size: str | None
) -> None:
    room = PaperRoom(tmp_path, partial_fills=partial_fills, latency_ms=(0, 0))
    room.quote(size=size)
    assert room.place(quantity="0.01").state is FILLED


def test_another_seed_draws_other_latencies_and_none_draws_as_before(tmp_path: Path) -> None:
    def waits(folder: str, **venue: int) -> list[int]:
        room = PaperRoom(tmp_path / folder, **venue)
        return [room.place(f"c{n}", quantity="0.0002").check_after_ms - room.clock.now_ms() for n in range(20)]

    plain, one = waits("plain"), waits("one", seed=1)
    assert plain == waits("zero", seed=0)
    assert one == waits("again", seed=1)
    assert plain != one


@settings(max_examples=40, deadline=None)
@given(
    orders=st.lists(st.tuples(st.integers(1, 90), st.sampled_from(Side)), min_size=1, max_size=5),
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=6),
)
def test_no_quote_gives_more_than_it_offers_and_no_order_gets_more_than_it_asked_for(
    tmp_path_factory: pytest.TempPathFactory, orders: list[tuple[int, Side]], sizes: list[int]
) -> None:
    """In lots of 0.0001."""
    room = PaperRoom(tmp_path_factory.mktemp("room"), cash="1000000", partial_fills=True, latency_ms=(0, 0))
    room.quote(size=None)
    room.place("stock", quantity="0.5")
    offered: dict[int, Decimal] = {}
    placed: list[str] = []
    for index, size in enumerate(sizes):
        next_quote(room, str(size * d("0.0001")))
        offered[room.clock.now_ms()] = size * d("0.0001")
        if index < len(orders):
            lots, side = orders[index]
            try:
                room.place(f"c{index}", quantity=str(lots * d("0.0001")), side=side)
                placed.append(f"c{index}")
            except VenueRefused:
                continue
        for name in placed:
            room.find(name)
    taken: dict[tuple[int, Side], Decimal] = {}
    for name in placed:
        found = room.find(name)
        assert found is not None
        lots, side = orders[int(name[1:])]
        assert sum(quantities(room, name)) <= lots * d("0.0001")
        assert (found.state is FILLED) == (sum(quantities(room, name)) == lots * d("0.0001"))
        for fill in found.fills:
            taken[fill.ts_event_ms, side] = taken.get((fill.ts_event_ms, side), Decimal(0)) + fill.quantity
    assert all(quantity <= offered[at_ms] for (at_ms, _), quantity in taken.items())
