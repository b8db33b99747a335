"""Logs in Cloud Logging's fields, and no secret in any of them."""

from __future__ import annotations

import base64
import io
import json
import logging
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from fluxfloor.runtime import logging as logs
from hypothesis import given
from hypothesis import strategies as st

from tests.support.runtime_lab import Lab, heard

SECRET = 'qzx-"canary"\\tail/7'


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_spellings", ())
    logs.register_secret(SECRET)


def line(message: object = "hello", *args: object, exc: BaseException | None = None, **extra: Any) -> str:
    info = (type(exc), exc, exc.__traceback__) if exc else None
    record = logging.LogRecord("fluxfloor.test", logging.WARNING, "x.py", 1, message, args, info)  # type: ignore[arg-type]
    record.__dict__.update(extra)
    return logs.CloudFormatter("my-project").format(record)


def entry(*args: Any, **extra: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(line(*args, **extra))
    return parsed


def test_a_line_has_cloud_loggings_fields() -> None:
    told = entry("%s of %s", 1, 2, stage="cerebro", attempts=3)
    assert told["severity"] == "WARNING"
    assert told["message"] == "1 of 2"
    assert told["logger"] == "fluxfloor.test"
    assert (told["stage"], told["attempts"]) == ("cerebro", 3)
    assert told["time"].endswith("+00:00")
    assert "\n" not in line("two\nlines")


def test_a_stack_trace_goes_into_its_own_field() -> None:
    try:
        raise ValueError(f"could not log in with {SECRET}")
    except ValueError as problem:
        told = entry("failed", exc=problem)
    assert told["stack_trace"].startswith("Traceback")
    assert logs.MASK in told["stack_trace"]
    assert SECRET not in told["stack_trace"]


def test_a_line_belongs_to_the_trace_of_what_is_handled(lab: Lab) -> None:
    lines = []
    lab.stage.on(type(heard().event))(lambda event, work: lines.append(entry("deciding")))
    fact = heard()
    lab.handle(fact)
    trace_id = fact.traceparent.split("-")[1]
    assert lines[0]["logging.googleapis.com/trace"] == f"projects/my-project/traces/{trace_id}"
    assert len(lines[0]["logging.googleapis.com/spanId"]) == 16
    assert "logging.googleapis.com/trace" not in entry("idle")


@pytest.mark.parametrize("place", ["message", "argument", "extra", "nested", "key", "object", "bytes"])
def test_a_known_secret_is_nowhere_in_a_line(place: str) -> None:
    shown = {
        "message": lambda: line(f"with {SECRET}"),
        "argument": lambda: line("with %s", SECRET),
        "extra": lambda: line("x", address=f"https://x/?k={SECRET}"),
        "nested": lambda: line("x", request={"headers": [{"x": SECRET}], "n": 1}),
        "key": lambda: line("x", request={SECRET: 1}),
        "object": lambda: line("x", problem=RuntimeError(SECRET)),
        "bytes": lambda: line("x", body=SECRET.encode()),
    }[place]()
    assert "canary" not in shown
    assert logs.MASK in json.loads(shown).__repr__()


@pytest.mark.parametrize(
    "spelled",
    [quote(SECRET, safe=""), json.dumps({"k": SECRET}), repr(SECRET), base64.b64encode(SECRET.encode()).decode()],
)
def test_a_secret_is_known_in_other_spellings(spelled: str) -> None:
    assert "canary" not in line(f"sent {spelled} there")
    assert logs.MASK in line(f"sent {spelled} there")


@pytest.mark.parametrize(
    "name", ["password", "X-Fluxfloor-Secret", "api_key", "Authorization", "refresh_token", "Set-Cookie"]
)
def test_what_stands_under_a_secrets_name_is_masked_whatever_it_is(name: str) -> None:
    assert entry("x", **{name: "unknown-to-us"})[name] == logs.MASK
    assert entry("x", **{name: 123456})[name] == logs.MASK
    assert entry("x", **{name: ["a", "b"]})[name] == [logs.MASK, logs.MASK]
    assert entry("x", **{name: {"inner": "c"}})[name] == {"inner": logs.MASK}
    assert entry("x", headers={name: "deep"})["headers"] == {name: logs.MASK}


def test_ordinary_fields_keep_their_values() -> None:
    told = entry(
        "x", lots=5, price=1.5, ok=True, nothing=None, symbol="BTC/USDT", amount=Decimal("1.20"), ids=("a", "b")
    )
    assert (told["lots"], told["price"], told["ok"], told["nothing"]) == (5, 1.5, True, None)
    assert (told["symbol"], told["amount"], told["ids"]) == ("BTC/USDT", "1.20", ["a", "b"])


def test_a_secret_inside_another_leaves_no_rest() -> None:
    logs.register_secret("canary-short")
    logs.register_secret("canary-short-and-long")
    assert entry("it is canary-short-and-long")["message"] == f"it is {logs.MASK}"


def test_words_are_no_secrets() -> None:
    logs.register_secret("BTC")
    assert entry("BTC")["message"] == "BTC"


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats() | st.binary(), lambda inner: st.lists(inner)))
def test_whatever_is_logged_becomes_one_line_of_json(value: object) -> None:
    assert isinstance(entry("x", value=value), dict)


def test_half_a_character_costs_no_line() -> None:
    assert entry("half \ud800 a character")["severity"] == "WARNING"


def test_configuring_makes_it_the_only_log() -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.configure("INFO", stream)
        logging.getLogger("a.library").info("HTTP Request: POST https://api.telegram.org/bot%s/send", SECRET)
        logging.getLogger("any").debug("not this")
    finally:
        root.handlers[:], root.level = before, level
    (told,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert told["message"] == f"HTTP Request: POST https://api.telegram.org/bot{logs.MASK}/send"
