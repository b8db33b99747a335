"""One POST of JSON, judged by its status alone.

The address of a request is itself a secret here (Telegram's holds the token, Slack's is one), and a server may echo it:
so neither an address nor a word of an answer goes into an error, and the client's own log of addresses is off.
"""

from __future__ import annotations

import logging
import ssl
import time
from functools import cache
from typing import Any

import httpx
import orjson

from fluxfloor.errors import Misconfigured, Poison, RetryLater, Throttled

TIMEOUT_S = 8.0
MAX_ANSWER = 65_536
LONGEST_PATIENCE_S = 3_600.0
# What a person can mend: a token, an address, a membership. Any other 4xx is about the message itself.
MENDABLE = {
    401: "the secret is not accepted",
    403: "it may not write there",
    404: "the address or the secret is unknown",
    410: "the address is gone",
}
LATER = frozenset({408, 425, 429})

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def post(who: str, url: str, payload: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    """Returns if the answer is a 2xx. Raises Throttled, RetryLater, Misconfigured or Poison."""
    _asked(who, url, payload, headers or {}, TIMEOUT_S, 0)


def call(who: str, url: str, payload: dict[str, Any], wait_s: float, most_bytes: int) -> Any:
    """The same, and the answer's JSON, None where it is none. `wait_s`: how long the server may hold it back."""
    answer = _asked(who, url, payload, {}, TIMEOUT_S + wait_s, most_bytes)
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None


def _asked(
    who: str, url: str, payload: dict[str, Any], headers: dict[str, str], timeout_s: float, most_bytes: int
) -> bytes:
    try:
        with (
            httpx.Client(timeout=timeout_s, verify=_trust()) as client,
            client.stream("POST", url, json=payload, headers=headers) as response,
        ):
            status, retry_after_s = response.status_code, _retry_after_s(response)
            answer = _read(response, most_bytes) if most_bytes and 200 <= status < 300 else b""
            if status == 429 and not retry_after_s:
                retry_after_s = _telegram_patience_s(_read(response, MAX_ANSWER))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise Misconfigured(f"{who}: the address is not one") from None
    except (httpx.HTTPError, httpx.StreamError) as problem:
        raise RetryLater(f"{who}: {type(problem).__name__}") from None
    _judge(who, status, retry_after_s)
    return answer


@cache
def _trust() -> ssl.SSLContext:
    """Read once: the certificates cost more time than a message."""
    return httpx.create_ssl_context()


def _judge(who: str, status: int, retry_after_s: float | None) -> None:
    if 200 <= status < 300:
        return
    if status == 429:
        raise Throttled(f"{who} answered 429", retry_after_s)
    if status in LATER or status >= 500 or status < 400:
        raise RetryLater(f"{who} answered {status}")
    if status in MENDABLE:
        raise Misconfigured(f"{who} answered {status}: {MENDABLE[status]}")
    raise Poison(f"{who} answered {status}: it does not take this message")


def _read(response: httpx.Response, most_bytes: int) -> bytes:
    """The answer, as far as it comes in time and is not too long."""
    until, found = time.monotonic() + TIMEOUT_S, bytearray()
    for piece in response.iter_bytes():
        found += piece
        if len(found) > most_bytes or time.monotonic() > until:
            break
    return bytes(found)


def _retry_after_s(response: httpx.Response) -> float | None:
    return _seconds(response.headers.get("retry-after"))


def _telegram_patience_s(answer: bytes) -> float | None:
    """Telegram says it in the body: {"parameters": {"retry_after": 30}}."""
    try:
        return _seconds(httpx.Response(200, content=answer).json()["parameters"]["retry_after"])
    except (ValueError, KeyError, TypeError):
        return None


def _seconds(value: Any) -> float | None:
    """A number of seconds within reason; dates and nonsense are no answer."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return min(seconds, LONGEST_PATIENCE_S) if seconds > 0 else None
