"""Bytes become a document with exact numbers, or a 400 or 415 that says what is wrong with them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.signals.parse import MAX_BODY_BYTES, MAX_DEPTH, parse
from fluxfloor.signals.refusals import Refused


def refusal(body: bytes, content_type: str = "application/json") -> Refused:
    with pytest.raises(Refused) as caught:
        parse(body, content_type)
    return caught.value


def test_a_fraction_is_read_digit_for_digit() -> None:
    document = parse(b'{"price": 0.1000000000000000055511151231257827}', "application/json")
    assert document == {"price": Decimal("0.1000000000000000055511151231257827")}


@pytest.mark.parametrize(
    "content_type", ["text/plain; charset=utf-8", "", "application/x-www-form-urlencoded", "image/png"]
)
def test_json_is_json_whatever_the_content_type_calls_it(content_type: str) -> None:
    assert parse(b' {"a": 1}', content_type) == {"a": 1}


def test_text_that_is_called_json_stays_text() -> None:
    assert parse(b"SYMBOL=BTCUSDT;SIGNAL=BUY", "application/json") == "SYMBOL=BTCUSDT;SIGNAL=BUY"


def test_a_utf8_byte_order_mark_is_dropped() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}', "") == {"a": 1}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "empty_body"),
        (b" \r\n\t", "text/plain", 400, "empty_body"),
        (b'{"a": "\xff"}', "application/json", 400, "not_utf8"),
        ('{"a": 1}'.encode("utf-16"), "application/json", 400, "not_utf8"),
        ('{"a": 1}'.encode("utf-16-le"), "application/json", 400, "not_text"),
        (b'{"a": "\\u0000"}', "application/json", 400, "not_text"),
        (b'{"a": "\\ud800"}', "application/json", 400, "not_text"),
        (b'{"\\udfff": 1}', "application/json", 400, "not_text"),
        (b'{"a": 1,}', "application/json", 400, "invalid_json"),
        (b"{'a': 1}", "application/json", 400, "invalid_json"),
        (b'{"a": 1}{"b": 2}', "application/json", 400, "invalid_json"),
        (b'{"a": 1, "a": 2}', "application/json", 400, "duplicate_key"),
        (b'{"a": NaN}', "application/json", 422, "not_a_number"),
        (b'{"a": -Infinity}', "application/json", 422, "not_a_number"),
        (b'{"a": 1e999}', "application/json", 400, "huge_number"),
        (b'{"a": 1e-999999999}', "application/json", 400, "huge_number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "application/json", 400, "huge_number"),
        (b"[" * (MAX_DEPTH + 1), "application/json", 400, "too_deep"),
        (b"symbol=BTCUSDT&action=buy", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"<order/>", "application/xml", 415, "unsupported_media_type"),
        (b"x" * (MAX_BODY_BYTES + 1), "text/plain", 413, "body_too_large"),
    ],
)  # fmt: skip
def test_a_broken_body_is_refused_by_name(body: bytes, content_type: str, status: int, code: str) -> None:
    refused = refusal(body, content_type)
    assert (refused.status, refused.code) == (status, code)
    assert refused.fix


def test_invalid_json_names_line_and_column_but_quotes_nothing() -> None:
    refused = refusal(b'{\n "key": "hidden-secret"\n "msg": 1\n}')
    assert "line 3, column 2" in refused.message
    assert "hidden" not in refused.message + refused.fix


def test_an_unquoted_placeholder_is_called_what_it_is() -> None:
    refused = refusal(b'{"ticker": "BTCUSDT",\n "price": {{close}}}')
    assert refused.code == "unfilled_placeholder"
    assert "{{close}}" in refused.message
    assert refused.field == "line 2"


def test_a_placeholder_of_a_strategy_says_that_the_alert_is_not_on_one() -> None:
    assert "made on a strategy" in refusal(b'{"action": {{strategy.order.action}}}').fix


def test_nesting_up_to_the_limit_is_read_and_brackets_in_texts_do_not_count() -> None:
    parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "")
    parse(b'{"a": "' + b"[" * 100 + b'"}', "")


@pytest.mark.parametrize("body", [b'{"a":"' + b'\\"' * 32_000, b'{"m":"{{' + b" " * 65_000 + b'"}', b'"' * 65_000])
@pytest.mark.timeout(2)
def test_no_body_makes_the_scanners_quadratic(body: bytes) -> None:
    try:
        parse(body, "")
    except Refused as refused:
        assert refused.code == "invalid_json"  # noqa: PT017
