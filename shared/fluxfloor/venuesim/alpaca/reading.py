"""What Alpaca's requests ask for, in the core's terms."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.features.sessions import NEW_YORK
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.alpaca import sessions
from fluxfloor.venuesim.alpaca.words import USD, WashTrade
from fluxfloor.venuesim.numbers import number
from fluxfloor.venuesim.orders import Kind, Order, Terms
from fluxfloor.venuesim.refusals import Reason, Refused

Params = dict[str, str]
_KINDS: Final = {kind.value: kind for kind in
                 (Kind.MARKET, Kind.LIMIT, Kind.STOP, Kind.STOP_LIMIT, Kind.TRAILING_STOP)}  # fmt: skip
_TIMES: Final = {item.lower(): item for item in TimeInForce}
LONGEST_ID: Final = 128


def terms_of(params: Params, now_ms: int) -> Terms:
    kind, lasts = _KINDS.get(params.get("type", "")), _TIMES.get(params.get("time_in_force", ""))
    side = {"buy": Side.BUY, "sell": Side.SELL}.get(params.get("side", ""))
    if kind is None or lasts is None or side is None:
        raise Refused(Reason.ORDER_TYPE, "order")
    client_id = params.get("client_order_id", "")
    if len(client_id) > LONGEST_ID:
        raise Refused(Reason.INVALID_ARGUMENT, "client_order_id")
    quantity = _number(params, "qty") or Decimal(0)
    if quantity % 1 and lasts is not TimeInForce.DAY:
        raise Refused(Reason.OFF_LOT, "fractional orders must be DAY orders")
    return Terms(
        symbol=f"{params.get('symbol', '')}/{USD}", side=side, kind=kind, quantity=quantity,
        limit=_number(params, "limit_price"), trigger=_number(params, "stop_price"),
        trail=_number(params, "trail_price"), time_in_force=lasts, client_id=client_id,
        expires_ms=sessions.next_close_ms(now_ms) if lasts is TimeInForce.DAY else 0,
    )  # fmt: skip


def check_wash_trade(holder: Account, terms: Terms) -> None:
    """docs/user-protection: an order that could meet one's own of the other side is not taken."""
    for resting in holder.open.values():
        if resting.terms.symbol != terms.symbol or resting.terms.side is terms.side:
            continue
        if resting.terms.kind is not Kind.LIMIT:
            raise WashTrade("opposite side market/stop order exists")
        if terms.kind is not Kind.LIMIT or _cross(terms, resting):
            raise WashTrade("opposite side limit order exists")


def _cross(terms: Terms, resting: Order) -> bool:
    ours, theirs = terms.limit or Decimal(0), resting.terms.limit or Decimal(0)
    return ours >= theirs if terms.side is Side.BUY else ours <= theirs


def time_of(params: Params, name: str) -> int | None:
    """RFC 3339, or a date of New York's."""
    if not params.get(name):
        return None
    try:
        read = datetime.fromisoformat(params[name])
        return int((read if read.tzinfo else read.replace(tzinfo=NEW_YORK)).timestamp() * 1_000)
    except (ValueError, OverflowError) as problem:
        raise Refused(Reason.INVALID_ARGUMENT, name) from problem


def _number(params: Params, name: str) -> Decimal | None:
    return None if params.get(name) in (None, "", "null") else number(params[name], name)
