"""Holds an account against its venue: opens it at first sight, and blocks entries when the two stay apart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from fluxfloor.accounts import book as books
from fluxfloor.accounts.compare import PATIENCE, Comparison, describe, since_ms
from fluxfloor.accounts.compare import compare as compare_books
from fluxfloor.accounts.ledger import fill_entry_id
from fluxfloor.contracts.events import RiskRaised, ScheduleTicked, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.ports import Ref, Snapshot, VenueBooks
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.references import ref_of
from fluxfloor.runtime.work import Work

from functions.reconciliation.pricing import instruments, rates_of

log = logging.getLogger("fluxfloor.reconciliation")
AGREED_LATELY_MS = 60_000  # books that agreed so lately are not compared again for every fill
TRIES = 3
Reader = Callable[[Sequence[Ref]], list[Snapshot]]


def after_fill(context: Context, fact: Fact) -> None:
    """A finished order with fills is the moment when the books should agree."""
    report = fact.event.report  # type: ignore[attr-defined]
    if not (report.new_fills and report.state.terminal):
        return
    account = context.read(Account.key(report.intent.account_id))
    if account is None or account.mismatches or context.now_ms - account.agreed_ms >= AGREED_LATELY_MS:
        compare(context, report.intent.account_id)


def compare_all(context: Context) -> None:
    """Every account. One whose venue does not answer keeps no other from being compared."""
    problems: list[FloorError] = []
    for account_id in context.settings.accounts:
        try:
            compare(context, account_id)
        except FloorError as problem:
            log.warning("not compared: %s", problem, extra={"stage": context.stage, "account": account_id})
            problems.append(problem)
    if problems:
        raise RetryLater(f"{len(problems)} accounts were not compared, the first because: {problems[0]}")


def compare(context: Context, account_id: str) -> None:
    for _ in range(TRIES):
        if _compared(context, account_id):
            return
    log.info("the books of %s changed at every comparison", account_id, extra={"stage": context.stage})


def _compared(context: Context, account_id: str) -> bool:
    """False where the books changed after the venue was asked: a fill booked meanwhile would look like a difference."""
    account = context.read(Account.key(account_id))
    version = account.version if account else 0
    seen = context.ports.venue(account_id).books(since_ms(account))
    tick = ScheduleTicked(stage="reconciliation", job="compare", scheduled_ms=context.now_ms)
    judged = True

    def decide(_: ScheduleTicked, work: Work) -> None:
        nonlocal judged
        judged = _judge(work, account_id, version, seen, context.ports.store.read)

    context.step(context.cause(tick, account_id, version, context.now_ms), decide)
    return judged


def _judge(work: Work, account_id: str, version: int, seen: VenueBooks, read: Reader) -> bool:
    (account,) = work.read(Account.key(account_id))
    if (account.version if account else 0) != version:
        return False
    if account is None:
        _open(work, account_id, seen)
        return True
    found = compare_books(account, seen, _booked(account_id, seen, read), work.now_ms)
    polled = books.margin(account, seen.margin_used, seen.margin_free)
    if polled is not account:
        work.emit(books.told(polled, instruments(work, polled), "margin", work.now_ms))
    if found.agrees:
        _agreed(work, account, polled)
    else:
        _disagreed(work, polled, found)
    return True


def _booked(account_id: str, seen: VenueBooks, read: Reader) -> set[str]:
    """Which of the venue's trades stand in the ledger. Entries never change, and a new one changes the account, which
    the commit verifies: so they need not be verified themselves, and there may be any number of them."""
    ids = {fill_entry_id(account_id, row.fill.trade_id): row.fill.trade_id for row in seen.fills}
    found = read([ref_of(LedgerEntry.key(name)) for name in ids]) if ids else []
    return {ids[snapshot.ref.id] for snapshot in found if snapshot.data is not None}


def _open(work: Work, account_id: str, seen: VenueBooks) -> None:
    setting = work.settings.accounts[account_id]
    opened = books.open_account(
        account_id,
        setting.portfolio,
        setting.venue,
        setting.currency,
        dict(seen.balances),
        work.now_ms,
        rates_of(work, seen.balances, setting.currency),
    )
    for entry in opened.entries:
        work.create(entry)
    work.write(opened.account)
    work.emit(books.told(opened.account, {}, "opened", work.now_ms))


def _agreed(work: Work, account: Account, polled: Account) -> None:
    """`polled` is the account with what the venue said of its margin."""
    if polled is not account or account.mismatches or work.now_ms - account.agreed_ms >= AGREED_LATELY_MS:
        work.write(polled.model_copy(update={"mismatches": 0, "agreed_ms": work.now_ms}))
    if account.mismatches >= PATIENCE:
        message = f"books of {account.id} agree with {account.venue} again; entries wait for a person to resume them"
        work.emit(_risk("books_agree", account, Severity.INFO, message, work.now_ms))


def _disagreed(work: Work, account: Account, found: Comparison) -> None:
    """Entries are blocked only by a difference that two comparisons in a row have found. A person who resumes while
    it stands is told of it again."""
    mismatches = account.mismatches + 1
    work.write(account.model_copy(update={"mismatches": mismatches}))
    if mismatches < PATIENCE:
        return
    message = f"books of {account.id} differ from {account.venue}: {describe(found)}"[:500]
    (halt,) = work.read(Halt.key(account.portfolio_id))
    if halt is None:
        work.write(Halt(id=account.portfolio_id, reason=message, raised_by="reconciliation", ts_event_ms=work.now_ms))
    if halt is None or mismatches == PATIENCE:
        work.emit(_risk("books_differ", account, Severity.CRITICAL, message, work.now_ms))


def _risk(kind: str, account: Account, severity: Severity, message: str, now_ms: int) -> RiskRaised:
    return RiskRaised(
        kind=kind, scope=account.portfolio_id, severity=severity, message=message, ts_event_ms=now_ms,
        details={"account": account.id},
    )  # fmt: skip
