"""Whose money it is: what senders are due and were paid, and the units that clients hold of a portfolio."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fluxfloor.accounts import payouts as dues
from fluxfloor.accounts import units
from fluxfloor.contracts.capital import (
    CapitalFlow,
    NavPoint,
    PayoutBook,
    PayoutPaid,
    SenderPayout,
    UnitBook,
)
from fluxfloor.contracts.events import CapitalMoved, RiskRaised, Severity
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.views import AccountView
from fluxfloor.ports import Query, Ref
from fluxfloor.webapi import audit, changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.paging import Paged, read_page
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import money_answers
from functions.api.writes import done

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

MONTHS = 24
ZERO = Decimal(0)


# --- senders -----------------------------------------------------------------------------------------------------


def payouts(context: Context, asked: Asked[Nothing, Nothing]) -> money_answers.Payouts:
    sender_id = asked.path["id"]
    book = context.read(PayoutBook.key(sender_id))
    months = list(reversed(book.months)) if book is not None else []
    names = [dues.payout_id(sender_id, month) for month in months]
    found = context.ports.store.read(
        [Ref(kind.collection, name) for name in names for kind in (SenderPayout, PayoutPaid)]
    )
    rows = zip(found[::2], found[1::2], strict=True)
    return money_answers.Payouts(
        items=tuple(
            money_answers.PayoutRow(
                payout=SenderPayout.decode(due.data), paid=PayoutPaid.decode(paid.data) if paid.data else None
            )
            for due, paid in rows
            if due.data is not None
        )
    )


def paid(context: Context, asked: Asked[Nothing, money_answers.PayoutReference]) -> Reply:
    """Once, and with a reference: what is not right after that is a matter of the audit log."""
    sender_id, month, actor = asked.path["id"], asked.path["month"], asked.actor
    payout_id = dues.payout_id(sender_id, month)
    cause = RiskRaised(  # what the step is about; never sent
        kind="payout_paid", scope=FLOOR, severity=Severity.INFO, message=f"{actor} paid {payout_id}",
        ts_event_ms=context.now_ms,
    )  # fmt: skip

    def decide(work: Work) -> PayoutPaid:
        due, before = work.read(SenderPayout.key(payout_id), PayoutPaid.key(payout_id))
        if due is None:
            raise refusal(404, "nothing is due for this month", "path.month", "see /v1/senders/{id}/payouts")
        if before is not None:
            raise refusal(409, f"this was paid by {before.paid_by}", "path.month", "nothing is left to pay")
        amounts = {currency: part.due for currency, part in due.parts.items() if part.due}
        made = PayoutPaid(
            id=payout_id, sender_id=sender_id, month=month, amounts=amounts, reference=asked.body.reference,
            paid_by=actor, ts_event_ms=work.now_ms,
        )  # fmt: skip
        work.write(made)
        told = {currency: str(amount) for currency, amount in amounts.items()}
        audit.record(work, actor, "payout.paid", payout_id, reference=asked.body.reference, **told)
        return made

    return done(context, changes.commit(context, asked, cause, decide, status=201))


# --- clients -----------------------------------------------------------------------------------------------------


def capital(context: Context, asked: Asked[Nothing, Nothing]) -> money_answers.Capital:
    portfolio_id = _portfolio(context, asked.path["portfolio"])
    book = context.read(UnitBook.key(portfolio_id))
    views = _views(context, portfolio_id)
    currency = book.currency if book else context.settings.accounts[_accounts(context, portfolio_id)[0]].currency
    book = book or UnitBook(id=portfolio_id, currency=currency)
    made = sum((EXACT.add(view.realised, view.unrealised) for view in views), ZERO)
    deposits = sum((view.deposits for view in views), ZERO)
    return money_answers.Capital(
        portfolio_id=portfolio_id, currency=currency, nav=units.nav_of(book, made), units=book.units,
        value=units.value_of(book, made), unattributed=EXACT.subtract(deposits, book.attributed),
        as_of_ms=min((view.ts_event_ms for view in views), default=0),
        clients=tuple(_client(book, name, made) for name in sorted(book.clients)),
        months=_months(context, portfolio_id, units.nav_of(book, made) if book.units else None),
    )  # fmt: skip


def _client(book: UnitBook, client_id: str, made: Decimal) -> money_answers.ClientRow:
    held, worth = book.clients[client_id], units.worth(book, client_id, made)
    return money_answers.ClientRow(
        client_id=client_id, units=held.units, paid_in=held.paid_in, worth=worth,
        made=EXACT.subtract(worth, held.paid_in),
    )  # fmt: skip


def _months(context: Context, portfolio_id: str, now: Decimal | None) -> tuple[money_answers.MonthRow, ...]:
    """This month as it stands, and those before it by a unit's worth on their last day."""
    months = [dues.month_of(context.now_ms)]
    while len(months) < MONTHS + 12:
        months.append(dues.month_before(months[-1]))
    names = [f"{portfolio_id}|{dues.last_day(month)}" for month in months[1:]]
    found = context.ports.store.read([Ref(NavPoint.collection, name) for name in names])
    navs = [now, *(NavPoint.decode(row.data).nav if row.data is not None else None for row in found)]
    rows = [
        money_answers.MonthRow(
            month=months[place], nav=navs[place], month_return=units.returned(navs[place], navs[place + 1]),
            year_return=units.returned(navs[place], navs[place + 12]),
        )
        for place in range(MONTHS - 1)
    ]  # fmt: skip
    return tuple(row for row in rows if row.nav is not None)


def flows(context: Context, asked: Asked[Paged, Nothing]) -> money_answers.CapitalFlows:
    portfolio_id = _portfolio(context, asked.path["portfolio"])
    query = Query(CapitalFlow.collection, (("portfolio_id", "==", portfolio_id),), order_by="ts_event_ms")
    found = read_page(context.ports.store, query, asked.query)
    items = tuple(CapitalFlow.decode(row.data) for row in found.rows if row.data is not None)
    return money_answers.CapitalFlows(items=items, next_cursor=found.next_cursor)


def move(context: Context, asked: Asked[Nothing, money_answers.FlowRequest]) -> Reply:
    portfolio_id, wish, actor = _portfolio(context, asked.path["portfolio"]), asked.body, asked.actor
    flow_id = digest("capital", actor, asked.key)
    moved = CapitalMoved(
        flow_id=flow_id, portfolio_id=portfolio_id, client_id=wish.client_id, amount=wish.amount,
        reference=wish.reference, recorded_by=actor,
    )  # fmt: skip

    def decide(work: Work) -> money_answers.FlowAsked:
        work.emit(moved)
        audit.record(
            work, actor, "capital.moved", flow_id, portfolio=portfolio_id, client=wish.client_id,
            amount=str(wish.amount), reference=wish.reference,
        )  # fmt: skip
        return money_answers.FlowAsked(flow_id=flow_id)

    return done(context, changes.commit(context, asked, moved, decide, status=202))


def _portfolio(context: Context, portfolio_id: str) -> str:
    if portfolio_id not in context.settings.portfolios:
        known = ", ".join(context.settings.portfolios)
        raise refusal(404, "there is no such portfolio", "path.portfolio", f"take one of {known}")
    return portfolio_id


def _accounts(context: Context, portfolio_id: str) -> tuple[str, ...]:
    return context.settings.portfolios[portfolio_id].traded


def _views(context: Context, portfolio_id: str) -> list[AccountView]:
    names = _accounts(context, portfolio_id)
    found = context.ports.store.read([Ref(AccountView.collection, name) for name in names])
    return [AccountView.decode(row.data) for row in found if row.data is not None]
