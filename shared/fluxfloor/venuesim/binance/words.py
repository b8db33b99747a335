"""Binance's words for a refusal: (HTTP status, code, message), from its page of error codes and real answers."""

from __future__ import annotations

from typing import Final

from fluxfloor.venuesim.facade import Response
from fluxfloor.venuesim.refusals import Reason, Refused

_NO_KEY: Final = "Invalid API-key, IP, or permissions for action."
_ANSWERS: Final = {
    Reason.INVALID_KEY: (401, -2015, _NO_KEY),
    Reason.PERMISSION_DENIED: (401, -2015, _NO_KEY),
    Reason.INVALID_SIGNATURE: (400, -1022, "Signature for this request is not valid."),
    Reason.INVALID_NONCE: (400, -1021, "Timestamp for this request is outside of the recvWindow."),
    Reason.STALE_TIMESTAMP: (400, -1021, "Timestamp for this request is outside of the recvWindow."),
    Reason.DEADLINE_PASSED: (400, -1021, "Timestamp for this request is outside of the recvWindow."),
    Reason.RATE_LIMITED: (
        429, -1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use "
        "WebSocket Streams for live updates to avoid polling the API.",
    ),
    Reason.UNAVAILABLE: (503, -1001, "Internal error; unable to process your request. Please try again."),
    Reason.NO_MARKET: (400, -2010, "Market is closed."),
    Reason.CANCEL_ONLY: (400, -2010, "This action is disabled on this account."),
    Reason.POST_ONLY_MODE: (400, -2010, "This action is disabled on this account."),
    Reason.UNKNOWN_CALL: (404, -1000, "An unknown error occurred while processing the request."),
    Reason.UNKNOWN_MARKET: (400, -1121, "Invalid symbol."),
    Reason.UNKNOWN_ORDER: (400, -2013, "Order does not exist."),
    Reason.ORDER_TYPE: (400, -1116, "Invalid orderType."),
    Reason.OFF_TICK: (400, -1013, "Filter failure: PRICE_FILTER"),
    Reason.OFF_LOT: (400, -1013, "Filter failure: LOT_SIZE"),
    Reason.QUANTITY_TOO_SMALL: (400, -1013, "Filter failure: LOT_SIZE"),
    Reason.NOTIONAL_TOO_SMALL: (400, -1013, "Filter failure: NOTIONAL"),
    Reason.INSUFFICIENT_FUNDS: (400, -2010, "Account has insufficient balance for requested action."),
    Reason.DUPLICATE_CLIENT_ID: (400, -2010, "Duplicate order sent."),
    Reason.WOULD_TAKE: (400, -2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (400, -2010, "Stop price would trigger immediately."),
    Reason.REDUCE_ONLY: (400, -1106, "Parameter 'reduceOnly' sent when not required."),
    Reason.TOO_MANY_ORDERS: (400, -1013, "Filter failure: MAX_NUM_ORDERS"),
    Reason.TOO_MANY_STOPS: (400, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
}  # fmt: skip
_CANCEL_REFUSED: Final = (400, -2011, "Unknown order sent.")


def refused(refusal: Refused, cancels: bool, retry_after_s: int) -> Response:
    if refusal.reason is Reason.INVALID_ARGUMENT:
        name = refusal.detail or "symbol"
        return _answer(400, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    status, code, text = _ANSWERS[refusal.reason]
    if cancels and refusal.reason is Reason.UNKNOWN_ORDER:
        status, code, text = _CANCEL_REFUSED
    headers = {"Retry-After": str(retry_after_s or 1)} if status == 429 else {}
    return _answer(status, code, text, headers)


def _answer(status: int, code: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response({"code": code, "msg": text}, status, headers or {})
