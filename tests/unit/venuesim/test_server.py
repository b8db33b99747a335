"""The simulator's own pages, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fluxfloor.venuesim.facade import Desk, Request
from fluxfloor.venuesim.kraken import Kraken
from fluxfloor.venuesim.server import serving

from tests.support.venue_core import SYMBOL, Core


@pytest.fixture
def room() -> Iterator[tuple[Core, httpx.Client]]:
    core = Core()
    desk = Desk.of(core.venue, core.faults)
    with serving(desk, Kraken(desk)) as base_url, httpx.Client(base_url=base_url, trust_env=False) as client:
        yield core, client


def post(client: httpx.Client, what: str, **told: Any) -> Any:
    answer = client.post(f"/_sim/{what}", json=told)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_state_shows_what_people_did_at_the_venue(room: tuple[Core, httpx.Client]) -> None:
    core, client = room
    post(client, "quote", symbol=SYMBOL, bid="100", ask="101", size="2")
    traded = post(client, "trade", account="main", symbol=SYMBOL, side="buy", quantity="1")
    assert traded == {"number": 1, "status": "filled", "filled": "1"}
    post(client, "transfer", account="main", currency="USDT", amount="-50", fee="1")
    post(client, "transfer", account="main", currency="BTC", amount="0.5", kind="reward")
    state = client.get("/_sim/state").json()
    account = state["accounts"]["main"]
    assert (state["venue"], state["markets"][SYMBOL]["bid"]) == ("kraken", "100")
    assert account["orders"][0]["by_hand"] is True
    assert account["balances"] == {"USDT": "9847.7374", "BTC": "2.5"}
    assert account["contradictions"] == core.account.faults() == []
    assert [line["kind"] for line in account["ledger"]][-2:] == ["withdrawal", "reward"]


def test_faults_are_told_seen_and_cleared(room: tuple[Core, httpx.Client]) -> None:
    _, client = room
    faults = [{"kind": "unavailable", "calls": "Time"}, {"kind": "lost", "count": None}]
    answer = client.post("/_sim/faults", json=faults)
    assert answer.status_code == 200
    assert client.get("/0/public/Time").json() == {"error": ["EService:Unavailable"]}
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/0/public/Time")
    state = client.get("/_sim/state").json()
    assert [fault["kind"] for fault in state["faults"]] == ["lost"]
    assert state["struck"] == [["unavailable", "", "time"], ["lost", "", "time"]]
    post(client, "faults/clear")
    assert client.get("/0/public/Time").json()["error"] == []


def test_mode_and_skew_are_set(room: tuple[Core, httpx.Client]) -> None:
    core, client = room
    post(client, "mode", mode="maintenance")
    post(client, "skew", skew_ms=5_000)
    assert client.get("/0/public/SystemStatus").json()["result"]["status"] == "maintenance"
    assert core.venue.advance() == core.now_ms + 5_000


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nothing", {}),
        ("quote", {"symbol": SYMBOL, "bid": "2", "ask": "1"}),
        ("quote", {"symbol": "NO/NE", "bid": "1", "ask": "2"}),
        ("quote", {"symbol": SYMBOL, "bid": "one", "ask": "2"}),
        ("transfer", {"account": "main", "currency": "USDT", "amount": "-1000000"}),
        ("transfer", {"account": "nobody", "currency": "USDT", "amount": "1"}),
        ("trade", {"account": "main", "symbol": SYMBOL, "side": "hold", "quantity": "1"}),
        ("cancel", {"account": "main", "number": 5}),
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "lost", "wind": 9}),
        ("mode", {"mode": "asleep"}),
    ],
)
def test_what_makes_no_sense_is_said_so(room: tuple[Core, httpx.Client], what: str, told: dict[str, Any]) -> None:
    _, client = room
    answer = client.post(f"/_sim/{what}", json=told)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/0/public/Nothing", "EGeneral:Unknown method"),
        ("/0/private/Nothing", "EGeneral:Unknown method"),
        ("/0/public/Ticker?pair=NONE", "EQuery:Unknown asset pair"),
        ("/0/public/OHLC?pair=XBTUSDT&interval=7", "EGeneral:Invalid arguments:interval"),
        ("/0/public/Depth?pair=XBTUSDT&count=many", "EGeneral:Invalid arguments:count"),
        ("/0/private/Balance", "EAPI:Invalid key"),
    ],
)
def test_kraken_answers_nonsense_with_an_error(room: tuple[Core, httpx.Client], path: str, error: str) -> None:
    _, client = room
    assert client.get(path).json() == {"error": [error]}


def test_parameters_come_from_the_query_a_form_or_json() -> None:
    assert Request("GET", "/", "a=1&b=two").params() == {"a": "1", "b": "two"}
    assert Request("POST", "/", "a=1", body=b"a=2&c=%2B5").params() == {"a": "2", "c": "+5"}
    assert Request("POST", "/", body=json.dumps({"a": "x", "n": 5, "t": True}).encode()).params() == {
        "a": "x", "n": "5", "t": "true",
    }  # fmt: skip
