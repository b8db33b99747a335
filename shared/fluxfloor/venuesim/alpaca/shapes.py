"""The simulated venue's state as Alpaca's JSON shows it: https://docs.alpaca.markets/reference."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.features.sessions import NEW_YORK
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.alpaca.words import USD
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.orders import Entry, Fill, Kind, Order, Status
from fluxfloor.venuesim.outside import Outside

Row = dict[str, Any]
_ORDERS, _CLIENTS, _FILLS, _ENTRIES, _ASSETS = 0x0D, 0xC1, 0xF1, 0xE7, 0xA5
_ACTIVITIES: Final = {
    "deposit": "CSD", "withdrawal": "CSW", "transfer": "JNLC", "reward": "DIV", "interest": "INT", "fee": "FEE",
}  # fmt: skip


def an_id(kind: int, number: int) -> str:
    return f"{number:08x}-{kind:04x}-4000-8000-{number:012x}"


def order_id(number: int) -> str:
    return an_id(_ORDERS, number)


def moment(ms: int) -> str | None:
    """RFC 3339 in UTC; None for never."""
    stamp = datetime.fromtimestamp(ms / 1_000, UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{ms % 1_000:03}Z" if ms else None


def in_new_york(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).astimezone(NEW_YORK).isoformat()


# --- orders ------------------------------------------------------------------------------------------------------


def order(order: Order, is_open: bool) -> Row:
    terms, status = order.terms, status_of(order, is_open)
    base = terms.symbol.partition("/")[0]
    ended, price = moment(order.ended_ms), None if terms.kind.trails else terms.limit
    row: Row = {
        "id": order_id(order.number), "client_order_id": terms.client_id or an_id(_CLIENTS, order.number),
        "created_at": moment(order.created_ms),
        "updated_at": ended or moment(order.created_ms), "submitted_at": moment(order.created_ms), "replaced_by": None,
        "replaces": None, "replaced_at": None, "failed_at": None, "asset_id": asset_id(base), "symbol": base,
        "asset_class": "us_equity", "notional": None, "qty": canonical(order.quantity),
        "filled_qty": canonical(order.filled), "order_class": "", "order_type": terms.kind.value,
        "type": terms.kind.value, "side": terms.side.lower(), "time_in_force": terms.time_in_force.lower(),
        "status": status, "extended_hours": False, "legs": None, "trail_percent": None,
        "filled_avg_price": canonical(round(order.average, 6)) if order.filled else None,
        "limit_price": _price(price), "stop_price": _price(order.stop), "trail_price": _price(terms.trail),
        "hwm": _price(order.best) if terms.kind is Kind.TRAILING_STOP else None,
    }  # fmt: skip
    ends = {"filled": "filled_at", "canceled": "canceled_at", "expired": "expired_at"}
    return row | {name: ended if name == ends.get(status) else None for name in ends.values()}


def status_of(order: Order, is_open: bool) -> str:
    if order.open:
        return "partially_filled" if order.filled else "new" if is_open else "accepted"
    if order.status is Status.EXPIRED:  # what could not be filled at once counts as cancelled
        return "expired" if order.terms.time_in_force is TimeInForce.DAY else "canceled"
    return "filled" if order.status is Status.FILLED else "canceled"


# --- the account -------------------------------------------------------------------------------------------------


def account(held: Account, worth: Decimal) -> Row:
    """Of a limited margin account: no leverage, no short sales. `worth` is that of its shares."""
    cash, free = held.balances.get(USD, Decimal(0)), held.free(USD)
    return {
        "id": an_id(0xAC, 1), "account_number": "PA0000000001", "status": "ACTIVE", "currency": USD,
        "cash": canonical(cash), "buying_power": canonical(free), "non_marginable_buying_power": canonical(free),
        "equity": canonical(cash + worth), "last_equity": canonical(cash + worth),
        "long_market_value": canonical(worth), "short_market_value": "0", "initial_margin": canonical(worth),
        "maintenance_margin": canonical(worth), "multiplier": "1", "shorting_enabled": False,
        "trading_blocked": False, "account_blocked": False, "transfers_blocked": False,
        "trade_suspended_by_user": False,
    }  # fmt: skip


def position(held: Account, base: str, last: Decimal | None) -> Row:
    quantity, price = held.balances[base], last or Decimal(0)
    return {
        "asset_id": asset_id(base), "symbol": base, "exchange": "NASDAQ", "asset_class": "us_equity",
        "qty": canonical(quantity), "qty_available": canonical(held.free(base)), "side": "long",
        "current_price": canonical(price), "market_value": canonical(price * quantity),
    }  # fmt: skip


# --- activities --------------------------------------------------------------------------------------------------


def fill(done: Fill, whose: Order) -> Row:
    until = [one for one in whose.fills if one.number <= done.number]
    filled = sum((one.quantity for one in until), Decimal(0))
    left = whose.quantity - filled
    return {
        "activity_type": "FILL", "id": _activity_id(done.ts_ms, _FILLS, done.number), "price": canonical(done.price),
        "qty": canonical(done.quantity), "side": "buy" if done.side is Side.BUY else "sell",
        "symbol": done.symbol.partition("/")[0], "transaction_time": moment(done.ts_ms),
        "order_id": order_id(done.order), "cum_qty": canonical(filled), "leaves_qty": canonical(left),
        "type": "partial_fill" if left else "fill", "order_status": "partially_filled" if left else "filled",
    }  # fmt: skip


def entry(line: Entry) -> Row:
    """A line of the ledger that is no trade: money by its net amount, shares by their number."""
    moved = line.amount - line.fee
    row = {
        "id": _activity_id(line.ts_ms, _ENTRIES, line.number), "created_at": moment(line.ts_ms),
        "date": in_new_york(line.ts_ms)[:10], "status": "executed", "description": line.reference,
    }  # fmt: skip
    if line.currency == USD:
        kind = _ACTIVITIES.get(line.kind, "REORG")
        return row | {"activity_type": kind, "net_amount": canonical(moved), "currency": USD}
    kind = "JNLS" if line.kind in ("transfer", "deposit", "withdrawal") else "REORG"
    return row | {"activity_type": kind, "net_amount": "0", "symbol": line.currency, "qty": canonical(moved)}


def _activity_id(ms: int, kind: int, number: int) -> str:
    stamp = datetime.fromtimestamp(ms / 1_000, UTC).astimezone(NEW_YORK)
    return f"{stamp:%Y%m%d%H%M%S}{ms % 1_000:03}::{an_id(kind, number)}"


# --- the market --------------------------------------------------------------------------------------------------


def asset(market: Market) -> Row:
    return {
        "id": asset_id(market.base), "class": "us_equity", "exchange": "NASDAQ", "symbol": market.base,
        "name": f"{market.base} Inc. Common Stock", "status": "active", "tradable": True, "marginable": True,
        "shortable": False, "easy_to_borrow": False, "borrow_status": "hard_to_borrow",
        "fractionable": market.lot < 1,
    }  # fmt: skip


def asset_id(base: str) -> str:
    return an_id(_ASSETS, int.from_bytes(base.encode()[:4], "big"))


def quote(outside: Outside) -> Row | None:
    seen = outside.quote
    if seen is None:
        return None
    return {
        "t": moment(seen.ts_ms), "bp": float(seen.bid), "ap": float(seen.ask), "bx": "V", "ax": "V",
        "bs": int(seen.bid_size if seen.bid_size is not None else 100),
        "as": int(seen.ask_size if seen.ask_size is not None else 100), "c": ["R"], "z": "C",
    }  # fmt: skip


def _price(value: Decimal | None) -> str | None:
    return None if value is None else canonical(value)
