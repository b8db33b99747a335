"""Hostile input at the three doors that face the internet: webhooks, the API, and the chat.

`python -m tests.support.doors 5000` sends so many to each and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fluxfloor.contracts.instruments import ListedCatalog
from fluxfloor.contracts.state import Sender
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Settings
from fluxfloor.webapi.passwords import hash_password
from fluxfloor.webapi.sessions import mint_ticket
from fluxfloor.webapi.settled import apply_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.api.table import table
from tests.support.api_floor import NOW_MS
from tests.support.desk import BTC
from tests.support.web_server import WebServer

MARK = "qzxcanary"
SECRETS = {
    "api-session-key": f"{MARK}-session-key-that-is-long-enough", "api-telegram": f"{MARK}-hook",
    "api-admin-password-hash": hash_password(f"{MARK}-password"), "alerts-telegram": f"123456:{MARK}-token",
    "sender-desk": f"{MARK}-sender",
}  # fmt: skip

# --- what is sent ------------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=30),
    st.sampled_from(["", "NaN", "1e999", "-0", "\u0000", "😀" * 9, "A" * 5_000, "../../etc", "'; drop--", MARK]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Accept", "Accept-Encoding", "Cookie", "Origin", "X-Forwarded-For", "If-None-Match", "X-Fluxfloor-Secret"]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40), max_size=3,
)  # fmt: skip


@st.composite
def mutated(draw: Any, good: dict[str, Any]) -> Any:
    """A good body with some of its values, at any depth, replaced, dropped or wrapped."""

    def change(value: Any, depth: int) -> Any:
        if draw(st.integers(0, 5)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            kept = {name: change(item, depth + 1) for name, item in value.items() if draw(st.integers(0, 9))}
            return {**kept, draw(st.text(max_size=8)): draw(SCALARS)} if draw(st.integers(0, 9)) == 0 else kept
        return [change(item, depth + 1) for item in value] if isinstance(value, list) else value

    return change(good, 0)


def spelled(good: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """Bodies as bytes: noise, any JSON, and good ones gone wrong."""
    changed = st.sampled_from(good).flatmap(mutated)
    as_json = st.one_of(JSON, changed, changed, changed).map(lambda value: json.dumps(value).encode())
    cut = st.tuples(as_json, st.integers(0, 60)).map(lambda pair: pair[0][: -pair[1] or None])
    return st.one_of(st.binary(max_size=300), as_json, as_json, cut)


# --- the doors ---------------------------------------------------------------------------------------------------


@dataclass
class Count:
    tried: int = 0
    crashes: list[str] = field(default_factory=list)
    leaks: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def faults(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def told(self) -> dict[str, Any]:
        return {
            "tried": self.tried, "5xx": self.faults, "crashes": len(self.crashes), "leaks": self.leaks,
            "statuses": dict(sorted(self.statuses.items())),
        }  # fmt: skip


class Doors:
    """A floor with its three doors open, the bot's answers taken by a server on loopback."""

    def __init__(self, directory: Path) -> None:
        self.chat = WebServer()
        self.clock = VirtualClock(NOW_MS)
        wanted = {
            "api": {"public_url": "http://localhost"},
            "telegram": {"enabled": True, "allowed_users": [7], "base_url": self.chat.url},
            "senders": {"desk": {"default_expected_alpha": "0.02", "rate_per_minute": 6000}},
        }
        self.floor = Floor(
            directory, Settings.model_validate(wanted), self.clock, secret_defaults=SECRETS,
            stages=("ingestion", "api", "dashboard"),
        )  # fmt: skip
        apply_settings(self.floor.context("api"))
        ticket = mint_ticket(self.floor.secrets, NOW_MS)
        answer = self.floor.request("api", "GET", f"/login?ticket={ticket}")
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        self._open_to_all()

    def _open_to_all(self) -> None:
        """The rate limit is not what is tried here."""
        ref = Ref(Sender.collection, "desk", "edge")
        (known,) = self.floor.store.read([ref])
        data = {**(known.data or {}), "rate_per_minute": 6_000}
        self.floor.store.commit(Commit(updates={ref: (data, known.token)}))
        listed = ListedCatalog(id="kraken", ts_event_ms=NOW_MS, instruments=(BTC,))
        self.floor.store.commit(Commit(creates={Ref(listed.collection, listed.id, "edge"): listed.encode()}))

    def send(self, count: Count, stage: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        count.tried += 1
        self.clock.advance_to(self.clock.now_ms() + 1_100)
        try:
            answer = self.floor.request(stage, method, path, body, headers)
        except Exception as problem:  # what a caller must never be able to make happen
            count.crashes.append(f"{type(problem).__name__}: {problem}"[:200])
            return
        count.statuses[answer.status_code] += 1
        secret = any(value in answer.get_data(as_text=True) for value in SECRETS.values())
        count.leaks += secret

    def close(self) -> None:
        self.floor.close()
        self.chat.close()


SIGNAL = {
    "secret": SECRETS["sender-desk"], "id": "s1", "ticker": "BTCUSDT", "strategy": "outside", "action": "buy",
    "price": 50_000,
}  # fmt: skip
UPDATE = {
    "update_id": 1, "message": {
        "message_id": 1, "date": NOW_MS // 1_000, "text": "/status", "from": {"id": 7, "is_bot": False},
        "chat": {"id": 7}, "entities": [{"type": "bot_command"}],
    },
}  # fmt: skip
COMMANDS = (
    "status", "balance", "positions", "orders", "stop", "flatten", "exit", "cancel", "reload", "resume", "ack",
    "confirm", "help",
)  # fmt: skip
BODIES: list[dict[str, Any]] = [
    {"scope": "floor", "reason": "fuzz"}, {"reason": "fuzz"}, {"all": True, "reason": "fuzz"},
    {"quantity": "1", "limit_price": "2", "reason": "fuzz"}, {"user": "admin", "password": "x"}, {"note": "n"},
    {"kind": "trades", "account_id": "paper-main", "from_ms": 1, "to_ms": 2},
    {"preset": "fluxhero", "limits": {"position_cap": "0.1"}, "version": 1}, {"name": "standard", "version": 1},
]  # fmt: skip


def fuzz_webhooks(doors: Doors, examples: int) -> Count:
    count = Count()
    kinds = st.sampled_from(["application/json", "text/plain", "application/x-www-form-urlencoded", "", "x/\u00e4"])
    senders = st.sampled_from(["desk", "desk", "desk", "nobody", "", "../api", "%00", "a" * 200])

    @_many(examples)
    @given(spelled([SIGNAL]), kinds, HEADERS, senders, st.sampled_from(["POST"] * 6 + ["GET", "PUT", "DELETE"]))
    def one(body: bytes, kind: str, headers: dict[str, str], sender: str, method: str) -> None:
        doors.send(count, "ingestion", method, f"/webhooks/{sender}", body, {**headers, "Content-Type": kind})

    one()
    return count


def fuzz_api(doors: Doors, examples: int) -> Count:
    """As a person who is logged in, so that what lies behind the login is reached."""
    count, n = Count(), iter(range(10**9))
    routes = [route for route in table.routes if route.path != "/telegram"]
    parts = st.sampled_from(["main", "floor", "nothing", "x" * 300, "%2e%2e", "\u0000", "a|b", "é", "null", MARK])
    queries = st.sampled_from(
        ["", "?limit=0", "?limit=1e9", "?cursor=%00", "?range=1d&range=1w", "?ticket=" + "a" * 900]
    )

    @_many(examples)
    @given(st.sampled_from(routes), parts, queries, spelled(BODIES), HEADERS)
    def one(route: Any, part: str, query: str, body: bytes, headers: dict[str, str]) -> None:
        path = route.path.replace("/*", f"/{part}")
        for name in route.parameters:
            path = path.replace(f"{{{name}}}", part)
        sent = {
            "Content-Type": "application/json", "Cookie": doors.cookie, "Origin": "http://localhost",
            "Idempotency-Key": f"fuzz-{next(n):08}", **headers,
        }  # fmt: skip
        doors.send(count, "api", route.method, path + query, b"" if route.method == "GET" else body, sent)

    one()
    return count


def fuzz_chat(doors: Doors, examples: int) -> Count:
    """Behind the hook's secret, as Telegram would bring it: also commands of the person on the list."""
    count, n = Count(), iter(range(10, 10**9))
    words = st.lists(
        st.sampled_from(["floor", "main", "all", "", "BTC/USDT", "<b>", "123456", "\u202e", "x" * 90]), max_size=4
    )
    commands = st.tuples(st.sampled_from(COMMANDS), words).map(lambda pair: f"/{pair[0]} {' '.join(pair[1])}")
    secrets = st.sampled_from([SECRETS["api-telegram"]] * 5 + ["", "wrong"])

    @_many(examples)
    @given(spelled([UPDATE]), commands, secrets, st.booleans())
    def one(body: bytes, text: str, secret: str, ours: bool) -> None:
        if ours:
            message = {**UPDATE["message"], "text": text, "date": doors.clock.now_ms() // 1_000}  # type: ignore[dict-item]
            body = json.dumps({"update_id": next(n), "message": message}).encode()
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
        doors.send(count, "api", "POST", "/telegram", body, headers)

    one()
    return count


def _many(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def fuzz(examples: int) -> dict[str, Count]:
    with tempfile.TemporaryDirectory() as scratch:
        doors = Doors(Path(scratch))
        try:
            return {
                "webhooks": fuzz_webhooks(doors, examples), "api": fuzz_api(doors, examples),
                "chat": fuzz_chat(doors, examples),
            }  # fmt: skip
        finally:
            doors.close()


if __name__ == "__main__":
    counted = fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
    print(json.dumps({name: count.told() for name, count in counted.items()}, indent=1))
