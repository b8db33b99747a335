"""Kraken's JSON for orders, trades and ledger entries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fluxfloor.venuesim.kraken import names
from fluxfloor.venuesim.kraken.reading import KINDS
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.numbers import decimals_of, fixed
from fluxfloor.venuesim.orders import Entry, Fill, Kind, Order, Status, Terms
from fluxfloor.venuesim.rules import Rules

_WORDS = {kind: word for word, kind in KINDS.items()}
_STATUSES = {Status.OPEN: "open", Status.FILLED: "closed", Status.CANCELLED: "canceled"}
_REASONS = {"user requested": "User requested", "": None}
_POSITIONS = 1 << 40  # far from the numbers of trades
_ENTRY_TYPES = {"reward": "staking"}


def seconds(ms: int) -> float:
    return ms / 1000


def described(market: Market, terms: Terms, quantity: Decimal) -> str:
    """Like `buy 0.02100000 ETHUSDT @ limit 330.00`."""
    volume = fixed(terms.spend or quantity, decimals_of(market.lot))
    first, second = prices(market, terms)
    words = _WORDS[terms.kind].removesuffix("-limit").replace("-", " ") if terms.kind.waits else _WORDS[terms.kind]
    text = f"{terms.side.lower()} {volume} {names.pair_altname(market)} @ {words}"
    if terms.kind is not Kind.MARKET:
        text += f" {first}"
    return f"{text} -> limit {second}" if terms.kind.waits and terms.kind.limited else text


def prices(market: Market, terms: Terms) -> tuple[str, str]:
    """What descr calls price and price2."""
    places = decimals_of(market.tick)
    if terms.kind.trails:
        share = terms.trail_share
        first = f"+{share * 100:.4f}%" if share is not None else f"+{fixed(terms.trail or Decimal(0), places)}"
        return first, "0" if terms.limit is None else f"{terms.limit:+.{places}f}"
    if terms.kind is Kind.MARKET:
        return "0", "0"
    if terms.kind is Kind.LIMIT:
        return fixed(terms.limit or Decimal(0), places), "0"
    return fixed(terms.trigger or Decimal(0), places), (fixed(terms.limit, places) if terms.limit is not None else "0")


def order(market: Market, shown: Order, trades: list[str] | None = None) -> dict[str, Any]:
    terms, places = shown.terms, decimals_of(market.tick)
    first, second = prices(market, terms)
    body: dict[str, Any] = {
        "refid": None,
        "userref": int(terms.user_ref) if terms.user_ref else None,
        "status": _status(shown),
        "opentm": seconds(shown.created_ms),
        "starttm": 0,
        "expiretm": seconds(terms.expires_ms) if terms.expires_ms else 0,
        "descr": {
            "pair": names.pair_altname(market),
            "type": terms.side.lower(),
            "ordertype": _WORDS[terms.kind],
            "price": first,
            "price2": second,
            "leverage": "none",
            "order": described(market, terms, shown.quantity),
            "close": "",
        },
        "vol": fixed(shown.quantity, decimals_of(market.lot)),
        "vol_exec": fixed(shown.filled, decimals_of(market.lot)),
        "cost": fixed(shown.cost, 8),
        "fee": fixed(sum(shown.fees.values(), Decimal(0)), 8),
        "price": fixed(shown.average, places + 2),
        "stopprice": fixed(shown.stop or Decimal(0), places),
        "limitprice": fixed(shown.limit or Decimal(0) if terms.kind.waits else Decimal(0), places),
        "misc": "",
        "oflags": _flags(terms),
    }
    if terms.client_id:
        body["cl_ord_id"] = terms.client_id
    if terms.kind.waits:
        body["trigger"] = "last"
    if not shown.open:
        body |= {"reason": _REASONS.get(shown.reason, shown.reason), "closetm": seconds(shown.ended_ms)}
    if trades:
        body["trades"] = trades
    return body


def trade(market: Market, shown: Fill, of: Order) -> dict[str, Any]:
    places = decimals_of(market.tick)
    return {
        "ordertxid": names.an_id("O", shown.order),
        "postxid": names.an_id("T", _POSITIONS + shown.order),
        "pair": names.pair(market),
        "time": seconds(shown.ts_ms),
        "type": shown.side.lower(),
        "ordertype": _WORDS[of.terms.kind],
        "price": fixed(shown.price, places),
        "cost": fixed(shown.cost, 8),
        "fee": fixed(shown.fee, 8),
        "vol": fixed(shown.quantity, decimals_of(market.lot)),
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": shown.number,
        "maker": shown.maker,
        "ledgers": [],
    }


def entry_type(shown: Entry) -> str:
    return _ENTRY_TYPES.get(shown.kind, shown.kind)


def entry(rules: Rules, shown: Entry) -> dict[str, Any]:
    places = rules.decimals.get(shown.currency, 8)
    reference = names.an_id("T", shown.fill) if shown.fill else names.an_id("R", shown.transfer)
    return {
        "refid": reference,
        "time": seconds(shown.ts_ms),
        "type": entry_type(shown),
        "subtype": "",
        "aclass": "currency",
        "asset": names.asset(shown.currency),
        "amount": fixed(shown.amount, places),
        "fee": fixed(shown.fee, places),
        "balance": fixed(shown.balance, places),
    }


def _status(shown: Order) -> str:
    """What IOC left over was cancelled by the venue; only an order whose time is over has expired."""
    if shown.status is Status.EXPIRED:
        return "expired" if shown.terms.expires_ms and shown.ended_ms >= shown.terms.expires_ms else "canceled"
    return _STATUSES[shown.status]


def _flags(terms: Terms) -> str:
    in_base = terms.fee_in == "base"
    flags = ["fcib" if in_base else "fciq"]
    if terms.post_only:
        flags.insert(0, "post")
    if terms.spend:
        flags.append("viqc")
    return ",".join(flags)
