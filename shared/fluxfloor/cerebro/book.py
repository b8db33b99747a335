"""The risk book: what is held, what is reserved, and what both amount to. Pure functions; each returns a new book."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderIntent, OrderReport, Purpose
from fluxfloor.contracts.state import BookPosition, Reservation, RiskBook

ZERO = Decimal(0)
WORST_MOVE = Decimal("0.01")  # how far a market order may fill from its decision price, for reserving cash


def position_key(strategy_id: str, instrument_id: str) -> str:
    return f"{strategy_id}|{instrument_id}"


def utc_day(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).date().isoformat()


# --- what the book amounts to ------------------------------------------------------------------------------------


def held_lots(book: RiskBook, strategy_id: str, instrument_id: str) -> int:
    """Signed."""
    position = book.positions.get(position_key(strategy_id, instrument_id))
    return position.lots if position else 0


def entry_reservations(book: RiskBook) -> list[Reservation]:
    return [item for item in book.reservations.values() if item.purpose is Purpose.ENTRY]


def exposure(book: RiskBook, instruments: dict[str, Instrument], only: str | None = None) -> Decimal:
    """Σ |notional| of positions at mark and of entries on their way, in the book's currency; of one instrument if
    `only` names it."""
    held = sum(
        (
            abs(position.lots) * instruments[position.instrument_id].lot_size * position.mark_price
            for position in book.positions.values()
            if only in (None, position.instrument_id)
        ),
        ZERO,
    )
    reserved = sum((item.notional for item in entry_reservations(book) if only in (None, item.instrument_id)), ZERO)
    return held + reserved


def margin_in_use(book: RiskBook, instruments: dict[str, Instrument]) -> Decimal:
    """Σ |notional| × margin rate, reservations included."""
    held = sum(
        (
            abs(item.lots) * instruments[item.instrument_id].lot_size * item.mark_price
            * instruments[item.instrument_id].margin_rate
            for item in book.positions.values()
        ),
        ZERO,
    )  # fmt: skip
    reserved = sum(
        (item.notional * instruments[item.instrument_id].margin_rate for item in entry_reservations(book)), ZERO
    )
    return held + reserved


def cash_reserved(book: RiskBook, instruments: dict[str, Instrument]) -> Decimal:
    """Cash that entries on their way may still take, at their worst price and with fees."""
    total = ZERO
    for item in entry_reservations(book):
        rules = instruments[item.instrument_id]
        worst = item.lots * rules.lot_size * item.worst_price
        total += worst * (rules.margin_rate + rules.taker_fee)
    return total


def leaving_lots(book: RiskBook, strategy_id: str, instrument_id: str) -> int:
    """What exits on their way will still take out. Unsigned."""
    return sum(
        item.lots
        for item in book.reservations.values()
        if item.purpose is not Purpose.ENTRY and (item.strategy_id, item.instrument_id) == (strategy_id, instrument_id)
    )


def occupied(book: RiskBook, strategy_id: str, instrument_id: str) -> bool:
    """Does the strategy hold something that is not on its way out, or await an entry? A reversal's second half may go
    once its first half is under way."""
    staying = abs(held_lots(book, strategy_id, instrument_id)) - leaving_lots(book, strategy_id, instrument_id)
    entering = any(
        (item.strategy_id, item.instrument_id) == (strategy_id, instrument_id) for item in entry_reservations(book)
    )
    return staying > 0 or entering


def open_slots(book: RiskBook) -> set[str]:
    """Positions held or about to be, by strategy and instrument."""
    slots = {key for key, position in book.positions.items() if position.lots}
    slots.update(position_key(item.strategy_id, item.instrument_id) for item in entry_reservations(book))
    return slots


def daily_loss(book: RiskBook) -> Decimal:
    """A fraction of the equity that the day began with; positive is a loss."""
    if book.day_start_equity <= 0:
        return ZERO
    return (book.day_start_equity - book.equity) / book.day_start_equity


def drawdown(book: RiskBook) -> Decimal:
    """A fraction of the high-water mark; positive is a loss."""
    if book.high_water <= 0:
        return ZERO
    return (book.high_water - book.equity) / book.high_water


# --- what changes it ---------------------------------------------------------------------------------------------


def reserve(book: RiskBook, intent: OrderIntent, rules: Instrument, price_ticks: int) -> RiskBook:
    """Sets aside the worst case of an intent until a terminal fact releases it."""
    price = rules.price(price_ticks)
    worst = price if intent.limit_ticks else price * (1 + intent.side.sign * WORST_MOVE)
    reservation = Reservation(
        instrument_id=intent.instrument_id, strategy_id=intent.strategy_id, purpose=intent.purpose, side=intent.side,
        lots=intent.lots, worst_price=worst, notional=rules.notional(price_ticks, intent.lots),
        ts_event_ms=intent.requested_ms,
    )  # fmt: skip
    return book.model_copy(update={"reservations": {**book.reservations, intent.intent_id: reservation}})


def apply_report(book: RiskBook, report: OrderReport, rules: Instrument) -> RiskBook:
    """Books the new fills into the position and shrinks or releases the reservation."""
    intent = report.intent
    filled = sum(rules.lots(fill.quantity) for fill in report.new_fills)
    positions, reservations = dict(book.positions), dict(book.reservations)
    if filled:
        _fill_position(positions, report, filled, rules)
    reservation = reservations.get(intent.intent_id)
    if reservation is not None:
        left = reservation.lots - filled
        if report.state.terminal or left <= 0:
            del reservations[intent.intent_id]
        elif filled:
            share = Decimal(left) / Decimal(reservation.lots)
            reservations[intent.intent_id] = reservation.model_copy(
                update={"lots": left, "notional": reservation.notional * share}
            )
    return book.model_copy(update={"positions": positions, "reservations": reservations})


def _fill_position(positions: dict[str, BookPosition], report: OrderReport, filled: int, rules: Instrument) -> None:
    intent = report.intent
    key = position_key(intent.strategy_id, intent.instrument_id)
    before = positions.get(key)
    lots = before.lots if before else 0
    after = lots + intent.side.sign * filled
    if after == 0:
        positions.pop(key, None)
        return
    quantity = sum((fill.quantity for fill in report.new_fills), ZERO)
    price = sum((fill.quantity * fill.price for fill in report.new_fills), ZERO) / quantity
    average = before.average_price if before else price
    if lots == 0 or lots * after < 0:
        average = price
    elif abs(after) > abs(lots):
        average = (abs(lots) * average + filled * price) / abs(after)
    stop = before.stop_price if before else None
    if intent.stop_loss_ticks is not None:
        stop = rules.price(intent.stop_loss_ticks)
    positions[key] = BookPosition(
        instrument_id=intent.instrument_id, strategy_id=intent.strategy_id, lots=after,
        average_price=round(average, 12), mark_price=price, stop_price=stop,
    )  # fmt: skip


def apply_account(book: RiskBook | None, update: AccountUpdated) -> RiskBook:
    """Takes over cash, equity and marks; rolls the UTC day; moves the high-water mark, deposits taken out.

    An update older than the last one taken changes nothing.
    """
    day = utc_day(update.ts_event_ms)
    if book is None:
        return RiskBook(
            id=update.portfolio_id, account_id=update.account_id, currency=update.currency, cash=update.cash,
            equity=update.equity, deposits=update.deposits, day=day, day_start_equity=update.equity,
            high_water=update.equity, account_version=update.account_version,
        )  # fmt: skip
    if update.account_version <= book.account_version:
        return book
    moved = update.deposits - book.deposits
    start = (book.equity if day > book.day else book.day_start_equity) + moved
    marks = {view.instrument_id: view.mark_price for view in update.positions}
    positions = {
        key: position.model_copy(update={"mark_price": marks.get(position.instrument_id, position.mark_price)})
        for key, position in book.positions.items()
    }
    return book.model_copy(
        update={
            "cash": update.cash, "equity": update.equity, "deposits": update.deposits, "day": max(day, book.day),
            "day_start_equity": start, "high_water": max(book.high_water + moved, update.equity),
            "account_version": update.account_version, "positions": positions,
        }
    )  # fmt: skip
