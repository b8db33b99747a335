"""What Alpaca says no with, as the floor's codes. One number stands for many causes, so its sentences decide."""

from __future__ import annotations

import re
from typing import Any, Final

from fluxfloor.errors import VenueRefused

# Sentences from https://alpaca.markets/learn/how-to-fix-common-trading-api-errors-at-alpaca, docs/orders-at-alpaca,
# docs/fractional-trading and docs/user-protection, in the order that they are tried.
SENTENCES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"client.?order.?id must be unique|client.?order.?id already exists", "duplicate_client_order_id"),
        (r"wash trade|opposite side", "wash_trade"),
        (r"day.?trad", "day_trading"),
        (r"not allowed to short|short(ing)? .*not|cannot be sold short|not shortable", "short_not_allowed"),
        (r"cost basis must be", "min_notional"),
        (r"insufficient|buying power", "insufficient_funds"),
        (r"sub-?penny|price increment", "tick_size"),
        (r"stop price must be", "would_trigger"),
        (r"not fractionable|fractional|whole number|integer", "lot_size"),
        (r"qty must be|quantity must be|notional", "min_quantity"),
        (r"not (active|tradable|found)|could not find asset|invalid symbol", "market"),
        (r"\bforbidden|unauthorized", "permission"),
        (r"blocked|suspended|not authorized to trade|account.*restricted", "account_blocked"),
        (r"not cancell?able|already in .*state|order is (already )?(filled|cancell?ed)", "unknown_order"),
    )
)
BY_STATUS: Final = {401: "permission", 404: "unknown_order"}
_LONGEST = 300


def refusal_of(what: str, status: int, document: Any) -> VenueRefused | None:
    """The refusal that a readable 4xx is; None for what is none: then nobody knows what has happened."""
    if not 400 <= status < 500 or status in (408, 425) or not isinstance(document, dict) or "message" not in document:
        return None
    sentence = told(document)
    code = BY_STATUS.get(status) or next((code for seen, code in SENTENCES if seen.search(sentence)), "")
    return VenueRefused(f"{what} answered {status}: {sentence}", code=code or "rejected")


def told(document: Any) -> str:
    """Alpaca's own words: {"code": 40310000, "message": "…", "reject_reason": "…"}."""
    if not isinstance(document, dict):
        return "nothing"
    words = [str(document[name]) for name in ("code", "message", "reject_reason") if document.get(name)]
    return " ".join(words)[:_LONGEST]
