"""A person leaves positions: through the API to an empty book, during a halt, and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local.chaos import scenario
from fluxfloor.local.demo import DEMO_SECRET, demo_settings, open_recorded
from fluxfloor.ports import Query
from fluxfloor.webapi.sessions import mint_ticket


class Desk:
    """A floor that holds a position, and somebody who is logged in."""

    def __init__(self, directory: Path) -> None:
        given = scenario.make(Random(3), 0, bars=4)
        settings = demo_settings("BTC/USDT", "15m", port=8080).model_copy(update={"strategies": {}})
        hook = {"secret": DEMO_SECRET, "id": "one", "ticker": "BTCUSDT", "action": "buy", "stopLoss": 1}
        line = json.dumps({"body": json.dumps(hook), "at": given.begin_ms + 60_000, "sender": "demo"})
        bars = np.array(given.bars)
        self.played = open_recorded(directory, settings, scenario.INSTRUMENT, "15m", bars, line, "hooks")
        self.played.run()
        self.floor = self.played.floor
        ticket = mint_ticket(self.floor.ports.secrets, self.floor.clock.now_ms())
        self.cookie = self.floor.request("api", "GET", f"/login?ticket={ticket}").headers["Set-Cookie"].split(";")[0]

    def send(self, path: str, body: Any, key: str) -> tuple[int, Any]:
        headers = {
            "Cookie": self.cookie, "Content-Type": "application/json", "Idempotency-Key": key,
            "Origin": "http://localhost",
        }  # fmt: skip
        answer = self.floor.request("api", "POST", path, json.dumps(body).encode(), headers)
        return answer.status_code, json.loads(answer.get_data())

    def later(self, ms: int = 60_000) -> None:
        self.floor.drain(until_ms=self.floor.clock.now_ms() + ms)

    def book(self) -> RiskBook:
        found = self.floor.context("cerebro").read(RiskBook.key("main"))
        assert found is not None
        return found

    def orders(self) -> list[Order]:
        return [Order.decode(item.data or {}) for item in self.floor.store.query(Query("orders", limit=100))]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "floor")
    assert made.book().positions
    yield made
    made.played.close()


@pytest.mark.parametrize("named", [{"all": True}, {"instrument": "BTC/USDT"}, {"portfolio": "main"}])
def test_an_exit_empties_the_book_though_entries_are_halted(desk: Desk, named: dict[str, Any]) -> None:
    assert desk.send("/v1/halts", {"scope": "floor", "reason": "enough"}, "halt-0001")[0] == 200
    status, told = desk.send("/v1/positions/exit", {**named, "reason": "out of it"}, "exit-0001")
    assert status == 202
    (asked,) = told["items"]
    desk.later()
    assert (desk.book().positions, desk.book().reservations) == ({}, {})
    (order,) = [item for item in desk.orders() if item.intent.purpose == "exit"]
    assert (order.intent.signal_id, order.intent.sender_id, order.intent.tag) == (asked["signal_id"], "floor", "forced")
    assert desk.played.report()["books_match_venue"] is True


def test_an_exit_that_is_asked_for_twice_under_one_key_is_made_once(desk: Desk) -> None:
    first, again = (desk.send("/v1/positions/exit", {"all": True, "reason": "out"}, "exit-0001") for _ in range(2))
    assert first == again
    desk.later()
    assert len([item for item in desk.orders() if item.intent.purpose == "exit"]) == 1


def test_an_exit_out_of_nothing_is_refused(desk: Desk) -> None:
    assert desk.send("/v1/positions/exit", {"strategy": "nobody", "reason": "out"}, "exit-0001")[0] == 422
    assert desk.send("/v1/positions/exit", {"reason": "out"}, "exit-0002")[0] == 422
    assert desk.book().positions


def test_the_audit_log_says_who_left_what_and_why(desk: Desk) -> None:
    desk.send("/v1/positions/exit", {"all": True, "reason": "before the news"}, "exit-0001")
    answer = desk.floor.request("api", "GET", "/v1/audit", headers={"Cookie": desk.cookie})
    (made,) = [item for item in json.loads(answer.get_data())["items"] if item["action"] == "position.exit"]
    assert made["actor"] == "admin"
    assert made["details"]["reason"] == "before the news"
    assert "kraken:BTC/USDT" in made["details"]["positions"]
