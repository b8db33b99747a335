"""Watches the whole floor, once a minute: how old the data of what is at stake is, and how much goes wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fluxfloor.contracts import hours
from fluxfloor.contracts.events import RiskRaised, ScheduleTicked
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import InstrumentCatalog, Kind, QuoteState
from fluxfloor.contracts.journal import QUARANTINE, Step
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.views import AccountView, OrderRow, SafetyState
from fluxfloor.ports import Query, Ref
from fluxfloor.reporting import safety
from fluxfloor.reporting.safety import Bounds, Budget, Tally, Verdict
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work
from fluxfloor.topology import FLOOR_DATABASES

MANY = 200


def watch(context: Context, tick: Fact, steps: Sequence[Step], known: SafetyState | None) -> None:
    """`known`: what was said already. An idle floor costs a read and an empty query, and writes nothing."""
    state = known or SafetyState(id=FLOOR)
    verdict = _data(context, state)
    why = _errors(context, steps, state)
    if verdict.stale == state.stale and not verdict.raised and not why:
        return

    def record(_: ScheduleTicked, work: Work) -> None:
        (kept,) = work.read(SafetyState.key(FLOOR))
        spent_ms = work.now_ms if why else state.spent_ms
        halts, raised = list(verdict.halts), list(verdict.raised)
        if why:
            halt, told = safety.spent(why, work.now_ms)
            halts, raised = [*halts, halt], [*raised, told]
        _stop(work, halts, raised)
        work.write((kept or state).model_copy(update={"stale": verdict.stale, "spent_ms": spent_ms}))

    context.step(context.cause(tick.event, "safety", context.now_ms), record)


def _stop(work: Work, halts: list[Halt], raised: list[RiskRaised]) -> None:
    """A halt that stands keeps its reason; what was found is told all the same."""
    wanted = {halt.id: halt for halt in halts}
    standing = work.read_all([Halt.key(scope) for scope in wanted])
    for halt, found in zip(wanted.values(), standing, strict=True):
        if found is None:
            work.write(halt)
    work.emit(*raised)


# --- data --------------------------------------------------------------------------------------------------------


def _data(context: Context, state: SafetyState) -> Verdict:
    wanted = context.settings.safety
    at_stake = _at_stake(context)
    names = sorted(at_stake.keys() | state.stale.keys())
    found = context.ports.store.read([Ref(QuoteState.collection, name) for name in names]) if names else []
    quotes = {item.ref.id: QuoteState.decode(item.data).quote for item in found if item.data is not None}
    seen_ms = {name: quote.ts_event_ms for name, quote in quotes.items()}
    bounds = Bounds(wanted.stale_alarm_s * 1_000, wanted.stale_halt_s * 1_000)
    return safety.judge_data(
        at_stake, seen_ms, state.stale, bounds, context.now_ms, lambda name, now_ms: _session(context, name, now_ms)
    )


def _at_stake(context: Context) -> dict[str, frozenset[str]]:
    """Instrument → portfolios that hold it or have an order in it."""
    store, found = context.ports.store, defaultdict[str, set[str]](set)
    accounts = [Ref(AccountView.collection, name) for name in context.settings.accounts]
    for view in (AccountView.decode(item.data) for item in store.read(accounts) if item.data is not None):
        for position in view.positions:
            if position.lots:
                found[position.instrument_id].add(view.portfolio_id)
    for item in store.query(Query(Order.collection, (("open", "==", True),), limit=MANY)):
        order = Order.decode(item.data or {})
        if not order.state.terminal:
            found[order.intent.instrument_id].add(order.intent.portfolio_id)
    return {name: frozenset(portfolios) for name, portfolios in found.items()}


def _session(context: Context, instrument_id: str, now_ms: int) -> int | None:
    """Markets that never close have been open for ever."""
    catalog = context.reference(InstrumentCatalog.key(instrument_id.partition(":")[0]))
    rules = catalog.find(instrument_id) if catalog else None
    return hours.opened_ms(now_ms) if rules is not None and rules.kind is Kind.EQUITY else 0


# --- errors ------------------------------------------------------------------------------------------------------


def _errors(context: Context, steps: Sequence[Step], state: SafetyState) -> str:
    """Why the budget is spent; empty where it is not, or nothing happened lately. What has stopped entries once does
    not stop them again after a person has resumed."""
    wanted, now_ms = context.settings.safety, context.now_ms
    since_ms = max(now_ms - wanted.error_window_min * 60_000, state.spent_ms + 1)
    lately = [step.at_ms for step in steps if step.at_ms >= since_ms]
    if not lately:
        return ""
    # Of a busy floor the newest steps alone were read: failures are counted over the same span.
    failed = _failed(context, min(lately))
    ended = _ended(context, since_ms)
    refused = sum(1 for row in ended if row.state == OrderState.REJECTED)
    tally = Tally(failed, len(lately), refused, len(ended))
    return safety.over_budget(tally, Budget(wanted.error_budget, wanted.refusal_budget, wanted.least_errors))


def _failed(context: Context, since_ms: int) -> int:
    count = 0
    for database in FLOOR_DATABASES:
        query = Query(
            QUARANTINE, (("at_ms", ">=", since_ms),), order_by="at_ms", descending=True, limit=MANY, database=database
        )
        count += len(context.ports.store.query(query))
    return count


def _ended(context: Context, since_ms: int) -> list[OrderRow]:
    query = Query(
        OrderRow.collection, (("ts_event_ms", ">=", since_ms),), order_by="ts_event_ms", descending=True, limit=MANY
    )
    found = [OrderRow.decode(item.data or {}) for item in context.ports.store.query(query)]
    return [row for row in found if OrderState(row.state).terminal]
