"""Alpaca's words for a refusal: a status, a code and a sentence.

From docs/orders-at-alpaca, https://alpaca.markets/learn/how-to-fix-common-trading-api-errors-at-alpaca and real
answers.
"""

from __future__ import annotations

from typing import Any, Final

from fluxfloor.venuesim.refusals import Reason, Refused

USD: Final = "USD"
_TEXTS: Final[dict[Reason, tuple[int, int, str]]] = {
    Reason.INVALID_KEY: (401, 40110000, "request is not authorized"),
    Reason.INVALID_SIGNATURE: (401, 40110000, "request is not authorized"),
    Reason.PERMISSION_DENIED: (403, 40310000, "forbidden."),
    Reason.RATE_LIMITED: (429, 42910000, "rate limit exceeded"),
    Reason.UNAVAILABLE: (503, 50310000, "service unavailable"),
    Reason.CANCEL_ONLY: (403, 40310000, "new orders are rejected by user request: account is blocked"),
    Reason.POST_ONLY_MODE: (403, 40310000, "new orders are rejected: account is blocked"),
    Reason.UNKNOWN_CALL: (404, 40410000, "endpoint not found."),
    Reason.UNKNOWN_MARKET: (422, 42210000, "asset not found"),
    Reason.ORDER_TYPE: (422, 42210000, "invalid order type"),
    Reason.OFF_TICK: (422, 42210000, "sub-penny increment does not fulfill minimum pricing criteria"),
    Reason.OFF_LOT: (403, 40310000, "requested asset is not fractionable"),
    Reason.QUANTITY_TOO_SMALL: (422, 42210000, "qty must be >= 1"),
    Reason.NOTIONAL_TOO_SMALL: (403, 40310000, "cost basis must be >= minimal amount of order 1"),
    Reason.DUPLICATE_CLIENT_ID: (422, 40010001, "client_order_id must be unique"),
    Reason.WOULD_TRIGGER: (422, 42210000, "stop price must be less than current price"),
    Reason.TOO_MANY_ORDERS: (403, 40310000, "too many open orders"),
    Reason.NO_MARKET: (422, 42210000, "asset is not active"),
}


class WashTrade(Exception):
    """An order of the other side stands in the way. docs/user-protection."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def body(self) -> dict[str, Any]:
        return {
            "code": 40310000, "message": "potential wash trade detected. use complex orders",
            "reject_reason": self.reason,
        }  # fmt: skip


def refusal(refused: Refused) -> tuple[int, dict[str, Any]]:
    """(status, body)."""
    status, code, text = _text(refused)
    return status, {"code": code, "message": text}


def _text(refused: Refused) -> tuple[int, int, str]:
    if refused.reason is Reason.INSUFFICIENT_FUNDS:
        short = refused.detail not in (USD, "fault", "")
        return 403, 40310000, "insufficient qty available for order" if short else "insufficient buying power"
    if refused.reason is Reason.UNKNOWN_ORDER:
        return 404, 40410000, f"order not found for {refused.detail}"
    return _TEXTS.get(refused.reason, (422, 40010001, f"invalid {refused.detail or 'request'}"))
