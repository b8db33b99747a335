"""The floor at a venue: webhook, order, fill and books through the real ccxt, at a simulated Kraken over loopback.

Everything is as it is live but for the clock, which both sides share and which moves when it is told to.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.adapters.venues.ccxt_data import CcxtMarketData
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.state import Account
from fluxfloor.errors import Misconfigured
from fluxfloor.local import audit
from fluxfloor.local.floor import Floor
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import load
from fluxfloor.venuesim.facade import Desk
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.kraken import RULES, Kraken
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.orders import Kind, Side, Terms
from fluxfloor.venuesim.server import serving
from fluxfloor.venuesim.sources import Walk
from fluxfloor.venuesim.venue import Venue
from fluxfloor.webapi.settled import apply_settings

AT_MS = 1_767_225_600_000  # 2026-01-01
D = Decimal
STAGES = ("ingestion", "market", "features", "cerebro", "execution", "reconciliation", "api")
SENDER_SECRET = "a-senders-secret-55"
HISTORY_MINUTES = 520 * 15


def keys(name: str) -> tuple[str, str]:
    return f"{name}-key-0001", base64.b64encode(f"the secret of {name}".encode()).decode()


class AtVenue:
    def __init__(
        self, directory: Path, desk: Desk, base_url: str, clock: VirtualClock, secrets: tuple[str, ...]
    ) -> None:
        stored = {
            name: json.dumps(dict(zip(("key", "secret"), keys(key), strict=True)))
            for name, key in (("venue-main", "trading"), ("venue-query-main", "looking"))
            if name in secrets
        }
        self.clock, self.desk = clock, desk
        settings = load(overrides={
            "market": {"symbols": ["BTC/USDT"], "timeframes": ["15m"], "base_url": base_url},
            "strategies": {},
            "accounts": {"main": {"venue": "kraken", "sandbox": True, "base_url": base_url, "currency": "USDT",
                                  "requests_per_minute": 600, "orders_per_minute": 600}},
            "portfolios": {"main": {"account": "main", "limits": {"position_cap": "0.9", "exposure_cap": "0.9"}}},
            "senders": {"desk": {"default_expected_alpha": "0.05"}},
        })  # fmt: skip
        data = CcxtMarketData("kraken", clock, base_url=base_url, rate_limit_ms=0)
        self.floor = Floor(
            directory, settings, clock, lambda _: data, {**stored, "sender-desk": SENDER_SECRET}, stages=STAGES
        )
        apply_settings(self.floor.context("api"))
        for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
            self.floor.tick(stage, job)
        self.floor.drain()

    def send(self, **more: Any) -> None:
        body = {"secret": SENDER_SECRET, "ticker": "BTCUSDT", "strategy": "outside", **more}
        answer = self.floor.request(
            "ingestion", "POST", "/webhooks/desk", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.get_data()

    def later(self, seconds: int) -> None:
        """Time passes, and what falls due in it is handled, the minute's sweeps among it."""
        until_ms = self.clock.now_ms() + seconds * 1000
        while self.clock.now_ms() < until_ms:
            step_ms = min(until_ms, self.clock.now_ms() + 60_000)
            self.floor.drain(until_ms=step_ms)
            self.clock.advance_to(step_ms)
            self.floor.tick("market", "pull")
            self.floor.tick("execution", "sweep")
            self.floor.drain()

    def reconcile(self) -> Account:
        """A minute later: the key that looks has its budget again."""
        self.later(60)
        self.floor.tick("reconciliation", "sweep")
        self.floor.drain()
        account = self.floor.context("reconciliation").read(Account.key("main"))
        assert account is not None
        return account

    def orders(self) -> list[Order]:
        return [Order.decode(row) for row in audit.rows(self.floor.store, "orders")]

    @property
    def at_venue(self) -> dict[str, Decimal]:
        return {name: amount for name, amount in self.desk.venue.accounts["main"].balances.items() if amount}


@contextmanager
def at_venue(
    directory: Path, secrets: tuple[str, ...] = ("venue-main", "venue-query-main"), before: dict[str, D] | None = None
) -> Iterator[AtVenue]:
    clock = VirtualClock(AT_MS)
    market = Market("BTC/USDT", D("0.1"), D("0.00000001"), D("0.00005"), D("0.5"))
    venue = Venue([market], clock.now_ms, RULES)
    venue.play("BTC/USDT", Walk(market, D(60_000), 7, AT_MS, step_ms=5_000, history_minutes=HISTORY_MINUTES))
    desk = Desk.of(venue)
    venue.open_account("main", before or {"USDT": D(10_000)})
    for name, may_trade in (("trading", True), ("looking", False)):
        desk.keys.add(ApiKey(*keys(name), "main", may_trade=may_trade))
    with serving(desk, Kraken(desk)) as base_url:
        room = AtVenue(directory, desk, base_url, clock, secrets)
        yield room
        room.floor.close()
    assert venue.accounts["main"].faults() == []


def test_a_webhook_becomes_an_order_a_fill_and_books_that_agree(tmp_path: Path) -> None:
    with at_venue(tmp_path) as room:
        assert room.reconcile().balances == {"USDT": D(10_000)}
        room.send(id="s1", action="buy", stop_loss="50000")
        room.later(90)
        entry = next(order for order in room.orders() if order.intent.purpose == "entry")
        assert entry.state is OrderState.FILLED
        account = room.reconcile()
        assert account.mismatches == 0
        assert {name: amount for name, amount in account.balances.items() if amount} == room.at_venue
        assert room.at_venue["BTC"] > 0
        (stop,) = room.desk.venue.accounts["main"].open.values()
        assert (str(stop.terms.kind), stop.quantity) == ("stop", room.at_venue["BTC"])


def test_an_order_whose_answer_was_lost_is_found_and_booked_once(tmp_path: Path) -> None:
    with at_venue(tmp_path) as room:
        room.desk.faults.add(Fault(FaultKind.UNANSWERED, ("AddOrder",)))
        room.send(id="s1", action="buy", stop_loss="50000")
        room.later(120)
        placed = [order for order in room.desk.venue.orders if order.terms.kind == "market"]
        assert len(placed) == 1
        account = room.reconcile()
        assert account.mismatches == 0
        assert {name: amount for name, amount in account.balances.items() if amount} == room.at_venue


def test_a_position_is_entered_and_left_and_nothing_stays_behind(tmp_path: Path) -> None:
    with at_venue(tmp_path) as room:
        room.send(id="s1", action="buy", stop_loss="50000")
        room.later(90)
        room.send(id="s2", action="sell", market_position="flat", market_position_size="0")
        room.later(180)
        account = room.reconcile()
        assert account.mismatches == 0
        assert room.at_venue.keys() == {"USDT"}
        assert {name: amount for name, amount in account.balances.items() if amount} == room.at_venue
        assert not room.desk.venue.accounts["main"].open


def test_a_venue_whose_clock_is_off_trades_on_and_a_person_is_told_once(tmp_path: Path) -> None:
    with at_venue(tmp_path) as room:
        room.desk.venue.skew_ms = -5_000
        room.later(300)
        room.send(id="s1", action="buy", stop_loss="50000")
        room.later(90)
        assert room.reconcile().mismatches == 0
        assert room.at_venue["BTC"] > 0
        room.reconcile()
        facts = [fact["data"] for row in audit.rows(room.floor.store, "journal") for fact in row["facts"]]
        told = [fact["message"] for fact in facts if fact.get("kind") == "clock_off"]
        assert len(told) == 1
        assert "kraken's clock is" in told[0]
        assert "behind this machine's" in told[0]


def test_without_the_key_that_trades_nothing_is_placed_and_the_books_are_read(tmp_path: Path) -> None:
    with at_venue(tmp_path, secrets=("venue-query-main",)) as room:
        assert room.reconcile().balances == {"USDT": D(10_000)}
        venue = room.floor.ports.venue("main")
        with pytest.raises(Misconfigured, match=r"accounts\.main: nothing here may trade on it"):
            venue.find("0" * 32, room.floor.ports.market_data("kraken").instruments()[0], AT_MS)
        assert room.desk.venue.orders == []


def test_what_other_hands_do_at_the_venue_is_found_and_taken_in(tmp_path: Path) -> None:
    """Somebody buys by hand, rests an order, brings and takes money, while the floor holds a position of its own."""
    with at_venue(tmp_path) as room:
        room.send(id="s1", action="buy", stop_loss="50000", quantity="0.01")
        room.later(90)
        own = room.reconcile().positions["kraken:BTC/USDT"].lots
        venue = room.desk.venue
        venue.place("main", Terms("BTC/USDT", Side.BUY, Kind.MARKET, D("0.02"), fee_in="base", by_hand=True))
        venue.place("main", Terms("BTC/USDT", Side.BUY, Kind.LIMIT, D("0.001"), limit=D(30_000), by_hand=True))
        venue.transfer("main", "USDT", D(500), reference="wire")
        venue.transfer("main", "USDT", D(-100), fee=D(1), reference="0xabc")
        room.later(240)
        account = room.reconcile()
        assert (account.mismatches, account.deposits) == (0, 10_400)
        assert {name: amount for name, amount in account.balances.items() if amount} == room.at_venue
        lots = {lot.strategy_id: lot.lots for lot in account.positions["kraken:BTC/USDT"].open_lots}
        assert (lots.keys(), lots["desk:outside"]) == ({"desk:outside", "external"}, own)
        assert 1_990_000 < lots["external"] < 2_000_000, "the fee was taken out of what was bought"
        assert sum(lots.values()) * D("0.00000001") == room.at_venue["BTC"]
        for _ in range(2):
            room.later(180)
            account = room.reconcile()
        risks = [fact["data"] for fact in audit.facts(room.floor.store) if fact["type"] == "risks.raised.v1"]
        kinds = sorted(risk["kind"] for risk in risks if risk["kind"] not in ("clock_off",))
        assert kinds == ["capital_moved", "capital_moved", "external_trade", "order_unknown_at_venue"]
        kept = sorted(row["kind"] for row in audit.rows(room.floor.store, "ledger"))
        assert kept == ["deposit", "deposit", "external", "fill", "withdrawal"]


def test_a_cold_start_on_an_account_with_coins_takes_them_for_capital(tmp_path: Path) -> None:
    with at_venue(tmp_path, before={"USDT": D(2_000), "BTC": D("0.5")}) as room:
        account = room.reconcile()
        assert {name: amount for name, amount in account.balances.items() if amount} == room.at_venue
        btc = account.rates["BTC"].rate
        assert account.basis["BTC"] == account.deposits - 2_000
        assert abs(account.deposits - 2_000 - btc / 2) < btc / 50
        assert (account.mismatches, account.positions) == (0, {})
