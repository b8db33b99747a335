"""What is kept as evidence: everything that arrived, except the secret.

Two nets, because either has holes alone. By place: whatever stands under a name that means "secret" goes, also when it
is the wrong one (a typing error is nearly the secret). By value: the sender's secret goes wherever it stands, in any
spelling JSON or a URL would read as the same, also in a body that could not be parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from fluxfloor.signals.parse import Json

MASK: Final = "•••"
SECRET_FIELDS: Final = frozenset(
    {
        "passphrase", "secret", "secretkey", "key", "apikey", "token", "t", "password", "passwd", "pass", "pwd",
        "passcode", "auth", "authkey", "authtoken", "accesskey", "accesstoken", "emailtoken", "webhookkey",
        "webhooksecret", "webhooktoken", "webhookpassword",
    }
)  # fmt: skip
MIN_SCRUBBED = 8  # a shorter secret may be part of a word: signals lose it only where it is the whole text

_SHORT_ESCAPES: Final = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
# A secret's name in any spelling ("secret_key", "Secret-Key"), a separator, and its value: quoted, or up to the next.
_IN_TEXT = re.compile(
    r"(?P<head>(?<![A-Za-z0-9_-])(?P<name>[A-Za-z][A-Za-z_-]{0,30}+)[\"']?[ \t]*[:=][ \t]*)"
    r"(?:\"(?P<quoted>[^\"\\]*+(?:\\.[^\"\\]*+)*+)|(?P<bare>[^\s\"',;&}\]][^\r\n;,}\]]*))"
)


@lru_cache(maxsize=1024)
def canonical_name(name: str) -> str:
    """One spelling of a field's name: "Secret-Key", "secret_key" and "secretKey" are the same."""
    return re.sub(r"[\W_]+", "", name).lower()


def is_secret_name(name: str) -> bool:
    return canonical_name(name) in SECRET_FIELDS


def secrets_in(document: Json) -> Iterator[str]:
    """Every value under a secret's name, in a parsed document or in a text."""
    if isinstance(document, str):
        yield from _in_text(document)
    elif isinstance(document, dict):
        for name, member in document.items():
            if isinstance(member, dict | list):
                yield from secrets_in(member)
            elif is_secret_name(name) and member is not None:
                yield str(member).strip()
    elif isinstance(document, list):
        for element in document:
            if isinstance(element, dict | list):
                yield from secrets_in(element)


def _in_text(text: str) -> Iterator[str]:
    for found in _IN_TEXT.finditer(text):
        if is_secret_name(found["name"]):
            yield (found["quoted"] if found["quoted"] is not None else found["bare"]).strip()


def scrubbed(document: Json, secret: str) -> Json:
    """The document without its secrets: their fields are gone, the sender's secret is masked in every other text."""
    if isinstance(document, dict):
        return {
            masked(name, secret): scrubbed(member, secret)
            for name, member in document.items()
            if isinstance(member, dict | list) or not is_secret_name(name)
        }
    if isinstance(document, list):
        return [scrubbed(member, secret) for member in document]
    if isinstance(document, str):
        return masked(document, secret)
    return MASK if secret and str(document) == secret else document


def masked(text: str, secret: str) -> str:
    """A single text without the secret."""
    if not secret or secret not in text:
        return text
    return text.replace(secret, MASK) if len(secret) >= MIN_SCRUBBED or text == secret else text


def redact(text: str, secret: str) -> str:
    """A whole body without its secrets, parseable or not."""
    by_place = _IN_TEXT.sub(_mask_value, text)
    if not secret:
        return by_place
    return _any_spelling(secret).sub(MASK, by_place)


def _mask_value(found: re.Match[str]) -> str:
    if not is_secret_name(found["name"]):
        return found.group()
    return f'{found["head"]}"{MASK}' if found["quoted"] is not None else found["head"] + MASK


def _any_spelling(secret: str) -> re.Pattern[str]:
    """The secret with each character as it is, backslash-escaped, \\u-escaped or %-escaped."""
    return re.compile("".join(_spellings(character) for character in secret))


def _spellings(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    escaped = "".join(rf"\\u(?i:{units[i : i + 2].hex()})" for i in range(0, len(units), 2))
    percent = "".join(f"%(?i:{byte:02x})" for byte in character.encode("utf-8", "replace"))
    short = rf"|\\{_SHORT_ESCAPES[character]}" if character in _SHORT_ESCAPES else ""
    return rf"(?:\\?{re.escape(character)}|{escaped}|{percent}{short})"
