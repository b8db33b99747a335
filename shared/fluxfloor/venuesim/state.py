"""The simulated venue's state as JSON, complete: what an outsider checks its own books against."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fluxfloor.contracts.base import canonical
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.orders import Entry, Fill, Order
from fluxfloor.venuesim.outside import Outside


def market_state(outside: Outside) -> dict[str, Any]:
    quote = outside.quote
    return {
        "bid": canonical(quote.bid) if quote else None,
        "ask": canonical(quote.ask) if quote else None,
        "last": canonical(outside.last) if outside.last is not None else None,
        "open_orders": len(outside.open),
    }


def account_state(account: Account) -> dict[str, Any]:
    return {
        "balances": _amounts(account.balances),
        "bound": _amounts(account.bound),
        "orders": [order_state(order) for order in account.orders],
        "fills": [fill_state(fill) for fill in account.fills],
        "ledger": [entry_state(entry) for entry in account.ledger],
        "contradictions": account.faults(),
    }


def order_state(order: Order) -> dict[str, Any]:
    terms = order.terms
    return {
        "number": order.number, "client_id": terms.client_id, "symbol": terms.symbol, "side": str(terms.side),
        "kind": str(terms.kind), "quantity": canonical(order.quantity), "filled": canonical(order.filled),
        "status": str(order.status), "reason": order.reason, "created_ms": order.created_ms,
        "ended_ms": order.ended_ms, "visible_ms": order.visible_ms, "by_hand": terms.by_hand,
        "limit": None if order.limit is None else canonical(order.limit),
        "stop": None if order.stop is None else canonical(order.stop),
        "held": canonical(order.held), "held_currency": order.held_currency,
    }  # fmt: skip


def fill_state(fill: Fill) -> dict[str, Any]:
    return {
        "number": fill.number, "order": fill.order, "symbol": fill.symbol, "side": str(fill.side),
        "price": canonical(fill.price), "quantity": canonical(fill.quantity), "cost": canonical(fill.cost),
        "fee": canonical(fill.fee), "fee_currency": fill.fee_currency, "maker": fill.maker, "ts_ms": fill.ts_ms,
        "moves": _amounts(fill.moves), "visible_ms": fill.visible_ms, "shown": fill.shown,
    }  # fmt: skip


def entry_state(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number, "ts_ms": entry.ts_ms, "kind": entry.kind, "currency": entry.currency,
        "amount": canonical(entry.amount), "fee": canonical(entry.fee), "balance": canonical(entry.balance),
        "fill": entry.fill, "transfer": entry.transfer,
    }  # fmt: skip


def _amounts(amounts: dict[str, Decimal]) -> dict[str, str]:
    return {currency: canonical(amount) for currency, amount in amounts.items()}
