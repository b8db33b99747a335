"""Binance's JSON for orders, trades and transfers. Every amount has eight places."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim.binance.reading import symbol
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.numbers import fixed
from fluxfloor.venuesim.orders import Entry, Fill, Kind, Order, Status

PLACES = 8
_KINDS = {
    Kind.MARKET: "MARKET",
    Kind.LIMIT: "LIMIT",
    Kind.STOP: "STOP_LOSS",
    Kind.STOP_LIMIT: "STOP_LOSS_LIMIT",
    Kind.TAKE_PROFIT: "TAKE_PROFIT",
    Kind.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
    Kind.TRAILING_STOP: "STOP_LOSS",
    Kind.TRAILING_STOP_LIMIT: "STOP_LOSS_LIMIT",
}
_STATUSES = {Status.FILLED: "FILLED", Status.CANCELLED: "CANCELED", Status.EXPIRED: "EXPIRED"}


def amount(value: Decimal | None) -> str:
    return fixed(value or Decimal(0), PLACES)


def client_id(shown: Order) -> str:
    """The sender's, or what the venue makes up where there is none."""
    return shown.terms.client_id or f"sim{shown.number:019d}"


def status(shown: Order) -> str:
    if shown.open:
        return "PARTIALLY_FILLED" if shown.filled else "NEW"
    return _STATUSES[shown.status]


def _core(market: Market, shown: Order) -> dict[str, Any]:
    terms = shown.terms
    kind = "LIMIT_MAKER" if terms.post_only else _KINDS[terms.kind]
    body: dict[str, Any] = {
        "symbol": symbol(market),
        "orderId": shown.number,
        "orderListId": -1,
        "clientOrderId": client_id(shown),
        "price": amount(shown.limit),
        "origQty": amount(shown.quantity),
        "executedQty": amount(shown.filled),
        "origQuoteOrderQty": amount(terms.spend),
        "cummulativeQuoteQty": amount(shown.cost),
        "status": status(shown),
        "timeInForce": str(TimeInForce(terms.time_in_force)),
        "type": kind,
        "side": str(terms.side),
        "selfTradePreventionMode": "NONE",
    }
    if terms.kind.waits:
        body["stopPrice"] = amount(terms.trigger if terms.kind.trails else shown.stop)
    if terms.trail_share is not None:
        body["trailingDelta"] = int(terms.trail_share * 10_000)
    return body


def order(market: Market, shown: Order) -> dict[str, Any]:
    return _core(market, shown) | {
        "stopPrice": amount(shown.terms.trigger if shown.terms.kind.trails else shown.stop),
        "icebergQty": amount(None),
        "time": shown.created_ms,
        "updateTime": updated_ms(shown),
        "isWorking": shown.working,
        "workingTime": shown.triggered_ms or shown.created_ms if shown.working else -1,
    }


def updated_ms(shown: Order) -> int:
    last_fill = shown.fills[-1].ts_ms if shown.fills else 0
    return max(shown.created_ms, shown.triggered_ms, shown.ended_ms, last_fill)


def placed(market: Market, shown: Order, kind: str) -> dict[str, Any]:
    """The answer to a placement: ACK, RESULT or FULL."""
    full = _core(market, shown) | {"transactTime": shown.created_ms, "workingTime": shown.created_ms}
    if kind == "ACK":
        return {name: full[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId", "transactTime")}
    if kind == "FULL":
        full["fills"] = [
            {
                "price": amount(fill.price), "qty": amount(fill.quantity), "commission": amount(fill.fee),
                "commissionAsset": fill.fee_currency, "tradeId": fill.number,
            }
            for fill in shown.fills
        ]  # fmt: skip
    return full


def cancelled(market: Market, shown: Order, cancel_id: str, now_ms: int) -> dict[str, Any]:
    """The cancel has a client id of its own."""
    return _core(market, shown) | {
        "origClientOrderId": client_id(shown),
        "clientOrderId": cancel_id or f"cancel{shown.number:016d}",
        "transactTime": now_ms,
    }


def trade(market: Market, shown: Fill) -> dict[str, Any]:
    return {
        "symbol": symbol(market),
        "id": shown.number,
        "orderId": shown.order,
        "orderListId": -1,
        "price": amount(shown.price),
        "qty": amount(shown.quantity),
        "quoteQty": amount(shown.cost),
        "commission": amount(shown.fee),
        "commissionAsset": shown.fee_currency,
        "time": shown.ts_ms,
        "isBuyer": shown.side.sign > 0,
        "isMaker": shown.maker,
        "isBestMatch": True,
    }


def deposit(entry: Entry) -> dict[str, Any]:
    return _transfer(entry) | {"insertTime": entry.ts_ms, "status": 1, "confirmTimes": "1/1"}


def withdrawal(entry: Entry) -> dict[str, Any]:
    applied = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(entry.ts_ms // 1000))
    return _transfer(entry) | {"transactionFee": amount(entry.fee), "applyTime": applied, "status": 6}


def dividend(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.transfer, "tranId": entry.transfer, "amount": amount(entry.amount), "asset": entry.currency,
        "divTime": entry.ts_ms, "enInfo": entry.reference or entry.kind, "direction": 1,
    }  # fmt: skip


def _transfer(entry: Entry) -> dict[str, Any]:
    return {
        "id": str(entry.transfer), "amount": f"{abs(entry.amount):f}", "coin": entry.currency,
        "network": entry.currency, "address": entry.reference, "addressTag": "", "txId": entry.reference,
        "transferType": 0, "walletType": 0,
    }  # fmt: skip
