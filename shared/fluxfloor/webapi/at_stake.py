"""Reads what a report of the day's risk is made of, for the day's end and for whoever asks meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from fluxfloor.contracts.base import Document
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.paper import Criteria
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import (
    AccountView,
    AlertAck,
    AlertRecord,
    DailyRisk,
    EquityPoint,
    PaperDay,
    PaperRecord,
    RiskRow,
)
from fluxfloor.ports import Query, Ref, Store
from fluxfloor.reporting import daily_risk, paper_period

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.settings import Settings

DAY_MS = 86_400_000
MANY = 500
D = TypeVar("D", bound=Document)


def day_of(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).date().isoformat()


def report(context: Context, from_ms: int, to_ms: int) -> DailyRisk:
    """Of the UTC day that begins at `from_ms`, as things stand now; its risks and profits are those before `to_ms`."""
    seen = look(context, from_ms, to_ms)
    return daily_risk.report(day_of(from_ms), context.settings.mode, seen, context.now_ms)


def look(context: Context, from_ms: int, to_ms: int) -> daily_risk.Seen:
    store, settings = context.ports.store, context.settings
    views = _by_id(store, AccountView, list(settings.accounts))
    books = _by_id(store, RiskBook, list(settings.portfolios))
    held = [(book.account_id, item) for book in books for item in book.positions.values() if item.lots]
    slots = _by_id(store, Slot, [f"{account}|{item.strategy_id}|{item.instrument_id}" for account, item in held])
    orders = _all(store, Order, Query(Order.collection, (("open", "==", True),), limit=MANY))
    return daily_risk.Seen(
        views=views, books={book.id: book for book in books},
        orders=[order for order in orders if not order.state.terminal],
        guards=frozenset(slot.id for slot in slots if slot.guard),
        at_venue=frozenset(name for name, account in settings.accounts.items() if account.stops_at_venue),
        lot_sizes=_lot_sizes(context, {item.instrument_id for _, item in held}),
        profits={view.id: profit(store, view.id, from_ms, to_ms) for view in views},
        risks=risks(store, from_ms, to_ms), unacknowledged=unacknowledged(store),
        halts=_all(store, Halt, Query(Halt.collection, limit=MANY)),
    )  # fmt: skip


def profit(store: Store, account_id: str, from_ms: int, to_ms: int) -> Decimal:
    """Of the span, deposits and withdrawals left out. An account that is younger began with its first mark."""
    last = _point(store, account_id, "<", to_ms, newest=True)
    first = _point(store, account_id, "<", from_ms, newest=True) or _point(
        store, account_id, ">=", from_ms, newest=False
    )
    if last is None or first is None:
        return Decimal(0)
    return (last.equity - last.deposits) - (first.equity - first.deposits)


def _point(store: Store, account_id: str, side: str, at_ms: int, newest: bool) -> EquityPoint | None:
    operator = "<" if side == "<" else ">="
    query = Query(
        EquityPoint.collection, (("account_id", "==", account_id), ("ts_event_ms", operator, at_ms)),  # type: ignore[arg-type]
        order_by="ts_event_ms", descending=newest, limit=1,
    )  # fmt: skip
    return next(iter(_all(store, EquityPoint, query)), None)


def risks(store: Store, from_ms: int, to_ms: int) -> list[RiskRow]:
    """The newest of the span."""
    query = Query(
        RiskRow.collection, (("ts_event_ms", ">=", from_ms), ("ts_event_ms", "<", to_ms)), order_by="ts_event_ms",
        descending=True, limit=MANY,
    )  # fmt: skip
    return _all(store, RiskRow, query)


def unacknowledged(store: Store) -> int:
    """Of the newest alarms."""
    query = Query(
        AlertRecord.collection, (("severity", "==", "critical"),), order_by="ts_event_ms", descending=True, limit=50
    )
    alarms = _all(store, AlertRecord, query)
    return len(alarms) - len(_by_id(store, AlertAck, [item.id for item in alarms]))


# --- the paper period --------------------------------------------------------------------------------------------


def criteria(settings: Settings) -> Criteria:
    return settings.safety.criteria


def paper_days(store: Store, limit: int = 366) -> list[PaperDay]:
    """Newest first. The one thing that either mode may read of the other."""
    query = Query(PaperDay.collection, order_by="ts_event_ms", descending=True, limit=limit, database=PaperDay.database)
    return _all(store, PaperDay, query)


def paper_record(context: Context) -> PaperRecord:
    """As it stands now."""
    now_ms = context.now_ms
    return paper_period.judge(paper_days(context.ports.store), criteria(context.settings), day_of(now_ms), now_ms)


def warnings(context: Context, record: PaperRecord | None) -> tuple[str, ...]:
    """What a live floor says wherever people look."""
    if context.settings.mode != "live":
        return ()
    if not context.settings.safety.paper_period_days:
        return ("The paper period is skipped: paper_period_days is 0.",)
    if record is None:
        return ("Live entries wait: the paper period has not been judged yet.",)
    return () if record.satisfied else (f"Live entries wait for the paper period: {'; '.join(record.missing)}.",)


# --- reading -----------------------------------------------------------------------------------------------------


def _by_id(store: Store, kind: type[D], ids: Sequence[str]) -> list[D]:
    refs = [Ref(kind.collection, name, kind.database) for name in ids]
    return [kind.decode(item.data) for item in store.read(refs) if item.data is not None] if refs else []


def _all(store: Store, kind: type[D], query: Query) -> list[D]:
    return [kind.decode(item.data) for item in store.query(query) if item.data is not None]


def _lot_sizes(context: Context, instruments: set[str]) -> dict[str, Decimal]:
    found = {}
    for name in sorted(instruments):
        catalog = context.reference(InstrumentCatalog.key(name.partition(":")[0]))
        rules = catalog.find(name) if catalog else None
        if rules is not None:
            found[name] = rules.lot_size
    return found
