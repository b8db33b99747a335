"""Shares a portfolio's equity among its strategies: worked out first, then committed beside what it stood on."""

from __future__ import annotations

from fluxfloor.allocation import sandbox, sharing
from fluxfloor.allocation.allocate import allocate
from fluxfloor.allocation.sandbox import history_of
from fluxfloor.contracts.allocation import Allocated
from fluxfloor.contracts.events import AllocationMade, AllocationRequested, RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.weights import Allocation, AllocationStudy, StrategyDays, Study
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Query
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

MAX_STRATEGIES = 1_000


def accept(asked: AllocationRequested, work: Work) -> None:
    """The claim: one request is answered once, however often it is delivered."""


def answer(context: Context, fact: Fact) -> None:
    """After the commit, and again on every redelivery: its steps have claims of their own."""
    assert isinstance(fact.event, AllocationRequested)
    if fact.event.study is None:
        _share(context, fact, fact.event.portfolio_id, asked_for=True)
    else:
        _study(context, fact.event, fact.event.study)


def share_where_due(context: Context, tick: Fact) -> None:
    for portfolio in context.settings.portfolios:
        _share(context, tick, portfolio, asked_for=False)


def _share(context: Context, fact: Fact, portfolio: str, asked_for: bool) -> None:
    policy, in_force = context.read(Policy.key(portfolio)), context.read(Allocation.key(portfolio))
    by, records = policy.allocation if policy else None, histories(context, portfolio)
    if by is None or not records:
        return
    equity = float(max(record.account_equity for record in records))
    down = _drawdown(context, portfolio)
    cause = sharing.ASKED if asked_for else sharing.due(in_force, by, equity, down, context.now_ms)
    if not cause:
        return
    asked = sharing.Asked(portfolio, by, cause, equity, down, sharing.inputs_digest(by, records, in_force, down))
    current = in_force.active.weights if in_force else None
    allocated = allocate([history_of(record) for record in records], by, current, drawdown=down)
    context.step(
        context.cause(fact.event, fact.event_id, "share", portfolio),
        lambda _, work: _bring_into_force(work, asked, allocated, in_force),
    )


def _study(context: Context, asked: AllocationRequested, wish: Study) -> None:
    """Reads what is in force and writes nothing but its own answer."""
    policy, in_force = context.read(Policy.key(asked.portfolio_id)), context.read(Allocation.key(asked.portfolio_id))
    by = wish.policy or (policy.allocation if policy else None)
    made = AllocationStudy(
        id=asked.request_id, portfolio_id=asked.portfolio_id, requested_by=asked.requested_by, study=wish,
        status="refused", message="the portfolio has no allocation policy; send one with the study",
        ts_event_ms=context.now_ms,
    )  # fmt: skip
    if by is not None:
        known = [history_of(record) for record in histories(context, asked.portfolio_id)]
        made = _answered(made, sandbox.answer(known, by, in_force.active.weights if in_force else None, wish))
    context.step(context.cause(asked, asked.request_id, "study"), lambda _, work: _keep(work, made))


def _answered(made: AllocationStudy, found: sandbox.Answer) -> AllocationStudy:
    said = found.allocated
    message = f"{said.message}; {said.fix}" if said.message else ""
    return made.model_copy(
        update={
            "status": said.status, "message": message, "today": found.today, "then": found.then,
            "difference": found.difference,
        }
    )  # fmt: skip


def _keep(work: Work, made: AllocationStudy) -> None:
    (known,) = work.read(AllocationStudy.key(made.id))
    if known is None:
        work.write(made)


def _drawdown(context: Context, portfolio: str) -> float:
    """As Cerebro's book has it; no book, no drawdown."""
    book = context.read(RiskBook.key(portfolio))
    if book is None or book.high_water <= 0:
        return 0.0
    return max(float(1 - book.equity / book.high_water), 0.0)


def histories(context: Context, portfolio: str) -> list[StrategyDays]:
    """Sorted by strategy, so that the answer does not depend on the store's order."""
    query = Query(StrategyDays.collection, (("portfolio_id", "==", portfolio),), limit=MAX_STRATEGIES)
    found = [StrategyDays.decode(row.data or {}) for row in context.ports.store.query(query)]
    return sorted(found, key=lambda record: record.strategy_id)


def _bring_into_force(work: Work, asked: sharing.Asked, answer: Allocated, seen: Allocation | None) -> None:
    """Only beside the weights that it was worked out from; where others came into force since, it is tried again."""
    (in_force,) = work.read(Allocation.key(asked.portfolio_id))
    if (in_force.version if in_force else 0) != (seen.version if seen else 0):
        raise RetryLater(f"the weights of {asked.portfolio_id} changed while new ones were worked out")
    if answer.status not in sharing.USABLE:
        work.emit(_failed(asked, answer, work.now_ms))
    elif sharing.worth_it(in_force, answer, asked):
        made = sharing.brought_into_force(in_force, answer, asked, work.now_ms)
        work.write(made)
        work.create(sharing.version_of(made))
        before = in_force.active.weights if in_force else {}
        work.emit(AllocationMade(portfolio_id=asked.portfolio_id, shares=made.active, before=before))
    elif in_force is not None:
        work.write(sharing.checked(in_force, asked, work.now_ms))


def _failed(asked: sharing.Asked, answer: Allocated, now_ms: int) -> RiskRaised:
    """The weights in force stay. It is tried again at the next midnight, and told again only if it still fails."""
    message = f"no weights for {asked.portfolio_id}: {answer.message}; {answer.fix}. Those in force stay"
    return RiskRaised(
        kind="allocation_failed", scope=asked.portfolio_id, severity=Severity.WARNING, message=message,
        details={"reason": answer.reason, "status": answer.status}, ts_event_ms=now_ms,
    )  # fmt: skip
