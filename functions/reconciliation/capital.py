"""Clients' units: bought and given back as capital moves, and valued as each day ends."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.accounts import book as books
from fluxfloor.accounts import results, units
from fluxfloor.contracts.capital import CapitalFlow, NavPoint, UnitBook
from fluxfloor.contracts.events import CapitalMoved, RiskRaised, ScheduleTicked, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.state import Account
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.reconciliation.pricing import instruments

DAY_MS = 86_400_000
ZERO = Decimal(0)


def move(moved: CapitalMoved, work: Work) -> None:
    """At what a unit is worth as the accounts stand now. What can't be done is recorded, told, and changes nothing."""
    known, done = work.read(UnitBook.key(moved.portfolio_id), CapitalFlow.key(moved.flow_id))
    if done is not None:
        return
    flow = CapitalFlow(
        id=moved.flow_id, portfolio_id=moved.portfolio_id, client_id=moved.client_id, amount=moved.amount,
        units=ZERO, nav=ZERO, reference=moved.reference, recorded_by=moved.recorded_by, ts_event_ms=work.now_ms,
    )  # fmt: skip
    try:
        made, currency = _made(work, moved.portfolio_id)
        before = known or UnitBook(id=moved.portfolio_id, currency=currency)
        after, bought = units.moved(before, moved.client_id, moved.amount, made)
    except units.NoSuchUnits as problem:
        work.write(flow.model_copy(update={"refused": str(problem)[:300]}))
        work.emit(_refused(moved, str(problem), work.now_ms))
        return
    work.write(after)
    work.write(flow.model_copy(update={"units": bought, "nav": units.nav_of(before, made)}))


def _refused(moved: CapitalMoved, why: str, now_ms: int) -> RiskRaised:
    return RiskRaised(
        kind="capital_refused", scope=moved.portfolio_id, severity=Severity.WARNING,
        message=f"capital of {moved.client_id} was not moved: {why}"[:500], ts_event_ms=now_ms,
        details={"flow": moved.flow_id},
    )  # fmt: skip


def _made(work: Work, portfolio_id: str) -> tuple[Decimal, str]:
    """What its accounts have made, open positions and other holdings included, and in which currency. Raises
    NoSuchUnits where they are in several."""
    names = work.settings.portfolios[portfolio_id].traded
    accounts = work.read_all([Account.key(name) for name in names])
    made, currencies = ZERO, set[str]()
    for name, account in zip(names, accounts, strict=True):
        if account is None:
            raise RetryLater(f"account {name} is not open yet")
        open_now = books.unrealised(account, instruments(work, account))
        made, currencies = EXACT.add(made, EXACT.add(account.realised, open_now)), currencies | {account.currency}
    if len(currencies) > 1:
        named = ", ".join(sorted(currencies))
        raise units.NoSuchUnits(f"{portfolio_id} has accounts in {named}: units need one currency")
    return made, currencies.pop()


def value_units(context: Context, fact: Fact) -> None:
    """Of every portfolio that clients hold units of, under the name of the day that has just ended."""
    assert isinstance(fact.event, ScheduleTicked)
    day = results.day_of(fact.event.scheduled_ms - DAY_MS)
    for portfolio_id in sorted(context.settings.portfolios):
        book = context.read(UnitBook.key(portfolio_id))
        if book is not None and book.units:
            _value(context, fact, portfolio_id, day)


def _value(context: Context, fact: Fact, portfolio_id: str, day: str) -> None:
    def decide(_: ScheduleTicked, work: Work) -> None:
        made, _currency = _made(work, portfolio_id)
        book, known = work.read(UnitBook.key(portfolio_id), NavPoint.key(f"{portfolio_id}|{day}"))
        if book is None or known is not None:
            return
        work.write(
            NavPoint(
                id=f"{portfolio_id}|{day}", portfolio_id=portfolio_id, day=day, units=book.units,
                nav=max(ZERO, units.nav_of(book, made)), value=units.value_of(book, made),
                ts_event_ms=work.now_ms,
            )
        )  # fmt: skip

    context.step(context.cause(fact.event, "nav", portfolio_id, day), decide)
