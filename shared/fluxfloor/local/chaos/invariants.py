"""What must hold once the faults have stopped and everything has had its time. Each check returns what broke it.

The nine invariants stand in `rules.py`. Those that must hold at every moment are the witness's; here are the parts of
them that can be told at the end, from the store, the journal and the venue's own records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fluxfloor.accounts.ledger import VENUE, sums
from fluxfloor.contracts.events import EVENTS
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.journal import claim_id
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.state import Account, LedgerEntry, RiskBook, Stances
from fluxfloor.local import audit
from fluxfloor.local.chaos.records import Records, Traded
from fluxfloor.local.chaos.rules import broken
from fluxfloor.local.floor import Floor

Journal = list[dict[str, Any]]
Rules = dict[str, Instrument]
AT_NO_VENUE = "dust:"  # such fills hand a rest over from one strategy to another
ZERO = Decimal(0)


def check(floor: Floor, answered: dict[str, set[str]], venue: Records, rules: Rules) -> list[str]:
    """Empty when all hold. `answered` has the event ids that each webhook was answered 200 with, by its mark."""
    store = floor.store
    orders = [Order.decode(row) for row in audit.rows(store, "orders")]
    entries = [LedgerEntry.decode(row) for row in audit.rows(store, "ledger")]
    accounts = [Account.decode(row) for row in audit.rows(store, "accounts")]
    books = [RiskBook.decode(row) for row in audit.rows(store, "risk_books")]
    stances = [Stances.decode(row) for row in audit.rows(store, "stances")]
    journal = audit.rows(store, "journal") + audit.rows(store, "journal", "edge")
    slots = audit.rows(store, "slots")
    asked = left_to_a_person(journal, orders, slots)
    found = {
        1: one_live_order_per_intent(orders, venue, rules),
        2: our_fills_are_the_venues(orders, entries, venue),
        3: (*books_add_up(accounts, entries, venue, rules), *everybody_holds_the_same(accounts, books, stances)),
        6: reservations_are_released(books, stances, asked),
        7: (*every_webhook_is_taken_once(journal, answered), *every_signal_ends_once(journal, orders, asked)),
        8: orders_have_ended(orders, asked, slots),
        9: (*every_fact_was_taken(floor, journal), *nothing_undelivered(floor, journal), *nobody_waits(floor)),
    }
    return [broken(number, text) for number, texts in found.items() for text in texts]


# --- 1 -----------------------------------------------------------------------------------------------------------


def one_live_order_per_intent(orders: list[Order], venue: Records, rules: Rules) -> Iterator[str]:
    """Whatever its placements were, together they filled no more than it asked for. That no two live at once the
    witness sees."""
    owners = {name: order for order in orders for name in _names(order)}
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for fill in venue.fills:
        order = owners.get(fill.client_order_id)
        if order is None:
            yield f"venue order {fill.client_order_id} filled, and is a placement of no order"
        else:
            filled[order.id] += fill.quantity
    for order in orders:
        wanted = rules[order.intent.instrument_id].quantity(order.intent.lots)
        if filled[order.id] > wanted:
            yield f"intent {order.id} wanted {wanted} and filled {filled[order.id]}"


def _names(order: Order) -> list[str]:
    return [order.client_order_id, *(item.client_order_id for item in order.past), *_earlier(order)]


def _earlier(order: Order) -> list[str]:
    """Past placements are forgotten after a while: their names follow from their numbers."""
    from fluxfloor.contracts import ids

    length = len(order.client_order_id)
    return [
        ids.client_order_id(order.intent.account_id, order.id, attempt, length) for attempt in range(1, order.attempt)
    ]


# --- 2 -----------------------------------------------------------------------------------------------------------


def our_fills_are_the_venues(orders: list[Order], entries: list[LedgerEntry], venue: Records) -> Iterator[str]:
    """The same trades, at the same prices, quantities and fees; in our orders and in our ledger, each once."""
    ours = {
        trade_id: (fill.price, fill.quantity, fill.fee)
        for order in orders
        for trade_id, fill in order.fills.items()
        if not trade_id.startswith(AT_NO_VENUE)
    }
    theirs = {fill.trade_id: (fill.price, fill.quantity, fill.fee) for fill in venue.fills}
    for trade_id in sorted(ours.keys() | theirs.keys()):
        if ours.get(trade_id) != theirs.get(trade_id):
            yield f"trade {trade_id}: we have {ours.get(trade_id)}, the venue {theirs.get(trade_id)}"
    yield from _booked_once(entries, Counter(theirs.keys()))


def _booked_once(entries: list[LedgerEntry], once: Counter[str]) -> Iterator[str]:
    """As a fill of an order; or, where the venue showed it long before execution told of it, as somebody's trade that
    was then moved to the order."""
    kinds = {
        kind: Counter(e.reference for e in entries if e.kind == kind and not e.reference.startswith(AT_NO_VENUE))
        for kind in ("fill", "external", "moved")
    }
    booked = kinds["fill"] + kinds["external"]
    if booked != once:
        yield f"the ledger holds fills {dict(booked - once)} too often, and lacks {sorted(once - booked)}"
    if kinds["external"] != kinds["moved"]:
        yield f"trades of ours stand in the ledger as somebody's: {sorted(kinds['external'] - kinds['moved'])}"


# --- 3 -----------------------------------------------------------------------------------------------------------


def books_add_up(
    accounts: list[Account], entries: list[LedgerEntry], venue: Records, rules: Rules
) -> Iterator[str]:  # fmt: skip
    """The ledger sums to zero; ledger, account and venue hold the same; a position is what its fills add up to."""
    for account in accounts:
        own = [entry for entry in entries if entry.account_id == account.id]
        for (_, currency), amount in _per_currency(own).items():
            if amount:
                yield f"the ledger of {account.id} is {amount} {currency} off zero"
        ledger = {currency: amount for (name, currency), amount in sums(own).items() if name == VENUE}
        theirs = venue.balances.get(account.id, dict(account.balances))
        for currency in sorted(theirs.keys() | account.balances.keys() | ledger.keys()):
            seen = [source.get(currency, ZERO) for source in (theirs, account.balances, ledger)]
            if len(set(seen)) > 1:
                yield f"{account.id}, {currency}: venue, account and ledger say {seen}"
        yield from _positions_add_up(account, [fill for fill in venue.fills if fill.account_id == account.id], rules)


def _per_currency(entries: list[LedgerEntry]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings:
            found["", posting.currency] += posting.amount
    return found


def _positions_add_up(account: Account, fills: list[Traded], rules: Rules) -> Iterator[str]:
    for name, position in account.positions.items():
        base = rules[name].base
        # In whole lots, each fill by itself: less than a lot of a fee that was taken in the base belongs to nobody.
        traded = sum(fill.side.sign * rules[name].lots(abs(fill.moves.get(base, ZERO))) for fill in fills)
        if position.lots != traded:
            yield f"{account.id}, {name}: {position.lots} lots, and its fills add up to {traded}"
        if sum(lot.lots for lot in position.open_lots) != position.lots:
            yield f"{account.id}, {name}: open lots do not add up to the position"


def everybody_holds_the_same(
    accounts: list[Account], books: list[RiskBook], stances: list[Stances]
) -> Iterator[str]:  # fmt: skip
    """Features' stances, Cerebro's books and the accounts, each fed by the facts alone."""
    for account in accounts:
        booked = _lots(item for book in books if book.account_id == account.id for item in book.positions.items())
        told = _lots(
            (f"{name.partition('|')[2]}|{stance.id}", holding)
            for stance in stances
            for name, holding in stance.holdings.items()
            if name.partition("|")[0] == account.portfolio_id
        )
        held = sum(position.lots for position in account.positions.values())
        if booked != told:
            yield f"{account.portfolio_id}: Cerebro holds {booked}, features {told}"
        if sum(booked.values()) != held:
            yield f"{account.portfolio_id}: Cerebro holds {sum(booked.values())} lots, the account {held}"


def _lots(positions: Any) -> dict[str, int]:
    return {name: position.lots for name, position in positions if position.lots}


# --- 6 -----------------------------------------------------------------------------------------------------------


def left_to_a_person(journal: Journal, orders: list[Order], slots: list[dict[str, Any]]) -> list[Order]:
    """Orders without a known outcome at a venue that promises too little to tell: a person was called, and decides.
    Where it is a stop of which nobody knows, the exit that it stands in the way of waits with it."""
    called = {
        fact["data"]["details"].get("intent")
        for fact in _facts(journal, "risks.raised.v1")
        if fact["data"]["kind"] == "order_unknown"
    }
    asked = {order.id for order in orders if order.id in called and not order.state.terminal}
    blocked = {intent for slot in slots if slot["guard"] in asked for intent in slot["leaving"]}
    waiting = {slot["id"] for slot in slots if slot["guard"] in asked}
    return [
        order
        for order in orders
        if order.id in asked or (not order.state.terminal and (order.id in blocked or _slot(order) in waiting))
    ]


def _slot(order: Order) -> str:
    intent = order.intent
    return f"{intent.account_id}|{intent.strategy_id}|{intent.instrument_id}"


def reservations_are_released(books: list[RiskBook], stances: list[Stances], asked: list[Order]) -> Iterator[str]:
    """But for those of orders that a person was asked about."""
    waiting = {order.id for order in asked}
    signals = {order.intent.signal_id for order in asked}
    for book in books:
        left = book.reservations.keys() - waiting
        if left:
            yield f"reservations are left: {sorted(left)}"
    for stance in stances:
        for name, holding in stance.holdings.items():
            if holding.pending.keys() - signals:
                yield f"{name} still waits for {sorted(holding.pending.keys() - signals)}"


# --- 7 -----------------------------------------------------------------------------------------------------------


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


def every_signal_ends_once(journal: Journal, orders: list[Order], asked: list[Order]) -> Iterator[str]:
    """Refused with a reason; or accepted, and every order of it at one end: filled, or with a reason."""
    signals = Counter(fact["data"]["signal"]["signal_id"] for fact in _facts(journal, "signals.received.v1"))
    decisions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for fact in _facts(journal, "decisions.made.v1"):
        decisions[fact["data"]["decision"]["signal_id"]].append(fact["data"]["decision"])
    known = {order.id: order for order in orders}
    for signal_id, count in signals.items():
        made = decisions[signal_id]
        if (count, len(made)) != (1, 1):
            yield f"signal {signal_id} was received {count} times and has {len(made)} decisions"
        for decision in made:
            if not decision["reason"]:
                yield f"signal {signal_id} was {decision['verdict']} without a reason"
            for intent_id in decision["intent_ids"]:
                yield from _ends(intent_id, known.get(intent_id), asked)


def _ends(intent_id: str, order: Order | None, asked: list[Order]) -> Iterator[str]:
    if order is None:
        yield f"intent {intent_id} was decided and has no order"
    elif order.state.terminal and order.state is not OrderState.FILLED and not order.reason:
        yield f"intent {intent_id} ended {order.state} without a reason"


# --- 8 -----------------------------------------------------------------------------------------------------------


def orders_have_ended(orders: list[Order], asked: list[Order], slots: list[dict[str, Any]]) -> Iterator[str]:
    """But for those that a person was asked about, and the stops that stand under what is held."""
    guards = {slot["guard"] for slot in slots if slot["lots"]}
    for order in orders:
        if not order.state.terminal and order not in asked and order.id not in guards:
            yield f"order {order.id} is still {order.state}"


def unended(floor: Floor) -> list[str]:
    """What would break it now."""
    orders = [Order.decode(row) for row in audit.rows(floor.store, "orders")]
    slots = audit.rows(floor.store, "slots")
    asked = left_to_a_person(audit.rows(floor.store, "journal"), orders, slots)
    return list(orders_have_ended(orders, asked, slots))


# --- 9 -----------------------------------------------------------------------------------------------------------


def nobody_waits(floor: Floor) -> Iterator[str]:
    for row in audit.rows(floor.store, "entry_windows"):
        yield f"{len(row['waiting'])} entries of {row['id']} still wait to be decided"


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


def nothing_undelivered(floor: Floor, journal: Journal) -> Iterator[str]:
    left = undelivered(floor)
    if left:
        yield f"{left} deliveries are left"
    for step in journal:
        if step["pending"]:
            yield f"step {step['stage']}:{step['event_id']} is still to be sent"
    for database in ("mode", "edge"):
        for row in audit.rows(floor.store, "quarantine", database):
            yield f"quarantined: {row['stage']} {row['reason']} {row['error'][:200]}"


def undelivered(floor: Floor) -> int:
    """Messages, and timers whose time has come: what somebody watches has one that is always still to come."""
    return floor.bus.undelivered() + len(floor.timers.due(1_000))


def _facts(journal: Journal, kind: str) -> Iterator[dict[str, Any]]:
    return (fact for step in journal for fact in step["facts"] if fact["type"] == kind)
