"""Alpaca's façade in-process: sessions, its calendar, pages and doors; whatever is sent, the books stay sound."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from fluxfloor.venuesim import alpaca
from fluxfloor.venuesim.facade import Desk, Request
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.sources import Walk
from fluxfloor.venuesim.venue import Venue
from hypothesis import given, settings
from hypothesis import strategies as st

D = Decimal
KEYS = {"apca-api-key-id": "key", "apca-api-secret-key": "a secret"}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


class Door:
    """In New York's session unless said."""

    def __init__(self, at: str = "2026-07-08T15:00:00") -> None:
        self.now_ms = ms(at)
        free = {"maker_fee": D(0), "taker_fee": D(0)}
        self.venue = Venue([Market("AAPL/USD", D("0.01"), D(1), D(1), **free)], lambda: self.now_ms, alpaca.RULES)
        self.desk = Desk.of(self.venue)
        self.account = self.venue.open_account("main", {"USD": D(10_000), "AAPL": D(20)})
        self.desk.keys.add(ApiKey("key", "a secret", "main"))
        self.facade = alpaca.Alpaca(self.desk)
        self.venue.quote("AAPL/USD", D("174.50"), D("174.52"))

    def ask(self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None, **headers: str) -> Any:
        raw = json.dumps(body).encode() if body is not None else b""
        told = self.facade.handle(Request(method, path, urlencode(query or {}), {**KEYS, **headers}, raw))
        return told.status, told.body

    def get(self, path: str, **query: Any) -> Any:
        status, body = self.ask("GET", path, query)
        assert status == 200, body
        return body

    def buy(self, number: int = 1, **more: Any) -> tuple[int, Any]:
        usual = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
        return self.ask("POST", "/v2/orders", body={**usual, "client_order_id": f"c{number}", **more})


@pytest.fixture
def door() -> Door:
    return Door()


# --- the session -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "is_open", "opens", "closes"),
    [
        ("2026-07-08T13:29:59", False, "2026-07-08T09:30:00-04:00", "2026-07-08T16:00:00-04:00"),
        ("2026-07-08T13:30:00", True, "2026-07-09T09:30:00-04:00", "2026-07-08T16:00:00-04:00"),
        ("2026-07-08T20:00:00", False, "2026-07-09T09:30:00-04:00", "2026-07-09T16:00:00-04:00"),
        ("2026-07-02T21:00:00", False, "2026-07-06T09:30:00-04:00", "2026-07-06T16:00:00-04:00"),  # the fourth observed
        ("2026-11-27T15:00:00", True, "2026-11-30T09:30:00-05:00", "2026-11-27T13:00:00-05:00"),  # half a day, winter
        ("2026-12-24T18:00:00", False, "2026-12-28T09:30:00-05:00", "2026-12-28T16:00:00-05:00"),
        ("2025-01-08T22:00:00", False, "2025-01-10T09:30:00-05:00", "2025-01-10T16:00:00-05:00"),  # a day of mourning
    ],
)
def test_the_clock_knows_new_yorks_sessions(now: str, is_open: bool, opens: str, closes: str) -> None:
    clock = Door(now).get("/v2/clock")
    assert (clock["is_open"], clock["next_open"], clock["next_close"]) == (is_open, opens, closes)


def test_the_calendar_leaves_out_what_has_no_session(door: Door) -> None:
    days = door.get("/v2/calendar", start="2026-11-23", end="2026-11-30")
    assert [(day["date"], day["open"], day["close"]) for day in days] == [
        ("2026-11-23", "09:30", "16:00"), ("2026-11-24", "09:30", "16:00"), ("2026-11-25", "09:30", "16:00"),
        ("2026-11-27", "09:30", "13:00"), ("2026-11-30", "09:30", "16:00"),
    ]  # fmt: skip


def test_an_order_outside_the_session_is_accepted_and_waits() -> None:
    door = Door("2026-07-08T21:00:00")
    status, placed = door.buy()
    assert (status, placed["status"], placed["filled_qty"]) == (200, "accepted", "0")
    door.now_ms = ms("2026-07-09T13:30:00")
    door.venue.quote("AAPL/USD", D("175.00"), D("175.02"))
    assert door.get(f"/v2/orders/{placed['id']}")["status"] == "filled"


# --- what it shows -----------------------------------------------------------------------------------------------


def test_orders_are_paged_by_time_and_by_id_in_both_directions(door: Door) -> None:
    placed = []
    for number in range(6):
        door.now_ms += 1_000
        placed.append(door.buy(number)[1]["id"])
    assert [row["id"] for row in door.get("/v2/orders", status="all")] == placed[::-1]
    first = door.get("/v2/orders", status="all", direction="asc", limit=4)
    rest = door.get("/v2/orders", status="all", direction="asc", limit=4, after_order_id=first[-1]["id"])
    assert [row["id"] for row in first + rest] == placed
    assert door.get("/v2/orders", status="all", after="2026-07-08T15:00:04Z", direction="asc")[0]["id"] == placed[4]
    assert door.get("/v2/orders") == []
    assert door.get("/v2/orders", status="all", symbols="MSFT") == []


def test_activities_are_paged_by_the_last_one_seen(door: Door) -> None:
    for number in range(5):
        door.now_ms += 1_000
        door.buy(number)
    door.venue.transfer("main", "USD", D(5), "reward")
    whole = door.get("/v2/account/activities", direction="asc")
    assert [row["activity_type"] for row in whole] == ["CSD", "JNLS", *["FILL"] * 5, "DIV"]
    page = door.get("/v2/account/activities", direction="asc", page_size=3)
    rest = door.get("/v2/account/activities", direction="asc", page_token=page[-1]["id"])
    assert page + rest == whole
    assert [row["qty"] for row in door.get("/v2/account/activities/FILL")] == ["1"] * 5
    later = door.get("/v2/account/activities", direction="asc", after="2026-07-08T15:00:04Z")
    assert [row["activity_type"] for row in later] == ["FILL", "DIV"]


def test_an_activitys_id_begins_with_new_yorks_time(door: Door) -> None:
    door.buy()
    (fill,) = door.get("/v2/account/activities/FILL")
    assert fill["id"].startswith("20260708110000000::")
    assert fill["transaction_time"] == "2026-07-08T15:00:00.000Z"


def test_bars_come_page_by_page_and_days_begin_in_new_york(door: Door) -> None:
    outside = door.venue.outside["AAPL/USD"]
    door.venue.play("AAPL/USD", Walk(outside.market, D(174), 3, door.now_ms, history_minutes=1_500))
    asked = {"symbols": "AAPL", "timeframe": "15Min", "start": "2026-07-08T10:00:00Z", "end": "2026-07-08T14:59:59Z"}
    page = door.get("/v2/stocks/bars", **asked, limit=12)
    rest = door.get("/v2/stocks/bars", **asked, limit=12, page_token=page["next_page_token"])
    times = [row["t"] for part in (page, rest) for row in part["bars"]["AAPL"]]
    assert (len(times), times[0], times[-1]) == (20, "2026-07-08T10:00:00Z", "2026-07-08T14:45:00Z")
    assert rest["next_page_token"] is None
    days = door.get("/v2/stocks/bars", symbols="AAPL", timeframe="1Day", start="2026-07-01")["bars"]["AAPL"]
    assert [row["t"] for row in days] == ["2026-07-07T04:00:00Z", "2026-07-08T04:00:00Z"]


# --- its doors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"apca-api-key-id": "nobody"}, {"apca-api-secret-key": "guessed"}])
@pytest.mark.parametrize("path", ["/v2/account", "/v2/orders", "/v2/clock", "/v2/stocks/bars"])
def test_nothing_is_told_without_the_key_and_its_secret(door: Door, path: str, headers: dict[str, str]) -> None:
    status, body = door.ask("GET", path, **headers)
    assert (status, body["code"]) == (401, 40110000)


def test_a_key_that_may_only_look_neither_places_nor_cancels(door: Door) -> None:
    door.desk.keys.add(ApiKey("look", "a secret", "main", may_trade=False))
    only = {"apca-api-key-id": "look"}
    assert door.ask("GET", "/v2/account", **only)[0] == 200
    wish = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    assert door.ask("POST", "/v2/orders", body=wish, **only)[0] == 403
    placed = door.buy(type="limit", limit_price="170")[1]
    assert door.ask("DELETE", f"/v2/orders/{placed['id']}", **only)[0] == 403
    assert door.ask("DELETE", f"/v2/orders/{placed['id']}") == (204, "")


def test_an_order_of_the_other_side_is_a_wash_trade_only_where_the_two_could_meet(door: Door) -> None:
    assert door.buy(1, type="limit", limit_price="170.00")[0] == 200
    assert door.buy(2, side="sell", type="limit", limit_price="180.00")[0] == 200
    status, body = door.buy(3, side="sell", type="limit", limit_price="170.00")
    assert (status, body["reject_reason"]) == (403, "opposite side limit order exists")
    status, body = door.buy(4, side="sell")
    assert (status, body["code"]) == (403, 40310000)
    assert len(door.venue.orders) == 2


WORDS = (
    "symbol", "qty", "side", "type", "time_in_force", "limit_price", "stop_price", "trail_price", "client_order_id",
    "status", "limit", "after", "until", "direction", "page_token", "page_size", "activity_types", "symbols",
    "timeframe", "start", "end", "after_order_id", "before_order_id",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "1", "7", "1e3", "NaN", "0.5", "174.52", "170", "180", "buy", "sell", "market", "limit", "stop",
         "stop_limit", "trailing_stop", "day", "gtc", "ioc", "fok", "AAPL", "all", "asc", "2026-07-08", "0001-01-01",
         "9999-12-31T23:59:59Z", "15Min", "1Day", "1e999999", "x" * 200]
    ),
    st.text(max_size=12),
)  # fmt: skip
PATHS = (
    "/v2/account", "/v2/positions", "/v2/account/activities", "/v2/orders", "/v2/orders:by_client_order_id",
    "/v2/orders/0000001-000d", "/v2/assets", "/v2/assets/AAPL", "/v2/clock", "/v2/calendar", "/v2/stocks/bars",
    "/v2/stocks/quotes/latest", "/v2/nothing",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "DELETE", "PATCH"]), st.sampled_from(PATHS),
            st.dictionaries(st.sampled_from(WORDS), TEXTS, max_size=8),
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_whatever_is_sent_it_answers_in_alpacas_way_and_the_books_stay_sound(asked) -> None:
    door = Door()
    usual = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "174.52"}
    for method, path, told in asked:
        body = {**usual, "time_in_force": "gtc", **told} if method == "POST" else None
        status, answer = door.ask(method, path, told if method != "POST" else None, body)
        assert status == 200 or (400 <= status < 500 and {"code", "message"} <= answer.keys())
        assert door.account.faults() == []
