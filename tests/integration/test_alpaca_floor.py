"""The embedded floor on paper money at Alpaca: a webhook becomes an order, a fill, a position with its stop, and books
that agree with the venue's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.state import Account, RiskBook
from fluxfloor.local import audit
from fluxfloor.local.chaos.house import STAGES_RUN
from fluxfloor.local.floor import Floor
from fluxfloor.runtime.settings import load
from fluxfloor.venuesim.faults import FaultKind
from fluxfloor.venuesim.sources import Walk
from fluxfloor.webapi.settled import apply_settings

from tests.support.alpaca_room import LOOKING, OPEN_MS, SYMBOL, TRADING, AlpacaRoom, alpaca_room

D = Decimal
SECRET = "sender-secret-0815"
ACCOUNT = "alpaca-main"


def secret(keys: Any) -> str:
    return json.dumps({"key": keys.key, "secret": keys.secret})


class AlpacaFloor:
    """Its own stages on one side, the simulated venue on the other, one clock for both."""

    def __init__(self, directory: Path, room: AlpacaRoom) -> None:
        self.room, self.directory = room, directory
        self.settings = load(
            overrides={
                "market": {"exchange": "alpaca", "symbols": [SYMBOL], "timeframes": ["15m"], "base_url": room.base_url},
                "accounts": {
                    ACCOUNT: {"venue": "alpaca", "sandbox": True, "currency": "USD", "base_url": room.base_url}
                },
                "portfolios": {"main": {"account": ACCOUNT, "day": "new_york", "limits": {"position_cap": "0.5"}}},
                "strategies": {"trend": {"plugin": "trend", "enabled": False}},
                "senders": {"desk": {"default_expected_alpha": 0.02}},
            }
        )
        self.secrets = {
            f"venue-{ACCOUNT}": secret(TRADING), f"venue-query-{ACCOUNT}": secret(LOOKING),
            "market-alpaca": secret(TRADING), "sender-desk": SECRET,
        }  # fmt: skip
        self.floor = self.open()
        apply_settings(self.floor.context("api"))
        for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
            self.floor.tick(stage, job)
        self.floor.drain()

    def open(self) -> Floor:
        return Floor(
            self.directory, self.settings, self.room.clock, secret_defaults=self.secrets, stages=(*STAGES_RUN, "api")
        )

    def send(self, action: str, number: int, **more: Any) -> None:
        wish = {"id": f"s{number}", "ticker": "NASDAQ:AAPL", "strategy": "outside", "action": action}
        body = {"secret": SECRET, **wish, **more}
        raw, headers = json.dumps(body).encode(), {"Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9"}
        answer = self.floor.request("ingestion", "POST", "/webhooks/desk", raw, headers)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        self.floor.drain()

    def later(self, seconds: int = 10) -> None:
        until_ms = self.room.clock.now_ms() + seconds * 1_000
        self.floor.drain(until_ms=until_ms)
        self.room.clock.advance_to(until_ms)
        self.floor.drain()

    def pull(self) -> None:
        self.floor.tick("market", "pull")
        self.floor.drain()

    def compare(self) -> Account:
        self.floor.tick("reconciliation", "sweep")
        self.floor.drain()
        account = self.floor.context("reconciliation").read(Account.key(ACCOUNT))
        assert account is not None
        return account

    def rows(self, collection: str) -> list[dict[str, Any]]:
        return audit.rows(self.floor.store, collection)

    def orders(self, purpose: str) -> list[dict[str, Any]]:
        return [row for row in self.rows("orders") if row["intent"]["purpose"] == purpose]

    def at_the_venue(self) -> dict[str, Decimal]:
        return {name: amount for name, amount in self.room.venue.accounts["main"].balances.items() if amount}


@pytest.fixture
def alpaca(tmp_path: Path) -> Iterator[AlpacaFloor]:
    with alpaca_room() as room:
        opened = AlpacaFloor(tmp_path, room)
        yield opened
        opened.floor.close()


def in_step(alpaca: AlpacaFloor) -> dict[str, Decimal]:
    """What the venue has, which is what our books have."""
    account, held = alpaca.compare(), alpaca.at_the_venue()
    assert (account.mismatches, {name: amount for name, amount in account.balances.items() if amount}) == (0, held)
    return held


def test_a_webhook_for_a_share_becomes_a_position_with_its_stop_and_the_books_agree(alpaca: AlpacaFloor) -> None:
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later()
    (entry,) = alpaca.orders("entry")
    assert entry["state"] == "filled"
    assert in_step(alpaca)["AAPL"] == 20 + entry["filled_lots"]
    assert D(entry["filled_cost"]) == entry["filled_lots"] * D("174.52")
    (stop,) = alpaca.room.venue.accounts["main"].open.values()
    assert (stop.terms.kind, stop.terms.trigger, stop.quantity) == ("stop", D("170.00"), entry["filled_lots"])
    book = alpaca.floor.context("cerebro").read(RiskBook.key("main"))
    assert book is not None
    assert (book.day, [item.lots for item in book.positions.values()]) == ("2026-07-08", [entry["filled_lots"]])


def test_an_exit_takes_the_stop_back_first_and_sells_what_the_strategy_holds(alpaca: AlpacaFloor) -> None:
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later()
    alpaca.send("close", 2)
    alpaca.later(60)
    assert in_step(alpaca)["AAPL"] == 20
    assert alpaca.room.venue.accounts["main"].open == {}
    (trade,) = alpaca.rows("trades")
    assert D(trade["trade"]["exit_price"]) == D("174.50")


def test_a_stop_that_goes_off_at_the_venue_closes_the_position_here(alpaca: AlpacaFloor) -> None:
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later()
    alpaca.room.quote("169.80", "169.82")
    alpaca.later(70)
    alpaca.floor.tick("execution", "sweep")
    alpaca.floor.drain()
    assert in_step(alpaca)["AAPL"] == 20
    book = alpaca.floor.context("cerebro").read(RiskBook.key("main"))
    assert book is not None
    assert not [item for item in book.positions.values() if item.lots]


def test_a_market_that_gaps_through_the_stop_before_it_stands_is_left_at_once(alpaca: AlpacaFloor) -> None:
    """Alpaca refuses a stop that the market is beyond already: nobody waits for one that never stands."""
    alpaca.room.fault(FaultKind.UNANSWERED)
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.room.quote("169.00", "169.02")
    alpaca.later(20)
    assert in_step(alpaca)["AAPL"] == 20
    assert [order.terms.kind for order in alpaca.room.venue.orders] == ["market", "market"]


@pytest.mark.parametrize("kind", [FaultKind.UNANSWERED, FaultKind.SERVER_ERROR_AFTER])
def test_an_order_whose_answer_is_lost_is_found_and_never_doubled(alpaca: AlpacaFloor, kind: FaultKind) -> None:
    alpaca.room.fault(kind)
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later(60)
    (entry,) = alpaca.orders("entry")
    assert entry["state"] == "filled"
    assert in_step(alpaca)["AAPL"] == 20 + entry["filled_lots"]
    bought = [order for order in alpaca.room.venue.orders if order.terms.side == "BUY"]
    assert len(bought) == 1


def test_an_exit_that_never_arrived_is_sent_again_under_the_same_id_and_sells_once(alpaca: AlpacaFloor) -> None:
    """Its first placement arrives after the second: the venue takes only one of them."""
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later()
    held = alpaca.at_the_venue()["AAPL"]
    assert held > 20
    alpaca.room.fault(FaultKind.LATE, delay_ms=150_000)
    alpaca.send("close", 2)
    for _ in range(20):
        alpaca.later(10)
        alpaca.floor.tick("execution", "sweep")
    alpaca.floor.drain()
    sold = [order for order in alpaca.room.venue.orders if order.terms.side == "SELL" and order.filled]
    assert [order.filled for order in sold] == [held - 20]
    assert in_step(alpaca)["AAPL"] == 20
    assert [outcome.partition(":")[0] for _, outcome in alpaca.room.desk.gateway.late] == ["duplicate_client_id"]


def test_a_floor_that_restarts_goes_on_where_it_was(alpaca: AlpacaFloor) -> None:
    alpaca.room.fault(FaultKind.UNANSWERED)
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.floor.close()
    alpaca.floor = alpaca.open()
    alpaca.later(60)
    (entry,) = alpaca.orders("entry")
    assert entry["state"] == "filled"
    assert in_step(alpaca)["AAPL"] == 20 + entry["filled_lots"]


def test_what_is_paid_in_partial_fills_is_paid_once(alpaca: AlpacaFloor) -> None:
    alpaca.room.quote("174.50", "174.52", size=5)
    alpaca.send("buy", 1, stop_loss="170.00", order_type="limit", price="174.52")
    alpaca.later(5)
    alpaca.room.quote("174.50", "174.52", size=1_000)
    alpaca.later(60)
    (entry,) = alpaca.orders("entry")
    assert (entry["state"], len(entry["fills"])) == ("filled", 2)
    assert in_step(alpaca)["AAPL"] == 20 + entry["filled_lots"]


def test_too_little_buying_power_is_a_rejection_with_its_reason(alpaca: AlpacaFloor) -> None:
    alpaca.room.fault(FaultKind.INSUFFICIENT_FUNDS)
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later()
    (entry,) = alpaca.orders("entry")
    assert (entry["state"], entry["reason"].partition(":")[0]) == ("rejected", "insufficient_funds")
    assert in_step(alpaca)["AAPL"] == 20


def test_bars_of_the_day_reach_the_windows_of_the_floor(alpaca: AlpacaFloor) -> None:
    room = alpaca.room
    outside = room.venue.outside[SYMBOL]
    room.venue.play(SYMBOL, Walk(outside.market, D("174.50"), 3, room.clock.now_ms()))
    room.clock.advance_to(OPEN_MS + 1_803_000)
    alpaca.pull()
    (window,) = alpaca.rows("candle_windows")
    assert (window["id"], window["last_open_ms"]) == ("alpaca:AAPL/USD|15m", OPEN_MS + 900_000)


def test_no_secret_is_in_what_the_floor_keeps_or_says(alpaca: AlpacaFloor, caplog: pytest.LogCaptureFixture) -> None:
    alpaca.room.fault(FaultKind.SERVER_ERROR, "*")
    alpaca.send("buy", 1, stop_loss="170.00")
    alpaca.later(60)
    alpaca.compare()
    kept = b"".join(path.read_bytes() for path in alpaca.directory.rglob("*.db*")) + caplog.text.encode()
    assert not [keys for keys in (TRADING, LOOKING) if keys.secret.encode() in kept]
