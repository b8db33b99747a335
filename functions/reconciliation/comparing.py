"""Holds an account against its venue: opens it at first sight, books what explains itself, and blocks entries when the
two stay apart. What a difference means is decided in `accounts.reconcile` and `accounts.compare`."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from fluxfloor.accounts import book as books
from fluxfloor.accounts import reconcile
from fluxfloor.accounts.compare import compare as compare_books
from fluxfloor.accounts.compare import since_ms
from fluxfloor.accounts.reconcile import Known, Plan
from fluxfloor.contracts import ids
from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.events import OrderChanged, ScheduleTicked, Severity
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.orders import ChangeKind, OrderChange
from fluxfloor.contracts.state import Account
from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.ports import VenueBooks, VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.reconciliation.clocks import compare_clocks
from functions.reconciliation.differing import Looked, agree, differ
from functions.reconciliation.knowing import known, orders_at_work
from functions.reconciliation.pricing import instruments, rates_of
from functions.reconciliation.taking import take
from functions.reconciliation.telling import keep, risk

log = logging.getLogger("fluxfloor.reconciliation")
AGREED_LATELY_MS = 60_000  # books that agreed so lately are not compared again for every fill
TRIES = 3
MOST_STEPS = 1_000  # of one comparison: so many commits of adopted trades bound a start after a very long stop


def after_fill(context: Context, fact: Fact) -> None:
    """A finished order with fills is the moment when the books should agree."""
    report = fact.event.report  # type: ignore[attr-defined]
    if not (report.new_fills and report.state.terminal):
        return
    account = context.read(Account.key(report.intent.account_id))
    if account is None or account.mismatches or context.now_ms - account.agreed_ms >= AGREED_LATELY_MS:
        compare(context, report.intent.account_id)


def after_confirmation(context: Context, fact: Fact) -> None:
    compare(context, fact.event.account_id)  # type: ignore[attr-defined]


def compare_all(context: Context) -> None:
    _each(context, context.settings.accounts)


def watch(context: Context) -> None:
    """Accounts at live and practice venues, while an order or a position of theirs is open. Paper has no other hands in
    it, and needs no watching."""
    away = [name for name, item in context.settings.accounts.items() if item.venue != "paper"]
    _each(context, [name for name in away if _at_stake(context, name)])


def _at_stake(context: Context, account_id: str) -> bool:
    account = context.read(Account.key(account_id))
    if account is None or account.mismatches or any(item.open_lots for item in account.positions.values()):
        return True
    return bool(orders_at_work(context.ports.store, account_id))


def _each(context: Context, accounts: Iterable[str]) -> None:
    """One whose venue does not answer keeps no other from being compared."""
    problems: list[FloorError] = []
    for account_id in accounts:
        try:
            compare(context, account_id)
            compare_clocks(context, account_id)
        except FloorError as problem:
            log.warning("not compared: %s", problem, extra={"stage": context.stage, "account": account_id})
            problems.append(problem)
    if problems:
        raise RetryLater(f"{len(problems)} accounts were not compared, the first because: {problems[0]}")


def compare(context: Context, account_id: str) -> None:
    tries = 0
    for step in range(MOST_STEPS):
        judged = _compared(context, account_id, step)
        if judged is True:
            return
        tries += judged is None
        if tries >= TRIES:
            break
    log.info("the books of %s changed at every comparison", account_id, extra={"stage": context.stage})


def _compared(context: Context, account_id: str, step: int) -> bool | None:
    """None where the books changed after the venue was asked: a fill booked meanwhile would look like a difference.
    False where there is more to book than one commit takes."""
    account = context.read(Account.key(account_id))
    version = account.version if account else 0
    asked_ms = context.now_ms  # whoever is held up between here and the commit knows no more than he did now
    since = since_ms(account, asked_ms)
    seen = context.ports.venue(account_id).books(since)
    ours = known(context.ports.store, account, seen, asked_ms) if account else Known()
    tick = ScheduleTicked(stage="reconciliation", job="compare", scheduled_ms=context.now_ms)
    judged: bool | None = True

    def decide(_: ScheduleTicked, work: Work) -> None:
        nonlocal judged
        (current,) = work.read(Account.key(account_id))
        judged = True
        if (current.version if current else 0) != version:
            judged = None
        elif current is None:
            _open(work, account_id, seen, asked_ms)
        else:
            judged = _judge(work, current, Looked(seen, since, asked_ms), ours)

    context.step(context.cause(tick, account_id, version, context.now_ms, step), decide)
    return judged


def _judge(work: Work, account: Account, looked: Looked, ours: Known) -> bool:
    plan = reconcile.plan(account, looked.seen, ours, looked.asked_ms)
    _tell(work, account, plan)
    taken = take(work, account, plan)
    after = books.margin(taken.account, looked.seen.margin_used, looked.seen.margin_free)
    after = after.model_copy(update={"strays": dict(plan.strays)})
    if not plan.more:
        after = _held_against(work, after, looked, ours, plan)
    if after != account:
        work.write(after)
    if _news(account, after):
        cause = _cause(account, after, plan)
        work.emit(books.told(after, instruments(work, after), cause, work.now_ms, taken.trades))
    return not plan.more


def _held_against(work: Work, account: Account, looked: Looked, ours: Known, plan: Plan) -> Account:
    booked = ours.trades | {item.fill.trade_id for item in plan.adopt}
    found = compare_books(account, looked.seen, booked, looked.asked_ms)
    if not found.agrees:
        return differ(work, account, found, looked)
    lately = work.now_ms - account.agreed_ms < AGREED_LATELY_MS
    return account if lately and not account.mismatches else agree(work, account, looked.asked_ms)


def _news(before: Account, after: Account) -> bool:
    """Books that only agreed, or did not, are no news of the account itself."""
    aside = ("mismatches", "differed_ms", "agreed_ms", "agreed_entries", "proposed", "strays")
    return before.model_copy(update={name: getattr(after, name) for name in aside}) != after


def _cause(before: Account, after: Account, plan: Plan) -> str:
    if before.entries == after.entries:
        return "margin"
    return "external" if plan.adopt else "transfer" if plan.transfers else "adjustment"


def _open(work: Work, account_id: str, seen: VenueBooks, asked_ms: int) -> None:
    setting = work.settings.accounts[account_id]
    opened = books.open_account(
        account_id, setting.portfolio, setting.venue, setting.currency, dict(seen.balances), asked_ms,
        rates_of(work, seen.balances, setting.currency), reconcile.just_before(seen),
    )  # fmt: skip
    keep(work, opened.account, opened.entries, ())
    work.write(books.margin(opened.account, seen.margin_used, seen.margin_free))
    work.emit(books.told(opened.account, {}, "opened", work.now_ms))


# --- what execution and people should know -----------------------------------------------------------------------


def _tell(work: Work, account: Account, plan: Plan) -> None:
    for order, why in plan.look:
        work.emit(OrderChanged(change=_look(order, why, work.now_ms)))
    for item in plan.unknown:
        name = item.client_order_id or item.venue_order_id
        message = f"order {name} is open at {account.venue} on {account.id}, and nobody here knows it: {_terms(item)}"
        work.emit(risk("order_unknown_at_venue", account, Severity.WARNING, message, work.now_ms, order=name))
    for item, order in plan.ended:
        message = f"order {item.client_order_id} is open at {account.venue}, and was taken for {order.state}"
        work.emit(risk("order_open_at_venue", account, Severity.WARNING, message, work.now_ms, intent=order.id))


def _terms(item: VenueOrder) -> str:
    filled = f", {canonical(item.filled)} filled" if item.filled else ""
    return f"{item.side or ''} {item.symbol} {item.state}{filled}".strip()


def _look(order: Order, why: str, now_ms: int) -> OrderChange:
    """Execution asks the venue what became of it, also where it took the order for ended."""
    intent = order.intent
    return OrderChange(
        change_id=ids.digest("look", order.id, why, now_ms), intent_id=order.id, portfolio_id=intent.portfolio_id,
        account_id=intent.account_id, kind=ChangeKind.LOOK, asked_by="reconciliation", reason=why[:500],
        ts_event_ms=now_ms,
    )  # fmt: skip
