"""Holds an account against its venue: opens it at first sight, and blocks entries when the two stay apart."""

from __future__ import annotations

from fluxfloor.accounts import book as books
from fluxfloor.accounts.compare import PATIENCE, Comparison, describe
from fluxfloor.accounts.compare import compare as compare_books
from fluxfloor.accounts.ledger import fill_entry_id
from fluxfloor.contracts.events import RiskRaised, ScheduleTicked, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.ports import VenueBooks
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work


def after_fill(context: Context, fact: Fact) -> None:
    """A finished order with fills is the moment when the books should agree."""
    report = fact.event.report  # type: ignore[attr-defined]
    if report.new_fills and report.state.terminal:
        compare(context, report.intent.account_id)


def compare(context: Context, account_id: str) -> None:
    account = context.read(Account.key(account_id))
    since_ms = max(0, account.agreed_ms - 3_600_000) if account else 0
    seen = context.ports.venue(account_id).books(since_ms)
    tick = ScheduleTicked(stage="reconciliation", job="compare", scheduled_ms=context.now_ms)
    cause = context.cause(tick, account_id, account.version if account else 0, context.now_ms)
    if account is None:
        context.step(cause, lambda _, work: _open(work, account_id, seen))
    else:
        context.step(cause, lambda _, work: _judge(work, account_id, seen))


def _open(work: Work, account_id: str, seen: VenueBooks) -> None:
    (existing,) = work.read(Account.key(account_id))
    if existing is not None:
        return
    setting = work.settings.accounts[account_id]
    opened = books.open_account(
        account_id, setting.portfolio, setting.venue, setting.currency, dict(seen.balances), work.now_ms
    )
    for entry in opened.entries:
        work.create(entry)
    work.write(opened.account)
    work.emit(books.told(opened.account, {}, "opened", work.now_ms))


def _judge(work: Work, account_id: str, seen: VenueBooks) -> None:
    """Entries are blocked only by a difference that two comparisons in a row have found."""
    (account,) = work.read(Account.key(account_id))
    if account is None:
        return
    ids = [fill_entry_id(account_id, row.fill.trade_id) for row in seen.fills]
    entries = work.read_all([LedgerEntry.key(name) for name in ids])
    booked = {row.fill.trade_id for row, entry in zip(seen.fills, entries, strict=True) if entry is not None}
    found = compare_books(account, seen, booked, work.now_ms)
    if found.agrees:
        if account.mismatches or work.now_ms - account.agreed_ms > 60_000:
            work.write(account.model_copy(update={"mismatches": 0, "agreed_ms": work.now_ms}))
        return
    work.write(account.model_copy(update={"mismatches": account.mismatches + 1}))
    if account.mismatches + 1 >= PATIENCE:
        _block(work, account, found)


def _block(work: Work, account: Account, found: Comparison) -> None:
    message = f"books of {account.id} differ from {account.venue}: {describe(found)}"[:500]
    (halt,) = work.read(Halt.key(account.portfolio_id))
    if halt is not None:
        return
    work.write(Halt(id=account.portfolio_id, reason=message, raised_by="reconciliation", ts_event_ms=work.now_ms))
    work.emit(
        RiskRaised(
            kind="books_differ",
            scope=account.portfolio_id,
            severity=Severity.CRITICAL,
            message=message,
            ts_event_ms=work.now_ms,
        )
    )
