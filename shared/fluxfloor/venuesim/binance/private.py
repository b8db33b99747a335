"""Binance's account and trading."""

from __future__ import annotations

from typing import Any

from fluxfloor.venuesim.binance import shapes
from fluxfloor.venuesim.binance.reading import market_named, terms_of
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.numbers import whole
from fluxfloor.venuesim.orders import Entry, Order
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.venue import Venue

DAY_MS = 86_400_000
MAX_ROWS = 1_000
_FULL = ("MARKET", "LIMIT")  # whose answers have fills unless something else is asked for

Params = dict[str, str]


# --- money -------------------------------------------------------------------------------------------------------


def account(venue: Venue, key: ApiKey, params: Params) -> Any:
    held = venue.account(key.account)
    some = next(iter(venue.outside.values())).market
    hides_nothing = params.get("omitZeroBalances", "").lower() == "true"
    rates = {"maker": shapes.amount(some.maker_fee), "taker": shapes.amount(some.taker_fee)}
    return {
        "makerCommission": int(some.maker_fee * 10_000), "takerCommission": int(some.taker_fee * 10_000),
        "buyerCommission": 0, "sellerCommission": 0,
        "commissionRates": rates | {"buyer": "0.00000000", "seller": "0.00000000"},
        "canTrade": key.may_trade, "canWithdraw": False, "canDeposit": True, "brokered": False,
        "requireSelfTradePrevention": False, "preventSor": False, "updateTime": venue.now_ms, "accountType": "SPOT",
        "balances": [
            {"asset": name, "free": shapes.amount(held.free(name)), "locked": shapes.amount(held.bound.get(name))}
            for name, amount in held.balances.items()
            if amount or not hides_nothing
        ],
        "permissions": ["SPOT"], "uid": 1,
    }  # fmt: skip


def coins(venue: Venue, _key: ApiKey, _params: Params) -> Any:
    names = {name for outside in venue.outside.values() for name in (outside.market.base, outside.market.quote)}
    names |= {name for account in venue.accounts.values() for name in account.balances}
    return [
        {
            "coin": name, "name": name, "depositAllEnable": True, "withdrawAllEnable": True, "free": "0", "locked": "0",
            "freeze": "0", "withdrawing": "0", "ipoing": "0", "ipoable": "0", "storage": "0", "isLegalMoney": False,
            "trading": True, "networkList": [],
        }
        for name in sorted(names)
    ]  # fmt: skip


def key_rights(_venue: Venue, key: ApiKey, _params: Params) -> Any:
    return {
        "ipRestrict": False, "createTime": 0, "enableReading": True, "enableWithdrawals": False,
        "enableInternalTransfer": False, "enableMargin": False, "enableFutures": False,
        "permitsUniversalTransfer": False, "enableVanillaOptions": False,
        "enableSpotAndMarginTrading": key.may_trade,
    }  # fmt: skip


def nothing(_venue: Venue, _key: ApiKey, _params: Params) -> Any:
    """Margin's lists: there is none."""
    return []


def deposits(venue: Venue, key: ApiKey, params: Params) -> Any:
    return [shapes.deposit(entry) for entry in _entries(venue, key, params, "coin", ("deposit",))]


def withdrawals(venue: Venue, key: ApiKey, params: Params) -> Any:
    return [shapes.withdrawal(entry) for entry in _entries(venue, key, params, "coin", ("withdrawal",))]


def dividends(venue: Venue, key: ApiKey, params: Params) -> Any:
    rows = [shapes.dividend(entry) for entry in _entries(venue, key, params, "asset", ("reward", "interest"))]
    return {"rows": rows, "total": len(rows)}


# --- orders ------------------------------------------------------------------------------------------------------


def place(venue: Venue, key: ApiKey, params: Params) -> Any:
    market = market_named(venue, params.get("symbol"))
    order = venue.place(key.account, terms_of(params, market))
    usual = "FULL" if params["type"] in _FULL else "ACK"
    return shapes.placed(market, order, params.get("newOrderRespType", usual))


def try_out(venue: Venue, _key: ApiKey, params: Params) -> Any:
    """Only reads the arguments."""
    terms_of(params, market_named(venue, params.get("symbol")))
    return {}


def cancel(venue: Venue, key: ApiKey, params: Params) -> Any:
    market = market_named(venue, params.get("symbol"))
    meant = [order for order in venue.account(key.account).open.values() if _is(order, market, params)]
    if not meant:
        raise Refused(Reason.UNKNOWN_ORDER)
    order = venue.cancel(key.account, meant[0].number)
    return shapes.cancelled(market, order, params.get("newClientOrderId", ""), venue.now_ms)


def cancel_all(venue: Venue, key: ApiKey, params: Params) -> Any:
    market = market_named(venue, params.get("symbol"))
    meant = [it for it in venue.account(key.account).open.values() if it.terms.symbol == market.symbol]
    if not meant:
        raise Refused(Reason.UNKNOWN_ORDER)
    ended = [venue.cancel(key.account, order.number) for order in meant]
    return [shapes.cancelled(market, order, "", venue.now_ms) for order in ended]


def order(venue: Venue, key: ApiKey, params: Params) -> Any:
    """By orderId or origClientOrderId; of several with one client id, the newest."""
    market = market_named(venue, params.get("symbol"))
    found = [it for it in venue.visible_orders(key.account) if _is(it, market, params)]
    if not found:
        raise Refused(Reason.UNKNOWN_ORDER)
    return shapes.order(market, found[-1])


def open_orders(venue: Venue, key: ApiKey, params: Params) -> Any:
    wanted = market_named(venue, params["symbol"]).symbol if "symbol" in params else ""
    shown = [it for it in venue.visible_orders(key.account) if it.open and wanted in ("", it.terms.symbol)]
    return [shapes.order(venue.outside[it.terms.symbol].market, it) for it in shown]


def all_orders(venue: Venue, key: ApiKey, params: Params) -> Any:
    market = market_named(venue, params.get("symbol"))
    since_ms, until_ms, limit = _day_of(params)
    first = whole(params.get("orderId", "0"), "orderId")
    found = [
        it
        for it in venue.visible_orders(key.account)
        if it.terms.symbol == market.symbol and since_ms <= it.created_ms <= until_ms and it.number >= first
    ]
    return [shapes.order(market, it) for it in _slice(found, params, limit, "orderId")]


def my_trades(venue: Venue, key: ApiKey, params: Params) -> Any:
    market = market_named(venue, params.get("symbol"))
    since_ms, until_ms, limit = _day_of(params)
    first, of = whole(params.get("fromId", "0"), "fromId"), whole(params.get("orderId", "0"), "orderId")
    found = [
        fill
        for fill in venue.visible_fills(key.account)
        if fill.symbol == market.symbol
        and since_ms <= fill.ts_ms <= until_ms
        and fill.number >= first
        and of in (0, fill.order)
    ]
    return [shapes.trade(market, fill) for fill in _slice(found, params, limit, "fromId")]


# --- parts -------------------------------------------------------------------------------------------------------


def _is(order: Order, market: Market, params: Params) -> bool:
    number, client_id = params.get("orderId"), params.get("origClientOrderId")
    if not number and not client_id:
        raise Refused(Reason.INVALID_ARGUMENT, "orderId")
    if order.terms.symbol != market.symbol or (number and str(order.number) != number):
        return False
    return not client_id or shapes.client_id(order) == client_id


def _day_of(params: Params) -> tuple[int, int, int]:
    """(since, until, limit): a span of at most 24 hours, which a lone start or end begins or ends."""
    told = [whole(params[name], name) if name in params else None for name in ("startTime", "endTime")]
    since_ms, until_ms = told
    if since_ms is not None and until_ms is not None and until_ms - since_ms > DAY_MS:
        raise Refused(Reason.INVALID_ARGUMENT, "endTime")
    if since_ms is None:
        since_ms = 0 if until_ms is None else until_ms - DAY_MS
    limit = min(whole(params.get("limit", "500"), "limit"), MAX_ROWS)
    return since_ms, (1 << 53) if until_ms is None else until_ms, limit


def _slice(found: list[Any], params: Params, limit: int, first: str) -> list[Any]:
    """Oldest first in any case; the newest of them where no beginning is told."""
    return found[:limit] if "startTime" in params or first in params else found[-limit:]


def _entries(venue: Venue, key: ApiKey, params: Params, named: str, kinds: tuple[str, ...]) -> list[Entry]:
    """Newest first."""
    since_ms = whole(params.get("startTime", "0"), "startTime")
    until_ms = whole(params.get("endTime", str(1 << 53)), "endTime")
    found = [
        entry
        for entry in reversed(venue.visible_entries(key.account))
        if entry.kind in kinds
        and params.get(named, entry.currency) == entry.currency
        and since_ms <= entry.ts_ms <= until_ms
    ]
    offset = whole(params.get("offset", "0"), "offset")
    return found[offset : offset + min(whole(params.get("limit", "1000"), "limit"), MAX_ROWS)]
