"""POST order's arguments as the core's terms."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.numbers import number
from fluxfloor.venuesim.orders import Kind, Terms
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.venue import Venue

KINDS: Final = {
    "MARKET": Kind.MARKET,
    "LIMIT": Kind.LIMIT,
    "LIMIT_MAKER": Kind.LIMIT,
    "STOP_LOSS": Kind.STOP,
    "STOP_LOSS_LIMIT": Kind.STOP_LIMIT,
    "TAKE_PROFIT": Kind.TAKE_PROFIT,
    "TAKE_PROFIT_LIMIT": Kind.TAKE_PROFIT_LIMIT,
}
_TRAILING: Final = {Kind.STOP: Kind.TRAILING_STOP, Kind.STOP_LIMIT: Kind.TRAILING_STOP_LIMIT}
_BASIS_POINTS: Final = Decimal(10_000)
_DELTAS: Final = (10, 2_000)
_CLIENT_ID: Final = re.compile(r"[a-zA-Z0-9\-_]{1,36}")


def market_named(venue: Venue, name: str | None) -> Market:
    if not name:
        raise Refused(Reason.INVALID_ARGUMENT, "symbol")
    for outside in venue.outside.values():
        if symbol(outside.market) == name:
            return outside.market
    raise Refused(Reason.UNKNOWN_MARKET, name)


def symbol(market: Market) -> str:
    return market.base + market.quote


def terms_of(params: dict[str, str], market: Market) -> Terms:
    """Raises Refused for what Binance would not take. A trailing take-profit is not spoken here."""
    kind = KINDS.get(params.get("type", ""))
    if kind is None:
        raise Refused(Reason.ORDER_TYPE)
    if "reduceOnly" in params:
        raise Refused(Reason.REDUCE_ONLY)
    share = _trail_share(params)
    if share is not None and kind not in _TRAILING:
        raise Refused(Reason.ORDER_TYPE)
    limit = number(params.get("price", ""), "price") if kind.limited else None
    return Terms(
        symbol=market.symbol,
        side=_side(params),
        kind=kind if share is None else _TRAILING[kind],
        quantity=_quantity(params, kind),
        spend=number(params["quoteOrderQty"], "quoteOrderQty") if "quoteOrderQty" in params else Decimal(0),
        limit=limit,
        trigger=_trigger(params, kind, share),
        trail_share=share,
        time_in_force=_time_in_force(params, kind),
        post_only=params["type"] == "LIMIT_MAKER",
        client_id=_client_id(params, "newClientOrderId"),
    )


def _side(params: dict[str, str]) -> Side:
    if params.get("side") not in ("BUY", "SELL"):
        raise Refused(Reason.INVALID_ARGUMENT, "side")
    return Side(params["side"])


def _quantity(params: dict[str, str], kind: Kind) -> Decimal:
    if "quoteOrderQty" in params and kind is Kind.MARKET and "quantity" not in params:
        return Decimal(0)
    return number(params.get("quantity", ""), "quantity")


def _trigger(params: dict[str, str], kind: Kind, share: Decimal | None) -> Decimal | None:
    if not kind.waits or (share is not None and "stopPrice" not in params):
        return None
    return number(params.get("stopPrice", ""), "stopPrice")


def _trail_share(params: dict[str, str]) -> Decimal | None:
    """trailingDelta is in basis points."""
    if "trailingDelta" not in params:
        return None
    delta = number(params["trailingDelta"], "trailingDelta")
    if not _DELTAS[0] <= delta <= _DELTAS[1]:
        raise Refused(Reason.INVALID_ARGUMENT, "trailingDelta")
    return delta / _BASIS_POINTS


def _time_in_force(params: dict[str, str], kind: Kind) -> TimeInForce:
    needed = kind.limited and params["type"] != "LIMIT_MAKER"
    told = params.get("timeInForce", "" if needed else "GTC")
    if told not in ("GTC", "IOC", "FOK"):
        raise Refused(Reason.INVALID_ARGUMENT, "timeInForce")
    return TimeInForce(told)


def _client_id(params: dict[str, str], name: str) -> str:
    told = params.get(name, "")
    if told and not _CLIENT_ID.fullmatch(told):
        raise Refused(Reason.INVALID_ARGUMENT, name)
    return told
