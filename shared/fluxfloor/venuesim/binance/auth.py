"""Binance's signature: HMAC-SHA256 of the query and the body, with a timestamp that must not be old."""

from __future__ import annotations

import hashlib
import hmac

from fluxfloor.venuesim.facade import Request
from fluxfloor.venuesim.keys import ApiKey, KeyRing
from fluxfloor.venuesim.numbers import whole
from fluxfloor.venuesim.refusals import Reason, Refused

AHEAD_MS = 1_000
WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000


def sign(text: str, secret: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authenticate(keys: KeyRing, request: Request, params: dict[str, str], now_ms: int, trades: bool) -> ApiKey:
    """Key, timestamp, signature, permission. Raises Refused."""
    key = keys.find(request.headers.get("x-mbx-apikey", ""))
    _check_time(params, now_ms)
    text, signature = _signed_text(request)
    if not hmac.compare_digest(sign(text, key.secret), signature):
        raise Refused(Reason.INVALID_SIGNATURE)
    if trades and not key.may_trade:
        raise Refused(Reason.PERMISSION_DENIED)
    return key


def _check_time(params: dict[str, str], now_ms: int) -> None:
    sent_ms = whole(params.get("timestamp", ""), "timestamp")
    window_ms = whole(params.get("recvWindow", str(WINDOW_MS)), "recvWindow")
    if not 0 < window_ms <= LONGEST_WINDOW_MS:
        raise Refused(Reason.INVALID_ARGUMENT, "recvWindow")
    if sent_ms >= now_ms + AHEAD_MS or now_ms - sent_ms > window_ms:
        raise Refused(Reason.STALE_TIMESTAMP)


def _signed_text(request: Request) -> tuple[str, str]:
    """(what was signed, the signature), which comes last in the body or, without one, in the query."""
    query, body = request.query, request.body.decode("utf-8", "replace")
    first, last = (query, body) if body else ("", query)
    text, _, signature = last.rpartition("&signature=")
    return first + text, signature
