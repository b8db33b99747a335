"""What Cerebro does with facts that come back: releases reservations, follows the account, guards the limits."""

from __future__ import annotations

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import guard
from fluxfloor.cerebro import recent as recents
from fluxfloor.contracts.days import TradingDay
from fluxfloor.contracts.events import AccountUpdated, ExecutionReported, OrderRequested, RiskRaised
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.orders import OrderIntent, Purpose
from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.contracts.recent import RecentTrading
from fluxfloor.contracts.state import RiskBook
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.work import Work


def instruments(work: Work, book: RiskBook | None) -> dict[str, Instrument]:
    """The rules of everything in the book, by id, as far as the venues' catalogs have them."""
    wanted = sorted({item.instrument_id for item in books.contents(book)}) if book else []
    found = {name: rules_of(work, name) for name in wanted}
    return {name: rules for name, rules in found.items() if rules is not None}


def all_instruments(work: Work, book: RiskBook | None) -> dict[str, Instrument]:
    """The same, or RetryLater: exposure can't be told without the rules of all that is held."""
    found = instruments(work, book)
    missing = {item.instrument_id for item in books.contents(book)} - found.keys() if book else set()
    if missing:
        raise RetryLater(f"no rules for {min(missing)} in any catalog yet")
    return found


def rules_of(work: Work, instrument_id: str) -> Instrument | None:
    catalog = work.reference(InstrumentCatalog.key(instrument_id.split(":", 1)[0]))
    return catalog.find(instrument_id) if catalog else None


def release(reported: ExecutionReported, work: Work) -> None:
    """New fills go into the position; a terminal state gives back what was reserved. What should not be open any
    more, by a signal or by a halt that came while it was on its way in, goes out again."""
    report = reported.report
    portfolio, cause = report.intent.portfolio_id, work.fact.event_id
    entered = report.intent.purpose is Purpose.ENTRY and bool(report.new_fills)
    kept = recents.touches(report)
    halt_keys = [Halt.key(FLOOR), Halt.key(portfolio)] if entered else []
    before, *more = work.read_all(
        [RiskBook.key(portfolio), *halt_keys, *([RecentTrading.key(portfolio)] if kept else [])]
    )
    halts = more[: len(halt_keys)]
    rules = rules_of(work, report.intent.instrument_id)
    if before is None or rules is None:
        raise RetryLater(f"no book or no rules for {report.intent.instrument_id} yet")
    book = books.apply_report(before, report, rules)
    if kept:
        recent = more[-1] or RecentTrading(id=portfolio)
        _keep(work, recent, recents.after_report(recent, report, before, book))
    if entered:
        reserved = before.reservations.get(report.intent.intent_id)
        book, intents = guard.leave_filled(reserved, report, book, rules, cause, work.now_ms)
        _request(work, intents)
        book = _flattened(work, book, tuple(halts))
    missing = guard.leg_missing(report, book, rules, work.now_ms)
    work.emit(*([missing] if missing is not None else []))
    work.write(book)


def watch(update: AccountUpdated, work: Work) -> None:
    """Takes over equity and marks; halts and, where the policy or a halt says so, flattens. A position that an order
    failed to close is tried again with every update."""
    portfolio = update.portfolio_id
    before, policy, halt, floor_halt, *recent = work.read_all(
        [
            RiskBook.key(portfolio),
            Policy.key(portfolio),
            Halt.key(portfolio),
            Halt.key(FLOOR),
            *([RecentTrading.key(portfolio)] if update.trades else []),
        ]
    )
    if update.trades:
        known = recent[0] or RecentTrading(id=portfolio)
        _keep(work, known, recents.after_trades(known, update))
    setting = work.settings.portfolios.get(portfolio)
    book = books.apply_account(before, update, setting.day if setting else TradingDay.UTC)
    alarm = guard.watch(book, policy, work.now_ms) if policy and book is not before else None
    if alarm is not None and (halt is None or (alarm.halt.flatten and not halt.flatten)):
        halt = alarm.halt if halt is None else halt.model_copy(update={"flatten": True})
        work.write(halt)
        work.emit(alarm.raised)
    if policy and book is not before:
        book, halt = _margin(update, book, policy, halt, work)
    work.write(_flattened(work, book, (halt, floor_halt)))


def _margin(
    update: AccountUpdated, book: RiskBook, policy: Policy, halt: Halt | None, work: Work
) -> tuple[RiskBook, Halt | None]:  # fmt: skip
    """Told once for each time that it comes to it, also where entries are halted for something else already."""
    called = guard.margin(update, book, policy, work.settings.safety.min_free_margin, work.now_ms)
    if called is not None and not book.margin_called:
        work.emit(called.raised)
        if halt is None:
            halt = called.halt
            work.write(halt)
    return book.model_copy(update={"margin_called": called is not None}), halt


def hear(raised: RiskRaised, work: Work) -> None:
    """A person's kill switch that flattens does so at once, in every portfolio that it is for."""
    if raised.kind != "halted" or raised.details.get("flatten") != "true":
        return
    portfolios = sorted(work.settings.portfolios) if raised.scope == FLOOR else [raised.scope]
    floor_halt, *found = work.read_all(
        [Halt.key(FLOOR), *(key for name in portfolios for key in (RiskBook.key(name), Halt.key(name)))]
    )
    for book, halt in zip(found[::2], found[1::2], strict=True):
        if book is not None:
            work.write(_flattened(work, book, (halt, floor_halt)))


def _keep(work: Work, before: RecentTrading, after: RecentTrading) -> None:
    if after is not before:
        work.write(after)


def _flattened(work: Work, book: RiskBook, halts: tuple[Halt | None, ...]) -> RiskBook:
    if not guard.flattens(halts):
        return book
    book, intents = guard.flatten(book, instruments(work, book), work.fact.event_id, work.now_ms)
    _request(work, intents)
    return book


def _request(work: Work, intents: tuple[OrderIntent, ...]) -> None:
    work.emit(*(OrderRequested(intent=intent) for intent in intents))
