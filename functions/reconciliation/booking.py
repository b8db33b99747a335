"""Books what facts say into the ledger and the account, in one commit."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.accounts import book as books
from fluxfloor.contracts.events import CandleClosed, ExecutionReported
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.state import Account, TradeRow
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.work import Work


def instruments(work: Work, account: Account, *more: str) -> dict[str, Instrument]:
    """The rules of everything the account holds, and of `more`, by id."""
    found = {}
    for instrument_id in sorted({*account.positions, *more}):
        catalog = work.reference(InstrumentCatalog.key(instrument_id.split(":", 1)[0]))
        rules = catalog.find(instrument_id) if catalog else None
        if rules is None:
            raise RetryLater(f"no rules for {instrument_id} in any catalog yet")
        found[instrument_id] = rules
    return found


def book(reported: ExecutionReported, work: Work) -> None:
    """Every new fill becomes a ledger entry; the entry's id is the venue's trade, so it can't be booked twice."""
    report = reported.report
    if not report.new_fills:
        return
    (account,) = work.read(Account.key(report.intent.account_id))
    if account is None:
        raise RetryLater(f"account {report.intent.account_id} is not open yet")
    rules = instruments(work, account, report.intent.instrument_id)
    booked = books.book_report(account, report, rules[report.intent.instrument_id])
    for entry in booked.entries:
        work.create(entry)
    for trade in booked.trades:
        work.create(TradeRow(id=trade.trade_id, account_id=trade.account_id, exit_ms=trade.exit_ms, trade=trade))
    work.write(booked.account)
    work.emit(books.told(booked.account, rules, "fill", work.now_ms, booked.trades))


def mark(closed: CandleClosed, work: Work) -> None:
    """Marks what is held of the bar's instrument to its close; says so only where something is held."""
    instrument_id, price = closed.candle.instrument_id, Decimal(repr(closed.candle.close))
    for account in work.read_all([Account.key(name) for name in sorted(work.settings.accounts)]):
        if account is None or closed.close_ms <= account.last_mark_ms:
            continue
        marked = books.mark(account, instrument_id, price, closed.close_ms)
        if marked is not account:
            work.write(marked)
            work.emit(books.told(marked, instruments(work, marked), "mark", work.now_ms))
