"""Reading recorded webhooks: who sends them, when, and with which secret."""

from __future__ import annotations

import json

import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.local.webhooks import RecordedWebhook, read_webhooks

KNOWN = {"demo": "demo-secret", "anna": "annas-secret"}


def read(*lines: object) -> list[RecordedWebhook]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return read_webhooks(text, "hooks.jsonl", KNOWN, 1_000, 5_000)


def test_a_known_senders_line_goes_out_as_it_stands() -> None:
    (hook,) = read({"body": "x", "sender": "anna", "at": 2_000, "content_type": "text/plain"})
    assert hook == RecordedWebhook(2_000, "anna", b"x", "text/plain", "")


def test_a_line_may_carry_the_secret_for_the_header() -> None:
    (hook,) = read({"body": "x", "sender": "anna", "at": 2_000, "secret": "other"})
    assert hook.secret == "other"


@pytest.mark.parametrize("sender", [{}, {"sender": "stranger"}, {"sender": None}, {"sender": 7}])
def test_a_line_without_a_known_sender_goes_out_as_the_demos(sender: dict[str, object]) -> None:
    (hook,) = read({"body": "x", "at": 2_000, **sender})
    assert (hook.sender, hook.secret) == ("demo", "demo-secret")


def test_times_are_iso_or_milliseconds_and_utc_where_they_name_no_zone() -> None:
    hooks = read(
        {"body": "a", "at": "1970-01-01T00:00:02"},
        {"body": "b", "at": "1970-01-01T01:00:02+01:00"},
        {"body": "c", "at": 2000},
    )
    assert [hook.at_ms for hook in hooks] == [2_000, 2_000, 2_000]


def test_lines_without_a_time_are_spread_over_the_recording() -> None:
    hooks = read({"body": "a"}, {"body": "b"}, {"body": "c"})
    assert [hook.at_ms for hook in hooks] == [2_000, 3_000, 4_000]


def test_a_body_may_be_written_as_an_object() -> None:
    (hook,) = read({"body": {"action": "buy"}, "at": 1})
    assert json.loads(hook.body) == {"action": "buy"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2: not JSON"),
        ("[]", 'line 2: needs an object with "body"'),
        ('{"at": 1}', 'line 2: needs an object with "body"'),
        ('{"body": "x", "at": "noon"}', 'line 2: "at"'),
        ('{"body": "x", "at": true}', 'line 2: "at"'),
    ],
)
def test_a_broken_line_is_named(line: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        read({"body": "fine", "at": 1}, line)
