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
PAGE = 2_000


def rows(store: Store, collection: str, database: str = "mode") -> list[dict[str, Any]]:
    return [found.data or {} for found in store.query(Query(collection, limit=ALL, database=database))]


def count(store: Store, collection: str, **equals: Any) -> int:
    return sum(all(row.get(name) == value for name, value in equals.items()) for row in rows(store, collection))


def facts(store: Store) -> Iterator[dict[str, Any]]:
    """Every committed fact of both databases, each database's by the time of its step. A page of them is in memory."""
    for step in steps(store):
        yield from step["facts"]


def steps(store: Store) -> Iterator[dict[str, Any]]:
    """Every committed step of both databases, each database's by its time."""
    for database in ("edge", "mode"):
        yield from _steps(store, database)


def _steps(store: Store, database: str) -> Iterator[dict[str, Any]]:
    """Each page starts at the time the last one ended with, and leaves out what was seen of it."""
    since_ms, limit, seen = 0, PAGE, set[str]()
    while True:
        found = store.query(
            Query(JOURNAL, (("at_ms", ">=", since_ms),), order_by="at_ms", limit=limit, database=database)
        )
        yield from (step.data or {} for step in found if step.ref.id not in seen)
        if len(found) < limit:
            return
        last_ms = int((found[-1].data or {})["at_ms"])
        at_last = {step.ref.id for step in found if (step.data or {})["at_ms"] == last_ms}
        limit, seen = (limit * 2, seen | at_last) if last_ms == since_ms else (PAGE, at_last)
        since_ms = last_ms


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
