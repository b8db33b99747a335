"""How a portfolio's equity is shared: the weights in force, what they stand on, and what people may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.events import AllocationRequested, HistoryUploaded
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.weights import (
    Allocation,
    AllocationStudy,
    AllocationVersion,
    StrategyDays,
    Study,
    UploadedDays,
)
from fluxfloor.ports import Operator, Query
from fluxfloor.webapi import audit, changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.paging import Paged, read_page
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import money_answers

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

Simple = Asked[Nothing, Nothing]
MANY = 1_000


def allocation(context: Context, asked: Simple) -> Allocation:
    found = context.read(Allocation.key(_portfolio(context, asked.path["portfolio"])))
    if found is None:
        fix = "give it an allocation policy in the settings, and wait for midnight UTC or ask for one"
        raise refusal(404, "this portfolio shares no equity yet", "path.portfolio", fix)
    return found


def versions(context: Context, asked: Asked[Paged, Nothing]) -> money_answers.AllocationVersions:
    query = Query(AllocationVersion.collection, _of(context, asked), order_by="number")
    found = read_page(context.ports.store, query, asked.query)
    items = tuple(AllocationVersion.decode(row.data) for row in found.rows if row.data is not None)
    return money_answers.AllocationVersions(items=items, next_cursor=found.next_cursor)


def strategies(context: Context, asked: Simple) -> money_answers.StrategyHistories:
    found = context.ports.store.query(Query(StrategyDays.collection, _of(context, asked), limit=MANY))
    records = [StrategyDays.decode(row.data) for row in found if row.data is not None]
    return money_answers.StrategyHistories(items=tuple(sorted(records, key=lambda item: item.strategy_id)))


def share(context: Context, asked: Simple) -> Reply:
    """Shares again now. What comes of it stands in /v1/allocations/{portfolio}."""
    return _ask(context, asked, None)


def study(context: Context, asked: Asked[Nothing, Study]) -> Reply:
    """What if. The answer stands under /v1/allocation-studies/{id} once its stage has worked it out."""
    return _ask(context, asked, asked.body)


def _ask(context: Context, asked: Asked[Nothing, Study] | Simple, wish: Study | None) -> Reply:
    portfolio, actor = _portfolio(context, asked.path["portfolio"]), asked.actor
    if wish is None or wish.policy is None:
        _shared(context, portfolio)
    request_id = digest("allocation", actor, asked.key)
    requested = AllocationRequested(request_id=request_id, portfolio_id=portfolio, requested_by=actor, study=wish)

    def decide(work: Work) -> money_answers.AllocationAsked:
        work.emit(requested)
        action = "allocation.requested" if wish is None else "allocation.studied"
        audit.record(work, actor, action, portfolio, request=request_id)
        return money_answers.AllocationAsked(request_id=request_id)

    return changes.commit(context, asked, requested, decide, status=202)


def studied(context: Context, asked: Simple) -> AllocationStudy:
    found = context.read(AllocationStudy.key(asked.path["id"]))
    if found is None:
        raise refusal(404, "no study has this id, or it is not worked out yet", "path.id", "ask again soon")
    return found


def upload(context: Context, asked: Asked[Nothing, UploadedDays]) -> Reply:
    """A strategy's days from elsewhere, in place of all that was known before the floor's own first day."""
    portfolio, strategy, actor = _portfolio(context, asked.path["portfolio"]), asked.path["strategy"], asked.actor
    uploaded = HistoryUploaded(portfolio_id=portfolio, strategy_id=strategy, uploaded_by=actor, history=asked.body)

    def decide(work: Work) -> money_answers.HistoryTaken:
        work.emit(uploaded)
        audit.record(work, actor, "history.uploaded", f"{portfolio}|{strategy}", days=len(asked.body.days))
        return money_answers.HistoryTaken(portfolio_id=portfolio, strategy_id=strategy, days=len(asked.body.days))

    return changes.commit(context, asked, uploaded, decide, status=202)


def _of(context: Context, asked: Asked[Any, Any]) -> tuple[tuple[str, Operator, Any], ...]:
    return (("portfolio_id", "==", _portfolio(context, asked.path["portfolio"])),)


def _portfolio(context: Context, name: str) -> str:
    if name not in context.settings.portfolios:
        raise refusal(404, "no portfolio has this name", "path.portfolio", "take one from /v1/policies")
    return name


def _shared(context: Context, portfolio: str) -> None:
    policy = context.read(Policy.key(portfolio))
    if policy is None or policy.allocation is None:
        fix = f"set [portfolios.{portfolio}.allocation] in the settings"
        raise refusal(409, "this portfolio has no allocation policy", "path.portfolio", fix)
