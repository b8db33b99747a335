"""What must hold once the faults have stopped and everything has had its time. Each check returns what broke it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fluxfloor.accounts.ledger import VENUE, balanced, sums
from fluxfloor.adapters.venues.paper import PaperFill, PaperOrder
from fluxfloor.contracts.events import EVENTS
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import claim_id
from fluxfloor.contracts.orders import DUST, OrderState
from fluxfloor.contracts.state import Account, LedgerEntry, Order, RiskBook, Stances
from fluxfloor.local.chaos.scenario import INSTRUMENT
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Query

ALL = 10_000_000
Journal = list[dict[str, Any]]


def check(floor: Floor, answered: dict[str, set[str]]) -> list[str]:
    """Empty when all hold. `answered` has the event ids that each webhook was answered 200 with, by its mark."""
    orders = [Order.decode(row) for row in _rows(floor, "orders")]
    placed = [PaperOrder.decode(row) for row in _rows(floor, "paper_orders")]
    fills = [PaperFill.decode(row) for row in _rows(floor, "paper_fills")]
    entries = [LedgerEntry.decode(row) for row in _rows(floor, "ledger")]
    journal = _rows(floor, "journal") + _rows(floor, "journal", "edge")
    asked = left_to_a_person(journal, orders)
    return [
        *one_live_order_per_intent(orders, placed),
        *fills_equal_the_venues(orders, fills),
        *books_agree(floor, entries, fills),
        *everybody_holds_the_same(floor),
        *never_over_exited(fills),
        *reservations_are_released(floor, asked),
        *every_webhook_is_taken_once(journal, answered),
        *one_decision_per_signal(journal),
        *nobody_waits(floor),
        *every_accepted_decision_has_its_order(journal, orders),
        *every_fact_was_taken(floor, journal),
        *orders_have_ended(orders, asked),
        *nothing_undelivered(floor, journal),
    ]


def one_live_order_per_intent(orders: list[Order], placed: list[PaperOrder]) -> Iterator[str]:
    """Also over attempts: what an earlier one did is found under its own id."""
    by_id = {order.client_order_id: order for order in orders}
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for item in placed:
        order = by_id.get(item.id)
        if order is not None:
            filled[order.id] += sum((fill.quantity for fill in item.fills), Decimal(0))
        elif item.fills:
            yield f"venue order {item.id} filled, and is the current attempt of no order"
    for order in orders:
        wanted = INSTRUMENT.quantity(order.intent.lots)
        if filled[order.id] > wanted:
            yield f"intent {order.id} wanted {wanted} and filled {filled[order.id]}"


def fills_equal_the_venues(orders: list[Order], fills: list[PaperFill]) -> Iterator[str]:
    ours = {trade_id for order in orders for trade_id in order.fills if not trade_id.startswith(DUST)}
    theirs = {fill.id for fill in fills}
    if ours != theirs:
        yield f"fills: only ours {sorted(ours - theirs)}, only the venue's {sorted(theirs - ours)}"


def books_agree(floor: Floor, entries: list[LedgerEntry], fills: list[PaperFill]) -> Iterator[str]:
    if not balanced(entries):
        yield f"the ledger does not sum to zero: {sums(entries)}"
    booked = Counter(
        entry.reference for entry in entries if entry.kind == "fill" and not entry.reference.startswith(DUST)
    )
    if booked != Counter(fill.id for fill in fills):
        yield f"the ledger holds {booked.total()} fills, the venue {len(fills)}"
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
        held = account.balances.get(INSTRUMENT.base, Decimal(0))
        if INSTRUMENT.quantity(position.lots) != held:
            yield f"{name}: {position.lots} lots, but {held} held"
        if sum(lot.lots for lot in position.open_lots) != position.lots:
            yield f"{name}: open lots do not add up to the position"


def everybody_holds_the_same(floor: Floor) -> Iterator[str]:
    """Features' stances, Cerebro's book and the account, each fed by the facts alone."""
    account = sum(p.lots for row in _rows(floor, "accounts") for p in Account.decode(row).positions.values())
    book = _lots(p for row in _rows(floor, "risk_books") for p in RiskBook.decode(row).positions.items())
    stances = _lots(
        (f"{name.partition('|')[2]}|{row['id']}", holding)
        for row in _rows(floor, "stances")
        for name, holding in Stances.decode(row).holdings.items()
    )
    if book != stances:
        yield f"Cerebro holds {book}, features {stances}"
    if sum(book.values()) != account:
        yield f"Cerebro holds {sum(book.values())} lots, the account {account}"


def _lots(positions: Any) -> dict[str, int]:
    return {name: position.lots for name, position in positions if position.lots}


def never_over_exited(fills: list[PaperFill]) -> Iterator[str]:
    held = Decimal(0)
    for fill in sorted(fills, key=lambda item: item.ts_event_ms):
        held += fill.moves[INSTRUMENT.base]
    if held < 0:
        yield f"more was sold than bought: {held}"


def left_to_a_person(journal: Journal, orders: list[Order]) -> list[Order]:
    """Orders without a known outcome at a venue that promises too little to tell: a person was called, and decides."""
    called = {
        fact["data"]["details"].get("intent")
        for fact in _facts(journal, "risks.raised.v1")
        if fact["data"]["kind"] == "order_unknown"
    }
    return [order for order in orders if order.id in called and order.state is OrderState.UNKNOWN]


def reservations_are_released(floor: Floor, asked: list[Order]) -> Iterator[str]:
    """But for those of orders that a person was asked about."""
    for row in _rows(floor, "risk_books"):
        left = RiskBook.decode(row).reservations.keys() - {order.id for order in asked}
        if left:
            yield f"reservations are left: {sorted(left)}"
    for row in _rows(floor, "stances"):
        for name, holding in row["holdings"].items():
            left = holding["pending"].keys() - {order.intent.signal_id for order in asked}
            if left:
                yield f"{name} still waits for {sorted(left)}"


def every_webhook_is_taken_once(journal: Journal, answered: dict[str, set[str]]) -> Iterator[str]:
    taken: dict[str, list[str]] = defaultdict(list)
    for step in journal:
        if step["stage"] == "ingestion" and step["facts"]:
            taken[_mark(step["evidence"]["body"], answered)].append(step["event_id"])
    for mark, event_ids in sorted(answered.items()):
        if len(event_ids) > 1:
            yield f"webhook {mark} was answered as {len(event_ids)} different ones"
        if len(taken[mark]) != 1:
            yield f"webhook {mark} was answered 200 and taken {len(taken[mark])} times"


def _mark(body: str, known: dict[str, set[str]]) -> str:
    return next((text for text in body.split('"') if text in known), "")


def one_decision_per_signal(journal: Journal) -> Iterator[str]:
    signals = Counter(fact["data"]["signal"]["signal_id"] for fact in _facts(journal, "signals.received.v1"))
    decisions = Counter(fact["data"]["decision"]["signal_id"] for fact in _facts(journal, "decisions.made.v1"))
    for signal_id, count in signals.items():
        if (count, decisions[signal_id]) != (1, 1):
            yield f"signal {signal_id} was received {count} times and has {decisions[signal_id]} decisions"


def nobody_waits(floor: Floor) -> Iterator[str]:
    for row in _rows(floor, "entry_windows"):
        yield f"{len(row['waiting'])} entries of {row['id']} still wait to be decided"


def every_accepted_decision_has_its_order(journal: Journal, orders: list[Order]) -> Iterator[str]:
    wanted = [
        intent_id
        for fact in _facts(journal, "decisions.made.v1")
        for intent_id in fact["data"]["decision"]["intent_ids"]
    ]
    known = {order.id for order in orders}
    yield from (f"intent {intent_id} was decided and has no order" for intent_id in wanted if intent_id not in known)


def every_fact_was_taken(floor: Floor, journal: Journal) -> Iterator[str]:
    """By every stage that listens to it."""
    claims = {claim_id(step["stage"], step["event_id"]) for step in journal}
    for step in journal:
        for record in step["facts"]:
            for stage in _listeners(floor, record):
                if claim_id(stage, record["event_id"]) not in claims:
                    yield f"{stage} never took {record['type']} {record['event_id']}"


def _listeners(floor: Floor, record: dict[str, Any]) -> list[str]:
    kind = EVENTS[record["type"]]
    filters = {
        name: subscription.only
        for name, runner in floor.runners.items()
        for subscription in runner.stage.spec.consumes
        if subscription.topic == kind.topic() and kind in runner.stage.handlers
    }
    if not any(filters.values()):
        return list(filters)
    attributes = Fact.from_record(record).event.attributes()
    return [name for name, only in filters.items() if only.items() <= attributes.items()]


def orders_have_ended(orders: list[Order], asked: list[Order]) -> Iterator[str]:
    ended = (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED)
    for order in orders:
        if order.state not in ended and order not in asked:
            yield f"order {order.id} is still {order.state}"


def nothing_undelivered(floor: Floor, journal: Journal) -> Iterator[str]:
    if floor.undelivered():
        yield f"{floor.undelivered()} deliveries are left"
    for step in journal:
        if step["pending"]:
            yield f"step {step['stage']}:{step['event_id']} is still to be sent"
    for database in ("mode", "edge"):
        for row in _rows(floor, "quarantine", database):
            yield f"quarantined: {row['stage']} {row['reason']} {row['error'][:200]}"


def _facts(journal: Journal, kind: str) -> Iterator[dict[str, Any]]:
    return (fact for step in journal for fact in step["facts"] if fact["type"] == kind)


def _rows(floor: Floor, collection: str, database: str = "mode") -> list[dict[str, Any]]:
    return [row.data or {} for row in floor.store.query(Query(collection, limit=ALL, database=database))]
