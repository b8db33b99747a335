"""A refusal: what is wrong with a webhook, where, and how to mend it; sent as Problem+JSON (RFC 9457).

A refusal is an answer, not a failure of the floor, so it stands outside the tree of `fluxfloor.errors`. Each code has
one status and one title; counts, alerts and tests go by the code.
"""

from __future__ import annotations

import json
from typing import Any, Final

CODES: Final[dict[str, tuple[int, str]]] = {
    "empty_body": (400, "Empty body"),
    "not_utf8": (400, "Not UTF-8"),
    "not_text": (400, "Not text"),
    "invalid_json": (400, "Invalid JSON"),
    "too_deep": (400, "Nested too deep"),
    "duplicate_key": (400, "Duplicate key"),
    "huge_number": (400, "Number out of range"),
    "secret_in_url": (400, "Secret in the address"),
    "invalid_secret": (401, "Invalid secret"),
    "address_refused": (401, "Address not allowed"),
    "unknown_sender": (404, "Unknown sender"),
    "body_too_large": (413, "Body too large"),
    "unsupported_media_type": (415, "Unsupported media type"),
    "unfilled_placeholder": (422, "Unfilled placeholder"),
    "unrecognised_format": (422, "Unrecognised format"),
    "format_not_allowed": (422, "Format not allowed"),
    "missing_field": (422, "Missing field"),
    "unknown_field": (422, "Unknown field"),
    "invalid_field": (422, "Invalid field"),
    "not_a_number": (422, "Not a number"),
    "contradiction": (422, "Contradiction"),
    "unknown_instrument": (422, "Unknown instrument"),
    "ambiguous_instrument": (422, "Ambiguous instrument"),
    "unknown_venue": (422, "Unknown venue"),
    "too_many_legs": (422, "Too many legs"),
    "unsupported_action": (422, "Unsupported action"),
    "unsupported_field": (422, "Unsupported field"),
    "unsupported_kind": (422, "Unsupported kind of instrument"),
    "no_change": (422, "Nothing to do"),
    "stale": (422, "Stale"),
    "from_the_future": (422, "From the future"),
    "expired": (422, "Expired"),
    "too_many_signals": (422, "Too many signals"),
    "sender_mismatch": (422, "Another sender's signal"),
    "rate_limited": (429, "Too many requests"),
}
PROBLEM_TYPE: Final = "application/problem+json"
MAX_TEXT = 600


class Refused(Exception):
    """A webhook that is not taken.

    `field` is the path of what is wrong ("signals[1].legs[0].price"), `fix` what the sender can do about it.
    `authenticated` tells whether the secret was proved before this was found; `event_ids` names the webhook where that
    much was read already, so that a repeat of an accepted webhook can be given its first answer even when it is stale
    by now.
    """

    def __init__(
        self, code: str, message: str, *, field: str = "", fix: str = "", retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status, self.title = CODES[code]
        self.message = _bounded(message)
        self.field = _bounded(field)
        self.fix = _bounded(fix)
        self.retry_after_s = retry_after_s
        self.authenticated = False
        self.event_ids: tuple[str, ...] = ()

    def problem(self) -> dict[str, Any]:
        """The members of the Problem+JSON body, those that are empty left out."""
        told = {"detail": self.message, "code": self.code, "field": self.field, "fix": self.fix}
        head = {"type": f"urn:fluxfloor:refusal:{self.code}", "title": self.title, "status": self.status}
        return {**head, **{name: text for name, text in told.items() if text}}

    def body(self) -> bytes:
        return json.dumps(self.problem(), ensure_ascii=False, separators=(",", ":")).encode()

    def headers(self) -> dict[str, str]:
        """What goes with the body. 401 and 404 carry the same ones, so that nothing but the status tells them apart."""
        headers = {"Content-Type": PROBLEM_TYPE}
        if self.status in (401, 404):
            headers["WWW-Authenticate"] = "Bearer"
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return headers


def _bounded(text: str) -> str:
    """Encodable and short, whatever the sender put into it."""
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= MAX_TEXT else clean[: MAX_TEXT - 1] + "…"


def listed(names: list[str] | tuple[str, ...], most: int = 6) -> str:
    """A short enumeration for a message."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
