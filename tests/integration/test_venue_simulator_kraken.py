"""The simulated Kraken under the real ccxt client, signing included."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from fluxfloor.adapters.venues.ccxt_exchange import open_exchange
from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.orders import Terms
from fluxfloor.venuesim.rules import Mode
from fluxfloor.venuesim.sources import Walk

from tests.support.venue_room import SYMBOL, VenueRoom, now_ms, venue_room

D = Decimal


@pytest.fixture
def kraken() -> Iterator[VenueRoom]:
    with venue_room("kraken") as room:
        yield room


def test_markets_are_read_with_their_rules(kraken: VenueRoom) -> None:
    market = kraken.client.load_markets()[SYMBOL]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 1e-8)
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (0.00005, 0.5)
    assert (market["taker"], market["maker"]) == (0.0026, 0.0016)
    assert {"ETH/USD", "BTC/USD"} < set(kraken.client.symbols)


def test_market_data_is_read(kraken: VenueRoom) -> None:
    at_ms = now_ms()
    kraken.venue.play(SYMBOL, Walk(kraken.venue.outside[SYMBOL].market, D(60_000), 7, at_ms - 5_000, size=D(2)))
    client = kraken.client
    ticker = client.fetch_ticker(SYMBOL)
    assert ticker["bid"] < ticker["ask"]
    assert set(client.fetch_tickers([SYMBOL, "ETH/USD"])) == {SYMBOL, "ETH/USD"}
    book = client.fetch_order_book(SYMBOL, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert book["bids"][0][0] == ticker["bid"] or book["bids"][0][0] < book["asks"][0][0]
    bars = client.fetch_ohlcv(SYMBOL, "1m")
    assert len(bars) > 700
    assert all(low <= opened <= high and low <= close <= high for _, opened, high, low, close, _ in bars)
    trades = client.fetch_trades(SYMBOL, since=at_ms - 3_600_000)
    assert trades
    assert trades == sorted(trades, key=lambda trade: trade["timestamp"])
    assert abs(client.fetch_time() - at_ms) < 5_000
    assert client.fetch_status()["status"] == "ok"


def test_a_market_order_is_filled_and_everything_tells_so(kraken: VenueRoom) -> None:
    client = kraken.client
    placed = client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "first-order"})
    order = client.fetch_order(placed["id"], SYMBOL)
    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.01, 60000.1)
    assert order["clientOrderId"] == "first-order"
    (trade,) = client.fetch_my_trades(SYMBOL)
    assert (trade["order"], trade["amount"], trade["price"]) == (placed["id"], 0.01, 60000.1)
    assert trade["fee"] == {"cost": 1.5600026, "currency": "USDT"}
    assert trade["takerOrMaker"] == "taker"
    told = client.fetch_order_trades(placed["id"], SYMBOL, None, None, {"trades": order["trades"]})
    assert [one["id"] for one in told] == [trade["id"]]
    balance = client.fetch_balance()
    assert balance["BTC"] == {"free": 1.01, "used": 0.0, "total": 1.01}
    assert balance["USDT"]["total"] == pytest.approx(10_000 - 600.001 - 1.5600026, abs=1e-9)
    ledger = client.fetch_ledger()
    assert {(line["type"], line["currency"], line["direction"]) for line in ledger} == {
        ("transaction", "USDT", "in"), ("transaction", "BTC", "in"), ("transaction", "USD", "in"),
        ("trade", "BTC", "in"), ("trade", "USDT", "out"),
    }  # fmt: skip
    assert {line["referenceId"] for line in ledger if line["type"] == "trade"} == {trade["id"]}


def test_a_resting_order_is_found_and_cancelled_by_both_ids(kraken: VenueRoom) -> None:
    client = kraken.client
    first = client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"clientOrderId": "by-client"})
    second = client.create_order(SYMBOL, "limit", "buy", 0.01, 49_000)
    assert client.fetch_balance()["USDT"]["used"] == pytest.approx(990 * 1.0026)
    (found,) = client.fetch_open_orders(None, None, None, {"clientOrderId": "by-client"})
    assert (found["id"], found["price"], found["status"]) == (first["id"], 50_000, "open")
    client.cancel_order("", SYMBOL, {"clientOrderId": "by-client"})
    client.cancel_order(second["id"], SYMBOL)
    assert client.fetch_open_orders() == []
    (closed,) = client.fetch_closed_orders(None, None, None, {"clientOrderId": "by-client"})
    assert (closed["id"], closed["status"]) == (first["id"], "canceled")
    assert client.fetch_balance()["USDT"]["used"] == 0
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(second["id"], SYMBOL)


@pytest.mark.parametrize(
    ("kind", "side", "price", "params", "stop"),
    [
        ("market", "sell", None, {"stopLossPrice": 59_000}, D(59_000)),
        ("limit", "sell", 58_900, {"stopLossPrice": 59_000}, D(59_000)),
        ("market", "sell", None, {"takeProfitPrice": 61_000}, D(61_000)),
        ("limit", "sell", 61_000, {"takeProfitPrice": 61_000}, D(61_000)),
        ("market", "sell", None, {"trailingAmount": "500"}, D("59500")),
        ("market", "sell", None, {"trailingPercent": "1"}, D("59400")),
        ("limit", "sell", None, {"trailingAmount": "500", "trailingLimitAmount": 600}, D("59500")),
    ],
)
def test_stops_wait_and_go_off(
    kraken: VenueRoom, kind: str, side: str, price: float | None, params: dict[str, Any], stop: D
) -> None:
    client = kraken.client
    placed = client.create_order(SYMBOL, kind, side, 0.01, price, params)
    (order,) = client.fetch_open_orders(SYMBOL)
    assert (order["id"], order["filled"]) == (placed["id"], 0)
    assert client.fetch_balance()["BTC"]["used"] == 0.01
    (kept,) = kraken.venue.accounts["main"].orders
    assert kept.stop == stop
    rises = "takeProfitPrice" in params
    kraken.venue.quote(SYMBOL, D("61000") if rises else D("58950"), D("61000.1") if rises else D("58950.1"))
    assert client.fetch_order(placed["id"], SYMBOL)["status"] == "closed"


def test_an_order_is_asked_for_by_its_own_id_or_found_in_the_listings_by_the_clients(kraken: VenueRoom) -> None:
    client, named = kraken.client, {"cl_ord_id": "mine"}
    placed = client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine"})
    asked = client.private_post_queryorders({"txid": placed["id"], **named})["result"]
    assert asked[placed["id"]]["cl_ord_id"] == "mine"
    assert list(client.private_post_openorders(named)["result"]["open"]) == [placed["id"]]
    with pytest.raises(ccxt.ExchangeError, match="EGeneral:Invalid arguments:txid"):
        client.private_post_queryorders(named)


def test_listings_come_in_pages_of_fifty_newest_first(kraken: VenueRoom) -> None:
    client, terms = kraken.client, Terms(SYMBOL, Side.BUY, quantity=D("0.0001"))
    for number in range(60):
        if number == 30:
            kraken.desk.faults.add(Fault(FaultKind.REPEAT_FILL))
        kraken.venue.place("main", terms)
    first = client.private_post_tradeshistory()["result"]
    second = client.private_post_tradeshistory({"ofs": "49"})["result"]
    assert (first["count"], len(first["trades"]), len(second["trades"])) == (61, 49, 12)
    assert len({**first["trades"], **second["trades"]}) == 60
    numbers = [trade["trade_id"] for trade in first["trades"].values()]
    assert numbers == sorted(numbers, reverse=True)
    closed = client.private_post_closedorders()["result"]
    assert (closed["count"], len(closed["closed"])) == (60, 50)
    ledger = client.private_post_ledgers({"type": "trade", "asset": "XXBT"})["result"]
    assert (ledger["count"], len(ledger["ledger"])) == (60, 50)


def test_funds_transfers_and_trade_balance(kraken: VenueRoom) -> None:
    client = kraken.client
    kraken.venue.transfer("main", "USDT", D(-100), fee=D("2.5"), reference="to my wallet")
    assert {(line["currency"], line["amount"]) for line in client.fetch_deposits()} == {
        ("USDT", 10_000), ("BTC", 1), ("USD", 1_000),
    }  # fmt: skip
    (gone,) = client.fetch_withdrawals("USDT")
    assert (gone["amount"], gone["fee"]["cost"], gone["status"]) == (100, 2.5, "ok")
    assert client.fetch_balance()["USDT"]["total"] == 9_897.5
    worth = client.private_post_tradebalance({"asset": "ZUSD"})["result"]
    assert float(worth["eb"]) == pytest.approx(9_897.5 + 60_000 + 1_000, abs=20)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("limit", "buy", 1, 59_000), ccxt.InsufficientFunds, "EOrder:Insufficient funds"),
        (("limit", "buy", 0.00001, 59_000), ccxt.InvalidOrder, "EOrder:Order minimum not met"),
        (("limit", "buy", 0.01, 60_001, {"postOnly": True}), ccxt.ExchangeError, "EOrder:Post only order"),
        (("market", "sell", 0.01, None, {"reduceOnly": True}), ccxt.ExchangeError, "reduce_only"),
        (("limit", "buy", 0.01, 9_000, {"clientOrderId": "too-long-a-client-id"}), ccxt.ExchangeError, "cl_ord_id"),
        (("limit", "buy", 0.01, 9_000, {"deadline": "2020-01-01T00:00:00Z"}), ccxt.ExchangeError, "Deadline elapsed"),
    ],
)
def test_refuses_in_its_own_words(
    kraken: VenueRoom, arguments: tuple[Any, ...], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        kraken.client.create_order(SYMBOL, *arguments)
    assert kraken.venue.orders == []


def test_a_client_id_is_unique_among_open_orders_only(kraken: VenueRoom) -> None:
    client, named = kraken.client, {"clientOrderId": "again"}
    client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, named)
    with pytest.raises(ccxt.ExchangeError, match="cl_ord_id"):
        client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, named)
    client.cancel_order("", SYMBOL, named)
    client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, named)
    assert len(kraken.venue.orders) == 2


def test_looks_at_the_signature_and_the_permission(kraken: VenueRoom) -> None:
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        kraken.another("key", "guess").fetch_balance()
    with pytest.raises(ccxt.AuthenticationError, match="EAPI:Invalid key"):
        kraken.another("stranger", "trade").fetch_balance()
    looker = kraken.another("look", "look")
    assert looker.fetch_balance()["BTC"]["total"] == 1
    with pytest.raises(ccxt.PermissionDenied, match="EGeneral:Permission denied"):
        looker.create_order(SYMBOL, "market", "buy", 0.01)
    with pytest.raises(ccxt.PermissionDenied, match="EGeneral:Permission denied"):
        looker.cancel_order("OABCDE-FGHIJ-KLMNOP", SYMBOL)
    assert kraken.venue.orders == []


def test_a_nonce_must_rise(kraken: VenueRoom) -> None:
    ahead = kraken.another("key", "trade")
    ahead.nonce = lambda: now_ms() + 60_000
    ahead.fetch_balance()
    with pytest.raises(ccxt.InvalidNonce, match="EAPI:Invalid nonce"):
        kraken.client.fetch_balance()


def test_a_lost_answer_leaves_an_order_that_can_be_found(kraken: VenueRoom) -> None:
    client = kraken.client
    client.load_markets()
    kraken.desk.faults.add(Fault(FaultKind.UNANSWERED, ("AddOrder",)), Fault(FaultKind.LOST, ("place",)))
    for client_id in ("unanswered", "lost"):
        with pytest.raises(ccxt.NetworkError):
            client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"clientOrderId": client_id})
    assert [order["clientOrderId"] for order in client.fetch_open_orders()] == ["unanswered"]


def test_a_hanging_answer_is_a_time_out(kraken: VenueRoom) -> None:
    client = kraken.another("key", "trade", timeout_ms=300)
    client.load_markets()
    kraken.desk.faults.add(Fault(FaultKind.UNANSWERED, ("place",), hang_ms=2_000))
    with pytest.raises(ccxt.RequestTimeout):
        client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
    assert len(kraken.venue.orders) == 1


def test_a_late_request_is_refused_once_a_newer_nonce_was_seen(kraken: VenueRoom) -> None:
    client = kraken.client
    client.load_markets()
    kraken.desk.faults.add(Fault(FaultKind.LATE, ("place",), delay_ms=200))
    with pytest.raises(ccxt.NetworkError):
        client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
    assert client.fetch_open_orders() == []
    time.sleep(0.25)
    assert client.fetch_open_orders() == []
    assert [outcome for _, outcome in kraken.desk.gateway.late] == ["invalid_nonce"]


def test_a_late_request_acts_when_it_arrives(kraken: VenueRoom) -> None:
    client = kraken.client
    client.load_markets()
    kraken.desk.faults.add(Fault(FaultKind.LATE, ("place",), delay_ms=100))
    with pytest.raises(ccxt.NetworkError):
        client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
    time.sleep(0.15)
    assert len(client.fetch_open_orders()) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.RATE_LIMITED), ccxt.DDoSProtection),
        (Fault(FaultKind.UNAVAILABLE), ccxt.ExchangeNotAvailable),
        (Fault(FaultKind.SERVER_ERROR, status=502), ccxt.ExchangeNotAvailable),
        (Fault(FaultKind.INVALID_NONCE), ccxt.InvalidNonce),
        (Fault(FaultKind.INSUFFICIENT_FUNDS), ccxt.InsufficientFunds),
        (Fault(FaultKind.MIN_NOTIONAL), ccxt.ExchangeError),
    ],
)
def test_faults_at_the_door_place_nothing(kraken: VenueRoom, fault: Fault, error: type[Exception]) -> None:
    kraken.client.load_markets()
    kraken.desk.faults.add(fault)
    with pytest.raises(error):
        kraken.client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
    assert kraken.venue.orders == []
    kraken.client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)


def test_maintenance_stops_everything_but_the_status(kraken: VenueRoom) -> None:
    kraken.client.load_markets()
    kraken.venue.mode = Mode.MAINTENANCE
    with pytest.raises(ccxt.ExchangeNotAvailable, match="EService:Unavailable"):
        kraken.client.fetch_balance()
    assert kraken.client.fetch_status()["status"] == "maintenance"


def test_a_restart_cuts_who_is_waiting_and_keeps_the_books(kraken: VenueRoom) -> None:
    client = kraken.another("key", "trade", timeout_ms=5_000)
    client.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
    kraken.desk.faults.add(Fault(FaultKind.SLOW, ("balances",), hang_ms=3_000))
    failures: list[Exception] = []

    def wait() -> None:
        try:
            client.fetch_balance()
        except ccxt.NetworkError as problem:
            failures.append(problem)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    began = time.monotonic()
    open_exchange("kraken", base_url=kraken.base_url).fetch(kraken.base_url + "/_sim/restart", "POST", None, "{}")
    waiting.join(5)
    assert failures
    assert time.monotonic() - began < 2
    assert len(kraken.client.fetch_open_orders()) == 1
