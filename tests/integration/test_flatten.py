"""A person's kill switch with flatten: from the API to an empty book, through the real stages."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local.chaos import scenario
from fluxfloor.local.demo import DEMO_SECRET, demo_settings, open_recorded
from fluxfloor.webapi.sessions import mint_ticket

STEP_MS = scenario.STEP_MS


def test_flatten_sells_what_is_held_and_stops_entries(tmp_path: Path) -> None:
    given = scenario.make(Random(3), 0, bars=4)
    settings = demo_settings("BTC/USDT", "15m", port=8080).model_copy(update={"strategies": {}})
    bars = np.array(given.bars)
    at_ms = given.begin_ms + 60_000
    hook = {"secret": DEMO_SECRET, "id": "one", "ticker": "BTCUSDT", "action": "buy", "stopLoss": 1}
    line = json.dumps({"body": json.dumps(hook), "at": at_ms, "sender": "demo"})
    played = open_recorded(tmp_path / "floor", settings, scenario.INSTRUMENT, "15m", bars, line, "hooks")
    report = played.run()
    assert report["positions"], report
    floor = played.floor
    ticket = floor.request("api", "GET", f"/login?ticket={mint_ticket(floor.ports.secrets, floor.clock.now_ms())}")
    cookie = ticket.headers["Set-Cookie"].split(";")[0]
    answer = floor.request(
        "api", "POST", "/v1/halts", json.dumps({"scope": "floor", "reason": "enough", "flatten": True}).encode(),
        {
            "Cookie": cookie, "Content-Type": "application/json", "Idempotency-Key": "halt-0001",
            "Origin": "http://localhost",
        },
    )  # fmt: skip
    assert answer.status_code < 300, answer.get_data()
    floor.drain(until_ms=floor.clock.now_ms() + 60_000)
    book = floor.context("cerebro").read(RiskBook.key("main"))
    assert book is not None
    assert (book.positions, book.reservations) == ({}, {})
    assert played.report()["positions"] == {}
    assert played.report()["books_match_venue"] is True
