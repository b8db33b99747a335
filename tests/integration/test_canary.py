"""One canary for every secret of a whole floor, through every door and every fault: none gets out anywhere.

Planted: sender, bot token, hook secret, chat and pager addresses and keys, mail password, session key, both venue keys,
and a venue whose refusals and errors quote its key. Looked for: every file of the floor, its log, every answer of the
API, every notice in every channel, every message of the bot, every export.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.errors import FloorError, OutcomeUnknown, RetryLater, VenueRefused
from fluxfloor.local import audit
from fluxfloor.local.chaos import house, scenario
from fluxfloor.local.floor import Floor
from fluxfloor.local.listening import Listener
from fluxfloor.ports import Placement, Venue, VenueBooks, VenueOrder
from fluxfloor.runtime import logging as logs
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import Channel, Settings
from fluxfloor.topology import STAGES
from fluxfloor.webapi.passwords import hash_password
from fluxfloor.webapi.sessions import mint_ticket
from fluxfloor.webapi.settled import apply_settings

from functions.api.table import table
from tests.support.bot_api import BotApi
from tests.support.smtp_server import SmtpServer
from tests.support.trading_floor import entry
from tests.support.web_server import Answer, WebServer

MARK = "qzxcanary"
TOKEN = f"123456:{MARK}-bot-token"
PASSWORD = f"{MARK}-admin-password"
SECRETS = {
    "alerts-telegram": TOKEN, "api-telegram": f"{MARK}-hook-secret",
    "alerts-slack": f"https://hooks.slack.com/services/T0/B0/{MARK}webhook", "alerts-pager": f"{MARK}-pager-key",
    "alerts-email": f"{MARK}-mail-password", "api-session-key": f"{MARK}-session-key-that-is-long-enough",
    "api-admin-password-hash": hash_password(PASSWORD),
    "venue-paper-main": json.dumps({"key": f"{MARK}-trading-key", "secret": f"{MARK}-trading-secret"}),
    "venue-query-paper-main": json.dumps({"key": f"{MARK}-query-key", "secret": f"{MARK}-query-secret"}),
}  # fmt: skip


class Talkative(Venue):
    """Opens its keys as an adapter does, and quotes them in whatever goes wrong; else it is the paper venue."""

    def __init__(self, inner: Venue, ports: Ports) -> None:
        self.inner, self.capabilities = inner, inner.capabilities
        self.keys = [json.loads(ports.secrets.get(f"venue-{name}")) for name in ("paper-main", "query-paper-main")]
        for key in self.keys:
            for value in key.values():
                logs.register_secret(value)
        self.moods: list[type[FloorError] | None] = []

    def _grumble(self) -> None:
        mood = self.moods.pop(0) if self.moods else None
        if mood is not None:
            text = f"EAPI:Invalid signature for {self.keys[0]['key']} with {self.keys[0]['secret']} / {self.keys[1]}"
            raise mood(text)

    def place(self, placement: Placement) -> VenueOrder:
        self._grumble()
        return self.inner.place(placement)

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        return self.inner.find(client_order_id, instrument, since_ms)

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        self.inner.cancel(order, instrument)

    def books(self, since_ms: int) -> VenueBooks:
        self._grumble()
        return self.inner.books(since_ms)

    def quote(self, instrument: Instrument) -> Any:
        return self.inner.quote(instrument)

    def clock_offset_ms(self) -> int:
        return self.inner.clock_offset_ms()


class Everything:
    """All twelve stages, every kind of channel on loopback, and a person at each of the doors."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bot, self.web, self.mail = BotApi(TOKEN), WebServer(), SmtpServer()
        given = scenario.make(Random(7), signals=0, bars=8)
        self.clock = VirtualClock(given.begin_ms)
        bars = FileMarketData([Series(scenario.INSTRUMENT, "15m", given.bars)], self.clock)
        self.venue: Any = None

        def wrap(ports: Ports) -> Ports:
            self.venue = Talkative(ports.venue("paper-main"), ports)
            return replace(ports, venue=lambda _: self.venue)

        sender = {f"sender-{scenario.SENDER}": f"{MARK}-sender-secret"}
        self.floor = Floor(
            directory, self._settings(), self.clock, lambda _: bars, {**SECRETS, **sender}, wrap, tuple(STAGES)
        )
        apply_settings(self.floor.context("api"))
        for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
            self.floor.tick(stage, job)
        self.floor.drain()
        self.listener = Listener(self.floor, wait_s=0)
        ticket = mint_ticket(self.floor.ports.secrets, self.clock.now_ms())
        self.cookie = self.ask("GET", f"/login?ticket={ticket}").headers["Set-Cookie"].split(";")[0]
        self.heard: list[str] = []

    def _settings(self) -> Settings:
        base = house.settings()
        more = {
            "senders": {scenario.SENDER: {"default_expected_alpha": str(scenario.ALPHA)}},
            "telegram": {"enabled": True, "allowed_users": [7], "base_url": self.bot.url},
            "alerts": [
                Channel(kind="log"),
                Channel(kind="telegram", secret_name="alerts-telegram", chat_id="7", base_url=self.bot.url),
                Channel(kind="slack", secret_name="alerts-slack", base_url=self.web.url),
                Channel(
                    kind="webhook", secret_name="alerts-pager", url=f"{self.web.url}/in", escalation_after_min=0,
                    min_severity="info",
                ),
                Channel(
                    kind="email", host="127.0.0.1", port=self.mail.port, sender="floor@example.org",
                    to="a@example.org",
                ),
            ],
        }  # fmt: skip
        return Settings.model_validate({**base.model_dump(), **more})

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if raw else {}
        return self.floor.request("api", method, path, raw, {**sent, **headers})

    def api(self, method: str, path: str, body: Any = None) -> int:
        """As a person who is logged in; what is answered is looked through."""
        headers = {"Cookie": self.cookie, "Origin": "http://localhost", "Idempotency-Key": f"key-{len(self.heard):06}"}
        answer = self.ask(method, path, body, **headers)
        self.heard.append(f"{method} {path}\n{answer.get_data(as_text=True)}\n{answer.headers}")
        return int(answer.status_code)

    def hook(self, **more: Any) -> None:
        body = {**entry(**more), "secret": f"{MARK}-sender-secret"}
        answer = self.floor.request(
            "ingestion",
            "POST",
            f"/webhooks/{scenario.SENDER}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        self.heard.append(answer.get_data(as_text=True))

    def say(self, text: str) -> None:
        self.bot.date_s = self.clock.now_ms() // 1_000
        self.bot.write(text)
        self.listener._hear()

    def later(self, ms: int) -> None:
        until_ms = self.clock.now_ms() + ms
        self.floor.drain(until_ms=until_ms)
        self.clock.advance_to(until_ms)
        self.floor.drain()

    # --- where it would be seen ----------------------------------------------------------------------------------

    def places(self) -> dict[str, str]:
        files = [path for path in sorted(self.directory.rglob("*")) if path.is_file() and "secrets" not in path.parts]
        held = [row for database in ("mode", "edge") for row in audit.rows(self.floor.store, "quarantine", database)]
        return {
            "files": b"\n".join(path.read_bytes() for path in files).decode("latin-1"),
            "quarantine": "\n".join(base64.b64decode(row["data"]).decode("utf-8", "replace") for row in held),
            "answers": "\n".join(self.heard), "chat": "\n".join(text for _, text in self.bot.sent),
            "notices": "\n".join(_body(posted.body) for posted in self.web.posted),
            "mails": "\n".join(mail.as_string() for mail in self.mail.mails),
        }  # fmt: skip

    def close(self) -> None:
        for part in (self.floor, self.bot, self.web, self.mail):
            part.close()


def _body(raw: bytes) -> str:
    """What was posted, without the place where a pager's own key belongs."""
    return re.sub(r'"routing_key":"[^"]*"', "", raw.decode())


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Everything]:
    monkeypatch.setattr(logs, "_spellings", ())
    made = Everything(tmp_path)
    yield made
    made.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("DEBUG", stream)
    yield stream
    root.handlers[:], root.level = before, level


def live_through_everything(all_of_it: Everything) -> None:
    all_of_it.hook(id="in")
    all_of_it.later(5_000)
    for n, mood in enumerate((VenueRefused, OutcomeUnknown, RetryLater, VenueRefused)):
        all_of_it.venue.moods = [mood]
        all_of_it.hook(id=f"faulty-{n}", strategy=f"outside-{n}")
        all_of_it.later(20_000)
    all_of_it.venue.moods = [RetryLater, VenueRefused, OutcomeUnknown]
    for _ in range(3):
        all_of_it.floor.tick("reconciliation", "sweep")
    for text in ("/status", "/balance", "/positions", "/orders", f"/stop main {TOKEN}", "/exit all", f"/ack {TOKEN}"):
        all_of_it.say(text)
    all_of_it.venue.moods = [VenueRefused] * 3
    all_of_it.api("POST", "/v1/positions/exit", {"all": True, "reason": "enough"})
    all_of_it.later(120_000)
    now_ms = all_of_it.clock.now_ms()
    for kind in ("trades", "equity"):
        span = {"kind": kind, "account_id": "paper-main", "from_ms": now_ms - 86_400_000, "to_ms": now_ms + 1}
        assert all_of_it.api("POST", "/v1/exports", span) == 202
    all_of_it.web.answers = [Answer(500, echo=True), Answer(403, echo=True), Answer()]
    all_of_it.later(60_000)
    for _ in range(3):
        all_of_it.clock.advance_to(all_of_it.clock.now_ms() + 900_000)
        for stage in ("alerts", "execution", "exports"):
            all_of_it.floor.tick(stage, "sweep")
        all_of_it.floor.tick("dashboard", "health")
        all_of_it.floor.drain()


def read_everything(all_of_it: Everything) -> None:
    """Every address of the API, with the ids that its lists give."""
    orders = [row["id"] for row in audit.rows(all_of_it.floor.store, "orders")]
    decisions = [row["id"] for row in audit.rows(all_of_it.floor.store, "decision_rows")]
    exports = [row["id"] for row in audit.rows(all_of_it.floor.store, "exports")]
    known = {"portfolio": ["main"], "id": [*orders, *decisions, *exports], "format": ["csv"], "name": ["page.js"]}
    for route in table.routes:
        if route.method != "GET":
            continue
        paths = [route.path.replace("/*", "/x")]
        for name in route.parameters:
            paths = [path.replace(f"{{{name}}}", value) for path in paths for value in known.get(name, ["x"])]
        for path in paths:
            assert all_of_it.api("GET", path) < 500, path
    for name in all_of_it.floor.blobs.list("exports/"):
        found = all_of_it.floor.blobs.get(name)
        assert found is not None
        all_of_it.heard.append(found.data.decode("latin-1"))


def test_no_secret_of_a_whole_floor_gets_out_anywhere(everything: Everything, logged: io.StringIO) -> None:
    live_through_everything(everything)
    read_everything(everything)
    places = {**everything.places(), "log": logged.getvalue()}
    for name, text in places.items():
        assert len(text) > 100 or name == "quarantine", name  # there was something to look through
    found = {name: re.findall(f".{{60}}{MARK}.{{30}}", text, re.DOTALL) for name, text in places.items()}
    assert {name: hits[:3] for name, hits in found.items() if MARK in places[name]} == {}
    assert "Invalid signature" in places["files"]  # the venue's words are kept, its keys are not
    assert "Invalid signature" in places["notices"]
    assert len(everything.bot.sent) > 7


def test_the_search_would_find_it(everything: Everything) -> None:
    everything.api("POST", "/v1/halts", {"scope": "main", "reason": f"{MARK}-that-nobody-knows-as-a-secret"})
    places = everything.places()
    assert MARK in places["files"]
    assert MARK in places["answers"]
