"""A floor with the stages that people look at, and ways to tell it things: what the page and the API are tested on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import orjson
from fluxfloor.contracts.base import Document, Event
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.local.floor import Floor, respond
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import Settings
from fluxfloor.webapi.passwords import hash_password
from fluxfloor.webapi.sessions import KEY_SECRET, PASSWORD_SECRET, mint_ticket
from fluxfloor.webapi.settled import apply_settings
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

NOW_MS = 1_790_000_000_000
PASSWORD = "correct-horse-battery"
KEY = "a session key that is only good for tests, and long"
HASH = hash_password(PASSWORD)
SETTINGS: dict[str, Any] = {
    "senders": {"tradingview": {"default_expected_alpha": "0.02"}},
    "api": {"public_url": "http://localhost"},
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem is about."""
        return [error["field"] for error in self.json["errors"]]


class ApiFloor:
    """`get`, `send` and `ask` are requests of a person who is logged in, unless `token=""`."""

    def __init__(
        self,
        directory: Path,
        settings: Settings | None = None,
        wrap: Callable[[Ports], Ports] | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        self.clock = VirtualClock(NOW_MS)
        self.floor = Floor(
            directory, settings or Settings.model_validate(SETTINGS), self.clock,
            secret_defaults={PASSWORD_SECRET: HASH, KEY_SECRET: KEY}, stages=("dashboard", "api", *beside),
            wrap=wrap,
        )  # fmt: skip
        apply_settings(self.floor.context("api"))
        self._token = ""
        self._keys = 0

    # --- requests ------------------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self.log_in().json["token"]
        return self._token

    def log_in(self, password: str = PASSWORD, user: str = "admin") -> Answer:
        return self.ask("POST", "/v1/session", {"user": user, "password": password}, token="")

    def ticket(self) -> str:
        return mint_ticket(self.floor.secrets, self.clock.now_ms())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def send(self, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        """A change, under a key of its own unless one is given."""
        self._keys += 1
        return self.ask(method, path, body, headers={"Idempotency-Key": key or f"test-key-{self._keys:04d}"})

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        token = self.token if token is None else token
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        if raw:
            sent = {"Content-Type": "application/json", **sent}
        response = self.floor.request("api", method, path, raw, sent)
        return Answer(response.status_code, dict(response.headers), response.get_data())

    # --- what happens on the floor -------------------------------------------------------------------------------

    def tell(self, *events: Event) -> None:
        """The dashboard hears these facts, as if another stage had stated them."""
        for event in events:
            fact = Fact.first(digest(event.type, event.model_dump_json()), event, self.clock.now_ms())
            self.floor.runners["dashboard"].dispatch(fact)

    def put(self, *documents: Document) -> None:
        """State that another stage owns."""
        for document in documents:
            ref = Ref(document.collection, document.id, document.database)
            self.store(ref, {**document.encode(), "version": 1})

    def store(self, ref: Ref, data: dict[str, Any]) -> None:
        self.floor.ports.store.commit(Commit(creates={ref: data}))

    def drain(self) -> None:
        self.floor.drain()

    def close(self) -> None:
        self.floor.close()


@contextmanager
def served(house: ApiFloor) -> Iterator[str]:
    """The floor's api on a port of loopback; yields its address."""

    @Request.application
    def app(request: Request) -> Response:
        return respond(house.floor.runners["api"], flask.Request(request.environ))

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
