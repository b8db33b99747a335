"""AddOrder's arguments as the core's terms."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim.kraken.names import spellings
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.numbers import number, whole
from fluxfloor.venuesim.orders import Kind, Terms
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.venue import Venue

KINDS: Final = {
    "market": Kind.MARKET,
    "limit": Kind.LIMIT,
    "stop-loss": Kind.STOP,
    "stop-loss-limit": Kind.STOP_LIMIT,
    "take-profit": Kind.TAKE_PROFIT,
    "take-profit-limit": Kind.TAKE_PROFIT_LIMIT,
    "trailing-stop": Kind.TRAILING_STOP,
    "trailing-stop-limit": Kind.TRAILING_STOP_LIMIT,
}
_MAX_DEADLINE_MS: Final = 60_000
_CLIENT_ID: Final = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[\x21-\x7e]{1,18}", re.IGNORECASE
)
"""A UUID with or without its dashes, or up to 18 characters of one's own."""


def market_named(venue: Venue, name: str) -> Market:
    for outside in venue.outside.values():
        if name in spellings(outside.market):
            return outside.market
    raise Refused(Reason.UNKNOWN_MARKET, name)


def terms_of(venue: Venue, params: dict[str, str], market: Market) -> Terms:
    """Raises Refused for what Kraken would not take."""
    kind = KINDS.get(params.get("ordertype", ""))
    if kind is None:
        raise Refused(Reason.ORDER_TYPE)
    flags = set(params.get("oflags", "").split(",")) - {""}
    amount = number(params.get("volume", ""), "volume")
    stop, limit, trail, share = _prices(kind, params)
    return Terms(
        symbol=market.symbol,
        side=_side(params),
        kind=kind,
        quantity=Decimal(0) if "viqc" in flags else amount,
        spend=amount if "viqc" in flags else Decimal(0),
        limit=limit,
        trigger=stop,
        trail=trail,
        trail_share=share,
        time_in_force=_time_in_force(params),
        post_only="post" in flags,
        reduce_only=_true(params, "reduce_only"),
        client_id=_client_id(params),
        user_ref=params.get("userref", ""),
        deadline_ms=_deadline_ms(venue, params),
        expires_ms=_expires_ms(venue, params),
        fee_in="base" if "fcib" in flags else "quote" if "fciq" in flags else "",
    )


def _side(params: dict[str, str]) -> Side:
    sides = {"buy": Side.BUY, "sell": Side.SELL}
    if params.get("type") not in sides:
        raise Refused(Reason.INVALID_ARGUMENT, "type")
    return sides[params["type"]]


def _prices(
    kind: Kind, params: dict[str, str]
) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]:
    """(trigger, limit, trail, trail share)."""
    first, second = params.get("price", ""), params.get("price2", "")
    if kind.trails:
        limit = number(second, "price2") if kind.limited else None
        if first.endswith("%"):
            return None, limit, None, number(first[:-1], "price") / 100
        return None, limit, number(first, "price"), None
    if kind is Kind.MARKET:
        return None, None, None, None
    if kind is Kind.LIMIT:
        return None, number(first, "price"), None, None
    return number(first, "price"), number(second, "price2") if kind.limited else None, None, None


def _time_in_force(params: dict[str, str]) -> TimeInForce:
    ways = {"GTC": TimeInForce.GTC, "GTD": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
    told = params.get("timeinforce", "GTC")
    if told not in ways:
        raise Refused(Reason.INVALID_ARGUMENT, "timeinforce")
    return ways[told]


def _client_id(params: dict[str, str]) -> str:
    told, user_ref = params.get("cl_ord_id", ""), params.get("userref", "")
    if user_ref and not -(2**31) <= whole(user_ref, "userref") < 2**31:
        raise Refused(Reason.INVALID_ARGUMENT, "userref")
    if told and user_ref:
        raise Refused(Reason.INVALID_ARGUMENT, "userref and cl_ord_id")
    if told and not _CLIENT_ID.fullmatch(told):
        raise Refused(Reason.INVALID_ARGUMENT, "cl_ord_id")
    return told


def _deadline_ms(venue: Venue, params: dict[str, str]) -> int:
    """RFC 3339, at most a minute ahead."""
    told = params.get("deadline")
    if not told:
        return 0
    try:
        moment = datetime.fromisoformat(told.replace("Z", "+00:00"))
    except ValueError as problem:
        raise Refused(Reason.INVALID_ARGUMENT, "deadline") from problem
    deadline_ms = round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    if deadline_ms > venue.now_ms + _MAX_DEADLINE_MS:
        raise Refused(Reason.INVALID_ARGUMENT, "deadline")
    return deadline_ms


def _expires_ms(venue: Venue, params: dict[str, str]) -> int:
    """Unix seconds, or "+<seconds>" from now; 0 where it stays."""
    told = params.get("expiretm", "0")
    seconds = int(number(told, "expiretm"))
    if told.startswith("+"):
        return venue.now_ms + seconds * 1000
    return seconds * 1000


def _true(params: dict[str, str], name: str) -> bool:
    return params.get(name, "").lower() in ("true", "1")
