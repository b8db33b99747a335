"""What people may look at. Every handler takes the context and what was asked, and returns its answer's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from fluxfloor.contracts.base import Document
from fluxfloor.contracts.policy import PRESETS, Policy
from fluxfloor.contracts.simulations import SimulationRecord
from fluxfloor.contracts.state import RiskBook, Sender, TradeRow
from fluxfloor.contracts.views import (
    AccountView,
    AlertAck,
    AlertRecord,
    AuditRecord,
    DailyRisk,
    DecisionRow,
    EquityPoint,
    ExportRecord,
    OrderRow,
    RiskRow,
    ShadowDecision,
)
from fluxfloor.ports import Query
from fluxfloor.reporting import why as stories
from fluxfloor.reporting.panels import decision_panel, position_panel
from fluxfloor.reporting.versions import Comparison, compare, profits
from fluxfloor.topology import STAGES, TOPICS
from fluxfloor.webapi import at_stake, audit, journal
from fluxfloor.webapi.paging import Paged, read_page
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import answers, gather, money_answers, old_trades, shown, trading_answers

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

D = TypeVar("D", bound=Document)
Simple = Asked[Nothing, Nothing]
MANY = 500
MOST_TRADES = 2_000  # the newest, to tell what a difference was worth


def accounts(context: Context, _: Simple) -> money_answers.Accounts:
    return money_answers.Accounts(items=gather.all_of(context.ports.store, AccountView, gather.ACCOUNTS))


def positions(context: Context, _: Simple) -> trading_answers.Positions:
    store = context.ports.store
    views = gather.all_of(store, AccountView, gather.ACCOUNTS)
    books = gather.by_id(store, RiskBook, sorted({view.portfolio_id for view in views}))
    sizes = gather.lot_sizes(context, {item.instrument_id for view in views for item in view.positions})
    return trading_answers.Positions(
        items=tuple(item for view in views for item in _held(view, books.get(view.portfolio_id), sizes))
    )


def _held(view: AccountView, book: RiskBook | None, sizes: Any) -> list[trading_answers.HeldPosition]:
    parts = list(book.positions.values()) if book else []
    whose = {"account_id": view.id, "portfolio_id": view.portfolio_id, "currency": view.currency}
    panels = [
        position_panel(item, view.equity, [part for part in parts if part.instrument_id == item.instrument_id], sizes)
        for item in view.positions
        if item.lots
    ]
    return [trading_answers.HeldPosition(**whose, **dict(panel)) for panel in panels]


def decisions(context: Context, asked: Asked[trading_answers.DecisionsQuery, Nothing]) -> trading_answers.Decisions:
    portfolio = asked.query.portfolio
    where = {"portfolio_id": portfolio} if portfolio else {}
    items, cursor = _page(context, DecisionRow, asked.query, where)
    return trading_answers.Decisions(items=items, next_cursor=cursor)


def decision(context: Context, asked: Simple) -> trading_answers.DecisionAnswer:
    row = context.read(DecisionRow.key(asked.path["id"]))
    if row is None:
        raise refusal(404, "no decision has this id", "path.id", "take one from /v1/decisions")
    sizes = gather.lot_sizes(context, {part.instrument_id for part in row.decision.parts()})
    return trading_answers.DecisionAnswer(decision=row, panel=decision_panel(row, sizes))


def orders(context: Context, asked: Asked[Paged, Nothing]) -> trading_answers.Orders:
    items, cursor = _page(context, OrderRow, asked.query, {})
    return trading_answers.Orders(items=items, next_cursor=cursor)


def equity(context: Context, asked: Asked[money_answers.AccountQuery, Nothing]) -> money_answers.Equity:
    where = {"account_id": _account(context, asked.query)}
    items, cursor = _page(context, EquityPoint, asked.query, where)
    return money_answers.Equity(items=items, next_cursor=cursor)


def trades(context: Context, asked: Asked[money_answers.AccountQuery, Nothing]) -> money_answers.Trades:
    """From the store, and what has grown old from its files."""
    items, cursor = old_trades.page(context, _account(context, asked.query), asked.query)
    return money_answers.Trades(items=items, next_cursor=cursor)


def _account(context: Context, query: money_answers.AccountQuery) -> str:
    known = list(context.settings.accounts)
    if query.account is None and len(known) != 1:
        raise refusal(422, "which account?", "query.account", f"send one of {', '.join(known)}")
    return query.account or known[0]


def risks(context: Context, asked: Asked[Paged, Nothing]) -> trading_answers.Risks:
    items, cursor = _page(context, RiskRow, asked.query, {})
    return trading_answers.Risks(items=items, next_cursor=cursor)


def alerts(context: Context, asked: Asked[Paged, Nothing]) -> answers.Alerts:
    items, cursor = _page(context, AlertRecord, asked.query, {})
    acks = gather.by_id(context.ports.store, AlertAck, [item.id for item in items])
    return answers.Alerts(items=tuple(shown.alarm(item, acks.get(item.id)) for item in items), next_cursor=cursor)


def daily_risks(context: Context, asked: Asked[Paged, Nothing]) -> trading_answers.DailyRisks:
    items, cursor = _page(context, DailyRisk, asked.query, {})
    today_ms = context.now_ms - context.now_ms % at_stake.DAY_MS
    now = at_stake.report(context, today_ms, context.now_ms + 1)
    return trading_answers.DailyRisks(now=now, items=items, next_cursor=cursor)


def paper_period(context: Context, _: Simple) -> trading_answers.PaperPeriod:
    days = at_stake.paper_days(context.ports.store)
    return trading_answers.PaperPeriod(record=at_stake.paper_record(context), items=tuple(days))


def health(context: Context, _: Simple) -> answers.Health:
    return answers.Health(flow=shown.flow(context))


def quarantine(context: Context, asked: Asked[answers.NewestQuery, Nothing]) -> answers.Quarantine:
    records = gather.quarantined(context.ports.store, asked.query.limit)
    return answers.Quarantine(items=tuple(shown.quarantine_panel(record) for record in records))


def halts(context: Context, _: Simple) -> trading_answers.Halts:
    return trading_answers.Halts(items=shown.halts(context))


def why(context: Context, asked: Simple) -> answers.Why:
    story = journal.collect(context.ports.store, asked.path["id"])
    if story.empty:
        fix = "ask about a signal, decision, intent, client order, trade, export or simulation"
        raise refusal(404, "nothing in the journal is about this id", "path.id", fix)
    facts = tuple(
        answers.WhyFact(
            at_ms=step.at_ms, stage=step.stage, event_id=record["event_id"], type=record["type"], data=record["data"]
        )
        for step in story.steps
        for record in step.facts
    )
    return answers.Why(id=story.id, ids=story.ids, lines=tuple(stories.tell(story)), facts=facts, cut=story.cut)


def audit_log(context: Context, asked: Asked[Paged, Nothing]) -> answers.Audit:
    items, cursor = _page(context, AuditRecord, asked.query, {})
    return answers.Audit(items=items, next_cursor=cursor, broken=audit.broken(items))


def exports(context: Context, asked: Asked[Paged, Nothing]) -> answers.Exports:
    items, cursor = _page(context, ExportRecord, asked.query, {})
    return answers.Exports(items=tuple(shown.export(record) for record in items), next_cursor=cursor)


def export(context: Context, asked: Simple) -> answers.Export:
    return shown.export(shown.export_record(context, asked.path["id"]))


def simulations(context: Context, asked: Asked[Paged, Nothing]) -> answers.Simulations:
    items, cursor = _page(context, SimulationRecord, asked.query, {})
    return answers.Simulations(items=tuple(shown.simulation(record) for record in items), next_cursor=cursor)


def simulation(context: Context, asked: Simple) -> answers.Simulation:
    return shown.simulation(shown.simulation_record(context, asked.path["id"]))


def policies(context: Context, _: Simple) -> trading_answers.Policies:
    return trading_answers.Policies(items=gather.all_of(context.ports.store, Policy, MANY), presets=PRESETS)


def policy(context: Context, asked: Simple) -> Policy:
    return _policy(context, asked.path["portfolio"])


def _policy(context: Context, portfolio: str) -> Policy:
    found = context.read(Policy.key(portfolio))
    if found is None:
        raise refusal(404, "no portfolio has this name", "path.portfolio", "take one from /v1/policies")
    return found


def shadow(context: Context, asked: Asked[trading_answers.ShadowQuery, Nothing]) -> Comparison:
    """Entries that only the shadow takes are not valued here: that takes bars, which `fluxfloor cerebro shadow` has."""
    found = _policy(context, asked.path["portfolio"])
    rows = _newest(context, ShadowDecision, ("portfolio_id", found.id), "ts_event_ms", asked.query.limit)
    trades = _newest(context, TradeRow, ("account_id", found.account_id), "exit_ms", MOST_TRADES)
    return compare(rows, profits(row.trade for row in trades))


def _newest(context: Context, kind: type[D], equals: tuple[str, str], order_by: str, limit: int) -> tuple[D, ...]:
    name, value = equals
    query = Query(kind.collection, ((name, "==", value),), order_by=order_by, descending=True, limit=limit)
    return _decoded(kind, context.ports.store.query(query))


def senders(context: Context, _: Simple) -> answers.Senders:
    found = gather.all_of(context.ports.store, Sender, MANY)
    return answers.Senders(items=tuple(shown.sender(item) for item in found))


def topology(_context: Context, _: Simple) -> answers.Topology:
    stages = tuple(
        answers.StageAnswer(
            name=stage.name, does=stage.does, image=stage.image, consumes=stage.topics, produces=stage.produces,
            schedules={schedule.job: schedule.cron for schedule in stage.schedules}, public=stage.public,
        )
        for stage in STAGES.values()
    )  # fmt: skip
    topics = tuple(
        answers.TopicAnswer(name=item.name, key=item.key, carries=item.carries, retention_hours=item.retention_hours)
        for item in TOPICS.values()
    )
    return answers.Topology(stages=stages, topics=topics)


def _page(
    context: Context, kind: type[D], asked: Paged, equals: dict[str, str], order_by: str = "ts_event_ms"
) -> tuple[tuple[D, ...], str | None]:
    query = Query(
        kind.collection, tuple((name, "==", value) for name, value in equals.items()), order_by=order_by,
        database=kind.database,
    )  # fmt: skip
    found = read_page(context.ports.store, query, asked)
    return _decoded(kind, found.rows), found.next_cursor


def _decoded(kind: type[D], rows: Sequence[Any]) -> tuple[D, ...]:
    return tuple(kind.decode(row.data) for row in rows if row.data is not None)
