"""Reads what the overview is made of: a handful of queries and one round of reads by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from fluxfloor.contracts.base import Document
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.events import Severity
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.journal import JOURNAL, QUARANTINE
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import (
    AccountView,
    AlertAck,
    AlertRecord,
    DecisionRow,
    OrderRow,
    RiskRow,
    StageHealth,
)
from fluxfloor.ports import Operator, Query, Ref, Store
from fluxfloor.reporting.curve import Mark
from fluxfloor.reporting.panels import LotSizes
from fluxfloor.topology import FLOOR_DATABASES, STAGES

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

    from functions.api.curves import Curves

D = TypeVar("D", bound=Document)
Where = tuple[tuple[str, Operator, Any], ...]
DECISIONS, ORDERS, RISKS, HELD = 25, 20, 12, 50
ACCOUNTS, HALTS, ALARMS = 50, 50, 20
SETTLED_MS = 5_000  # more than clocks differ by, and than a commit takes


@dataclass(frozen=True, slots=True)
class Probe:
    """The newest step and the newest quarantined message of each database: while they stay, so does everything else.
    `settled` once they are so old that nothing else can have come in beside them."""

    newest: tuple[tuple[str, int], ...]
    settled: bool


@dataclass(frozen=True, slots=True)
class Gathered:
    accounts: tuple[AccountView, ...]
    books: dict[str, RiskBook]
    policies: dict[str, Policy]
    marks: dict[str, list[Mark]]
    decisions: tuple[DecisionRow, ...]
    accepted: tuple[DecisionRow, ...]
    orders: tuple[OrderRow, ...]
    risks: tuple[RiskRow, ...]
    health: dict[str, StageHealth]
    halts: tuple[Halt, ...]
    quarantine: tuple[dict[str, Any], ...]
    lot_sizes: LotSizes
    alarms: tuple[AlertRecord, ...] = ()  # the newest that nobody has acknowledged


def look(store: Store, now_ms: int) -> Probe:
    found: list[tuple[str, int]] = []
    for database in FLOOR_DATABASES:
        for collection in (JOURNAL, QUARANTINE):
            newest = store.query(Query(collection, order_by="at_ms", descending=True, limit=1, database=database))
            found += [(item.ref.id, int((item.data or {})["at_ms"])) for item in newest]
    return Probe(tuple(found), all(now_ms - at_ms > SETTLED_MS for _, at_ms in found))


def gather(context: Context, curves: Curves) -> Gathered:
    store = context.ports.store
    accounts = all_of(store, AccountView, ACCOUNTS)
    decisions = newest_of(store, DecisionRow, DECISIONS)
    accepted = newest_of(store, DecisionRow, DECISIONS, (("verdict", "==", Verdict.ACCEPTED.value),))
    orders = newest_of(store, OrderRow, ORDERS)
    portfolios = sorted({*context.settings.portfolios, *(view.portfolio_id for view in accounts)})
    books = by_id(store, RiskBook, portfolios)
    return Gathered(
        accounts=accounts, decisions=decisions, accepted=accepted, orders=orders, books=books,
        policies=by_id(store, Policy, portfolios), health=by_id(store, StageHealth, list(STAGES)),
        risks=newest_of(store, RiskRow, RISKS), alarms=unacknowledged(store),
        halts=all_of(store, Halt, HALTS), quarantine=quarantined(store, HELD),
        marks={view.id: curves.of(store, view.id) for view in accounts},
        lot_sizes=lot_sizes(context, _instruments(accounts, books, (*decisions, *accepted), orders)),
    )  # fmt: skip


def _instruments(
    accounts: Sequence[AccountView], books: dict[str, RiskBook], decisions: Sequence[DecisionRow],
    orders: Sequence[OrderRow],
) -> set[str]:  # fmt: skip
    named = {part.instrument_id for row in decisions for part in row.decision.parts()} | {
        row.instrument_id for row in orders
    }
    named |= {position.instrument_id for view in accounts for position in view.positions}
    return named | {part.instrument_id for book in books.values() for part in book.positions.values()}


def lot_sizes(context: Context, instruments: set[str]) -> dict[str, Decimal]:
    """From the venues' catalogs, which are kept for a minute."""
    venues = {instrument_id.partition(":")[0] for instrument_id in instruments}
    catalogs = {venue: context.reference(InstrumentCatalog.key(venue)) for venue in sorted(venues)}
    found = {}
    for instrument_id in instruments:
        catalog = catalogs[instrument_id.partition(":")[0]]
        rules = catalog.find(instrument_id) if catalog else None
        if rules is not None:
            found[instrument_id] = rules.lot_size
    return found


def unacknowledged(store: Store) -> tuple[AlertRecord, ...]:
    """Of the newest alarms those that nobody has acknowledged, newest first."""
    newest = newest_of(store, AlertRecord, ALARMS, (("severity", "==", Severity.CRITICAL.value),))
    acks = by_id(store, AlertAck, [item.id for item in newest])
    return tuple(item for item in newest if item.id not in acks)


# --- reading documents -------------------------------------------------------------------------------------------


def newest_of(store: Store, kind: type[D], limit: int, where: Where = ()) -> tuple[D, ...]:
    query = Query(kind.collection, where, order_by="ts_event_ms", descending=True, limit=limit, database=kind.database)
    return _decoded(kind, store, query)


def all_of(store: Store, kind: type[D], limit: int) -> tuple[D, ...]:
    return _decoded(kind, store, Query(kind.collection, limit=limit, database=kind.database))


def by_id(store: Store, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
    """Those that exist, in one round."""
    refs = [Ref(kind.collection, id, kind.database) for id in ids]
    return {item.ref.id: kind.decode(item.data) for item in store.read(refs) if item.data is not None} if refs else {}


def _decoded(kind: type[D], store: Store, query: Query) -> tuple[D, ...]:
    return tuple(kind.decode(found.data) for found in store.query(query) if found.data is not None)


def quarantined(store: Store, limit: int) -> tuple[dict[str, Any], ...]:
    """Messages that could not be handled, of both databases, newest first."""
    found = []
    for database in FLOOR_DATABASES:
        query = Query(QUARANTINE, order_by="at_ms", descending=True, limit=limit, database=database)
        found += [item.data for item in store.query(query) if item.data is not None]
    return tuple(sorted(found, key=lambda record: -int(record["at_ms"]))[:limit])
