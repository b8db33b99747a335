"""Books what facts say into the ledger and the account, in one commit."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.accounts import adopting
from fluxfloor.accounts import book as books
from fluxfloor.accounts.ledger import fill_entry_id, moved_entry_id
from fluxfloor.contracts.events import CandleClosed, ExecutionReported
from fluxfloor.contracts.instruments import Instrument, QuoteState
from fluxfloor.contracts.orders import OrderReport
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.work import Work

from functions.reconciliation.pricing import instruments, rates_for
from functions.reconciliation.rating import rate
from functions.reconciliation.telling import keep

QUOTE_GRACE_MS = 60_000  # a quote from within the minute after a bar's close is the price at that close


def book(reported: ExecutionReported, work: Work) -> None:
    """Every new fill becomes a ledger entry. The entry's id is the venue's trade, so it can't be booked twice; one that
    stands already is left out, so that it never keeps the others of its report from being booked."""
    report = reported.report
    if not report.new_fills:
        rate(work, report, {})
        return
    account_id = report.intent.account_id
    names = {fill_entry_id(account_id, fill.trade_id): fill.trade_id for fill in report.new_fills}
    account, *entries = work.read_all([Account.key(account_id), *(LedgerEntry.key(name) for name in names)])
    if account is None:
        raise RetryLater(f"account {account_id} is not open yet")
    rules = instruments(work, account, report.intent.instrument_id)
    found = [entry for entry in entries if entry is not None]
    known = frozenset(entry.reference for entry in found)
    fees = {fill.fee_currency for fill in report.new_fills if fill.fee}
    traded = rules[report.intent.instrument_id]
    rates = rates_for(work, account, rules, traded.quote, *(fees - {traded.base}))
    booked = books.book_report(account, report, rules, known, rates)
    adopted = {entry.reference for entry in found if entry.kind == "external"}
    booked = _handed_back(work, booked, report, adopted, rules)
    new = {entry.reference for entry in booked.entries if entry.kind == "fill"}
    fees_paid = {
        fill.trade_id: books.fee_in_quote(booked.account, fill, traded, rates)
        for fill in report.new_fills
        if fill.trade_id in new
    }
    rate(work, report, fees_paid)
    if not booked.entries:
        return
    keep(work, booked.account, booked.entries, booked.trades)
    work.write(booked.account)
    work.emit(books.told(booked.account, rules, "fill", work.now_ms, booked.trades))


def _handed_back(
    work: Work, booked: books.Booked, report: OrderReport, adopted: set[str], rules: dict[str, Instrument]
) -> books.Booked:
    """With the fills that were adopted as nobody's before their order told of them: once, like any booking."""
    fills = {fill.trade_id: fill for fill in report.new_fills if fill.trade_id in adopted}
    account_id = report.intent.account_id
    keys = [LedgerEntry.key(moved_entry_id(account_id, name)) for name in fills]
    for fill, done in zip(fills.values(), work.read_all(keys) if keys else (), strict=True):
        if done is None:
            back = adopting.hand_back(booked.account, fill, report.intent, rules, work.now_ms)
            booked = books.Booked(back.account, booked.entries + back.entries, booked.trades + back.trades)
    return booked


def mark(closed: CandleClosed, work: Work) -> None:
    """Marks what is held of the bar's instrument, as of the bar's close; says so only where something is held."""
    if not closed.traded:
        return
    keys = [Account.key(name) for name in sorted(work.settings.accounts)]
    quoted, *accounts = work.read_all([QuoteState.key(closed.candle.instrument_id), *keys])
    price = _price(closed, quoted)
    for account in accounts:
        if account is None or not _holds(account, closed):
            continue
        rules = instruments(work, account, closed.candle.instrument_id)
        marked = books.mark(account, rules, rules[closed.candle.instrument_id], price, closed.close_ms)
        if marked is not account:
            work.write(marked)
            work.emit(books.told(marked, rules, "mark", closed.close_ms))


def _holds(account: Account, closed: CandleClosed) -> bool:
    """A position of it, or any currency that its price may value."""
    position = account.positions.get(closed.candle.instrument_id)
    return (position is not None and bool(position.open_lots)) or bool(account.rates)


def _price(closed: CandleClosed, quoted: QuoteState | None) -> Decimal:
    """Mid, where the market was quoted just after the close; else the close itself."""
    if quoted is not None and 0 <= quoted.quote.ts_event_ms - closed.close_ms <= QUOTE_GRACE_MS:
        return quoted.quote.mid
    return Decimal(repr(closed.candle.close))
