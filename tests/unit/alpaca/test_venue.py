"""What the adapter makes of Alpaca's odd days: orders that only a list shows, replaced ones, fills that come late."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.adapters.venues.alpaca import AlpacaVenue
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.errors import OutcomeUnknown, RetryLater, VenueRefused
from fluxfloor.ports import VenueOrder
from fluxfloor.runtime.clock import VirtualClock

from tests.support.scripted_rest import Say, ScriptedRest
from tests.unit.alpaca.test_orders import AAPL, DIVIDEND, FILL, ORDER, wish

NOW_MS = 1_790_000_000_500
ABSENT = Say({"code": 40410000, "message": "order not found for abc"}, 404)
BY_ID, LIST, ACTIVITIES = "GET /v2/orders:by_client_order_id", "GET /v2/orders", "GET /v2/account/activities"
FILLED = {**ORDER, "status": "filled", "filled_qty": "15"}


class Room:
    def __init__(self, server: ScriptedRest) -> None:
        self.server, self.clock = server, VirtualClock(NOW_MS)
        self.read: list[str] = []
        self.venue = AlpacaVenue(
            self.clock, self.key("trading"), self.key("looking"), sandbox=True, base_url=server.url,
            sleep=lambda _: None,
        )  # fmt: skip
        server.say(BY_ID, ABSENT)
        server.say(LIST, Say([]))
        server.say(ACTIVITIES, Say([]))
        server.say("GET /v2/account", Say({"cash": "1000.5", "initial_margin": "0", "buying_power": "1000.5"}))
        server.say("GET /v2/positions", Say([{"symbol": "AAPL", "qty": "15", "side": "long"}]))

    def key(self, name: str) -> Callable[[], Keys]:
        def tell() -> Keys:
            self.read.append(name)
            return Keys(f"PK-{name}", "test-secret")

        return tell

    def find(self) -> VenueOrder | None:
        return self.venue.find("abc", AAPL, NOW_MS - 60_000)


@pytest.fixture
def room(server: ScriptedRest) -> Room:
    return Room(server)


def fill(number: int, quantity: str, order: str = ORDER["id"], **more: Any) -> dict[str, Any]:
    return {**FILL, "id": f"2022020213550998{number}::x", "qty": quantity, "order_id": order, **more}


# --- placing -----------------------------------------------------------------------------------------------------


def test_an_order_goes_out_once_and_comes_back_as_the_venue_took_it(room: Room) -> None:
    room.server.say("POST /v2/orders", Say({**ORDER, "status": "accepted"}))
    seen = room.venue.place(wish(expires_ms=NOW_MS))
    assert (seen.state, seen.venue_order_id, seen.filled) == (OrderState.OPEN, ORDER["id"], 0)
    assert [one.body["client_order_id"] for one in room.server.asked] == ["abc"]


def test_a_sender_who_was_held_up_sends_nothing(room: Room) -> None:
    with pytest.raises(VenueRefused, match="after its expiry") as told:
        room.venue.place(wish(expires_ms=NOW_MS - 1))
    assert (told.value.code, room.server.asked) == ("expired", [])


@pytest.mark.parametrize("answer", [{**ORDER, "client_order_id": "other"}, {}, [], "fine", {"client_order_id": "abc"}])
def test_an_answer_that_is_not_of_this_order_leaves_it_unknown(room: Room, answer: object) -> None:
    room.server.say("POST /v2/orders", Say(answer))
    with pytest.raises(OutcomeUnknown):
        room.venue.place(wish(expires_ms=NOW_MS))
    assert room.server.count("POST") == 1


# --- looking -----------------------------------------------------------------------------------------------------


def test_an_order_is_not_there_only_where_neither_its_id_nor_the_list_shows_it(room: Room) -> None:
    assert room.find() is None
    assert [one.path for one in room.server.asked] == ["/v2/orders:by_client_order_id", "/v2/orders"]
    listed = room.server.asked[1].query
    assert (listed["status"], listed["symbols"], listed["after"]) == ("all", "AAPL", "2026-09-21T14:12:18Z")


def test_an_order_that_only_the_list_shows_is_there(room: Room) -> None:
    room.server.say(LIST, Say([{**ORDER, "client_order_id": "x"}, ORDER]))
    found = room.find()
    assert found is not None
    assert found.client_order_id == "abc"


def test_a_look_that_is_half_answered_is_no_negative_one(room: Room) -> None:
    room.server.say(LIST, Say(raw=b"<html>", status=502))
    with pytest.raises(RetryLater):
        room.find()


def test_fills_are_those_of_the_order_and_read_no_further_than_it_filled(room: Room) -> None:
    page = [fill(number, "1", "other") for number in range(99)] + [fill(99, "5")]
    room.server.say(ACTIVITIES, Say(page), Say([fill(100, "10"), fill(101, "3", "other")]))
    room.server.say(BY_ID, Say(FILLED))
    found = room.find()
    assert found is not None
    assert (found.state, found.filled, [one.quantity for one in found.fills]) == (OrderState.FILLED, 15, [5, 10])
    first, second = (one.query for one in room.server.asked if one.path == "/v2/account/activities")
    assert (first["after"], first["activity_types"]) == ("2021-03-16T18:37:59Z", "FILL")
    assert second["page_token"] == page[-1]["id"]


def test_a_fill_that_is_not_shown_yet_is_told_by_what_was_filled(room: Room) -> None:
    room.server.say(BY_ID, Say(FILLED))
    room.server.say(ACTIVITIES, Say([fill(1, "5")]))
    found = room.find()
    assert found is not None
    assert (found.filled, sum(one.quantity for one in found.fills)) == (15, 5)


def test_an_order_without_fills_asks_for_none(room: Room) -> None:
    room.server.say(BY_ID, Say(ORDER))
    assert room.find() is not None
    assert room.server.count("GET", "/v2/account") == 0


def test_what_the_venue_replaced_is_followed_and_can_be_cancelled(room: Room) -> None:
    room.server.say(BY_ID, Say({**ORDER, "status": "replaced", "filled_qty": "4", "replaced_by": "new-one"}))
    replacement = {**ORDER, "id": "new-one", "client_order_id": "theirs", "status": "new", "filled_qty": "1"}
    room.server.say("GET /v2/orders/new-one", Say(replacement))
    room.server.say(ACTIVITIES, Say([fill(1, "4"), fill(2, "1", "new-one")]))
    room.server.say("DELETE /v2/orders/new-one", Say(status=204, raw=b""))
    found = room.find()
    assert found is not None
    assert (found.client_order_id, found.venue_order_id, found.filled, len(found.fills)) == ("abc", "new-one", 5, 2)
    room.venue.cancel(found, AAPL)
    assert room.server.count("DELETE", "/v2/orders/new-one") == 1


# --- cancelling --------------------------------------------------------------------------------------------------


def test_a_cancel_without_the_venues_id_finds_it_first(room: Room) -> None:
    room.server.say(BY_ID, Say(ORDER))
    room.server.say(f"DELETE /v2/orders/{ORDER['id']}", Say(status=204, raw=b""))
    room.venue.cancel(VenueOrder("abc", "", OrderState.OPEN), AAPL)
    assert room.server.count("DELETE") == 1


def test_a_cancel_of_what_is_not_there_is_refused(room: Room) -> None:
    with pytest.raises(VenueRefused) as told:
        room.venue.cancel(VenueOrder("abc", "", OrderState.OPEN), AAPL)
    assert (told.value.code, room.server.count("DELETE")) == ("unknown_order", 0)


@pytest.mark.parametrize(
    ("say", "error", "code"),
    [
        (Say({"code": 42210000, "message": 'order is already in "filled" state'}, 422), VenueRefused, "unknown_order"),
        (Say(cut=True), OutcomeUnknown, ""),
        (Say({"message": "failed"}, 500), OutcomeUnknown, ""),
    ],
)
def test_a_cancel_is_asked_for_once(room: Room, say: Say, error: type[Exception], code: str) -> None:
    room.server.say(f"DELETE /v2/orders/{ORDER['id']}", say)
    with pytest.raises(error) as told:
        room.venue.cancel(VenueOrder("abc", ORDER["id"], OrderState.OPEN), AAPL)
    assert (room.server.count("DELETE"), getattr(told.value, "code", "")) == (1, code)


# --- books -------------------------------------------------------------------------------------------------------


def test_books_are_balances_fills_transfers_and_what_is_open(room: Room) -> None:
    paid = {**DIVIDEND, "created_at": "2026-09-21T14:12:00Z"}
    sold = fill(1, "2", transaction_time="2026-09-21T14:13:00Z", side="sell")
    early = fill(0, "2", transaction_time="2026-09-21T13:00:00Z")
    room.server.say(ACTIVITIES, Say([early, paid, sold]), Say([]))
    room.server.say(LIST, Say([{**ORDER, "status": "partially_filled", "filled_qty": "4"}]))
    room.server.say(f"GET /v2/orders/{ORDER['id']}", Say(ORDER))
    books = room.venue.books(NOW_MS - 300_000)
    assert books.balances == {"USD": Decimal("1000.5"), "AAPL": 15}
    (shown,) = books.fills
    assert (shown.client_order_id, shown.side, shown.moves["AAPL"]) == ("abc", Side.SELL, -2)
    assert [(part.kind, part.amount) for part in books.transfers] == [("reward", Decimal("1.02"))]
    assert books.orders is not None
    assert [(one.client_order_id, one.filled, one.symbol) for one in books.orders] == [("abc", 4, "AAPL/USD")]
    assert (books.margin_used, books.margin_free) == (0, Decimal("1000.5"))


def test_balances_are_read_again_when_a_fill_came_in_between(room: Room) -> None:
    room.server.say(ACTIVITIES, Say([fill(1, "2")]), Say([fill(2, "3")]), Say([]))
    room.server.say(f"GET /v2/orders/{ORDER['id']}", Say(ORDER))
    books = room.venue.books(0)
    assert len(books.fills) == 2
    assert room.server.count("GET", "/v2/positions") == 2


def test_an_account_that_never_stands_still_is_read_later(room: Room) -> None:
    room.server.say(ACTIVITIES, Say([fill(1, "2")]))
    with pytest.raises(RetryLater, match="faster than it can be read"):
        room.venue.books(0)


def test_whose_a_fill_is_is_asked_once_and_of_many_at_once(room: Room) -> None:
    many = [fill(number, "1", f"order-{number}") for number in range(9)]
    room.server.say(ACTIVITIES, Say(many), Say([]))
    room.server.say(LIST, Say([{**ORDER, "id": f"order-{n}", "client_order_id": f"ours-{n}"} for n in range(9)]))
    assert [one.client_order_id for one in room.venue.books(0).fills] == [f"ours-{number}" for number in range(9)]
    room.server.say(ACTIVITIES, Say(many), Say([]))
    asked = len(room.server.asked)
    room.venue.books(0)
    assert [one.path for one in room.server.asked[asked:]].count("/v2/orders") == 1  # what is open


# --- the time ----------------------------------------------------------------------------------------------------


def test_the_clocks_difference_is_measured_every_few_minutes(room: Room) -> None:
    room.server.say("GET /v2/clock", Say({"timestamp": "2026-09-21T10:13:21.5-04:00", "is_open": True}))
    assert [room.venue.clock_offset_ms() for _ in range(3)] == [1_000] * 3
    assert room.server.count("GET", "/v2/clock") == 1
    room.clock.advance_to(NOW_MS + 300_000)
    assert room.venue.clock_offset_ms() == -299_000


# --- keys --------------------------------------------------------------------------------------------------------


def test_the_key_that_trades_is_never_read_for_the_books_and_none_before_it_is_needed(room: Room) -> None:
    assert room.read == []
    room.venue.books(0)
    assert {one.headers["APCA-API-KEY-ID"] for one in room.server.asked} == {"PK-looking"}
    assert room.read == ["looking"]
    room.find()
    room.find()
    assert (room.read, room.server.asked[-1].headers["APCA-API-KEY-ID"]) == (["looking", "trading"], "PK-trading")


def test_a_clock_that_does_not_answer_leaves_what_was_measured(room: Room) -> None:
    with pytest.raises(RetryLater):
        room.venue.clock_offset_ms()
    room.server.say("GET /v2/clock", Say({"timestamp": "2026-09-21T10:13:21.5-04:00"}))
    assert room.venue.clock_offset_ms() == 1_000
    room.server.say("GET /v2/clock", Say(cut=True))
    room.clock.advance_to(NOW_MS + 400_000)
    assert room.venue.clock_offset_ms() == 1_000
