"""Kraken's words for a refusal.

From the venue's article on API error messages and real answers, which is where the text for a client id that is in
use comes from.
"""

from __future__ import annotations

from typing import Final

from fluxfloor.venuesim.refusals import Reason, Refused

_TEXTS: Final = {
    Reason.INVALID_KEY: "EAPI:Invalid key",
    Reason.INVALID_SIGNATURE: "EAPI:Invalid signature",
    Reason.INVALID_NONCE: "EAPI:Invalid nonce",
    Reason.PERMISSION_DENIED: "EGeneral:Permission denied",
    Reason.RATE_LIMITED: "EAPI:Rate limit exceeded",
    Reason.UNAVAILABLE: "EService:Unavailable",
    Reason.NO_MARKET: "EService:Unavailable",
    Reason.CANCEL_ONLY: "EService:Market in cancel_only mode",
    Reason.POST_ONLY_MODE: "EService:Market in post_only mode",
    Reason.INVALID_ARGUMENT: "EGeneral:Invalid arguments",
    Reason.UNKNOWN_CALL: "EGeneral:Unknown method",
    Reason.UNKNOWN_MARKET: "EQuery:Unknown asset pair",
    Reason.UNKNOWN_ORDER: "EOrder:Unknown order",
    Reason.ORDER_TYPE: "EGeneral:Invalid arguments:ordertype",
    Reason.OFF_LOT: "EGeneral:Invalid arguments:volume",
    Reason.QUANTITY_TOO_SMALL: "EOrder:Order minimum not met",
    Reason.NOTIONAL_TOO_SMALL: "EOrder:Cost minimum not met",
    Reason.INSUFFICIENT_FUNDS: "EOrder:Insufficient funds",
    Reason.DUPLICATE_CLIENT_ID: "EGeneral:Invalid arguments:cl_ord_id not unique",
    Reason.DEADLINE_PASSED: "EService:Deadline elapsed",
    Reason.WOULD_TAKE: "EOrder:Post only order",
    Reason.WOULD_TRIGGER: "EOrder:Invalid price",
    Reason.REDUCE_ONLY: "EGeneral:Invalid arguments:reduce_only",
    Reason.TOO_MANY_ORDERS: "EOrder:Orders limit exceeded",
    Reason.TOO_MANY_STOPS: "EOrder:Orders limit exceeded",
    Reason.STALE_TIMESTAMP: "EAPI:Invalid nonce",
}
_ORDER_THROTTLE: Final = "EOrder:Rate limit exceeded"


def text_of(refusal: Refused, endpoint: str) -> str:
    if refusal.reason is Reason.OFF_TICK:  # the pair's decimals are in the real answer, which nobody parses
        return "EOrder:Invalid price:Invalid price argument"
    if refusal.reason is Reason.RATE_LIMITED and endpoint in ("AddOrder", "CancelOrder", "CancelAll"):
        return _ORDER_THROTTLE
    text = _TEXTS[refusal.reason]
    if refusal.reason is Reason.INVALID_ARGUMENT and refusal.detail and refusal.detail != "fault":
        return f"{text}:{refusal.detail}"
    return text
