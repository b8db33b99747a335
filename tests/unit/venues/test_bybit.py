"""Bybit as its manual tells it: what is sent, and how answers are read. It has met no simulated venue."""

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
CREATE, REALTIME, HISTORY = "POST /v5/order/create", "GET /v5/order/realtime", "GET /v5/order/history"
TRADES = "GET /v5/execution/list"


@pytest.fixture
def bybit() -> Iterator[ScriptedVenue]:
    with scripted("bybit") as room:
        yield room


def ok(**result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "time": AT_MS}


def no(code: int, message: str = "no") -> dict[str, Any]:
    return {"retCode": code, "retMsg": message, "result": {}, "time": AT_MS}


def order(**more: Any) -> dict[str, Any]:
    return {
        "orderId": "1523347543495541248", "orderLinkId": an_id(1), "symbol": "BTCUSDT", "side": "Buy",
        "orderStatus": "New", "qty": "0.01", "cumExecQty": "0", "price": "60000.1", "rejectReason": "EC_NoError",
        **more,
    }  # fmt: skip


def trade(**more: Any) -> dict[str, Any]:
    return {
        "execId": "2100000000007764263", "orderId": "1523347543495541248", "orderLinkId": an_id(1),
        "symbol": "BTCUSDT", "side": "Buy", "execPrice": "60000.1", "execQty": "0.01", "execFee": "0.00001",
        "feeCurrency": "BTC", "execTime": str(AT_MS), "execType": "Trade", **more,
    }  # fmt: skip


def test_a_market_order_counts_in_the_base_coin(bybit: ScriptedVenue) -> None:
    bybit.say(CREATE, ok(orderId="1", orderLinkId=an_id(1)))
    placed = bybit.venue.place(bybit.placement(an_id(1)))
    (asked,) = bybit.asked(CREATE)
    assert asked.body == {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.01", "orderLinkId": an_id(1),
        "orderType": "Market", "marketUnit": "baseCoin",
    }  # fmt: skip
    assert (placed.venue_order_id, placed.state) == ("1", OrderState.OPEN)


def test_a_request_is_good_until_its_placement_expires(bybit: ScriptedVenue) -> None:
    bybit.say(CREATE, ok(orderId="1", orderLinkId=an_id(1)))
    bybit.venue.place(bybit.placement(an_id(1), expires_ms=AT_MS + 7_000))
    (asked,) = bybit.asked(CREATE)
    assert asked.headers["X-BAPI-TIMESTAMP"] == str(AT_MS)
    assert asked.headers["X-BAPI-RECV-WINDOW"] == "7000"


def test_a_limit_order_says_how_long(bybit: ScriptedVenue) -> None:
    bybit.say(CREATE, ok(orderId="1", orderLinkId=an_id(1)))
    limit: dict[str, Any] = {"order_type": OrderType.LIMIT, "limit_price": D("60000.1")}
    bybit.venue.place(bybit.placement(an_id(1), **limit, time_in_force=TimeInForce.FOK))
    bybit.venue.place(bybit.placement(an_id(2), **limit, post_only=True))
    assert [asked.body["timeInForce"] for asked in bybit.asked(CREATE)] == ["FOK", "PostOnly"]
    assert bybit.asked(CREATE)[0].body["price"] == "60000.1"


@pytest.mark.parametrize(
    ("code", "message", "expected", "retryable"),
    [
        (170141, "Duplicate clientOrderId", "duplicate_client_order_id", False),
        (110072, "OrderLinkedID is duplicate", "duplicate_client_order_id", False),
        (170131, "Balance insufficient.", "insufficient_funds", False),
        (170136, "Order quantity exceeded lower limit.", "min_quantity", False),
        (170140, "Order value exceeded lower limit.", "min_notional", False),
        (10002, "invalid request, please check your server timestamp or recv_window param", "expired", True),
        (10006, "Too many visits!", "throttled", True),
        (10005, "Permission denied", "permission", False),
    ],
)
def test_what_surely_was_not_taken_is_a_refusal(
    bybit: ScriptedVenue, code: int, message: str, expected: str, retryable: bool
) -> None:
    bybit.say(CREATE, no(code, message))
    with pytest.raises(VenueRefused) as refusal:
        bybit.venue.place(bybit.placement(an_id(1)))
    assert (refusal.value.code, refusal.value.retryable) == (expected, retryable)


@pytest.mark.parametrize("code", [10000, 10016, 170007, 170032, 170146, 999_999])
def test_what_says_nothing_of_the_order_is_unknown(bybit: ScriptedVenue, code: int) -> None:
    bybit.say(CREATE, no(code))
    with pytest.raises(OutcomeUnknown):
        bybit.venue.place(bybit.placement(an_id(1)))


def test_an_order_is_found_with_its_fills(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, ok(list=[order(orderStatus="Filled", cumExecQty="0.01")]))
    bybit.say(TRADES, ok(list=[trade(), trade()], nextPageCursor=""))
    found = bybit.venue.find(an_id(1), bybit.rules, AT_MS)
    assert found is not None
    assert (found.state, found.filled, len(found.fills)) == (OrderState.FILLED, D("0.01"), 1)
    assert (found.fills[0].fee, found.fills[0].fee_currency) == (D("0.00001"), "BTC")
    assert bybit.asked(REALTIME)[0].query["orderLinkId"] == an_id(1)


def test_an_ended_order_is_found_in_the_history(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, ok(list=[]))
    bybit.say(HISTORY, ok(list=[order(orderStatus="PartiallyFilledCanceled", cumExecQty="0.004")]))
    bybit.say(TRADES, ok(list=[trade(execQty="0.004")]))
    found = bybit.venue.find(an_id(1), bybit.rules, AT_MS)
    assert found is not None
    assert (found.state, found.filled) == (OrderState.CANCELLED, D("0.004"))


def test_a_trade_alone_is_proof_of_an_order(bybit: ScriptedVenue) -> None:
    bybit.say(REALTIME, ok(list=[]))
    bybit.say(HISTORY, ok(list=[]))
    bybit.say(TRADES, ok(list=[trade(execQty="0.004")]))
    found = bybit.venue.find(an_id(1), bybit.rules, AT_MS)
    assert found is not None
    assert (found.state, found.filled) == (OrderState.PARTIALLY_FILLED, D("0.004"))


def test_what_is_in_none_of_the_three_is_not_there(bybit: ScriptedVenue) -> None:
    for request in (REALTIME, HISTORY, TRADES):
        bybit.say(request, ok(list=[]))
    assert bybit.venue.find(an_id(1), bybit.rules, AT_MS) is None
    assert all(bybit.asked(request) for request in (REALTIME, HISTORY, TRADES))


def test_a_cancel_names_the_order(bybit: ScriptedVenue) -> None:
    bybit.say("POST /v5/order/cancel", ok(orderId="1"), no(170213, "Order does not exist."))
    bybit.venue.cancel(VenueOrder(an_id(1), "1", OrderState.OPEN), bybit.rules)
    assert bybit.asked("POST /v5/order/cancel")[0].body == {"category": "spot", "symbol": "BTCUSDT", "orderId": "1"}
    with pytest.raises(VenueRefused, match="170213") as refusal:
        bybit.venue.cancel(VenueOrder(an_id(1), "1", OrderState.OPEN), bybit.rules)
    assert refusal.value.code == "unknown_order"


def test_the_books_are_balances_trades_and_what_else_moved_money(bybit: ScriptedVenue) -> None:
    coins = [{"coin": "BTC", "walletBalance": "0.00999"}, {"coin": "USDT", "walletBalance": "9399.999"}]
    bybit.say("GET /v5/account/wallet-balance", ok(list=[{"accountType": "UNIFIED", "coin": coins}]))
    bybit.say(TRADES, ok(list=[trade()]))
    moved = {"id": "t1", "type": "TRANSFER_IN", "currency": "USDT", "change": "10000", "fee": "0",
             "transactionTime": str(AT_MS)}  # fmt: skip
    bybit.say("GET /v5/account/transaction-log", ok(list=[moved, {**moved, "id": "t2", "type": "TRADE"}]))
    bybit.say(REALTIME, ok(list=[order(), order(orderLinkId=an_id(2), orderStatus="Cancelled")]))
    books = bybit.venue.books(AT_MS - 1_000)
    assert books.balances == {"BTC": D("0.00999"), "USDT": D("9399.999")}
    assert books.fills[0].moves == {"BTC": D("0.00999"), "USDT": D("-600.001")}
    assert [(row.kind, row.amount) for row in books.transfers] == [("transfer", D(10_000))]
    assert [row.client_order_id for row in books.orders or ()] == [an_id(1)]


def test_sells_pay_their_fee_in_the_quote_currency(bybit: ScriptedVenue) -> None:
    sold = trade(side="Sell", feeCurrency="", execFee="0.6")
    bybit.say("GET /v5/account/wallet-balance", ok(list=[]))
    bybit.say(TRADES, ok(list=[sold]))
    bybit.say("GET /v5/account/transaction-log", ok(list=[]))
    bybit.say(REALTIME, ok(list=[]))
    (row,) = bybit.venue.books(AT_MS).fills
    assert row.side is Side.SELL
    assert row.moves == {"BTC": D("-0.01"), "USDT": D("599.401")}


def test_many_pages_are_read_to_the_end(bybit: ScriptedVenue) -> None:
    pages = [
        Say(ok(list=[trade(execId=f"{page}-{row}") for row in range(50)], nextPageCursor=f"c{page}"))
        for page in range(2)
    ]
    bybit.say("GET /v5/account/wallet-balance", ok(list=[]))
    bybit.say(TRADES, *pages, ok(list=[trade(execId="last")], nextPageCursor="c2"))
    bybit.say("GET /v5/account/transaction-log", ok(list=[]))
    bybit.say(REALTIME, ok(list=[]))
    assert len(bybit.venue.books(AT_MS).fills) == 101


def test_the_quote_is_read_with_its_sizes(bybit: ScriptedVenue) -> None:
    row = {"symbol": "BTCUSDT", "bid1Price": "60000", "ask1Price": "60000.1", "bid1Size": "2", "ask1Size": "0.5"}
    bybit.say("GET /v5/market/tickers", ok(list=[row]))
    quote = bybit.venue.quote(bybit.rules)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (60_000, D("60000.1"), 2, D("0.5"))
