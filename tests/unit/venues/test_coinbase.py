"""Coinbase as its manual tells it: what is sent, and how answers are read. It has met no simulated venue."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import OutcomeUnknown, VenueRefused
from fluxfloor.ports import VenueOrder

from tests.support.scripted_rest import Say
from tests.support.scripted_venue import AT_MS, ScriptedVenue, scripted
from tests.support.simulated_venue import an_id

D = Decimal
BASE = "/api/v3/brokerage"
PLACE, LIST, FILLS = f"POST {BASE}/orders", f"GET {BASE}/orders/historical/batch", f"GET {BASE}/orders/historical/fills"
ACCOUNTS = f"GET {BASE}/accounts"
AS_UUID = "00000000-0000-0000-0000-000000000001"
THEN = "2026-01-01T00:00:00.123456Z"


@pytest.fixture
def coinbase() -> Iterator[ScriptedVenue]:
    with scripted("coinbase") as room:
        yield room


def made(**more: Any) -> dict[str, Any]:
    order = {"order_id": "11111-00000-000000", "product_id": "BTC-USD", "side": "BUY", "client_order_id": AS_UUID}
    return {"success": True, "success_response": {**order, **more}}


def no(reason: str, preview: str = "UNKNOWN_PREVIEW_FAILURE_REASON") -> dict[str, Any]:
    return {
        "success": False,
        "error_response": {"error": reason, "message": "no", "error_details": "", "preview_failure_reason": preview,
                           "new_order_failure_reason": "UNKNOWN_FAILURE_REASON"},
    }  # fmt: skip


def order(**more: Any) -> dict[str, Any]:
    return {
        "order_id": "11111-00000-000000", "client_order_id": AS_UUID, "product_id": "BTC-USD", "side": "BUY",
        "status": "OPEN", "filled_size": "0", **more,
    }  # fmt: skip


def trade(**more: Any) -> dict[str, Any]:
    return {
        "entry_id": "22222-2222222-22222222", "trade_id": "1111-11111-111111", "order_id": "11111-00000-000000",
        "trade_time": THEN, "price": "60000.1", "size": "0.01", "commission": "3.6000060", "product_id": "BTC-USD",
        "size_in_quote": False, "side": "BUY", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "configuration"),
    [
        ({}, {"market_market_ioc": {"base_size": "0.01"}}),
        (
            {"order_type": OrderType.LIMIT, "limit_price": D("60000.10")},
            {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "60000.1", "post_only": False}},
        ),
        (
            {"order_type": OrderType.LIMIT, "limit_price": D(60_000), "time_in_force": TimeInForce.IOC},
            {"sor_limit_ioc": {"base_size": "0.01", "limit_price": "60000"}},
        ),
        (
            {"order_type": OrderType.LIMIT, "limit_price": D(60_000), "time_in_force": TimeInForce.FOK},
            {"limit_limit_fok": {"base_size": "0.01", "limit_price": "60000"}},
        ),
        (
            {"order_type": OrderType.STOP_LIMIT, "limit_price": D(57_900), "trigger_price": D(58_000),
             "side": Side.SELL},
            {"stop_limit_stop_limit_gtc": {"base_size": "0.01", "limit_price": "57900", "stop_price": "58000",
                                           "stop_direction": "STOP_DIRECTION_STOP_DOWN"}},
        ),
    ],
)  # fmt: skip
def test_each_order_has_its_configuration(
    coinbase: ScriptedVenue, more: dict[str, Any], configuration: dict[str, Any]
) -> None:
    coinbase.say(PLACE, made())
    side = more.pop("side", Side.BUY)
    coinbase.venue.place(coinbase.placement(an_id(1), side, **more))
    (asked,) = coinbase.asked(PLACE)
    assert asked.body == {
        "client_order_id": AS_UUID, "product_id": "BTC-USD", "side": side.value, "order_configuration": configuration,
    }  # fmt: skip


def test_what_it_has_no_order_for_is_not_sent(coinbase: ScriptedVenue) -> None:
    with pytest.raises(VenueRefused) as refusal:
        coinbase.venue.place(coinbase.placement(an_id(1), order_type=OrderType.STOP, trigger_price=D(58_000)))
    assert refusal.value.code == "order_type"
    assert not coinbase.asked(PLACE)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Say(no("INSUFFICIENT_FUND")), "insufficient_funds"),
        (Say(no("UNKNOWN_FAILURE_REASON", "PREVIEW_INSUFFICIENT_FUND")), "insufficient_funds"),
        (Say(no("INVALID_SIZE_PRECISION")), "lot_size"),
        (Say(no("INVALID_LIMIT_PRICE_POST_ONLY")), "post_only"),
        (Say({"error": "INVALID_ARGUMENT", "error_details": "bad", "message": "bad"}, status=400), "invalid"),
        (Say(raw=b"Unauthorized\n", status=401), "permission"),
        (Say({"error": "RATE_LIMIT_EXCEEDED"}, status=429, headers={"Retry-After": "2"}), "throttled"),
    ],
)
def test_what_surely_was_not_taken_is_a_refusal(coinbase: ScriptedVenue, answer: Say, expected: str) -> None:
    coinbase.say(PLACE, answer)
    with pytest.raises(VenueRefused) as refusal:
        coinbase.venue.place(coinbase.placement(an_id(1)))
    assert (refusal.value.code, refusal.value.retryable) == (expected, expected == "throttled")


@pytest.mark.parametrize(
    "answer",
    [
        Say(no("UNKNOWN_FAILURE_REASON")),
        Say({"error": "INTERNAL"}, status=500),
        Say(raw=b"<html>", status=502),
        Say(raw=b"<html>"),
        Say({"success": True}),
        Say(made(client_order_id="ffffffff-ffff-ffff-ffff-ffffffffffff")),
    ],
)
def test_what_says_nothing_of_the_order_is_unknown(coinbase: ScriptedVenue, answer: Say) -> None:
    coinbase.say(PLACE, answer)
    with pytest.raises(OutcomeUnknown):
        coinbase.venue.place(coinbase.placement(an_id(1)))


def test_an_id_that_was_used_before_answers_with_the_order_of_that_id(coinbase: ScriptedVenue) -> None:
    coinbase.say(PLACE, made(order_id="the-first"))
    assert coinbase.venue.place(coinbase.placement(an_id(1))).venue_order_id == "the-first"


def test_an_order_is_found_by_looking_through_the_list(coinbase: ScriptedVenue) -> None:
    nothing = {"orders": [], "cursor": "", "has_next": False}
    first = {"orders": [order(client_order_id="someone-else")], "cursor": "next", "has_next": True}
    last = {"orders": [order(status="FILLED", filled_size="0.01")], "cursor": "", "has_next": False}
    coinbase.say(LIST, nothing, first, last)
    coinbase.say(FILLS, {"fills": [trade(), trade()], "cursor": ""})
    found = coinbase.venue.find(an_id(1), coinbase.rules, AT_MS)
    assert found is not None
    assert (found.client_order_id, found.state, found.filled) == (an_id(1), OrderState.FILLED, D("0.01"))
    assert [(fill.fee, fill.fee_currency) for fill in found.fills] == [(D("3.6000060"), "USD")]
    assert [asked.query.get("order_status") for asked in coinbase.asked(LIST)] == ["OPEN", None, None]


def test_a_trade_leads_to_its_order(coinbase: ScriptedVenue) -> None:
    coinbase.say(LIST, {"orders": [], "cursor": ""})
    coinbase.say(FILLS, {"fills": [trade()], "cursor": ""})
    coinbase.say(
        f"GET {BASE}/orders/historical/11111-00000-000000", {"order": order(status="FILLED", filled_size="0.01")}
    )
    found = coinbase.venue.find(an_id(1), coinbase.rules, AT_MS)
    assert found is not None
    assert found.state is OrderState.FILLED


def test_what_is_nowhere_is_not_there(coinbase: ScriptedVenue) -> None:
    coinbase.say(LIST, {"orders": [], "cursor": ""})
    coinbase.say(FILLS, {"fills": [], "cursor": ""})
    assert coinbase.venue.find(an_id(1), coinbase.rules, AT_MS) is None


def test_a_cancel_says_what_became_of_it(coinbase: ScriptedVenue) -> None:
    cancel = f"POST {BASE}/orders/batch_cancel"
    gone = {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": "1"}
    coinbase.say(cancel, {"results": [{"success": True, "order_id": "1"}]}, {"results": [gone]})
    coinbase.venue.cancel(VenueOrder(an_id(1), "1", OrderState.OPEN), coinbase.rules)
    with pytest.raises(VenueRefused) as refusal:
        coinbase.venue.cancel(VenueOrder(an_id(1), "1", OrderState.OPEN), coinbase.rules)
    assert refusal.value.code == "unknown_order"
    assert coinbase.asked(cancel)[0].body == {"order_ids": ["1"]}


def test_the_books_are_wallets_trades_and_what_else_moved_money(coinbase: ScriptedVenue) -> None:
    def wallet(currency: str, available: str, hold: str, updated: str = THEN) -> dict[str, Any]:
        return {"uuid": currency.lower(), "currency": currency, "available_balance": {"value": available},
                "hold": {"value": hold}, "updated_at": updated}  # fmt: skip

    wallets = [wallet("BTC", "0.5", "0.5"), wallet("USD", "100", "0"), wallet("ETH", "0", "0", "2020-01-01T00:00:00Z")]
    coinbase.say(ACCOUNTS, {"accounts": wallets, "cursor": "", "has_next": False})
    coinbase.say(FILLS, {"fills": [trade()], "cursor": ""})
    coinbase.say(LIST, {"orders": [order()], "cursor": ""})
    sent = {"id": "t1", "type": "send", "status": "completed", "created_at": THEN,
            "amount": {"amount": "-0.25", "currency": "BTC"}, "network": {"hash": "abc"}}  # fmt: skip
    coinbase.say("GET /v2/accounts/btc/transactions", {"data": [sent, {**sent, "type": "advanced_trade_fill"}]})
    coinbase.say("GET /v2/accounts/usd/transactions", {"data": [{**sent, "id": "t2", "status": "failed"}]})
    coinbase.say(f"GET {BASE}/time", {"epochMillis": str(AT_MS + 1_000)})
    books = coinbase.venue.books(AT_MS)
    assert books.balances == {"BTC": D(1), "USD": D(100)}
    assert books.fills[0].moves == {"BTC": D("0.01"), "USD": D("-603.601006")}
    assert [(row.kind, row.amount, row.reference) for row in books.transfers] == [("withdrawal", D("-0.25"), "abc")]
    assert [row.client_order_id for row in books.orders or ()] == [an_id(1)]


def test_the_quote_is_read_with_its_sizes(coinbase: ScriptedVenue) -> None:
    sides = {"bids": [{"price": "60000", "size": "2"}], "asks": [{"price": "60000.1", "size": "0.5"}]}
    coinbase.say(f"GET {BASE}/market/product_book", {"pricebook": {"product_id": "BTC-USD", **sides}})
    quote = coinbase.venue.quote(coinbase.rules)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (60_000, D("60000.1"), 2, D("0.5"))
