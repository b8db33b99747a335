"""The simulated Binance under the real ccxt client, signing included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.outside import Outside
from fluxfloor.venuesim.rules import Mode
from fluxfloor.venuesim.sources import Walk

from tests.support.venue_room import SYMBOL, VenueRoom, now_ms, venue_room

D = Decimal


@pytest.fixture
def binance() -> Iterator[VenueRoom]:
    with venue_room("binance", lot="0.00001") as room:
        yield room


def test_markets_are_read_with_their_rules(binance: VenueRoom) -> None:
    market = binance.client.load_markets()[SYMBOL]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.00001)
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (0.00005, 0.5)
    assert {"ETH/USD", "BTC/USD"} < set(binance.client.symbols)


def test_market_data_is_read(binance: VenueRoom) -> None:
    at_ms, client = now_ms(), binance.client
    binance.venue.play(SYMBOL, Walk(binance.venue.outside[SYMBOL].market, D(60_000), 7, at_ms - 5_000, size=D(2)))
    ticker = client.fetch_ticker(SYMBOL)
    assert ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert {SYMBOL, "ETH/USD"} <= set(client.fetch_tickers())
    assert client.fetch_bids_asks([SYMBOL])[SYMBOL]["bid"] < ticker["high"]
    book = client.fetch_order_book(SYMBOL, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    bars = client.fetch_ohlcv(SYMBOL, "1m", at_ms - 3_600_000, 30)
    assert len(bars) == 30
    assert bars[0][0] >= at_ms - 3_660_000
    assert client.fetch_trades(SYMBOL, limit=10)
    assert abs(client.fetch_time() - at_ms) < 5_000
    assert client.fetch_status()["status"] == "ok"


def test_a_market_order_is_filled_and_the_fee_comes_off_what_it_brings(binance: VenueRoom) -> None:
    client = binance.client
    placed = client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "first-order"})
    assert (placed["status"], placed["filled"], placed["average"]) == ("closed", 0.01, 60000.1)
    assert placed["trades"][0]["fee"] == {"cost": 0.000026, "currency": "BTC"}
    order = client.fetch_order("", SYMBOL, {"clientOrderId": "first-order"})
    assert (order["id"], order["status"], order["cost"]) == (placed["id"], "closed", 600.001)
    (trade,) = client.fetch_my_trades(SYMBOL)
    assert (trade["order"], trade["amount"], trade["price"]) == (placed["id"], 0.01, 60000.1)
    assert (trade["fee"], trade["takerOrMaker"]) == ({"cost": 0.000026, "currency": "BTC"}, "taker")
    balance = client.fetch_balance()
    assert balance["BTC"]["total"] == pytest.approx(1 + 0.01 - 0.000026, abs=1e-12)
    assert balance["USDT"]["total"] == pytest.approx(10_000 - 600.001)


def test_fees_are_taken_in_a_third_currency_while_there_is_some() -> None:
    with venue_room("binance", lot="0.00001", fee_currency="BNB") as room:
        room.venue.outside["BNB/USDT"] = Outside(Market("BNB/USDT", D("0.01"), D("0.001")))
        room.venue.quote("BNB/USDT", D(600), D(600))
        room.venue.transfer("main", "BNB", D("0.002"))
        placed = room.client.create_order(SYMBOL, "market", "buy", 0.01)
        assert placed["trades"][0]["fee"] == {"cost": pytest.approx(0.00195001), "currency": "BNB"}
        second = room.client.create_order(SYMBOL, "market", "buy", 0.01)
        assert second["trades"][0]["fee"]["currency"] == "BTC"


def test_a_budget_buys_what_it_pays_for(binance: VenueRoom) -> None:
    placed = binance.client.create_market_buy_order_with_cost(SYMBOL, 100)
    assert placed["cost"] <= 100
    assert placed["filled"] == 0.00166


def test_a_resting_order_is_found_and_cancelled_by_both_ids(binance: VenueRoom) -> None:
    client = binance.client
    first = client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"clientOrderId": "by-client"})
    second = client.create_order(SYMBOL, "limit", "buy", 0.01, 49_000, {"postOnly": True})
    assert client.fetch_balance()["USDT"]["used"] == 990
    assert [order["id"] for order in client.fetch_open_orders(SYMBOL)] == [first["id"], second["id"]]
    cancelled = client.cancel_order("", SYMBOL, {"clientOrderId": "by-client"})
    assert (cancelled["id"], cancelled["status"]) == (first["id"], "canceled")
    client.cancel_order(second["id"], SYMBOL)
    assert client.fetch_open_orders(SYMBOL) == []
    assert {order["status"] for order in client.fetch_orders(SYMBOL)} == {"canceled"}
    assert client.fetch_balance()["USDT"]["used"] == 0
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(second["id"], SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("999", SYMBOL)


@pytest.mark.parametrize(
    ("kind", "price", "params", "stop"),
    [
        ("market", None, {"stopLossPrice": 59_000}, D(59_000)),
        ("limit", 58_900, {"stopLossPrice": 59_000}, D(59_000)),
        ("market", None, {"takeProfitPrice": 61_000}, D(61_000)),
        ("limit", 61_000, {"takeProfitPrice": 61_000}, D(61_000)),
        ("STOP_LOSS", None, {"trailingDelta": 100}, D("59400")),
    ],
)
def test_stops_wait_and_go_off(
    binance: VenueRoom, kind: str, price: float | None, params: dict[str, Any], stop: D
) -> None:
    client = binance.client
    placed = client.create_order(SYMBOL, kind, "sell", 0.01, price, params)
    (order,) = client.fetch_open_orders(SYMBOL)
    assert (order["id"], order["filled"]) == (placed["id"], 0)
    assert client.fetch_balance()["BTC"]["used"] == 0.01
    (kept,) = binance.venue.accounts["main"].orders
    assert kept.stop == stop
    rises = "takeProfitPrice" in params
    binance.venue.quote(SYMBOL, D("61000") if rises else D("58950"), D("61000.1") if rises else D("58950.1"))
    assert client.fetch_order(placed["id"], SYMBOL)["status"] == "closed"


def test_an_order_that_must_fill_at_once_and_cannot_has_expired(binance: VenueRoom) -> None:
    binance.venue.quote(SYMBOL, D(60_000), D("60000.1"), size=D("0.004"))
    part = binance.client.create_order(SYMBOL, "limit", "buy", 0.01, 60_000.1, {"timeInForce": "IOC"})
    none = binance.client.create_order(SYMBOL, "limit", "buy", 0.01, 60_000.1, {"timeInForce": "FOK"})
    assert (part["status"], part["filled"]) == ("expired", 0.004)
    assert (none["status"], none["filled"]) == ("expired", 0)


def test_transfers_are_listed(binance: VenueRoom) -> None:
    client = binance.client
    binance.venue.transfer("main", "USDT", D(-100), fee=D("2.5"), reference="to-my-wallet")
    assert {(line["currency"], line["amount"]) for line in client.fetch_deposits()} == {
        ("USDT", 10_000), ("BTC", 1), ("USD", 1_000),
    }  # fmt: skip
    (gone,) = client.fetch_withdrawals("USDT")
    assert (gone["amount"], gone["fee"]["cost"], gone["status"]) == (100, 2.5, "ok")
    assert client.fetch_balance()["USDT"]["total"] == 9_897.5


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("limit", "buy", 1, 59_000), ccxt.InsufficientFunds, "insufficient balance"),
        (("limit", "buy", 0.00004, 59_000), ccxt.InvalidOrder, "LOT_SIZE"),
        (("limit", "buy", 0.0001, 1_000), ccxt.ExchangeError, "NOTIONAL"),
        (("limit", "buy", 0.01, 60_001, {"postOnly": True}), ccxt.ExchangeError, "immediately match and take"),
        (("market", "sell", 0.01, None, {"stopLossPrice": 61_000}), ccxt.ExchangeError, "trigger immediately"),
        (("market", "sell", 0.01, None, {"reduceOnly": True}), ccxt.ExchangeError, "-1106"),
    ],
)
def test_it_refuses_in_the_venues_words(
    binance: VenueRoom, arguments: tuple[Any, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        binance.client.create_order(SYMBOL, *arguments)
    assert binance.venue.orders == []


def test_a_client_id_is_unique_among_open_orders_only(binance: VenueRoom) -> None:
    client, named = binance.client, {"clientOrderId": "again"}
    client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, named)
    with pytest.raises(ccxt.ExchangeError, match="Duplicate order sent"):
        client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, named)
    client.cancel_order("", SYMBOL, named)
    second = client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, named)
    assert client.fetch_order("", SYMBOL, named)["id"] == second["id"]


def test_only_five_stops_stand_in_one_market(binance: VenueRoom) -> None:
    for _ in range(5):
        binance.client.create_order(SYMBOL, "market", "sell", 0.01, None, {"stopLossPrice": 59_000})
    with pytest.raises(ccxt.ExchangeError, match="MAX_NUM_ALGO_ORDERS"):
        binance.client.create_order(SYMBOL, "market", "sell", 0.01, None, {"stopLossPrice": 59_000})


def test_it_looks_at_the_signature_and_the_permission(binance: VenueRoom) -> None:
    plain = {"options": {"fetchCurrencies": False, "fetchMargins": False}}
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        binance.another("key", "guess", **plain).fetch_balance()
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        binance.another("stranger", "trade", **plain).fetch_balance()
    looker = binance.another("look", "look")
    assert looker.fetch_balance()["BTC"]["total"] == 1
    with pytest.raises(ccxt.BaseError, match="-2015"):
        looker.create_order(SYMBOL, "market", "buy", 0.01)
    with pytest.raises(ccxt.BaseError, match="-2015"):
        looker.cancel_order("1", SYMBOL)
    assert binance.venue.orders == []


@pytest.mark.parametrize("skew_ms", [-5_000, 12_000])
def test_a_clock_that_is_off_is_refused_until_it_is_measured(binance: VenueRoom, skew_ms: int) -> None:
    client = binance.client
    client.load_markets()
    binance.venue.skew_ms = skew_ms
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        client.fetch_balance()
    client.load_time_difference()
    assert client.fetch_balance()["BTC"]["total"] == 1


def test_a_request_that_arrives_after_its_window_is_refused(binance: VenueRoom) -> None:
    client = binance.client
    client.load_markets()
    binance.desk.faults.add(Fault(FaultKind.LATE, ("place",), delay_ms=300, count=2))
    for window_ms in (100, 5_000):
        with pytest.raises(ccxt.NetworkError):
            client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"recvWindow": window_ms})
    time.sleep(0.35)
    assert len(client.fetch_open_orders(SYMBOL)) == 1
    assert [outcome for _, outcome in binance.desk.gateway.late] == ["stale_timestamp", "done"]


def test_a_lost_answer_leaves_an_order_that_can_be_found(binance: VenueRoom) -> None:
    client = binance.client
    client.load_markets()
    binance.desk.faults.add(Fault(FaultKind.UNANSWERED, ("place",)), Fault(FaultKind.LOST, ("place",)))
    for client_id in ("unanswered", "lost"):
        with pytest.raises(ccxt.NetworkError):
            client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"clientOrderId": client_id})
    assert [order["clientOrderId"] for order in client.fetch_open_orders(SYMBOL)] == ["unanswered"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.RATE_LIMITED, retry_after_s=7), ccxt.DDoSProtection),
        (Fault(FaultKind.UNAVAILABLE), ccxt.OperationFailed),
        (Fault(FaultKind.SERVER_ERROR, status=502), ccxt.NetworkError),
        (Fault(FaultKind.INVALID_NONCE), ccxt.InvalidNonce),
        (Fault(FaultKind.INSUFFICIENT_FUNDS), ccxt.InsufficientFunds),
        (Fault(FaultKind.MIN_NOTIONAL), ccxt.ExchangeError),
    ],
)
def test_faults_at_the_door_place_nothing(binance: VenueRoom, fault: Fault, error: type[Exception]) -> None:
    binance.client.load_markets()
    binance.desk.faults.add(fault)
    with pytest.raises(error):
        binance.client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
    assert binance.venue.orders == []
    if fault.retry_after_s:
        assert binance.client.last_response_headers["Retry-After"] == "7"


def test_maintenance_stops_everything_but_the_status(binance: VenueRoom) -> None:
    binance.client.load_markets()
    binance.venue.mode = Mode.MAINTENANCE
    with pytest.raises(ccxt.OperationFailed):
        binance.client.fetch_balance()
    assert binance.client.fetch_status()["status"] == "maintenance"


def test_listings_hide_and_repeat_what_faults_tell_them(binance: VenueRoom) -> None:
    client = binance.client
    client.load_markets()
    binance.desk.faults.add(Fault(FaultKind.HIDE_FILL, delay_ms=300), Fault(FaultKind.REPEAT_FILL))
    placed = client.create_order(SYMBOL, "market", "buy", 0.01)
    assert client.fetch_order(placed["id"], SYMBOL)["filled"] == 0.01
    assert client.fetch_my_trades(SYMBOL) == []
    time.sleep(0.35)
    first, second = client.fetch_my_trades(SYMBOL)
    assert first["id"] == second["id"]
