"""Evidence is what arrived, without the secret."""

from __future__ import annotations

import json

import pytest
from fluxfloor.signals.redact import MASK, redact, scrubbed

from tests.support.webhooks import SECRET, refused, send, signal

PLAIN = {"symbol": "BTCUSDT", "action": "buy"}


def test_the_body_is_kept_and_only_its_secret_is_gone() -> None:
    accepted = send({**PLAIN, "price": 65000.5, "secret": SECRET}, headers={})
    assert json.loads(accepted.evidence["body"]) == {**PLAIN, "price": 65000.5, "secret": MASK}
    assert accepted.evidence["content_type"] == "application/json"


def test_the_secret_is_cut_out_wherever_it_stands() -> None:
    body = {**PLAIN, "secret": SECRET, "comment": f"sent with {SECRET}!", f"x{SECRET}": 1}
    accepted = send(body, headers={})
    assert SECRET not in json.dumps(accepted.evidence) + accepted.signals[0].model_dump_json()


def test_a_secret_written_in_escapes_is_found() -> None:
    escaped = "".join(f"\\u{ord(character):04X}" for character in SECRET)
    assert redact(f'{{"note": "{escaped}"}}', SECRET) == f'{{"note": "{MASK}"}}'
    assert redact('{"note": "a\\/b\\"c-and-more"}', 'a/b"c-and-more') == f'{{"note": "{MASK}"}}'
    assert redact("x=a%2Fb%20c", "a/b c") == f"x={MASK}"


def test_a_mistyped_secret_is_cut_out_too() -> None:
    assert redact('{"passphrase": "correct-hors", "x": 1}', SECRET) == f'{{"passphrase": "{MASK}", "x": 1}}'
    assert redact("TOKEN=correct-hors\nSYMBOL=BTC", SECRET) == f"TOKEN={MASK}\nSYMBOL=BTC"
    assert redact('{"key": 12345, "x": 1}', SECRET) == f'{{"key": {MASK}, "x": 1}}'


@pytest.mark.parametrize("body", ['{"key": "%s" "msg": 1', '{"symbol": {{ticker}}, "key": "%s"}', "key: %s", "[[%s"])
def test_a_body_that_cannot_be_parsed_loses_its_secret_as_well(body: str) -> None:
    assert SECRET not in redact(body % SECRET, SECRET)


def test_names_that_only_look_like_a_secrets_name_keep_their_values() -> None:
    text = '{"ticker": "BTC", "keynote": "x", "market": "y", "type": "z"}'
    assert redact(text, SECRET) == text


def test_a_refusal_never_quotes_the_secret() -> None:
    for body in (
        {"symbol": SECRET, "action": "buy"},
        {"symbol": "BTCUSDT", "action": SECRET},
        {"symbol": "BTCUSDT", "action": "buy", "price": SECRET},
        {"symbol": "BTCUSDT", "action": "buy", "timestamp": SECRET},
        {"signal_type": "ENTRY", "instrument": "BTC/USDT", "direction": "LONG", SECRET: 1},
        {SECRET: 1},
    ):
        assert SECRET not in refused(body).body().decode()


def test_a_short_secret_does_not_make_words_that_contain_it_unreadable() -> None:
    one = signal({**PLAIN, "secret": "usd", "comment": "usd is weak"}, headers={}, secret="usd")
    assert (one.leg.instrument_id, one.tag) == ("kraken:BTC/USDT", "usd is weak")
    assert scrubbed({"secret": "buy", "pin": 7, "x": "7"}, "7") == {"pin": MASK, "x": MASK}
