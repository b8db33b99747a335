"""Watches the book after every change of the account: daily loss and drawdown halt entries, and may flatten."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.cerebro import book as books
from fluxfloor.contracts import ids
from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderIntent, Purpose, Side
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.state import BookPosition, RiskBook


@dataclass(frozen=True, slots=True)
class Alarm:
    """Entries stop; `flatten` says whether what is open goes too."""

    halt: Halt
    raised: RiskRaised


def watch(book: RiskBook, policy: Policy, now_ms: int) -> Alarm | None:
    """The gravest limit that is broken, or None."""
    limits, down, lost = policy.limits, books.drawdown(book), books.daily_loss(book)
    if down >= limits.drawdown_flattens:
        return _alarm(book, "drawdown", f"drawdown {down:.2%} reached {limits.drawdown_flattens:.0%}", True, now_ms)
    if limits.daily_loss_flattens is not None and lost >= limits.daily_loss_flattens:
        text = f"daily loss {lost:.2%} reached {limits.daily_loss_flattens:.1%}"
        return _alarm(book, "daily_loss", text, True, now_ms)
    if lost >= limits.daily_loss_halts:
        text = f"daily loss {lost:.2%} reached {limits.daily_loss_halts:.1%}"
        return _alarm(book, "daily_loss", text, False, now_ms)
    return None


def _alarm(book: RiskBook, kind: str, text: str, flatten: bool, now_ms: int) -> Alarm:
    halt = Halt(id=book.id, reason=text, raised_by="cerebro", flatten=flatten, ts_event_ms=now_ms)
    message = f"{text}: entries of {book.id} are halted" + (" and its positions are being closed" if flatten else "")
    raised = RiskRaised(kind=kind, scope=book.id, severity=Severity.CRITICAL, message=message, ts_event_ms=now_ms)
    return Alarm(halt, raised)


def flatten(
    book: RiskBook, policy: Policy, instruments: dict[str, Instrument], cause: str, now_ms: int
) -> tuple[RiskBook, tuple[OrderIntent, ...]]:
    """Exits for everything that is held and not already leaving, reserved in the book. `cause` makes the ids."""
    intents = []
    for position in book.positions.values():
        rules = instruments.get(position.instrument_id)
        leaving = books.leaving_lots(book, position.strategy_id, position.instrument_id)
        if rules is None or abs(position.lots) <= leaving:
            continue
        intent = _exit_of(position, abs(position.lots) - leaving, book, policy, rules, cause, now_ms)
        book = books.reserve(book, intent, rules, intent.arrival_ticks)
        intents.append(intent)
    return book, tuple(intents)


def _exit_of(
    position: BookPosition, lots: int, book: RiskBook, policy: Policy, rules: Instrument, cause: str, now_ms: int
) -> OrderIntent:
    signal_id = ids.digest("flatten", cause, position.strategy_id, position.instrument_id)
    return OrderIntent(
        intent_id=ids.intent_id(signal_id, 0, Purpose.FLATTEN), signal_id=signal_id, portfolio_id=book.id,
        account_id=policy.account_id, strategy_id=position.strategy_id, sender_id="floor",
        instrument_id=position.instrument_id, purpose=Purpose.FLATTEN,
        side=Side.SELL if position.lots > 0 else Side.BUY, lots=lots,
        arrival_ticks=max(1, rules.ticks(position.mark_price)), requested_ms=now_ms, tag="flatten",
    )  # fmt: skip
