"""Watches the book after every change of the account: daily loss and drawdown halt entries, and may flatten; margin
halts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.contracts import ids
from fluxfloor.contracts.events import AccountUpdated, RiskRaised, Severity
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import DUST, OrderIntent, OrderReport, Purpose, Side
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.state import BookPosition, Reservation, RiskBook

AT_ONCE = 40  # orders of one step; a commit takes only so much


@dataclass(frozen=True, slots=True)
class Alarm:
    """Entries stop; the halt's `flatten` says whether what is open goes too."""

    halt: Halt
    raised: RiskRaised


def watch(book: RiskBook, policy: Policy, now_ms: int) -> Alarm | None:
    """The gravest limit that is broken, or None."""
    limits, down, lost = policy.limits, books.drawdown(book), books.daily_loss(book)
    if down >= limits.drawdown_flattens:
        text = f"equity is {words.percent(down)} below its highest, and {words.percent(limits.drawdown_flattens)} is"
        return _alarm(book, "drawdown", f"{text} the limit", True, now_ms)
    flattens = limits.daily_loss_flattens
    if flattens is not None and lost >= flattens:
        return _alarm(book, "daily_loss", _day_words(book, flattens), True, now_ms)
    if lost >= limits.daily_loss_halts:
        return _alarm(book, "daily_loss", _day_words(book, limits.daily_loss_halts), False, now_ms)
    return None


def margin(update: AccountUpdated, book: RiskBook, policy: Policy, least_free: Decimal, now_ms: int) -> Alarm | None:
    """The venue's own figures of what is bound, where it lends at all: beyond the policy's cap, or with less left than
    `least_free` of equity, a move against the positions makes the venue close them."""
    used, free, cap = update.margin_used, update.margin_free, policy.limits.margin_cap
    if used is not None and used > 0 and used > cap * update.equity:
        share = words.percent(used / update.equity) if update.equity > 0 else "more than all"
        text = f"{share} of equity is in use as margin, and {words.percent(cap)} is the limit"
        return _alarm(book, "margin_call", text, False, now_ms)
    if free is not None and used and free < least_free * update.equity:
        text = f"{words.money(free, update.currency)} of margin is free, and {words.percent(least_free)} of equity is"
        return _alarm(book, "margin_call", f"{text} the least", False, now_ms)
    return None


def _day_words(book: RiskBook, limit: Decimal) -> str:
    share = words.percent(books.daily_loss(book))
    return f"{share} of the equity at the day's start is lost, and {words.percent(limit)} is the limit"


def _alarm(book: RiskBook, kind: str, text: str, flatten: bool, now_ms: int) -> Alarm:
    halt = Halt(id=book.id, reason=text, raised_by="cerebro", flatten=flatten, ts_event_ms=now_ms)
    message = f"{text}: entries of {book.id} are halted" + (" and its positions are being closed" if flatten else "")
    raised = RiskRaised(kind=kind, scope=book.id, severity=Severity.CRITICAL, message=message, ts_event_ms=now_ms)
    return Alarm(halt, raised)


def flattens(halts: Iterable[Halt | None]) -> bool:
    """Does any of them want what is open closed?"""
    return any(halt is not None and halt.flatten for halt in halts)


def flatten(
    book: RiskBook, instruments: dict[str, Instrument], cause: str, now_ms: int
) -> tuple[RiskBook, tuple[OrderIntent, ...]]:
    """Exits for what is held and not already leaving, reserved in the book. `cause` makes the ids.

    What has no rules yet is left for the next time, as is what comes after the first AT_ONCE: every fill brings one.
    """
    intents: list[OrderIntent] = []
    for key in sorted(book.positions):
        if len(intents) >= AT_ONCE:
            break
        position = book.positions[key]
        rules = instruments.get(position.instrument_id)
        if rules is None or position.strategy_id == DUST:
            continue
        signal_id = ids.digest("flatten", cause, position.strategy_id, position.instrument_id)
        there = books.staying_by_account(book, position.strategy_id, position.instrument_id)
        for account_id, lots in sorted(there.items()):
            named = signal_id if len(there) == 1 else ids.digest("flatten", signal_id, account_id)
            out = _exit_of(position, lots, account_id, book, rules, Purpose.FLATTEN, signal_id, named, now_ms)
            intents.append(out)
            book = books.reserve(book, out, rules, out.arrival_ticks)
    return book, tuple(intents)


def leave_filled(
    before: Reservation | None, report: OrderReport, book: RiskBook, rules: Instrument, cause: str, now_ms: int
) -> tuple[RiskBook, tuple[OrderIntent, ...]]:
    """What an entry has just filled goes out again, where a signal asked for that while it was on its way. `before` is
    its reservation as it was before the report, `book` the one after."""
    filled = sum(rules.lots(fill.quantity) for fill in report.new_fills)
    position = book.positions.get(books.position_key(report.intent.strategy_id, rules.instrument_id))
    if before is None or not before.exit_signal or position is None:
        return book, ()
    account_id = report.intent.account_id
    there = books.staying_by_account(book, position.strategy_id, rules.instrument_id).get(account_id, 0)
    lots = min(filled, abs(there))
    if lots <= 0:
        return book, ()
    left = lots if there > 0 else -lots
    intent = _exit_of(position, left, account_id, book, rules, Purpose.EXIT, before.exit_signal, cause, now_ms)
    return books.reserve(book, intent, rules, intent.arrival_ticks), (intent,)


def leg_missing(report: OrderReport, book: RiskBook, rules: Instrument, now_ms: int) -> RiskRaised | None:
    """An entry that was to go with others has ended with less than all of its lots, and others of them stand: held, or
    still on their way in. They are left to their stops; whether half of it is wanted, a person or the sender says."""
    intent = report.intent
    if not report.state.terminal or intent.purpose is not Purpose.ENTRY or report.filled_lots >= intent.lots:
        return None
    own = {(item.strategy_id, item.instrument_id) for item in books.contents(book)}
    standing = [name for name in intent.with_legs if (intent.strategy_id, name) in own]
    if not standing:
        return None
    got, asked = words.quantity(report.filled_lots, rules), words.quantity(intent.lots, rules)
    text = f"{intent.strategy_id}: the leg {rules.symbol} ended {report.state.lower()} with {got} of {asked}"
    return RiskRaised(
        kind="leg_missing", scope=book.id, severity=Severity.WARNING,
        message=f"{text}, and {words.listed(standing)} stands without it, protected by its own stop",
        details={"signal": intent.signal_id, "intent": intent.intent_id, "instrument": intent.instrument_id},
        ts_event_ms=now_ms,
    )  # fmt: skip


def _exit_of(
    position: BookPosition, lots: int, account_id: str, book: RiskBook, rules: Instrument, purpose: Purpose,
    signal_id: str, cause: str, now_ms: int,
) -> OrderIntent:  # fmt: skip
    """`lots` are signed, as they are held."""
    return OrderIntent(
        intent_id=ids.digest("intent", cause, purpose), signal_id=signal_id, portfolio_id=book.id,
        account_id=account_id, strategy_id=position.strategy_id, sender_id="floor",
        instrument_id=position.instrument_id, purpose=purpose, side=Side.SELL if lots > 0 else Side.BUY,
        lots=abs(lots), arrival_ticks=max(1, rules.ticks(position.mark_price)), requested_ms=now_ms, tag=purpose,
    )  # fmt: skip
