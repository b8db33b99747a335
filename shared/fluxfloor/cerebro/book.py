"""The risk book: what is held, what is reserved, and what both amount to. Pure functions; each returns a new book.

A slot is what one strategy has in one instrument. What is on its way in counts as held, and what is on its way out
counts until it is out: an exit may fail.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.days import TradingDay
from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.fills import kept_lots
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact, rounded
from fluxfloor.contracts.orders import DUST, OrderIntent, OrderReport, Purpose
from fluxfloor.contracts.plans import PlanStyle
from fluxfloor.contracts.state import AccountFunds, BookPosition, Reservation, RiskBook

ZERO = Decimal(0)
WORST_MOVE = Decimal("0.01")  # how far an order without a limit may fill from its decision price
PRICE_PLACES = 12
Rules = dict[str, Instrument]
Sides = dict[str, tuple[Decimal, Decimal]]


def position_key(strategy_id: str, instrument_id: str) -> str:
    return f"{strategy_id}|{instrument_id}"


# --- one slot ----------------------------------------------------------------------------------------------------


def held_lots(book: RiskBook, strategy_id: str, instrument_id: str) -> int:
    """Signed."""
    position = book.positions.get(position_key(strategy_id, instrument_id))
    return position.lots if position else 0


def leaving_lots(book: RiskBook, strategy_id: str, instrument_id: str) -> int:
    """What exits on their way will still take out. Unsigned."""
    return sum(
        item.lots for item in _slot(book, strategy_id, instrument_id).values() if item.purpose is not Purpose.ENTRY
    )


def held_by_account(book: RiskBook, strategy_id: str, instrument_id: str) -> dict[str, int]:
    """The same, by the account where the lots lie. Signed."""
    position = book.positions.get(position_key(strategy_id, instrument_id))
    return _by_account(position, book.account_id)


def staying_by_account(book: RiskBook, strategy_id: str, instrument_id: str) -> dict[str, int]:
    """Of what is held, what is not on its way out, by account. Signed; accounts with nothing left out."""
    held = held_by_account(book, strategy_id, instrument_id)
    for item in _slot(book, strategy_id, instrument_id).values():
        account = item.account_id or book.account_id
        if item.purpose is not Purpose.ENTRY and account in held:
            left = max(abs(held[account]) - item.lots, 0)
            held[account] = left if held[account] > 0 else -left
    return {account: lots for account, lots in held.items() if lots}


def _by_account(position: BookPosition | None, own: str) -> dict[str, int]:
    if position is None:
        return {}
    return dict(position.accounts) if position.accounts else {own: position.lots}


def entries_of(book: RiskBook, strategy_id: str, instrument_id: str) -> dict[str, Reservation]:
    """Entries on their way, by intent."""
    slot = _slot(book, strategy_id, instrument_id)
    return {name: item for name, item in slot.items() if item.purpose is Purpose.ENTRY}


def _slot(book: RiskBook, strategy_id: str, instrument_id: str) -> dict[str, Reservation]:
    wanted = (strategy_id, instrument_id)
    return {name: item for name, item in book.reservations.items() if (item.strategy_id, item.instrument_id) == wanted}


def contents(book: RiskBook) -> list[BookPosition | Reservation]:
    """All that is held or on its way."""
    return [*book.positions.values(), *book.reservations.values()]


# --- what it amounts to ------------------------------------------------------------------------------------------


def entry_reservations(book: RiskBook) -> list[Reservation]:
    return [item for item in book.reservations.values() if item.purpose is Purpose.ENTRY]


def open_slots(book: RiskBook) -> set[str]:
    """Positions held or about to be, by strategy and instrument."""
    slots = {key for key, position in book.positions.items() if position.lots and position.strategy_id != DUST}
    slots.update(position_key(item.strategy_id, item.instrument_id) for item in entry_reservations(book))
    return slots


@exact
def sides(book: RiskBook, instruments: Rules) -> Sides:
    """By slot, the notional that is long and that is short: positions at mark and entries on their way."""
    longs: dict[str, Decimal] = defaultdict(Decimal)
    shorts: dict[str, Decimal] = defaultdict(Decimal)
    for key, position in book.positions.items():
        (longs if position.lots > 0 else shorts)[key] += _worth(position, instruments)
    for item in entry_reservations(book):
        key = position_key(item.strategy_id, item.instrument_id)
        (longs if item.side.sign > 0 else shorts)[key] += item.notional
    return {key: (longs[key], shorts[key]) for key in sorted(longs.keys() | shorts.keys())}


@exact
def net_by_instrument(of: Sides, entering: str = "", long: bool = True) -> dict[str, Decimal]:
    """Signed notional of each instrument, entries on their way included. A slot that is being turned round counts with
    the greater of its sides; that of `entering` with the side that is entered, for the other one is leaving."""
    net: dict[str, Decimal] = defaultdict(Decimal)
    for key, (longs, shorts) in of.items():
        bought = long if key == entering else longs >= shorts
        net[key.partition("|")[2]] += longs if bought else -shorts
    return {name: notional for name, notional in net.items() if notional}


@exact
def exposure(book: RiskBook, instruments: Rules, only: str | None = None) -> Decimal:
    """Σ |notional| over all slots, in the book's currency; of one instrument if `only` names it. A slot that is being
    turned round counts as the greater of its two sides: it can't hold both."""
    return gross(sides(book, instruments), only)


@exact
def gross(of: Sides, only: str | None = None) -> Decimal:
    """The same of sides that are known already."""
    return sum((max(both) for key, both in of.items() if only is None or key.partition("|")[2] == only), ZERO)


@exact
def margin_held(book: RiskBook, instruments: Rules) -> Decimal:
    """Σ |notional| × margin rate of what is held, at mark."""
    return sum(
        (_worth(item, instruments) * instruments[item.instrument_id].margin_rate for item in book.positions.values()),
        ZERO,
    )


def of_account(book: RiskBook, account_id: str) -> RiskBook:
    """What lies in one account, and is on its way in it: a book of its own, with that account's money."""
    funds = funds_of(book).get(account_id)
    positions = {
        key: item.model_copy(update={"lots": lots, "accounts": {}})
        for key, item in book.positions.items()
        if (lots := _by_account(item, book.account_id).get(account_id))
    }
    reservations = {
        name: item for name, item in book.reservations.items() if (item.account_id or book.account_id) == account_id
    }
    return book.model_copy(
        update={
            "account_id": account_id, "cash": funds.cash if funds else ZERO, "equity": funds.equity if funds else ZERO,
            "positions": positions, "reservations": reservations, "accounts": {account_id: funds} if funds else {},
        }
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reserved:
    """What entries on their way may take, should all of them fill at their worst price."""

    margin: Decimal
    fees: Decimal
    slippage: Decimal


@exact
def reserved(book: RiskBook, instruments: Rules) -> Reserved:
    margin, fees, slippage = ZERO, ZERO, ZERO
    for item in entry_reservations(book):
        rules = instruments[item.instrument_id]
        worst = cost(item.worst_price, item.lots * rules.lot_size)
        margin += worst * rules.margin_rate
        fees += worst * rules.taker_fee
        slippage += worst - item.notional
    return Reserved(margin, fees, slippage)


def _worth(position: BookPosition, instruments: Rules) -> Decimal:
    return cost(position.mark_price, abs(position.lots) * instruments[position.instrument_id].lot_size)


@exact
def daily_loss(book: RiskBook) -> Decimal:
    """A fraction of the equity that the day began with; positive is a loss."""
    if book.day_start_equity <= 0:
        return ZERO
    return rounded((book.day_start_equity - book.equity) / book.day_start_equity)


@exact
def drawdown(book: RiskBook) -> Decimal:
    """A fraction of the high-water mark; positive is a loss."""
    if book.high_water <= 0:
        return ZERO
    return rounded((book.high_water - book.equity) / book.high_water)


# --- reservations ------------------------------------------------------------------------------------------------


@exact
def reserve(
    book: RiskBook, intent: OrderIntent, rules: Instrument, price_ticks: int, *, stopped: bool = False
) -> RiskBook:
    """Sets aside the worst case of an intent until a terminal fact releases it. `price_ticks`: the dearest it is
    expected to fill at; without a limit that holds it may be WORST_MOVE dearer. `stopped`: an exit at the stop."""
    price = rules.price(price_ticks)
    reservation = Reservation(
        instrument_id=intent.instrument_id, strategy_id=intent.strategy_id, purpose=intent.purpose, side=intent.side,
        lots=intent.lots, worst_price=rounded(price if _held_to_limit(intent) else price * (1 + WORST_MOVE)),
        notional=rounded(rules.notional(price_ticks, intent.lots)), ts_event_ms=intent.requested_ms,
        limit_price=rules.price(intent.limit_ticks) if intent.limit_ticks else None, stopped=stopped,
        account_id="" if intent.account_id == book.account_id else intent.account_id,
        release_by_ms=intent.plan.release_by_ms if intent.plan else 0,
    )  # fmt: skip
    return book.model_copy(update={"reservations": {**book.reservations, intent.intent_id: reservation}})


def _held_to_limit(intent: OrderIntent) -> bool:
    """A chase leaves its limit behind."""
    return intent.limit_ticks is not None and (intent.plan is None or intent.plan.style is not PlanStyle.CHASE)


def leave_when_filled(book: RiskBook, intents: tuple[str, ...], signal_id: str) -> RiskBook:
    """Marks entries on their way: whatever they fill goes out again at once, for this signal."""
    marked = {name: book.reservations[name].model_copy(update={"exit_signal": signal_id}) for name in intents}
    return book.model_copy(update={"reservations": {**book.reservations, **marked}})


@exact
def _shrunk(item: Reservation, left: int) -> Reservation:
    """With fewer lots; the notional in proportion."""
    return item.model_copy(update={"lots": left, "notional": rounded(item.notional * left / item.lots)})


# --- what changes it ---------------------------------------------------------------------------------------------


def apply_report(book: RiskBook, report: OrderReport, rules: Instrument) -> RiskBook:
    """Books the new fills into the position and shrinks or releases the reservation.

    A report of the end may overtake one with fills: those are still to come, so their lots stay reserved till they do.
    """
    intent = report.intent
    filled = sum(rules.lots(fill.quantity) for fill in report.new_fills)
    kept = sum(kept_lots(fill, intent.side, rules) for fill in report.new_fills)
    positions, reservations = dict(book.positions), dict(book.reservations)
    if kept:
        key = position_key(intent.strategy_id, intent.instrument_id)
        before = positions.pop(key, None)
        position = _filled(before, report, kept, rules)
        position = position.model_copy(update={"accounts": _moved(book, before, intent, kept)})
        if position.lots or position.accounts:
            positions[key] = position
    item = reservations.pop(intent.intent_id, None)
    if item is not None:
        left = item.lots - filled
        if report.state.terminal:
            booked = intent.lots - left
            left = min(left, report.filled_lots - booked)
        if left > 0:
            reservations[intent.intent_id] = _shrunk(item, left)
    return book.model_copy(update={"positions": positions, "reservations": reservations})


def _moved(book: RiskBook, before: BookPosition | None, intent: OrderIntent, filled: int) -> dict[str, int]:
    """Where the lots lie after a fill; nothing where all of them are in the book's own account."""
    lots = _by_account(before, book.account_id)
    lots[intent.account_id] = lots.get(intent.account_id, 0) + intent.side.sign * filled
    left = {account: count for account, count in sorted(lots.items()) if count}
    return {} if set(left) <= {book.account_id} else left


@exact
def _filled(before: BookPosition | None, report: OrderReport, filled: int, rules: Instrument) -> BookPosition:
    """The position after the report's new fills, at their average price."""
    intent = report.intent
    lots = before.lots if before else 0
    after = lots + intent.side.sign * filled
    quantity = sum((fill.quantity for fill in report.new_fills), ZERO)
    price = sum((fill.quantity * fill.price for fill in report.new_fills), ZERO) / quantity
    grows, same_side = abs(after) > abs(lots), lots * after > 0
    average = before.average_price if before and same_side else price
    if before and same_side and grows:
        average = (abs(lots) * before.average_price + filled * price) / abs(after)
    stop = before.stop_price if before and same_side else None
    if intent.stop_loss_ticks is not None:
        stop = rules.price(intent.stop_loss_ticks)
    return BookPosition(
        instrument_id=intent.instrument_id, strategy_id=intent.strategy_id, lots=after,
        average_price=round(average, PRICE_PLACES), mark_price=round(price, PRICE_PLACES), stop_price=stop,
    )  # fmt: skip


# --- the account and the day -------------------------------------------------------------------------------------


def rolled(book: RiskBook, now_ms: int) -> RiskBook:
    """The book on the day it is by now: a new day begins with the equity that is known of the last."""
    today = book.trading_day.of(now_ms)
    if today <= book.day:
        return book
    accounts = {name: item.model_copy(update={"day_start_equity": item.equity}) for name, item in book.accounts.items()}
    return book.model_copy(update={"day": today, "day_start_equity": book.equity, "accounts": accounts})


def funds_of(book: RiskBook) -> dict[str, AccountFunds]:
    """By account. A book from before it knew of several has one."""
    if book.accounts:
        return dict(book.accounts)
    own = AccountFunds(
        cash=book.cash, equity=book.equity, deposits=book.deposits, day_start_equity=book.day_start_equity,
        account_version=book.account_version, marked_ms=book.marked_ms,
    )  # fmt: skip
    return {book.account_id: own}


@exact
def apply_account(book: RiskBook | None, update: AccountUpdated, trading_day: TradingDay = TradingDay.UTC) -> RiskBook:
    """Takes over cash, equity and marks of one account; rolls the day; moves the high-water mark, deposits taken out.

    A mark of midnight itself is the equity that the day begins with. An account that joins brings what it has as a
    deposit. An update older than the last one taken of its account changes nothing. `trading_day` is the portfolio's
    by now.
    """
    if book is None:
        book = RiskBook(
            id=update.portfolio_id, account_id=update.account_id, currency=update.currency,
            day=trading_day.of(update.ts_event_ms), trading_day=trading_day,
        )  # fmt: skip
        return _summed(book, {update.account_id: _funds(update, update.equity)}, update.equity)
    known = funds_of(book).get(update.account_id)
    if known is not None and update.account_version <= known.account_version:
        return book
    book = rolled(book.model_copy(update={"trading_day": trading_day}), update.ts_event_ms)
    funds = funds_of(book)
    known = funds.get(update.account_id)
    moved = update.deposits - known.deposits if known else update.equity
    at_midnight = trading_day.begins_at(update.ts_event_ms) and trading_day.of(update.ts_event_ms) == book.day
    began = update.equity if at_midnight or known is None else known.day_start_equity + moved
    book = book.model_copy(update={"positions": _marked(book, update)})
    return _summed(book, {**funds, update.account_id: _funds(update, began)}, book.high_water + moved)


def _funds(update: AccountUpdated, began: Decimal) -> AccountFunds:
    return AccountFunds(
        cash=update.cash, equity=update.equity, deposits=update.deposits, day_start_equity=began,
        margin_free=update.margin_free, account_version=update.account_version, marked_ms=update.ts_event_ms,
    )  # fmt: skip


def _summed(book: RiskBook, accounts: dict[str, AccountFunds], high_water: Decimal) -> RiskBook:
    """The book with these accounts. `high_water`: the highest that their equity was together, as of before."""
    funds, equity = accounts.values(), sum((item.equity for item in accounts.values()), ZERO)
    return book.model_copy(
        update={
            "cash": sum((item.cash for item in funds), ZERO), "equity": equity,
            "deposits": sum((item.deposits for item in funds), ZERO),
            "day_start_equity": sum((item.day_start_equity for item in funds), ZERO),
            "high_water": max(high_water, equity), "account_version": sum(item.account_version for item in funds),
            "marked_ms": _oldest_mark(book, accounts), "accounts": dict(sorted(accounts.items())),
        }
    )  # fmt: skip


def _oldest_mark(book: RiskBook, accounts: dict[str, AccountFunds]) -> int:
    """Of the accounts that hold something; what holds nothing needs no mark."""
    held = {name for item in book.positions.values() for name in _by_account(item, book.account_id)}
    marks = [item.marked_ms for name, item in accounts.items() if name in held]
    return min(marks, default=max(item.marked_ms for item in accounts.values()))


def _marked(book: RiskBook, update: AccountUpdated) -> dict[str, BookPosition]:
    marks = {view.instrument_id: view.mark_price for view in update.positions}
    return {
        key: position.model_copy(update={"mark_price": marks.get(position.instrument_id, position.mark_price)})
        for key, position in book.positions.items()
    }
