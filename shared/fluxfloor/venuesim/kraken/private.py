"""Kraken's account data and trading."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from fluxfloor.venuesim.kraken import names, shapes
from fluxfloor.venuesim.kraken.reading import market_named, terms_of
from fluxfloor.venuesim.numbers import fixed, number, whole
from fluxfloor.venuesim.orders import Entry, Fill, Order
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.venue import Venue

N = TypeVar("N", Entry, Fill, Order)
PAGE = 50
MAX_IDS = 50

Params = dict[str, str]


# --- money -------------------------------------------------------------------------------------------------------


def balance(venue: Venue, account: str, _params: Params) -> Any:
    held = venue.account(account)
    return {names.asset(name): _amount(venue, name, amount) for name, amount in held.balances.items()}


def balance_ex(venue: Venue, account: str, _params: Params) -> Any:
    held = venue.account(account)
    return {
        names.asset(name): {
            "balance": _amount(venue, name, amount),
            "hold_trade": _amount(venue, name, held.bound.get(name, Decimal(0))),
        }
        for name, amount in held.balances.items()
    }


def trade_balance(venue: Venue, account: str, params: Params) -> Any:
    """Everything at its middle in `asset` (ZUSD by default): spot has no margin, so equity is free margin."""
    wanted = params.get("asset", "ZUSD")
    total = Decimal(0)
    for name, amount in venue.account(account).balances.items():
        total += amount * (_worth(venue, name, wanted) or Decimal(0))
    text = f"{total:.4f}"
    return {"eb": text, "tb": text, "m": "0.0000", "n": "0.0000", "c": "0.0000", "v": "0.0000", "e": text, "mf": text}


def trade_volume(venue: Venue, _account: str, params: Params) -> Any:
    result: dict[str, Any] = {"currency": "ZUSD", "volume": "0.0000"}
    if wanted := params.get("pair"):
        markets = [market_named(venue, name) for name in wanted.split(",")]
        result["fees"] = {names.pair(it): _fee_tier(it.taker_fee) for it in markets}
        result["fees_maker"] = {names.pair(it): _fee_tier(it.maker_fee) for it in markets}
    return result


def ledgers(venue: Venue, account: str, params: Params) -> Any:
    wanted_asset, kind = params.get("asset", "all"), params.get("type", "all")
    found = [
        (entry.ts_ms, entry.number, entry)
        for entry in venue.visible_entries(account)
        if _asset_matches(wanted_asset, entry.currency) and kind in ("all", shapes.entry_type(entry))
    ]
    page, count = _page("L", found, params)
    return {"ledger": {key: shapes.entry(venue.rules, entry) for key, entry in page}, "count": count}


def query_ledgers(venue: Venue, account: str, params: Params) -> Any:
    entries = _by_id("L", venue.visible_entries(account), _ids(params, "id"))
    return {key: shapes.entry(venue.rules, entry) for key, entry in entries.items()}


def deposits(venue: Venue, account: str, params: Params) -> Any:
    return [_transfer(venue, entry) for entry in _transfers(venue, account, params) if entry.amount > 0]


def withdrawals(venue: Venue, account: str, params: Params) -> Any:
    return [_transfer(venue, entry) for entry in _transfers(venue, account, params) if entry.amount < 0]


# --- orders ------------------------------------------------------------------------------------------------------


def add_order(venue: Venue, account: str, params: Params) -> Any:
    market = market_named(venue, params.get("pair", ""))
    terms = terms_of(venue, params, market)
    if params.get("validate", "").lower() in ("true", "1"):
        return {"descr": {"order": shapes.described(market, terms, terms.quantity)}}
    order = venue.place(account, terms)
    return {
        "descr": {"order": shapes.described(market, terms, order.quantity)},
        "txid": [names.an_id("O", order.number)],
    }


def cancel_order(venue: Venue, account: str, params: Params) -> Any:
    """By txid, by cl_ord_id, or by a userref (which may be several orders')."""
    told, client_id = params.get("txid", ""), params.get("cl_ord_id", "")
    if not told and not client_id:
        raise Refused(Reason.INVALID_ARGUMENT, "txid")
    number = names.number_of("O", told)
    meant = [
        order
        for order in venue.account(account).open.values()
        if order.number == number
        or (client_id and order.terms.client_id == client_id)
        or (told and order.terms.user_ref == told)
    ]
    if not meant:
        raise Refused(Reason.UNKNOWN_ORDER)
    for order in meant:
        venue.cancel(account, order.number)
    return {"count": len(meant)}


def cancel_all(venue: Venue, account: str, _params: Params) -> Any:
    meant = list(venue.account(account).open)
    for one in meant:
        venue.cancel(account, one)
    return {"count": len(meant)}


def open_orders(venue: Venue, account: str, params: Params) -> Any:
    shown = [order for order in venue.visible_orders(account) if order.open and _wanted(order, params)]
    return {"open": {names.an_id("O", order.number): _order(venue, order, params) for order in shown}}


def closed_orders(venue: Venue, account: str, params: Params) -> Any:
    """By the time they ended, or opened where `closetime` says so."""
    found = [
        (
            order.created_ms if params.get("closetime") == "open" else order.ended_ms,
            order.number,
            order,
        )
        for order in venue.visible_orders(account)
        if not order.open and _wanted(order, params)
    ]
    page, count = _page("O", found, params)
    return {"closed": {key: _order(venue, order, params) for key, order in page}, "count": count}


def query_orders(venue: Venue, account: str, params: Params) -> Any:
    """By txid, which it insists on: a client id alone finds an order among the open and the closed ones only. Unknown
    ones are left out."""
    wanted = _ids(params, "txid")
    if not wanted:
        raise Refused(Reason.INVALID_ARGUMENT, "txid")
    shown = _by_id("O", venue.visible_orders(account), wanted)
    return {key: _order(venue, order, params) for key, order in shown.items() if _wanted(order, params)}


def trades_history(venue: Venue, account: str, params: Params) -> Any:
    """Keyed by id: a fill that is shown twice raises the count, and comes again on the page after."""
    found = [(fill.ts_ms, fill.number, fill) for fill in venue.visible_fills(account)]
    page, count = _page("T", found, params)
    return {"trades": {key: _trade(venue, fill) for key, fill in page}, "count": count}


def query_trades(venue: Venue, account: str, params: Params) -> Any:
    fills = _by_id("T", venue.visible_fills(account), _ids(params, "txid"))
    return {key: _trade(venue, fill) for key, fill in fills.items()}


# --- parts -------------------------------------------------------------------------------------------------------


def _page(prefix: str, found: list[tuple[int, int, N]], params: Params) -> tuple[list[tuple[str, N]], int]:
    """Newest first, 50 from `ofs` on, after `start` (exclusive) until `end` (inclusive): seconds or an id."""
    rows = sorted(found, key=lambda row: row[0])
    after_ms, until_ms = (_bound(prefix, rows, params.get(name), name) for name in ("start", "end"))
    kept = [
        (number, item)
        for ts_ms, number, item in reversed(rows)
        if (after_ms is None or ts_ms > after_ms) and (until_ms is None or ts_ms <= until_ms)
    ]
    offset = whole(params.get("ofs", "0"), "ofs")
    return [(names.an_id(prefix, number), item) for number, item in kept[offset : offset + PAGE]], len(kept)


def _bound(prefix: str, rows: list[tuple[int, int, N]], told: str | None, name: str) -> Decimal | None:
    if not told:
        return None
    meant = names.number_of(prefix, told)
    for ts_ms, own, _ in rows:
        if own == meant:
            return Decimal(ts_ms)
    return number(told, name) * 1000


def _by_id(prefix: str, items: list[N], wanted: list[str]) -> dict[str, N]:
    """Those that are wanted, by their ids."""
    meant = {names.number_of(prefix, key): key for key in wanted}
    return {meant[item.number]: item for item in items if item.number in meant}


def _ids(params: Params, name: str) -> list[str]:
    wanted = [item for item in params.get(name, "").split(",") if item]
    if len(wanted) > MAX_IDS:
        raise Refused(Reason.INVALID_ARGUMENT, name)
    return wanted


def _wanted(order: Order, params: Params) -> bool:
    client_id, user_ref = params.get("cl_ord_id"), params.get("userref")
    return (not client_id or order.terms.client_id == client_id) and (not user_ref or order.terms.user_ref == user_ref)


def _order(venue: Venue, order: Order, params: Params) -> dict[str, Any]:
    market = venue.outside[order.terms.symbol].market
    listed: list[str] = []
    if params.get("trades", "").lower() in ("true", "1"):
        listed = [names.an_id("T", fill.number) for fill in order.fills if venue.shows(fill, venue.now_ms)]
    return shapes.order(market, order, listed)


def _trade(venue: Venue, fill: Fill) -> dict[str, Any]:
    return shapes.trade(venue.outside[fill.symbol].market, fill, venue.orders[fill.order - 1])


def _amount(venue: Venue, currency: str, amount: Decimal) -> str:
    return fixed(amount, venue.rules.decimals.get(currency, 8))


def _worth(venue: Venue, currency: str, wanted: str) -> Decimal | None:
    """Of one unit, by a market between the two; None where there is none."""
    if names.asset(currency) == wanted or (currency == "USDT" and wanted == "ZUSD"):
        return Decimal(1)
    for outside in venue.outside.values():
        market = outside.market
        same = names.asset(market.quote) == wanted or (market.quote == "USDT" and wanted == "ZUSD")
        if market.base == currency and same and outside.last is not None:
            return outside.last
    return None


def _fee_tier(rate: Decimal) -> dict[str, Any]:
    fee = f"{rate * 100:.4f}"
    return {"fee": fee, "minfee": fee, "maxfee": fee, "nextfee": None, "nextvolume": None, "tiervolume": "0.0000"}


def _asset_matches(wanted: str, currency: str) -> bool:
    return wanted == "all" or bool({names.asset(currency), names.altname(currency)} & set(wanted.split(",")))


def _transfers(venue: Venue, account: str, params: Params) -> list[Entry]:
    """Newest first."""
    wanted, kinds = params.get("asset", "all"), ("deposit", "withdrawal")
    start_s, end_s = (number(params.get(name) or "0", name) for name in ("start", "end"))
    return [
        entry
        for entry in reversed(venue.visible_entries(account))
        if entry.kind in kinds
        and _asset_matches(wanted, entry.currency)
        and entry.ts_ms >= start_s * 1000
        and (not end_s or entry.ts_ms <= end_s * 1000)
    ]


def _transfer(venue: Venue, entry: Entry) -> dict[str, Any]:
    return {
        "method": entry.currency,
        "aclass": "currency",
        "asset": names.asset(entry.currency),
        "refid": names.an_id("R", entry.transfer),
        "txid": entry.reference or None,
        "info": entry.reference,
        "amount": _amount(venue, entry.currency, abs(entry.amount)),
        "fee": _amount(venue, entry.currency, entry.fee),
        "time": entry.ts_ms // 1000,
        "status": "Success",
    }
