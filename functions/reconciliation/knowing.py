"""What our books have of what the venue shows. Looked up beside the commit: entries never change, and a new one changes
the account, which the commit verifies; what is asked of orders only decides how long to wait."""

from __future__ import annotations

from collections.abc import Iterable

from fluxfloor.accounts import reconcile
from fluxfloor.accounts.ledger import fill_entry_id, transfer_entry_id
from fluxfloor.accounts.reconcile import Known
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.ports import Query, Store, VenueBooks
from fluxfloor.runtime.references import ref_of

MOST_ORDERS = 1_000


def known(store: Store, account: Account, seen: VenueBooks, now_ms: int) -> Known:
    trades, transfers = _booked(store, account.id, seen)
    asked = reconcile.asked_for(account, seen, trades, now_ms)
    if not asked:
        return Known(trades, transfers)
    at_work = orders_at_work(store, account.id)
    orders = {name: order for order in at_work for name in order.names}
    for client_id, venue_id in asked:
        if client_id not in orders and venue_id not in orders:
            orders |= _order_called(store, account.id, client_id, venue_id)
    return Known(trades, transfers, orders, at_work)


def _booked(store: Store, account_id: str, seen: VenueBooks) -> tuple[frozenset[str], frozenset[str]]:
    trades = {fill_entry_id(account_id, row.fill.trade_id): row.fill.trade_id for row in seen.fills}
    transfers = {transfer_entry_id(account_id, row.transfer_id): row.transfer_id for row in seen.transfers}
    wanted = [ref_of(LedgerEntry.key(name)) for name in (*trades, *transfers)]
    found = {row.ref.id for row in (store.read(wanted) if wanted else ()) if row.data is not None}
    return _names(trades, found), _names(transfers, found)


def _names(entries: dict[str, str], found: Iterable[str]) -> frozenset[str]:
    return frozenset(entries[name] for name in found if name in entries)


def orders_at_work(store: Store, account_id: str) -> tuple[Order, ...]:
    """Of this account, not at their end."""
    rows = store.query(Query(Order.collection, (("open", "==", True),), limit=MOST_ORDERS))
    orders = [Order.decode(row.data or {}) for row in rows]
    return tuple(order for order in orders if order.intent.account_id == account_id and not order.state.terminal)


def _order_called(store: Store, account_id: str, client_id: str, venue_id: str) -> dict[str, Order]:
    """By the names of its placements; nothing where no order of this account has either."""
    for name in filter(None, (client_id, venue_id)):
        rows = store.query(Query(Order.collection, (("names", "array_contains", name),), limit=2))
        for order in (Order.decode(row.data or {}) for row in rows):
            if order.intent.account_id == account_id:
                return dict.fromkeys(order.names, order)
    return {}
