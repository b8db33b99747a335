"""From bytes to a document: JSON with exact numbers, or text. Raises nothing but Refused.

The content type is a hint only. TradingView calls a body text/plain when it is not valid JSON, `curl -d` calls
everything a form, and both mean what the body looks like.
"""

from __future__ import annotations

import codecs
import json
import re
from decimal import Decimal
from typing import Final, TypeAlias

from fluxfloor.signals.placeholders import first_placeholder, line_of, unfilled
from fluxfloor.signals.refusals import Refused

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"
"""A document. A plain string at the top is a text body."""

MAX_BODY_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 16
MAX_LITERAL: Final = 64  # characters of one number
MAX_MAGNITUDE: Final = 40  # powers of ten on either side; far beyond any price, far below what would hurt to print

# The closing quote is optional so that an unfinished string is one token: retrying from each quote would be quadratic.
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_WIDE_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def check_size(body: bytes) -> None:
    if len(body) > MAX_BODY_BYTES:
        raise Refused(
            "body_too_large",
            f"The body has {len(body)} bytes; {MAX_BODY_BYTES} is the most that is read.",
            fix="Send fewer signals in one webhook, and no charts or history.",
        )


def parse(body: bytes, content_type: str) -> Json:
    """The document in a body of at most MAX_BODY_BYTES. Floats become Decimal, digit for digit."""
    check_size(body)
    text = decode(body)
    is_json = text.lstrip()[:1] in ("{", "[")
    _check_media_type(content_type, is_json)
    return _load(text) if is_json else text


def decode(body: bytes) -> str:
    """The body's text. A UTF-8 byte order mark is dropped."""
    if body.startswith(_WIDE_BOMS):
        raise Refused("not_utf8", "The body is UTF-16 or UTF-32.", fix="Send it as UTF-8.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("not_utf8", f"Byte {error.start} of the body is not UTF-8.", fix="Send it as UTF-8.") from None
    if "\0" in text:
        raise Refused("not_text", "The body contains NUL bytes.", fix="Send text in UTF-8 (not UTF-16, not a file).")
    if not text.strip():
        raise Refused(
            "empty_body",
            "The body is empty.",
            fix='Write the signal into the alert\'s message, for example {"symbol": "BTCUSDT", "action": "buy"}.',
        )
    return text


def _check_media_type(content_type: str, is_json: bool) -> None:
    essence = content_type.split(";", 1)[0].strip().lower()
    if is_json or not essence or essence.startswith("text/") or essence.endswith(("/json", "+json")):
        return
    if essence in ("application/x-www-form-urlencoded", "multipart/form-data"):
        fix = "Send JSON or KEY=VALUE lines in the body itself; with curl add -H 'Content-Type: text/plain'."
        raise Refused("unsupported_media_type", "The body is a form.", field="Content-Type", fix=fix)
    raise Refused(
        "unsupported_media_type",
        f"A body of type {essence[:80]} is not read.",
        field="Content-Type",
        fix="Send application/json or text/plain.",
    )


def _load(text: str) -> Json:
    _check_depth(text)
    try:
        document: Json = json.loads(
            text, parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
        )
    except json.JSONDecodeError as error:
        raise _invalid(text, error) from None
    _check_strings(document, "")
    return document


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        mark = token.group()
        depth += (mark in "[{") - (mark in "]}") if len(mark) == 1 else 0
        if depth > MAX_DEPTH:
            fix = "Send a flat object; no format needs more than four levels."
            raise Refused("too_deep", f"The JSON is nested deeper than {MAX_DEPTH} levels.", fix=fix)


def _invalid(text: str, error: json.JSONDecodeError) -> Refused:
    """The position but none of the text: it may hold the secret. A placeholder explains most bad JSON better."""
    name = first_placeholder(text)
    if name:
        return unfilled(name, f"line {line_of(text)}")
    return Refused(
        "invalid_json",
        f"The body looks like JSON but is not: {error.msg} at line {error.lineno}, column {error.colno}.",
        fix="Every name and text needs double quotes, and there is a comma between members but none after the last.",
    )


def _decimal(literal: str) -> Decimal:
    if len(literal) <= MAX_LITERAL:
        value = Decimal(literal)
        if not value:
            return Decimal(0)
        if abs(value.adjusted()) <= MAX_MAGNITUDE:
            return value
    raise _huge(literal)


def _integer(literal: str) -> int:
    if len(literal) > MAX_MAGNITUDE:
        raise _huge(literal)
    return int(literal)


def _huge(literal: str) -> Refused:
    """Shows only how the number begins: the field it stands in may be the secret."""
    return Refused(
        "huge_number",
        f"A number in the body ({literal[:4]}…, {len(literal)} characters) is out of any market's range.",
        fix="Send at most 18 digits on either side of the point.",
    )


def _constant(name: str) -> Json:
    fix = "Leave the field out when there is no value (a script's na becomes NaN)."
    raise Refused("not_a_number", f"The JSON contains {name}, which is no number.", fix=fix)


def _object(pairs: list[tuple[str, Json]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Refused(
            "duplicate_key",
            f"The name {twice[:80]!r} stands twice in one object.",
            field=twice,
            fix="Keep one of them.",
        )
    return members


def _check_strings(value: Json, path: str) -> None:
    """JSON escapes can smuggle in what no text may hold: NUL, and halves of surrogate pairs."""
    if isinstance(value, str):
        if "\0" in value or _SURROGATE.search(value):
            raise Refused("not_text", "A text holds a NUL or half a character.", field=path, fix="Send plain text.")
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_strings(name, path)
            _check_strings(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _check_strings(member, f"{path}[{index}]")
