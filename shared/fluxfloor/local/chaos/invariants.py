"""What must hold once the faults have stopped and everything has had its time. Each check returns what broke it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fluxfloor.accounts.ledger import VENUE, balanced, sums
from fluxfloor.adapters.venues.paper import PaperFill, PaperOrder
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.state import Account, LedgerEntry, Order, RiskBook
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Query

ALL = 100_000


def check(floor: Floor, accepted: set[str], halted_ms: int | None) -> list[str]:
    """Empty when all hold. `accepted` are the event ids that webhooks were answered with."""
    orders = [Order.decode(row) for row in _rows(floor, "orders")]
    placed = [PaperOrder.decode(row) for row in _rows(floor, "paper_orders")]
    fills = [PaperFill.decode(row) for row in _rows(floor, "paper_fills")]
    entries = [LedgerEntry.decode(row) for row in _rows(floor, "ledger")]
    journal = _rows(floor, "journal") + _rows(floor, "journal", "edge")
    return [
        *one_live_order_per_intent(orders, placed),
        *fills_equal_the_venues(orders, fills),
        *books_agree(floor, entries, fills),
        *never_over_exited(fills),
        *no_entry_after_the_kill_switch(orders, halted_ms),
        *reservations_are_released(floor),
        *one_decision_per_signal(journal, accepted),
        *orders_have_ended(orders),
        *nothing_undelivered(floor, journal),
    ]


def one_live_order_per_intent(orders: list[Order], placed: list[PaperOrder]) -> Iterator[str]:
    by_id = {order.client_order_id: order for order in orders}
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for item in placed:
        order = by_id.get(item.id)
        if order is None and item.state is not OrderState.REJECTED:
            # An earlier attempt's id: it must not have done anything.
            if item.fills:
                yield f"venue order {item.id} filled, and is the current attempt of no order"
            continue
        if order is not None:
            filled[order.id] += sum((fill.quantity for fill in item.fills), Decimal(0))
    for order in orders:
        wanted = order.intent.lots * Decimal("0.00000001")
        if filled[order.id] > wanted:
            yield f"intent {order.id} wanted {wanted} and filled {filled[order.id]}"


def fills_equal_the_venues(orders: list[Order], fills: list[PaperFill]) -> Iterator[str]:
    ours = {trade_id for order in orders for trade_id in order.fills}
    theirs = {fill.id for fill in fills}
    if ours != theirs:
        yield f"fills: only ours {sorted(ours - theirs)}, only the venue's {sorted(theirs - ours)}"


def books_agree(floor: Floor, entries: list[LedgerEntry], fills: list[PaperFill]) -> Iterator[str]:
    if not balanced(entries):
        yield f"the ledger does not sum to zero: {sums(entries)}"
    booked = {entry.reference for entry in entries if entry.kind == "fill"}
    if booked != {fill.id for fill in fills}:
        yield f"the ledger holds {len(booked)} fills, the venue {len(fills)}"
    for row in _rows(floor, "accounts"):
        account = Account.decode(row)
        venue = floor.ports.venue(account.id).books(0).balances
        ledger = {currency: amount for (name, currency), amount in sums(entries).items() if name == VENUE}
        for currency in sorted(venue.keys() | account.balances.keys() | ledger.keys()):
            seen = [source.get(currency, Decimal(0)) for source in (venue, account.balances, ledger)]
            if len(set(seen)) > 1:
                yield f"{currency}: venue, account and ledger say {seen}"
        yield from _positions_agree(account)


def _positions_agree(account: Account) -> Iterator[str]:
    for name, position in account.positions.items():
        base = name.split(":", 1)[1].split("/")[0]
        if position.lots * Decimal("0.00000001") != account.balances.get(base, Decimal(0)):
            yield f"{name}: {position.lots} lots, but {account.balances.get(base)} {base} held"
        if sum(lot.lots for lot in position.open_lots) != position.lots:
            yield f"{name}: open lots do not add up to the position"


def never_over_exited(fills: list[PaperFill]) -> Iterator[str]:
    held: dict[str, Decimal] = defaultdict(Decimal)
    for fill in sorted(fills, key=lambda item: item.ts_event_ms):
        held["BTC"] += fill.moves["BTC"]
    if held["BTC"] < 0:
        yield f"more was sold than bought: {held['BTC']}"


def no_entry_after_the_kill_switch(orders: list[Order], halted_ms: int | None) -> Iterator[str]:
    for order in orders:
        entered = order.intent.purpose is Purpose.ENTRY and order.submitted_ms
        if halted_ms is not None and entered and order.submitted_ms > halted_ms:
            yield f"entry {order.id} was submitted {order.submitted_ms - halted_ms} ms after the kill switch"


def reservations_are_released(floor: Floor) -> Iterator[str]:
    for row in _rows(floor, "risk_books"):
        book = RiskBook.decode(row)
        if book.reservations:
            yield f"reservations are left: {sorted(book.reservations)}"
    for row in _rows(floor, "stances"):
        for name, holding in row["holdings"].items():
            if holding["pending"]:
                yield f"{name} still waits for {sorted(holding['pending'])}"


def one_decision_per_signal(journal: list[dict[str, Any]], accepted: set[str]) -> Iterator[str]:
    signals = [fact["data"]["signal"]["signal_id"] for fact in _facts(journal, "signals.received.v1")]
    decisions = Counter(fact["data"]["decision"]["signal_id"] for fact in _facts(journal, "decisions.made.v1"))
    for signal_id in signals:
        if decisions[signal_id] != 1:
            yield f"signal {signal_id} has {decisions[signal_id]} decisions"
    taken = {step["event_id"] for step in journal if step["stage"] == "ingestion" and step["facts"]}
    for event_id in sorted(accepted - taken):
        yield f"webhook {event_id} was answered 200 and is not kept"


def orders_have_ended(orders: list[Order]) -> Iterator[str]:
    for order in orders:
        if not order.state.terminal:
            yield f"order {order.id} is still {order.state}"


def nothing_undelivered(floor: Floor, journal: list[dict[str, Any]]) -> Iterator[str]:
    if floor.undelivered():
        yield f"{floor.undelivered()} deliveries are left"
    for step in journal:
        if step["pending"]:
            yield f"step {step['stage']}:{step['event_id']} is still to be sent"
    for database in ("mode", "edge"):
        for row in _rows(floor, "quarantine", database):
            yield f"quarantined: {row['stage']} {row['reason']} {row['error'][:200]}"


def _facts(journal: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    return (fact for step in journal for fact in step["facts"] if fact["type"] == kind)


def _rows(floor: Floor, collection: str, database: str = "mode") -> list[dict[str, Any]]:
    return [row.data or {} for row in floor.store.query(Query(collection, limit=ALL, database=database))]
