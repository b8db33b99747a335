"""A portfolio on two accounts, through the real stages: one decision, an order for each, out again where they lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local import audit
from fluxfloor.local.chaos import house, scenario
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Settings, load
from fluxfloor.webapi import settled

from tests.support.trading_floor import entry

ACCOUNTS = {
    "big": {"deposit": "6000", "portfolio": "main"},
    "small": {"deposit": "2000", "portfolio": "main"},
}


def two_accounts(**portfolio: Any) -> Settings:
    return load(
        overrides={
            "market": {"symbols": ["BTC/USDT"], "timeframes": ["15m"]},
            "accounts": ACCOUNTS,
            "portfolios": {"main": {"accounts": ["big", "small"], "limits": house.LIMITS, **portfolio}},
        }
    )


class TwoAccounts:
    def __init__(self, directory: Path, settings: Settings) -> None:
        given = scenario.make(Random(7), signals=0, bars=8)
        self.clock = VirtualClock(given.begin_ms)
        source = FileMarketData([Series(scenario.INSTRUMENT, "15m", given.bars)], self.clock)
        secrets = {f"sender-{scenario.SENDER}": scenario.SECRET}
        self.floor = Floor(directory, settings, self.clock, lambda _: source, secrets, stages=house.STAGES_RUN)
        house.prepare(self.floor)
        (policy,) = settled.policies(settings)
        (known,) = self.floor.store.read([Ref(Policy.collection, "main")])
        data = {**policy.encode(), "version": 2}
        self.floor.store.commit(Commit(updates={known.ref: (data, known.token)}))

    def send(self, id: str, action: str, **more: Any) -> None:
        body = json.dumps(entry(id, action, **more)).encode()
        sent = {"Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9"}
        assert self.floor.request("ingestion", "POST", f"/webhooks/{scenario.SENDER}", body, sent).status_code == 200
        until_ms = self.clock.now_ms() + 30_000
        self.floor.drain(until_ms=until_ms)
        self.clock.advance_to(until_ms)

    def rows(self, collection: str) -> list[dict[str, Any]]:
        return audit.rows(self.floor.store, collection)

    def orders(self, purpose: str) -> dict[str, int]:
        own = [row for row in self.rows("orders") if row["intent"]["purpose"] == purpose]
        assert {row["state"] for row in own} <= {"filled"}
        return {row["intent"]["account_id"]: row["intent"]["lots"] for row in own}

    @property
    def book(self) -> RiskBook:
        found = self.floor.context("cerebro").read(RiskBook.key("main"))
        assert found is not None
        return found


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[TwoAccounts]:
    opened = TwoAccounts(tmp_path, two_accounts(route="pro_rata"))
    yield opened
    opened.floor.close()


def test_an_entry_is_split_filled_in_both_accounts_and_leaves_both(floor: TwoAccounts) -> None:
    assert floor.book.equity == 8_000
    floor.send("in", "buy")
    bought = floor.orders("entry")
    assert set(bought) == {"big", "small"}
    assert 2.9 < bought["big"] / bought["small"] < 3.1
    (position,) = floor.book.positions.values()
    assert position.accounts == bought
    assert position.lots == sum(bought.values())
    assert floor.book.reservations == {}
    (stance,) = floor.rows("stances")
    (held,) = [item for item in stance["holdings"].values() if item["lots"]]
    assert (held["lots"], held["pending"]) == (position.lots, {})
    floor.send("out", "exit")
    assert floor.orders("exit") == bought
    assert (floor.book.positions, floor.book.reservations) == ({}, {})
    accounts = {row["id"]: row for row in floor.rows("accounts")}
    worth = sum(Decimal(row["balances"]["USDT"]) for row in accounts.values())
    assert floor.book.equity == floor.book.cash == worth < 8_000
    assert {name: item.cash for name, item in floor.book.accounts.items()} == {
        name: Decimal(row["balances"]["USDT"]) for name, row in accounts.items()
    }
    floor.floor.tick("reconciliation", "sweep")
    floor.floor.drain()
    assert {row["mismatches"] for row in floor.rows("accounts")} == {0}


def test_the_first_account_alone_trades_where_nothing_is_said(tmp_path: Path) -> None:
    opened = TwoAccounts(tmp_path, two_accounts())
    opened.send("in", "buy")
    assert set(opened.orders("entry")) == {"big"}
    (decision,) = [
        fact["data"]["decision"]
        for step in opened.rows("journal")
        for fact in step["facts"]
        if fact["type"] == "decisions.made.v1" and fact["data"]["decision"]["verdict"] == "accepted"
    ]
    assert "big can take" in next(step["note"] for step in decision["waterfall"] if step["name"] == "accounts")
    opened.floor.close()
