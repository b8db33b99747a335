"""OKX as its manual tells it: what is sent, and how answers are read. It has met no simulated venue."""

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
ORDER, PENDING, ENDED = "/api/v5/trade/order", "GET /api/v5/trade/orders-pending", "GET /api/v5/trade/orders-history"
FILLS, FILLS_OF_OLD = "GET /api/v5/trade/fills", "GET /api/v5/trade/fills-history"


@pytest.fixture
def okx() -> Iterator[ScriptedVenue]:
    with scripted("okx") as room:
        yield room


def ok(*rows: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)}


def accepted(**more: Any) -> dict[str, Any]:
    return ok({"ordId": "312269865356374016", "clOrdId": an_id(1), "sCode": "0", "sMsg": "", **more})


def no(code: str) -> dict[str, Any]:
    return {"code": "1", "msg": "", "data": [{"ordId": "", "clOrdId": an_id(1), "sCode": code, "sMsg": "no"}]}


def order(**more: Any) -> dict[str, Any]:
    return {
        "ordId": "312269865356374016", "clOrdId": an_id(1), "instId": "BTC-USDT", "side": "buy", "state": "live",
        "accFillSz": "0", "sz": "0.01", **more,
    }  # fmt: skip


def trade(**more: Any) -> dict[str, Any]:
    return {
        "instId": "BTC-USDT", "tradeId": "123", "ordId": "312269865356374016", "clOrdId": an_id(1), "billId": "1111",
        "side": "buy", "fillPx": "60000.1", "fillSz": "0.01", "fee": "-0.00001", "feeCcy": "BTC", "ts": str(AT_MS),
        **more,
    }  # fmt: skip


def test_a_market_order_counts_in_the_base_currency_and_carries_its_deadline(okx: ScriptedVenue) -> None:
    okx.say(f"POST {ORDER}", accepted())
    placed = okx.venue.place(okx.placement(an_id(1), Side.SELL))
    (asked,) = okx.asked(f"POST {ORDER}")
    assert asked.body == {
        "instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "sz": "0.01", "clOrdId": an_id(1),
        "ordType": "market", "tgtCcy": "base_ccy",
    }  # fmt: skip
    assert asked.headers["expTime"] == str(AT_MS + 10_000)
    assert placed.venue_order_id == "312269865356374016"


def test_nothing_but_placements_carries_a_deadline(okx: ScriptedVenue) -> None:
    okx.say("POST /api/v5/trade/cancel-order", accepted())
    okx.venue.cancel(VenueOrder(an_id(1), "7", OrderState.OPEN), okx.rules)
    (asked,) = okx.asked("POST /api/v5/trade/cancel-order")
    assert asked.body == {"instId": "BTC-USDT", "ordId": "7"}
    assert "expTime" not in asked.headers


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "limit"),
        ({"time_in_force": TimeInForce.IOC}, "ioc"),
        ({"time_in_force": TimeInForce.FOK}, "fok"),
        ({"post_only": True}, "post_only"),
    ],
)
def test_how_long_a_limit_order_lasts_is_in_its_type(okx: ScriptedVenue, more: dict[str, Any], kind: str) -> None:
    okx.say(f"POST {ORDER}", accepted())
    okx.venue.place(okx.placement(an_id(1), order_type=OrderType.LIMIT, limit_price=D("60000.1"), **more))
    (asked,) = okx.asked(f"POST {ORDER}")
    assert (asked.body["ordType"], asked.body["px"]) == (kind, "60000.1")


@pytest.mark.parametrize(
    ("code", "expected", "retryable"),
    [
        ("51016", "duplicate_client_order_id", False),
        ("50071", "duplicate_client_order_id", False),
        ("51008_1000", "insufficient_funds", False),
        ("51020", "min_quantity", False),
        ("51121", "lot_size", False),
        ("50036", "expired", True),
        ("50011", "throttled", True),
        ("51000", "invalid", False),
    ],
)
def test_what_surely_was_not_taken_is_a_refusal(okx: ScriptedVenue, code: str, expected: str, retryable: bool) -> None:
    okx.say(f"POST {ORDER}", no(code))
    with pytest.raises(VenueRefused) as refusal:
        okx.venue.place(okx.placement(an_id(1)))
    assert (refusal.value.code, refusal.value.retryable) == (expected, retryable)


@pytest.mark.parametrize(
    "answer",
    [
        Say({"code": "50001", "msg": "Service temporarily unavailable", "data": []}, status=503),
        Say({"code": "50004", "msg": "API endpoint request timeout", "data": []}, status=400),
        Say({"code": "50026", "msg": "System error", "data": []}, status=500),
        Say(no("51149")),
        Say(ok()),
    ],
)
def test_what_says_nothing_of_the_order_is_unknown(okx: ScriptedVenue, answer: Say) -> None:
    okx.say(f"POST {ORDER}", answer)
    with pytest.raises(OutcomeUnknown):
        okx.venue.place(okx.placement(an_id(1)))


def test_an_order_is_found_with_its_fills(okx: ScriptedVenue) -> None:
    okx.say(f"GET {ORDER}", ok(order(state="filled", accFillSz="0.01")))
    okx.say(FILLS_OF_OLD, ok(trade(), trade()))
    found = okx.venue.find(an_id(1), okx.rules, AT_MS)
    assert found is not None
    assert (found.state, found.filled, len(found.fills)) == (OrderState.FILLED, D("0.01"), 1)
    assert (found.fills[0].fee, found.fills[0].fee_currency) == (D("0.00001"), "BTC")


def test_what_is_nowhere_was_looked_for_everywhere(okx: ScriptedVenue) -> None:
    okx.say(f"GET {ORDER}", {"code": "51603", "msg": "Order does not exist", "data": []})
    for request in (PENDING, ENDED, FILLS):
        okx.say(request, ok())
    assert okx.venue.find(an_id(1), okx.rules, AT_MS) is None
    assert all(okx.asked(request) for request in (PENDING, ENDED, FILLS))


def test_a_trade_leads_to_its_order(okx: ScriptedVenue) -> None:
    missing = {"code": "51603", "msg": "Order does not exist", "data": []}
    okx.say(f"GET {ORDER}", missing, ok(order(state="filled", accFillSz="0.01")))
    okx.say(PENDING, ok())
    okx.say(ENDED, ok())
    okx.say(FILLS, ok(trade()))
    okx.say(FILLS_OF_OLD, ok(trade()))
    found = okx.venue.find(an_id(1), okx.rules, AT_MS)
    assert found is not None
    assert found.state is OrderState.FILLED


def test_trades_of_one_number_in_two_markets_are_two(okx: ScriptedVenue) -> None:
    okx.say("GET /api/v5/account/balance", ok({"details": [{"ccy": "BTC", "cashBal": "1.5"}]}))
    okx.say(FILLS_OF_OLD, ok(trade(), trade(billId="1112", ordId="9")))
    okx.say("GET /api/v5/account/bills-archive", ok())
    okx.say(PENDING, ok(order()))
    books = okx.venue.books(AT_MS)
    assert len({row.fill.trade_id for row in books.fills}) == 2
    assert books.fills[0].moves == {"BTC": D("0.00999"), "USDT": D("-600.001")}
    assert books.balances == {"BTC": D("1.5")}


def test_transfers_are_told_and_trades_are_not(okx: ScriptedVenue) -> None:
    okx.say("GET /api/v5/account/balance", ok({"details": []}))
    okx.say(FILLS_OF_OLD, ok())
    row = {"billId": "1", "type": "1", "ccy": "USDT", "balChg": "-25", "fee": "0", "ts": str(AT_MS)}
    okx.say("GET /api/v5/account/bills-archive", ok(row, {**row, "billId": "2", "type": "2"}))
    okx.say(PENDING, ok())
    assert [(moved.currency, moved.amount) for moved in okx.venue.books(AT_MS).transfers] == [("USDT", D(-25))]


def test_the_quote_is_read_with_its_sizes(okx: ScriptedVenue) -> None:
    okx.say("GET /api/v5/market/ticker", ok({"bidPx": "60000", "askPx": "60000.1", "bidSz": "2", "askSz": "0.5"}))
    quote = okx.venue.quote(okx.rules)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (60_000, D("60000.1"), 2, D("0.5"))
