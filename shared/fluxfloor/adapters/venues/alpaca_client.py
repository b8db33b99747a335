"""Alpaca's REST interface over HTTP: keys, addresses, patience, and its answers in the floor's terms.

What only looks is asked again after 1, 2 and 4 s. What may act (an order, a cancel) is sent once and never again: it is
for a look-up to tell what became of it. Nothing raised or logged here carries a key.

Pages of the manual are under https://docs.alpaca.markets; what is said here of codes and headers stands in its OpenAPI
documents (trading 2.0.1, market data 1.1) and in https://alpaca.markets/learn/how-to-fix-common-trading-api-errors-at-alpaca.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from fluxfloor.adapters.venues.alpaca_refusals import refusal_of, told
from fluxfloor.adapters.venues.budget import Budget, Purpose
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import Misconfigured, OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.ports import Clock

# docs/paper-trading, docs/about-market-data-api
LIVE, PAPER, DATA = "https://api.alpaca.markets", "https://paper-api.alpaca.markets", "https://data.alpaca.markets"
RETRY_AFTER_S = (1.0, 2.0, 4.0)
ANSWER_S = 10.0  # for all of an answer: shorter than the lease of whoever sends an order
CONNECT_S = 5.0
MAX_ANSWER = 64_000_000
PATIENCE_S = 60.0  # where a 429 says nothing of it: the budget is one of a minute

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    document: Any  # parsed JSON; None where there was no body
    readable: bool
    headers: httpx.Headers = field(repr=False)

    @property
    def fine(self) -> bool:
        return self.readable and 200 <= self.status < 300


class AlpacaClient:
    """One address with one key, and the budget of requests that Alpaca counts for them."""

    def __init__(
        self, address: str, keys: Keys, clock: Clock, budget: Budget, *, answer_s: float = ANSWER_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        timeout = httpx.Timeout(answer_s, connect=min(CONNECT_S, answer_s))
        self._http = httpx.Client(
            base_url=address, headers=_headers(keys), timeout=timeout, verify=_trust(), follow_redirects=False
        )
        self._keys = keys
        self._clock = clock
        self._budget = budget
        self._answer_s = answer_s
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"AlpacaClient({self._http.base_url})"

    def read(self, path: str, params: dict[str, str] | None = None, purpose: Purpose = Purpose.READ) -> Any:
        """The answer's document; None where Alpaca says that there is no such thing.

        Raises Throttled at once (asking again would prolong it), RetryLater after the last try, Misconfigured where
        no retry can help.
        """
        for wait_s in (*RETRY_AFTER_S, None):
            try:
                return self._judged(path, self._ask("GET", path, params, None, purpose))
            except httpx.HTTPError as problem:
                failure = RetryLater(f"alpaca GET {path}: {type(problem).__name__}")
            except RetryLater as problem:
                failure = problem
            if wait_s is None or isinstance(failure, Throttled):
                raise failure from None
            self._sleep(wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    def write(self, method: str, path: str, body: dict[str, Any] | None, purpose: Purpose) -> Any:
        """Sent once. Raises VenueRefused where Alpaca is known not to have acted, Throttled for a cancel that our own
        budget has no room for, else OutcomeUnknown."""
        what = f"alpaca {method} {path}"
        try:
            answer = self._ask(method, path, None, body, purpose)
        except Throttled as problem:
            if purpose is Purpose.CANCEL:
                raise
            raise VenueRefused(f"{what}: {problem}", code="throttled", retryable=True) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as problem:
            raise VenueRefused(f"{what}: {type(problem).__name__}", code="unreachable", retryable=True) from None
        except httpx.HTTPError as problem:
            raise OutcomeUnknown(f"{what}: {type(problem).__name__}") from None
        if answer.fine:
            return answer.document
        if answer.status == 429:
            self._heed(answer)
            raise VenueRefused(f"{what}: too many requests", code="throttled", retryable=True)
        refusal = refusal_of(what, answer.status, answer.document) if answer.readable else None
        raise refusal or OutcomeUnknown(f"{what} answered {answer.status}{'' if answer.readable else ', unreadable'}")

    # --- inside --------------------------------------------------------------------------------------------------

    def _ask(
        self, method: str, path: str, params: dict[str, str] | None, body: dict[str, Any] | None, purpose: Purpose
    ) -> Answer:  # fmt: skip
        wait_s = self._budget.take(purpose)
        if wait_s > 0:
            raise Throttled("the budget of requests is used up", wait_s)
        with self._http.stream(method, path, params=params, json=body) as response:
            raw = self._whole(response)
        try:
            document, readable = (json.loads(raw) if raw.strip() else None), True
        except (ValueError, RecursionError):
            document, readable = None, False
        return Answer(response.status_code, document, readable, response.headers)

    def _whole(self, response: httpx.Response) -> bytes:
        """The body, which may take no longer than an answer altogether, and not be without end."""
        until, found = time.monotonic() + self._answer_s, bytearray()
        for piece in response.iter_bytes():
            found += piece
            if len(found) > MAX_ANSWER or time.monotonic() > until:
                raise httpx.ReadTimeout("the answer takes too long", request=response.request)
        return _without(self._keys, bytes(found))

    def _judged(self, path: str, answer: Answer) -> Any:
        what = f"alpaca GET {path}"
        if answer.fine and answer.document is not None:
            return answer.document
        if answer.status == 429:
            raise Throttled(f"{what}: too many requests", self._heed(answer))
        if not answer.readable or not 400 <= answer.status < 500 or answer.status in (408, 425):
            raise RetryLater(f"{what} answered {answer.status}{'' if answer.readable else ', unreadable'}")
        if answer.status == 404:
            return _absent(what, answer)
        hint = "check the key and that it is one of this environment" if answer.status == 401 else "check the settings"
        raise Misconfigured(f"{what} answered {answer.status}: {told(answer.document)} ({hint})")

    def _heed(self, answer: Answer) -> float:
        """Notes the patience that a 429 asks for, in s. Alpaca says when its budget changes; a proxy says how long."""
        wait_s = _seconds(answer.headers.get("retry-after"))
        reset_s = _seconds(answer.headers.get("x-ratelimit-reset"))
        if wait_s is None and reset_s is not None:
            wait_s = reset_s - self._clock.now_ms() / 1_000
        wait_s = PATIENCE_S if wait_s is None or not 0 < wait_s <= 3_600 else wait_s
        self._budget.close(wait_s)
        return wait_s


def _absent(what: str, answer: Answer) -> None:
    """Much follows from an order's not being there: only Alpaca itself is believed, not whatever stands before it."""
    if not isinstance(answer.document, dict) or not answer.document.get("message"):
        raise RetryLater(f"{what} answered 404, and not in Alpaca's words")


def _headers(keys: Keys) -> dict[str, str]:
    """docs/authentication"""
    return {"APCA-API-KEY-ID": keys.key, "APCA-API-SECRET-KEY": keys.secret}


def _without(keys: Keys, raw: bytes) -> bytes:
    """An answer that repeats what it was asked with must not bring a key into a log."""
    for hidden in (keys.secret, keys.key):
        raw = raw.replace(hidden.encode(), b"***") if hidden else raw
    return raw


def budget_of(clock: Clock, can: Capabilities = CAPABILITIES["alpaca"]) -> Budget:
    """Trading and market data are counted apart: docs/about-market-data-api."""
    return Budget(clock, can.requests_per_minute, can.reserved_for_cancels, can.burst)


@cache
def _trust() -> ssl.SSLContext:
    """Read once: the certificates cost more time than a request."""
    return httpx.create_ssl_context()


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None
