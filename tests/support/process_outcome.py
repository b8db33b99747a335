"""What came of a floor of processes, held against what its venues themselves say. Each check returns what broke it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fluxfloor.accounts.ledger import VENUE, balanced, sums
from fluxfloor.adapters.venues.dialects.base import bare
from fluxfloor.adapters.venues.paper import PaperFill, PaperOrder, PaperVenue
from fluxfloor.contracts.events import EVENTS
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.journal import claim_id
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.state import Account, LedgerEntry, RiskBook, Stances
from fluxfloor.local import audit, processes, provision
from fluxfloor.local.chaos import invariants
from fluxfloor.local.chaos.invariants import AT_NO_VENUE
from fluxfloor.local.floor import load_stage
from fluxfloor.runtime.clock import SystemClock
from fluxfloor.topology import dead_letters_name
from fluxfloor.venuesim.kraken.names import an_id
from google.pubsub_v1.types import PullRequest

from tests.support.process_room import ProcessRoom

ZERO = Decimal(0)
Journal = list[dict[str, Any]]


@dataclass
class AtVenue:
    """One account as its venue has it: balances, trade id → quantity, and client ids that are alive or were taken."""

    balances: dict[str, Decimal]
    fills: dict[str, Decimal]
    alive: set[str]
    placed: Counter[str]  # how often it took each
    contradictions: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """Everything that is looked at, read once."""

    room: ProcessRoom
    answered: dict[str, set[str]]
    stages: tuple[str, ...]
    venues: dict[str, AtVenue]
    orders: list[Order]
    entries: list[LedgerEntry]
    accounts: list[Account]
    books: list[RiskBook]
    stances: list[Stances]
    journal: Journal

    def rows(self, collection: str, database: str = "mode") -> list[dict[str, Any]]:
        return audit.rows(self.room.store, collection, database)


def read(room: ProcessRoom, answered: dict[str, set[str]]) -> Outcome:
    store = room.store
    return Outcome(
        room, answered, tuple(room.floor.stages), {"paper-main": _paper(room), "rest-main": _rest(room)},
        [Order.decode(row) for row in audit.rows(store, "orders")],
        [LedgerEntry.decode(row) for row in audit.rows(store, "ledger")],
        [Account.decode(row) for row in audit.rows(store, "accounts")],
        [RiskBook.decode(row) for row in audit.rows(store, "risk_books")],
        [Stances.decode(row) for row in audit.rows(store, "stances")],
        audit.rows(store, "journal") + audit.rows(store, "journal", "edge"),
    )  # fmt: skip


def check(outcome: Outcome) -> list[str]:
    """Empty when all hold."""
    return [
        *invariants.every_webhook_is_taken_once(outcome.journal, outcome.answered),
        *invariants.every_signal_ends_once(outcome.journal, outcome.orders, []),
        *nothing_lost_and_nothing_doubled(outcome),
        *books_agree(outcome),
        *invariants.everybody_holds_the_same(outcome.accounts, outcome.books, outcome.stances),
        *invariants.reservations_are_released(outcome.books, outcome.stances, []),
        *invariants.orders_have_ended(outcome.orders, [], outcome.rows("slots")),
        *nothing_undelivered(outcome),
    ]


# --- the venues' own books ---------------------------------------------------------------------------------------


def _paper(room: ProcessRoom) -> AtVenue:
    placed = [PaperOrder.decode(row) for row in audit.rows(room.store, "paper_orders")]
    fills = [PaperFill.decode(row) for row in audit.rows(room.store, "paper_fills")]
    venue = PaperVenue("paper-main", room.store, SystemClock(), {"USDT": Decimal(10_000)})
    return AtVenue(
        balances=venue.books(0).balances,
        fills={fill.id: fill.fill.quantity for fill in fills},
        alive={order.id for order in placed if not order.state.terminal},
        placed=Counter(order.id for order in placed),
    )


def _rest(room: ProcessRoom) -> AtVenue:
    with room.server.lock:
        room.venue.advance()
        account = room.venue.accounts["rest"]
        return AtVenue(
            balances=dict(account.balances),
            fills={an_id("T", fill.number): fill.quantity for fill in account.fills},
            alive={bare(order.terms.client_id) for order in account.orders if order.open},
            placed=Counter(bare(order.terms.client_id) for order in account.orders),
            contradictions=account.faults(),
        )


# --- checks ------------------------------------------------------------------------------------------------------


def nothing_lost_and_nothing_doubled(outcome: Outcome) -> Iterator[str]:
    """Our fills are the venue's, no client id was taken twice, nothing lives there but the stops under what is held,
    and no intent got more than it wanted."""
    guarding = {slot["guard"] for slot in outcome.rows("slots") if slot["lots"]}
    guards = {order.client_order_id for order in outcome.orders if order.id in guarding}
    for name, venue in outcome.venues.items():
        orders = [order for order in outcome.orders if order.intent.account_id == name]
        ours = {
            trade: fill.quantity
            for order in orders
            for trade, fill in order.fills.items()
            if not trade.startswith(AT_NO_VENUE)
        }
        if ours != venue.fills:
            lost, invented = venue.fills.keys() - ours.keys(), ours.keys() - venue.fills.keys()
            yield f"{name}: fills lost {sorted(lost)}, invented {sorted(invented)}"
        yield from (f"{name}: {client_id} was taken {n} times" for client_id, n in venue.placed.items() if n > 1)
        for client_id in sorted(venue.alive - guards):
            yield f"{name}: {client_id} is still alive at the venue, and {_known_as(client_id, orders)}"
        yield from (f"{name}: the venue's own books: {text}" for text in venue.contradictions)
    catalog = InstrumentCatalog.decode(outcome.rows("instrument_catalogs")[0])
    for order in outcome.orders:
        rules = catalog.find(order.intent.instrument_id)
        assert rules is not None
        if sum((fill.quantity for fill in order.fills.values()), ZERO) > rules.quantity(order.intent.lots):
            yield f"intent {order.id} wanted {order.intent.lots} lots and filled {order.filled_lots}"


def _known_as(client_id: str, orders: list[Order]) -> str:
    """What the floor takes it for."""
    for order in orders:
        if client_id == order.client_order_id or client_id in order.names:
            intent = order.intent
            placement = f"attempt {order.attempt} {order.client_order_id}, at the venue {order.venue_order_id}"
            return f"{intent.purpose} {order.id} is {order.state} ({placement}): {order.reason or 'no reason'}"
    return "no order is known by it"


def books_agree(outcome: Outcome) -> Iterator[str]:
    """Ledger = account = venue, currency by currency, and every fill is booked once."""
    if not balanced(outcome.entries):
        yield "the ledger does not sum to zero"
    for account in outcome.accounts:
        venue = outcome.venues[account.id]
        entries = [entry for entry in outcome.entries if entry.account_id == account.id]
        booked = Counter(entry.reference for entry in entries if entry.kind == "fill" and _at_venue(entry))
        if booked != Counter(venue.fills.keys()):
            yield f"{account.id}: the ledger holds {booked.total()} fills, the venue {len(venue.fills)}"
        ledger = {currency: amount for (name, currency), amount in sums(entries).items() if name == VENUE}
        for currency in sorted(venue.balances.keys() | account.balances.keys() | ledger.keys()):
            said = [source.get(currency, ZERO) for source in (ledger, account.balances, venue.balances)]
            if len(set(said)) > 1:
                yield f"{account.id} {currency}: ledger, account and venue say {said}"
    if {account.id for account in outcome.accounts} != set(outcome.venues):
        yield f"accounts are open for {[account.id for account in outcome.accounts]} alone"


def nothing_undelivered(outcome: Outcome) -> Iterator[str]:
    """Every fact was taken by every stage that listens to it, nothing waits to be sent, no dead letter, no task over
    its time, nothing quarantined."""
    yield from _untaken(outcome)
    for database in ("mode", "edge"):
        for row in outcome.rows("quarantine", database):
            yield f"quarantined: {row['stage']} {row['reason']} {row['error'][:200]}"
    for stage in outcome.stages:
        letters = dead_letters(stage)
        if letters:
            yield f"{letters} dead letters of {stage}"
    if overdue := outcome.room.floor.tasks.overdue():
        yield f"{overdue} timers were not delivered"


def _untaken(outcome: Outcome) -> Iterator[str]:
    claims = {claim_id(step["stage"], step["event_id"]) for step in outcome.journal}
    for step in outcome.journal:
        if step["pending"]:
            yield f"step {step['stage']}:{step['event_id']} is still to be sent"
        for record in step["facts"]:
            for stage in _listeners(outcome.stages, record):
                if claim_id(stage, record["event_id"]) not in claims:
                    yield f"{stage} never took {record['type']} {record['event_id']}"


def _listeners(stages: tuple[str, ...], record: dict[str, Any]) -> list[str]:
    """Who runs, has a handler, and whose filter lets it through; a filter that the emulator does not apply is no
    promise."""
    kind, attributes = EVENTS[record["type"]], Fact.from_record(record).event.attributes()
    return [
        name
        for name in stages
        for subscription in load_stage(name).spec.consumes
        if subscription.topic == kind.topic()
        and kind in load_stage(name).handlers
        and subscription.only.items() <= attributes.items()
    ]


def dead_letters(stage: str) -> int:
    """How many lie there; they are left where they are."""
    if not load_stage(stage).spec.consumes:
        return 0
    name = f"projects/{processes.PROJECT}/subscriptions/{dead_letters_name(stage)}"
    request = PullRequest(subscription=name, max_messages=100, return_immediately=True)
    return len(provision.subscriber_client().pull(request, timeout=10).received_messages)


# --- figures -----------------------------------------------------------------------------------------------------


def figures(outcome: Outcome) -> dict[str, Any]:
    """Counts, `lost` and `doubled` among them: fills that one side has and the other has not, ids taken twice."""
    facts = [fact for step in outcome.journal for fact in step["facts"]]
    decisions = [fact["data"]["decision"] for fact in facts if fact["type"] == "decisions.made.v1"]
    told_unknown = {
        fact["data"]["report"]["intent"]["intent_id"]
        for fact in facts
        if fact["type"] == "executions.reported.v1" and fact["data"]["report"]["state"] == OrderState.UNKNOWN
    }
    return {
        "signals": sum(fact["type"] == "signals.received.v1" for fact in facts),
        "decisions": dict(Counter(decision["reason"] for decision in decisions)),
        "orders": dict(Counter(order.state.value for order in outcome.orders)),
        "orders_without_an_answer_at_first": len(told_unknown),
        "orders_sent_again": sum(order.attempt > 1 for order in outcome.orders),
        "committed_steps": len(outcome.journal),
        "lost": sum(len(venue.fills.keys() - _booked(outcome, name)) for name, venue in outcome.venues.items()),
        "doubled": sum(venue.placed.total() - len(venue.placed) for venue in outcome.venues.values()),
        "accounts": {name: _account_figures(outcome, name) for name in outcome.venues},
        "halts": [row["reason"] for row in outcome.rows("halts")],
    }


def _booked(outcome: Outcome, account_id: str) -> set[str]:
    return {
        entry.reference
        for entry in outcome.entries
        if entry.account_id == account_id and entry.kind == "fill" and _at_venue(entry)
    }


def _at_venue(entry: LedgerEntry) -> bool:
    return not entry.reference.startswith(AT_NO_VENUE)


def _account_figures(outcome: Outcome, name: str) -> dict[str, Any]:
    venue = outcome.venues[name]
    return {
        "placements": venue.placed.total(), "fills_at_venue": len(venue.fills),
        "fills_in_ledger": len(_booked(outcome, name)),
        "balances": {currency: str(amount) for currency, amount in sorted(venue.balances.items())},
    }  # fmt: skip
