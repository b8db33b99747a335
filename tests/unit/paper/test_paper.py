"""The paper venue behaves like a venue: latency, slippage, fee, grid, minimums, funds, triggers, one use of each id."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.adapters.venues import paper
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Commit

from tests.support.desk import BTC, d
from tests.support.paper_room import PaperRoom

OPEN, FILLED, CANCELLED, REJECTED = OrderState.OPEN, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED
LIMIT, STOP, STOP_LIMIT = OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT


@pytest.fixture
def room(tmp_path):
    return PaperRoom(tmp_path)


def refused(call, code: str) -> None:
    with pytest.raises(VenueRefused) as problem:
        call()
    assert problem.value.code == code


# --- a market order ----------------------------------------------------------------------------------------------


def test_a_market_buy_fills_five_basis_points_above_the_ask_for_a_fee_of_26(room):
    (fill,) = room.filled().fills
    assert fill.price == d("50030.1")  # 50,005 × 1.0005 = 50,030.0025, on the tick above
    assert fill.fee == d("50030.1") * d("0.01") * d("0.0026")
    assert fill.fee_currency == "USDT"


def test_a_market_sell_fills_five_basis_points_below_the_bid(room):
    room.filled()
    (fill,) = room.filled("c2", side=Side.SELL).fills
    assert fill.price == d("49970.0")  # 49,995 × 0.9995 = 49,970.0025, on the tick below


def test_nothing_fills_before_its_latency_is_over_and_it_says_when_to_look(room):
    order = room.place()
    assert order.state is OPEN
    waits_ms = order.check_after_ms - room.clock.now_ms()
    assert 50 <= waits_ms <= 200
    room.later(waits_ms - 1)
    assert room.find().state is OPEN
    room.later(1)
    assert room.find().state is FILLED


def test_latencies_spread_over_the_whole_range(room):
    waits = {room.place(f"c{n}", quantity="0.0002").check_after_ms - room.clock.now_ms() for n in range(400)}
    assert min(waits) < 60
    assert max(waits) > 190
    assert all(50 <= wait <= 200 for wait in waits)


def test_it_fills_at_the_quote_of_the_fill_not_of_the_placement(room):
    room.place()
    room.quote(50_995, 51_005)
    room.later()
    assert room.find().fills[0].price > 51_000


def test_the_fill_is_of_the_time_when_the_balance_moves(room):
    room.place()
    room.later(60_000)
    assert room.find().fills[0].ts_event_ms == room.clock.now_ms()


def test_looking_twice_fills_once(room):
    room.filled()
    room.find()
    assert len(room.venue.books(0).fills) == 1


def test_without_any_market_an_order_rests_until_there_is_one(tmp_path):
    room = PaperRoom(tmp_path)
    eth = BTC.model_copy(update={"instrument_id": "kraken:ETH/USDT", "base": "ETH"})
    room.place(instrument=eth)
    room.later()
    assert room.find().state is OPEN
    room.quote(3_000, 3_001, eth)
    assert room.find().state is FILLED


# --- what it refuses ---------------------------------------------------------------------------------------------


def test_a_client_id_is_taken_once_for_ever(room):
    room.filled()
    refused(room.place, "duplicate_client_order_id")
    room.place("limit", order_type=LIMIT, limit_price=40_000)
    room.venue.cancel(room.find("limit"), BTC)
    refused(lambda: room.place("limit"), "duplicate_client_order_id")


def test_a_placement_after_its_expiry_is_refused_and_leaves_nothing(room):
    late = room.placement()
    room.later(10_001)
    refused(lambda: room.venue.place(late), "expired")
    assert room.find() is None


def test_a_placement_held_up_on_its_way_into_the_book_never_fills(tmp_path):
    """Its process stalls between the check and the commit, past the expiry: the order must not come to life."""

    class Stalling(SqliteStore):
        def commit(self, commit: Commit) -> None:
            if any(ref.collection == "paper_orders" for ref in commit.creates):
                room.later(600_000)
            super().commit(commit)

    room = PaperRoom(tmp_path, store_of=Stalling)
    refused(room.place, "expired")
    room.later()
    assert room.find().state is CANCELLED
    assert room.venue.books(0).fills == ()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"quantity": "0.00005"}, "min_quantity"),
        ({"quantity": "0"}, "min_quantity"),
        ({"quantity": "0.00015"}, "lot_size"),
        ({"order_type": LIMIT, "limit_price": "49000.05"}, "tick_size"),
        ({"order_type": STOP, "trigger_price": "51000.05"}, "tick_size"),
        ({"order_type": LIMIT, "limit_price": "49000", "quantity": "0.0001"}, "min_notional"),
        ({"quantity": "0.3"}, "insufficient_funds"),
        ({"order_type": LIMIT, "limit_price": "50000", "quantity": "0.2"}, "insufficient_funds"),
        ({"side": Side.SELL}, "insufficient_funds"),
    ],
)
def test_what_is_off_its_grid_too_small_or_not_covered_is_refused(room, more, code):
    refused(lambda: room.place(**more), code)
    assert room.find() is None


def test_a_market_order_below_the_minimum_notional_is_refused(room):
    room.quote(40_000, 40_001)
    refused(lambda: room.place(quantity="0.0001"), "min_notional")


def test_the_last_coin_covers_an_order_and_its_fee_but_not_a_tick_more(tmp_path):
    price = d("50030.1")
    needed = price * d("0.01") * (1 + d("0.0026"))
    assert PaperRoom(tmp_path / "a", cash=str(needed)).filled().state is FILLED
    poor = PaperRoom(tmp_path / "b", cash=str(needed - d("0.00000001")))
    refused(poor.place, "insufficient_funds")


def test_money_that_another_order_took_meanwhile_rejects_this_one(room):
    room.place("a", quantity="0.15")
    room.place("b", quantity="0.15")
    room.later()
    assert room.find("a").state is FILLED
    second = room.find("b")
    assert (second.state, second.reason) == (REJECTED, "insufficient funds")


# --- orders that rest --------------------------------------------------------------------------------------------


def test_a_limit_buy_waits_for_the_ask_and_fills_at_no_more_than_its_limit(room):
    assert room.filled(order_type=LIMIT, limit_price=49_000).state is OPEN
    room.quote(49_000, 49_000.1)
    assert room.find().state is OPEN
    room.quote(48_900, 48_999.9)
    (fill,) = room.find().fills
    assert fill.price == d("48999.9")


def test_a_limit_that_the_market_is_better_than_gets_the_market(room):
    assert room.filled(order_type=LIMIT, limit_price=51_000).fills[0].price == d("50005")


def test_a_limit_sell_waits_for_the_bid(room):
    room.filled()
    assert room.filled("c2", side=Side.SELL, order_type=LIMIT, limit_price=51_000).state is OPEN
    room.quote(51_000.5, 51_010)
    assert room.find("c2").fills[0].price == d("51000.5")


def test_a_stop_waits_for_its_trigger_and_then_slips_like_any_market_order(room):
    room.filled()
    room.filled("stop", side=Side.SELL, order_type=STOP, trigger_price=49_000)
    assert room.find("stop").state is OPEN
    room.quote(48_990, 49_010)
    assert room.find("stop").fills[0].price == d("48965.5")  # 48,990 × 0.9995 = 48,965.505


def test_a_buy_stop_triggers_at_the_ask(room):
    assert room.filled(order_type=STOP, trigger_price=50_010).state is OPEN
    room.quote(50_000, 50_010)
    assert room.find().state is FILLED


def test_a_stop_limit_that_was_triggered_stays_triggered(room):
    room.filled(order_type=STOP_LIMIT, trigger_price=50_500, limit_price=50_400)
    room.quote(50_500, 50_510)
    assert room.find().state is OPEN
    room.quote(50_300, 50_310)
    assert room.find().fills[0].price == d("50310")


def test_a_cancel_ends_what_rests_and_comes_too_late_for_what_has_filled(room):
    room.place("rests", order_type=LIMIT, limit_price=40_000)
    room.venue.cancel(room.find("rests"), BTC)
    assert room.find("rests").state is CANCELLED
    order = room.place("fills")
    room.later()
    room.venue.cancel(order, BTC)
    assert room.find("fills").state is FILLED


# --- its books ---------------------------------------------------------------------------------------------------


def test_balances_are_the_opening_and_the_moves_of_every_fill(room):
    room.filled("a")
    room.filled("b", quantity="0.02")
    room.filled("c", side=Side.SELL, quantity="0.015")
    books = room.venue.books(0)
    for currency, opening in (("USDT", 10_000), ("BTC", 0)):
        assert books.balances[currency] == opening + sum(fill.moves[currency] for fill in books.fills)


def test_fills_are_shown_since_a_time(room):
    room.filled("a")
    since_ms = room.clock.now_ms() + 1
    room.later(1_000)
    room.filled("b")
    assert [seen.client_order_id for seen in room.venue.books(since_ms).fills] == ["b"]


def test_no_number_of_fills_hides_any(room, monkeypatch):
    monkeypatch.setattr(paper, "PAGE", 3)
    for number in range(11):
        room.filled(f"c{number}", quantity="0.001")
    assert len(room.venue.books(0).fills) == 11


def test_a_page_of_fills_of_one_moment_is_no_end(room, monkeypatch):
    monkeypatch.setattr(paper, "PAGE", 2)
    for number in range(9):
        room.place(f"c{number}", quantity="0.001")
    room.later()
    for number in range(9):
        room.find(f"c{number}")
    assert len(room.venue.books(0).fills) == 9


def test_a_fill_between_the_two_looks_at_the_books_makes_them_look_again(tmp_path):
    class Busy(SqliteStore):
        def query(self, query):
            found = super().query(query)
            if room.waiting:
                room.find(room.waiting.pop())
            return found

    room = PaperRoom(tmp_path, store_of=Busy)
    room.waiting = []
    room.place("a")
    room.later()
    room.waiting = ["a"]
    books = room.venue.books(0)
    assert books.balances["USDT"] == 10_000 + sum(seen.moves["USDT"] for seen in books.fills)
    assert len(books.fills) == 1


def test_numbers_with_more_digits_than_a_fee_may_have_can_be_stored(tmp_path):
    room = PaperRoom(tmp_path)
    fine = BTC.model_copy(
        update={"instrument_id": "kraken:PEPE/USDT", "base": "PEPE", "tick_size": Decimal("0.0000000001"),
                "lot_size": Decimal("0.00000001"), "min_quantity": d(0), "min_notional": d(0)}
    )  # fmt: skip
    room.quote("0.0000071231", "0.0000071239", fine)
    (fill,) = room.filled(instrument=fine, quantity="123456.78901234").fills
    assert fill.fee == fill.fee.quantize(Decimal("0.00000001"))


def test_many_at_once_fill_each_order_once_and_spend_no_coin_twice(tmp_path):
    room = PaperRoom(tmp_path, cash="2600")
    for number in range(8):
        room.place(f"c{number}", quantity="0.01")
    room.later()
    lookers = [threading.Thread(target=room.find, args=(f"c{n % 8}",)) for n in range(32)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    books = room.venue.books(0)
    states = [room.find(f"c{n}").state for n in range(8)]
    assert states.count(FILLED) == len(books.fills) == 5
    assert states.count(REJECTED) == 3
    assert books.balances["USDT"] == 2_600 + sum(seen.moves["USDT"] for seen in books.fills) >= 0
