"""Ingestion under whatever the world sends: never a 5xx for a body, never an answer that is not JSON, and never an
accepted signal that gets lost, whatever fails behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.errors import CommitUnknown, RetryLater
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from tests.support.runtime_lab import raising
from tests.support.trading_floor import SECRET, entry
from tests.support.webhook_door import Door

ONE_FLOOR = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = json.dumps(entry()).encode()
WORDS = ["action", "ticker", "symbol", "price", "strategy", "legs", "signal", "quantity", "id", "secret", "timestamp"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["buy", "BTC"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), inner),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    door = Door(tmp_path)
    yield door
    door.close()


def checked(door: Door, answer: Response) -> None:
    """JSON, no 5xx, and what was answered 200 is kept."""
    told = json.loads(answer.get_data())
    assert answer.status_code < 500, told
    if answer.status_code == 200:
        assert told["event_id"] in {step["event_id"] for step in door.kept}
    else:
        assert told["code"]
        assert answer.headers["Content-Type"] == "application/problem+json"


@ONE_FLOOR
@given(body=st.binary(max_size=400))
def test_random_bytes_are_answered(door: Door, body: bytes) -> None:
    checked(door, door.send(body, headers={"X-Fluxfloor-Secret": SECRET}))


@ONE_FLOOR
@given(cut=st.integers(0, len(GOOD)), junk=st.binary(max_size=6))
def test_truncated_and_damaged_bodies_are_answered(door: Door, cut: int, junk: bytes) -> None:
    checked(door, door.send(GOOD[:cut] + junk + GOOD[cut + len(junk) :], headers={"X-Fluxfloor-Secret": SECRET}))


@ONE_FLOOR
@given(document=st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), values, max_size=8))
def test_documents_of_any_shape_are_answered(door: Door, document: dict[str, object]) -> None:
    checked(door, door.send(json.dumps({**document, "secret": SECRET}).encode()))


@ONE_FLOOR
@given(field=st.sampled_from([*entry(), "price", "quantity", "expected_alpha", "timestamp", "legs"]), value=values)
def test_any_value_in_any_field_is_answered(door: Door, field: str, value: object) -> None:
    document = {**entry(), "secret": SECRET}
    if field != "secret":
        document[field] = value
    checked(door, door.send(json.dumps(document).encode()))


header = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)


@ONE_FLOOR
@given(content_type=header, forwarded=header, secret=header, signature=header, query=header)
def test_any_headers_and_any_query_are_answered(
    door: Door, content_type: str, forwarded: str, secret: str, signature: str, query: str
) -> None:
    headers = {
        "Content-Type": content_type, "X-Forwarded-For": forwarded, "X-Fluxfloor-Secret": secret,
        "X-Fluxfloor-Signature": signature, "Authorization": secret,
    }  # fmt: skip
    checked(door, door.send(GOOD, sender=f"prober?{query}", headers=headers))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000, b'{"a":' * 5_000, b"[" + b"1," * 20_000 + b"1]", b'{"price": 1e999999999}',
        b'{"price": ' + b"9" * 50_000 + b"}", b'{"price": NaN}', b'{"price": -Infinity}', b"\x00" * 64,
        b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf" + GOOD, b'{"a": "\\ud800"}', b"null", b"true", b"0", b'""', b"[]", b"{}",
        b"<xml/>", b"symbol=BTCUSDT&action=buy", "сигнал".encode("koi8-r"), b'"' + b"\\" * 60_000,
    ],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_known_bad_bodies_are_answered(door: Door, body: bytes) -> None:
    checked(door, door.send(body, headers={"X-Fluxfloor-Secret": SECRET}))


# --- never a lost accepted signal --------------------------------------------------------------------------------

FAULTS = {
    "none": lambda door: None,
    "the commit was refused": lambda door: door.store.committing.before.append(raising(CommitUnknown("refused"))),
    "its answer was lost": lambda door: door.store.committing.after.append(raising(CommitUnknown("lost"))),
    "the bus was down": lambda door: door.bus.publishing.before.append(raising(RetryLater("down"))),
    "the bus's answer was lost": lambda door: door.bus.publishing.after.append(raising(RetryLater("lost"))),
    "the mark was refused": lambda door: door.store.patching.before.append(raising(RetryLater("refused"))),
    "it read nothing": lambda door: door.store.reading.before.append(raising(RetryLater("unread"))),
    "a bug": lambda door: door.bus.publishing.before.append(raising(ValueError("a bug"))),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(st.lists(st.sampled_from(sorted(FAULTS)), max_size=3), min_size=1, max_size=6))
def test_whatever_fails_an_accepted_webhook_is_sent_on_exactly_once(door: Door, plan: list[list[str]]) -> None:
    accepted = [event_id for number, faults in enumerate(plan) if (event_id := insist(door, str(number), faults))]
    door.relay()
    kept = {step["event_id"]: step for step in door.kept}
    assert set(accepted) <= set(kept)
    stated = [fact["event_id"] for step in kept.values() for fact in step["facts"]]
    sent = {fact.event_id for fact in door.bus.published if fact.topic == "signals.received"}
    assert sent == set(stated)
    assert all(not step["pending"] for step in kept.values())


def insist(door: Door, name: str, faults: list[str]) -> str | None:
    """Sends as TradingView does: again on a 5xx, three times at most. The id it was taken under; None if never."""
    door.later(1_000)
    body = entry(id=f"{name}-{door.clock.now_ms()}")
    for fault in faults:
        FAULTS[fault](door)
    try:
        for _ in range(4):
            answer = door.send(body)
            if answer.status_code == 200:
                return str(json.loads(answer.get_data())["event_id"])
            assert answer.status_code == 503
            door.later(5_000)
        return None
    finally:
        for trouble in (door.store.reading, door.store.committing, door.store.patching, door.bus.publishing):
            trouble.before.clear()
            trouble.after.clear()
