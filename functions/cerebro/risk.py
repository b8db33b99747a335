"""What Cerebro does with facts that come back: releases reservations, follows the account, guards the limits."""

from __future__ import annotations

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import guard
from fluxfloor.contracts.events import AccountUpdated, ExecutionReported, OrderRequested
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.work import Work


def instruments(work: Work, book: RiskBook | None, *more: str) -> dict[str, Instrument]:
    """The rules of everything in the book and of `more`, by id, from the venues' catalogs."""
    wanted = set(more)
    if book is not None:
        wanted.update(position.instrument_id for position in book.positions.values())
        wanted.update(item.instrument_id for item in book.reservations.values())
    found = {}
    for instrument_id in sorted(wanted):
        catalog = work.reference(InstrumentCatalog.key(instrument_id.split(":", 1)[0]))
        rules = catalog.find(instrument_id) if catalog else None
        if rules is not None:
            found[instrument_id] = rules
    return found


def release(reported: ExecutionReported, work: Work) -> None:
    """New fills go into the position; a terminal state gives back what was reserved."""
    report = reported.report
    (book,) = work.read(RiskBook.key(report.intent.portfolio_id))
    rules = instruments(work, book, report.intent.instrument_id).get(report.intent.instrument_id)
    if book is None or rules is None:
        raise RetryLater(f"no book or no rules for {report.intent.instrument_id} yet")
    work.write(books.apply_report(book, report, rules))


def watch(update: AccountUpdated, work: Work) -> None:
    """Takes over equity and marks; halts and, where the policy says so, flattens when a limit is broken."""
    portfolio = update.portfolio_id
    before, policy, halt = work.read(RiskBook.key(portfolio), Policy.key(portfolio), Halt.key(portfolio))
    book = books.apply_account(before, update)
    alarm = guard.watch(book, policy, work.now_ms) if policy and book is not before else None
    if alarm is not None and policy is not None and (halt is None or (alarm.halt.flatten and not halt.flatten)):
        work.write(alarm.halt if halt is None else halt.model_copy(update={"flatten": True}))
        work.emit(alarm.raised)
        if alarm.halt.flatten:
            rules = instruments(work, book)
            book, intents = guard.flatten(book, policy, rules, work.fact.event_id, work.now_ms)
            work.emit(*(OrderRequested(intent=intent) for intent in intents))
    work.write(book)
