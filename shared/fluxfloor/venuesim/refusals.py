"""What a simulated venue says instead of doing what it was asked. Each façade has the venue's own words for it."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    INVALID_KEY = "invalid_key"
    INVALID_SIGNATURE = "invalid_signature"
    INVALID_NONCE = "invalid_nonce"
    STALE_TIMESTAMP = "stale_timestamp"
    PERMISSION_DENIED = "permission_denied"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY_MODE = "post_only_mode"
    INVALID_ARGUMENT = "invalid_argument"
    UNKNOWN_CALL = "unknown_call"
    UNKNOWN_MARKET = "unknown_market"
    UNKNOWN_ORDER = "unknown_order"
    ORDER_TYPE = "order_type"
    OFF_TICK = "off_tick"
    OFF_LOT = "off_lot"
    QUANTITY_TOO_SMALL = "quantity_too_small"
    NOTIONAL_TOO_SMALL = "notional_too_small"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    DEADLINE_PASSED = "deadline_passed"
    WOULD_TAKE = "would_take"
    WOULD_TRIGGER = "would_trigger"
    REDUCE_ONLY = "reduce_only"
    TOO_MANY_ORDERS = "too_many_orders"
    TOO_MANY_STOPS = "too_many_stops"
    NO_MARKET = "no_market"


class Refused(Exception):
    """The venue said no and did nothing. `detail` names the argument, where it is one."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class NoAnswer(Exception):
    """The client hears nothing: the connection hangs for `hang_ms` and is cut. `arrived` says whether the venue had
    acted by then: only a test may know."""

    def __init__(self, arrived: bool, hang_ms: int = 0) -> None:
        super().__init__(f"no answer ({'the venue acted' if arrived else 'the venue has not acted'})")
        self.arrived = arrived
        self.hang_ms = hang_ms


class Broken(Exception):
    """An HTTP failure in front of the venue: a status, and a web page instead of JSON."""

    def __init__(self, status: int, body: str = "") -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body or f"<html><head><title>{status}</title></head><body>{status}</body></html>"
