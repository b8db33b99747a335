"""Reads a whole store back: what was stated, what was booked, and whether it agrees. For reports and tests."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fluxfloor.accounts.ledger import balanced
from fluxfloor.contracts.journal import JOURNAL
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Query, Store

ALL = 10_000_000


def rows(store: Store, collection: str, database: str = "mode") -> list[dict[str, Any]]:
    return [found.data or {} for found in store.query(Query(collection, limit=ALL, database=database))]


def count(store: Store, collection: str, **equals: Any) -> int:
    return sum(all(row.get(name) == value for name, value in equals.items()) for row in rows(store, collection))


def facts(store: Store) -> Iterator[dict[str, Any]]:
    """Every committed fact of both databases, in no order."""
    for database in ("edge", "mode"):
        for step in rows(store, JOURNAL, database):
            yield from step["facts"]


def ledger_balanced(store: Store) -> bool:
    return balanced(LedgerEntry.decode(row) for row in rows(store, LedgerEntry.collection))


def books_match(floor: Floor, account: Account) -> bool:
    """Currency by currency, and trade by trade."""
    venue = floor.ports.venue(account.id).books(0)
    ours = {row["reference"] for row in rows(floor.ports.store, LedgerEntry.collection) if row["kind"] == "fill"}
    same_trades = ours == {seen.fill.trade_id for seen in venue.fills}
    currencies = venue.balances.keys() | account.balances.keys()
    zero = Decimal(0)
    return same_trades and all(
        venue.balances.get(name, zero) == account.balances.get(name, zero) for name in currencies
    )
