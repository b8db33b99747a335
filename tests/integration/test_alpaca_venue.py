"""The real Alpaca adapter over HTTP against the simulated venue, on good days and on bad ones."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import FloorError, Misconfigured, OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.ports import VenueOrder
from fluxfloor.venuesim.faults import FaultKind
from fluxfloor.venuesim.orders import Terms
from fluxfloor.venuesim.sources import Walk

from tests.support.alpaca_room import AAPL, LOOKING, OPEN_MS, SYMBOL, TRADING, AlpacaRoom, alpaca_room, ms

D = Decimal
LIMIT, STOP, TRAILING = OrderType.LIMIT, OrderType.STOP, OrderType.TRAILING_STOP


@pytest.fixture
def room() -> Iterator[AlpacaRoom]:
    with alpaca_room(answer_s=0.5) as opened:
        yield opened


def found(room: AlpacaRoom, name: str = "first") -> VenueOrder:
    seen = room.adapter.find(name, AAPL, OPEN_MS)
    assert seen is not None
    return seen


# --- good days ---------------------------------------------------------------------------------------------------


def test_a_market_order_is_filled_and_the_books_tell_so(room: AlpacaRoom) -> None:
    placed = room.adapter.place(room.wish())
    seen = found(room)
    assert (seen.state, seen.filled, seen.venue_order_id) == (OrderState.FILLED, 10, placed.venue_order_id)
    (fill,) = seen.fills
    assert (fill.price, fill.quantity, fill.fee, fill.ts_event_ms) == (D("174.52"), 10, 0, OPEN_MS + 1_000)
    books = room.adapter.books(OPEN_MS)
    assert books.balances == {"USD": D("8254.80"), "AAPL": D(30)}
    (shown,) = books.fills
    assert (shown.fill, shown.client_order_id, shown.symbol, shown.side) == (fill, "first", SYMBOL, Side.BUY)
    assert shown.moves == {"AAPL": D(10), "USD": D("-1745.20")}
    assert (books.orders, books.margin_free) == ((), D("8254.80"))


def test_a_limit_order_rests_binds_money_and_can_be_taken_back(room: AlpacaRoom) -> None:
    placed = room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("170.00")))
    assert placed.state is OrderState.OPEN
    books = room.adapter.books(OPEN_MS)
    assert books.orders is not None
    assert [(one.client_order_id, one.filled, one.side) for one in books.orders] == [("first", 0, Side.BUY)]
    assert (books.balances["USD"], books.margin_free) == (10_000, 8_300)
    room.adapter.cancel(placed, AAPL)
    assert found(room).state is OrderState.CANCELLED
    with pytest.raises(VenueRefused) as told:
        room.adapter.cancel(placed, AAPL)
    assert told.value.code == "unknown_order"


def test_an_order_that_fills_in_parts_shows_each_of_them(room: AlpacaRoom) -> None:
    room.quote("174.50", "174.52", size=4)
    room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("174.52")))
    part = found(room)
    assert (part.state, part.filled, [one.quantity for one in part.fills]) == (OrderState.PARTIALLY_FILLED, 4, [4])
    room.later(60)
    room.quote("174.50", "174.51")
    whole = found(room)
    assert (whole.state, whole.filled, [one.quantity for one in whole.fills]) == (OrderState.FILLED, 10, [4, 6])
    assert len({one.trade_id for one in whole.fills}) == 2


def test_a_stop_waits_for_its_price_and_then_sells(room: AlpacaRoom) -> None:
    stop = room.wish("stop", side=Side.SELL, order_type=STOP, trigger_price=D("173.00"), quantity=D(20))
    assert room.adapter.place(stop).state is OrderState.OPEN
    room.later(5)
    room.quote("172.90", "172.92")
    assert found(room, "stop").state is OrderState.FILLED
    assert room.adapter.books(OPEN_MS).balances == {"USD": D(10_000) + 20 * D("172.90")}


def test_a_trailing_stop_follows_the_best_price(room: AlpacaRoom) -> None:
    trail = room.wish("trail", side=Side.SELL, order_type=TRAILING, trail=D("1.00"), quantity=D(20))
    room.adapter.place(trail)
    for bid in ("176.00", "178.00", "177.50"):
        room.later(1)
        room.quote(bid, str(D(bid) + D("0.02")))
        assert found(room, "trail").state is OrderState.OPEN
    room.later(1)
    room.quote("176.90", "176.92")
    assert found(room, "trail").state is OrderState.FILLED


def test_what_can_not_be_filled_at_once_is_over_where_it_was_to_be(room: AlpacaRoom) -> None:
    room.quote("174.50", "174.52", size=4)
    room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("174.52"), time_in_force=TimeInForce.IOC))
    seen = found(room)
    assert (seen.state, seen.filled) == (OrderState.CANCELLED, 4)


def test_deposits_dividends_and_fees_are_transfers_of_their_kinds(room: AlpacaRoom) -> None:
    room.adapter.place(room.wish())
    for kind, amount in (("deposit", 500), ("withdrawal", -200), ("reward", 3), ("fee", -1), ("interest", 2)):
        room.later(1)
        room.venue.transfer("main", "USD", D(amount), kind)
    room.venue.transfer("main", "MSFT", D(2), "transfer")
    books = room.adapter.books(OPEN_MS + 1)
    moved = [(one.kind, one.currency, one.amount) for one in books.transfers]
    assert moved == [
        ("deposit", "USD", 500), ("withdrawal", "USD", -200), ("reward", "USD", 3), ("fee", "USD", -1),
        ("interest", "USD", 2), ("transfer", "MSFT", 2),
    ]  # fmt: skip
    assert len({one.transfer_id for one in books.transfers}) == 6
    before = {"USD": D(10_000), "AAPL": D(20)}
    for row in books.fills:
        for currency, change in row.moves.items():
            before[currency] = before.get(currency, D(0)) + change
    for one in books.transfers:
        before[one.currency] = before.get(one.currency, D(0)) + one.amount
    assert before == books.balances


def test_hundreds_of_fills_are_read_page_by_page(room: AlpacaRoom) -> None:
    for number in range(130):
        room.venue.place("main", _by_hand(number))
    books = room.adapter.books(OPEN_MS)
    assert len(books.fills) == 130
    assert len({row.fill.trade_id for row in books.fills}) == 130
    assert {row.client_order_id for row in books.fills} == {f"hand-{number}" for number in range(130)}


def _by_hand(number: int) -> Terms:
    side = Side.SELL if number % 2 else Side.BUY
    return Terms(symbol=SYMBOL, side=side, quantity=D(1), client_id=f"hand-{number}", by_hand=True)


# --- the session -------------------------------------------------------------------------------------------------


def test_an_order_in_the_evening_waits_for_the_morning() -> None:
    with alpaca_room(ms("2026-07-08T21:30:00")) as room:  # an hour and a half after the close
        placed = room.adapter.place(room.wish())
        assert placed.state is OrderState.OPEN
        room.quote("175.00", "175.02")
        assert found(room).filled == 0
        room.clock.advance_to(ms("2026-07-09T13:30:05"))
        room.quote("176.00", "176.02")
        seen = found(room)
        assert (seen.state, seen.fills[0].price) == (OrderState.FILLED, D("176.02"))


def test_an_order_for_the_day_ends_with_the_session() -> None:
    with alpaca_room() as room:
        room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("170.00"), time_in_force=TimeInForce.DAY))
        room.clock.advance_to(ms("2026-07-08T19:59:59"))
        assert found(room).state is OrderState.OPEN
        room.clock.advance_to(ms("2026-07-08T20:00:00"))
        assert found(room).state is OrderState.EXPIRED


def test_a_holiday_and_a_weekend_have_no_session() -> None:
    with alpaca_room(ms("2026-07-02T19:00:00")) as room:  # Thursday; Friday is the holiday of a fourth on Saturday
        room.clock.advance_to(ms("2026-07-03T15:00:00"))
        room.adapter.place(room.wish())
        room.quote("175.00", "175.02")
        assert found(room).filled == 0
        room.clock.advance_to(ms("2026-07-06T13:30:00"))
        room.quote("175.00", "175.02")
        assert found(room).state is OrderState.FILLED


# --- no ----------------------------------------------------------------------------------------------------------


def refused(room: AlpacaRoom, **more: Any) -> str:
    with pytest.raises(VenueRefused) as told:
        room.adapter.place(room.wish(**more))
    assert room.facade.count("POST") <= 2
    return told.value.code


def test_more_than_there_is_money_for_is_refused(room: AlpacaRoom) -> None:
    assert refused(room, quantity=D(58)) == "insufficient_funds"


def test_more_than_there_are_shares_of_is_refused(room: AlpacaRoom) -> None:
    room.adapter.place(room.wish("stop", side=Side.SELL, order_type=STOP, trigger_price=D(170), quantity=D(20)))
    assert refused(room, side=Side.SELL) == "insufficient_funds"


def test_a_price_between_cents_is_refused(room: AlpacaRoom) -> None:
    assert refused(room, order_type=LIMIT, limit_price=D("174.505")) == "tick_size"


def test_a_fraction_of_a_share_that_comes_whole_is_refused(room: AlpacaRoom) -> None:
    assert refused(room, quantity=D("0.5")) == "lot_size"


def test_a_stop_on_the_wrong_side_of_the_market_is_refused(room: AlpacaRoom) -> None:
    assert refused(room, side=Side.SELL, order_type=STOP, trigger_price=D("175.00")) == "would_trigger"


def test_an_order_that_could_meet_ones_own_is_refused(room: AlpacaRoom) -> None:
    room.adapter.place(room.wish("stop", side=Side.SELL, order_type=STOP, trigger_price=D(170)))
    assert refused(room) == "wash_trade"


def test_a_client_id_is_never_taken_twice_not_even_that_of_a_cancelled_order(room: AlpacaRoom) -> None:
    placed = room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("170.00")))
    room.adapter.cancel(placed, AAPL)
    assert refused(room) == "duplicate_client_order_id"


def test_a_key_that_may_only_look_places_nothing(room: AlpacaRoom) -> None:
    only = room.another(LOOKING, LOOKING)
    with pytest.raises(VenueRefused) as told:
        only.place(room.wish())
    assert (told.value.code, room.venue.orders) == ("permission", [])


def test_a_wrong_key_is_told_as_such(room: AlpacaRoom) -> None:
    with pytest.raises(Misconfigured, match="401"):
        room.another(TRADING, Keys("PK-LOOK", "another-secret")).books(0)
    with pytest.raises(VenueRefused) as told:
        room.another(Keys("PK-NOBODY", "x" * 20), LOOKING).place(room.wish())
    assert told.value.code == "permission"


# --- bad days ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.UNANSWERED, FaultKind.SERVER_ERROR_AFTER])
def test_an_order_that_was_taken_and_not_answered_is_found(room: AlpacaRoom, kind: FaultKind) -> None:
    room.fault(kind)
    with pytest.raises(OutcomeUnknown):
        room.adapter.place(room.wish())
    assert (found(room).filled, room.facade.count("POST"), room.slept) == (10, 1, [])


@pytest.mark.parametrize("kind", [FaultKind.LOST, FaultKind.SERVER_ERROR])
def test_an_order_that_never_arrived_is_not_there_and_may_be_sent_again(room: AlpacaRoom, kind: FaultKind) -> None:
    room.fault(kind)
    with pytest.raises(OutcomeUnknown):
        room.adapter.place(room.wish())
    assert (room.adapter.find("first", AAPL, OPEN_MS), room.facade.count("POST")) == (None, 1)
    room.adapter.place(room.wish())
    assert found(room).filled == 10


def test_an_answer_that_takes_too_long_is_no_no(room: AlpacaRoom) -> None:
    room.fault(FaultKind.UNANSWERED, hang_ms=1_500)
    with pytest.raises(OutcomeUnknown):
        room.adapter.place(room.wish())
    assert (found(room).filled, room.facade.count("POST")) == (10, 1)


def test_an_order_that_arrives_late_and_one_sent_again_never_both_come_to_life(room: AlpacaRoom) -> None:
    room.fault(FaultKind.LATE, delay_ms=45_000)
    with pytest.raises(OutcomeUnknown):
        room.adapter.place(room.wish())
    room.later(40)
    assert room.adapter.find("first", AAPL, OPEN_MS) is None
    room.adapter.place(room.wish())
    room.later(10)
    assert found(room).filled == 10
    assert [outcome for _, outcome in room.desk.gateway.late] == ["duplicate_client_id: first"]
    assert room.adapter.books(OPEN_MS).balances["AAPL"] == 30


def test_too_many_requests_is_a_no_that_is_remembered_for_as_long_as_it_says(room: AlpacaRoom) -> None:
    room.fault(FaultKind.RATE_LIMITED, retry_after_s=9)
    for _ in range(3):
        with pytest.raises(VenueRefused) as told:
            room.adapter.place(room.wish())
        assert (told.value.code, told.value.retryable) == ("throttled", True)
    with pytest.raises(Throttled) as patience:
        room.adapter.find("first", AAPL, OPEN_MS)
    assert (room.facade.count("POST"), room.facade.count("GET"), patience.value.retry_after_s) == (1, 0, 9)
    room.later(9)
    room.adapter.place(room.wish(expires_ms=room.clock.now_ms() + 1))
    assert found(room).filled == 10


def test_an_order_may_be_hidden_for_a_while_and_the_capabilities_allow_for_it(room: AlpacaRoom) -> None:
    room.fault(FaultKind.HIDE_ORDER, delay_ms=20_000)
    room.adapter.place(room.wish())
    assert room.adapter.find("first", AAPL, OPEN_MS) is None
    assert room.adapter.capabilities.read_lag_ms >= 20_000
    room.later(20)
    assert found(room).filled == 10


def test_a_fill_that_is_shown_late_or_twice_is_told_by_what_was_filled(room: AlpacaRoom) -> None:
    room.fault(FaultKind.HIDE_FILL, delay_ms=5_000)
    room.adapter.place(room.wish())
    assert (found(room).filled, found(room).fills) == (10, ())
    room.later(5)
    assert len(found(room).fills) == 1
    room.fault(FaultKind.REPEAT_FILL)
    room.adapter.place(room.wish("second"))
    assert len({one.trade_id for one in found(room, "second").fills}) == 1


@pytest.mark.parametrize(
    "kind", [FaultKind.UNANSWERED, FaultKind.LOST, FaultKind.SERVER_ERROR_AFTER, FaultKind.RATE_LIMITED]
)
def test_a_cancel_is_sent_once_and_a_look_tells_what_became_of_it(room: AlpacaRoom, kind: FaultKind) -> None:
    placed = room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("170.00")))
    room.fault(kind, "cancel", retry_after_s=1)
    with pytest.raises((OutcomeUnknown, VenueRefused)):
        room.adapter.cancel(placed, AAPL)
    assert room.facade.count("DELETE") == 1
    room.later(1)
    acted = kind in (FaultKind.UNANSWERED, FaultKind.SERVER_ERROR_AFTER)
    assert found(room).state is (OrderState.CANCELLED if acted else OrderState.OPEN)


def test_looks_go_on_through_trouble_and_books_stay_whole(room: AlpacaRoom) -> None:
    room.adapter.place(room.wish())
    for kind in (FaultKind.SERVER_ERROR, FaultKind.LOST, FaultKind.UNAVAILABLE):
        room.fault(kind, "*")
    assert found(room).filled == 10
    assert room.slept == [1.0, 2.0, 4.0]
    room.fault(FaultKind.SERVER_ERROR, "balances", count=None)
    with pytest.raises(RetryLater):
        room.adapter.books(OPEN_MS)


def test_a_venue_that_restarts_loses_the_line_and_nothing_else(room: AlpacaRoom) -> None:
    room.adapter.place(room.wish(order_type=LIMIT, limit_price=D("170.00")))
    room.desk.gateway.restart()
    assert found(room).state is OrderState.OPEN
    room.adapter = room.another(TRADING, LOOKING)  # and so does the floor
    assert found(room).state is OrderState.OPEN


def test_nothing_that_is_raised_or_logged_carries_a_secret(room: AlpacaRoom, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    kinds = (FaultKind.UNANSWERED, FaultKind.SERVER_ERROR, FaultKind.RATE_LIMITED, FaultKind.INSUFFICIENT_FUNDS)
    for number, kind in enumerate(kinds):
        room.fault(kind, "*")
        try:
            room.adapter.place(room.wish(f"order-{number}"))
        except FloorError:
            told.append(traceback.format_exc())
        room.later(60)
    assert len(told) == len(kinds)
    told += [caplog.text, repr(room.adapter), repr(vars(room.adapter))]
    for secret in (TRADING.secret, LOOKING.secret):
        assert not [text for text in told if secret in text]


# --- the time and the market -------------------------------------------------------------------------------------


def test_the_venues_clock_is_measured(room: AlpacaRoom) -> None:
    room.venue.skew_ms = 2_500
    assert room.adapter.clock_offset_ms() == 2_500


def test_market_data_of_the_same_venue_is_read(room: AlpacaRoom) -> None:
    outside = room.venue.outside["MSFT/USD"]
    room.venue.play("MSFT/USD", Walk(outside.market, D(400), 7, room.clock.now_ms(), size=D(300)))
    data = room.data(symbols=("AAPL/USD", "MSFT/USD", "TSLA/USD"))
    aapl, msft = data.instruments()
    assert (aapl, msft.instrument_id) == (AAPL, "alpaca:MSFT/USD")
    quote = data.quote(msft)
    assert quote is not None
    assert (quote.bid < quote.ask, quote.bid_size) == (True, 300)
    bars = data.candles(msft, "15m", OPEN_MS - 3_600_000, OPEN_MS)
    assert [one.open_ms for one in bars] == [OPEN_MS - step * 900_000 for step in (4, 3, 2, 1)]
    assert all(one.low <= one.open <= one.high and one.low <= one.close <= one.high for one in bars)
    (four,) = data.candles(msft, "4h", ms("2026-07-08T08:00"), ms("2026-07-08T12:00"))
    hours = data.candles(msft, "1h", ms("2026-07-08T08:00"), ms("2026-07-08T12:00"))
    assert (four.open, four.close, four.high) == (hours[0].open, hours[-1].close, max(one.high for one in hours))
    assert four.volume == sum(one.volume for one in hours)
    assert room.adapter.quote(msft) == quote
