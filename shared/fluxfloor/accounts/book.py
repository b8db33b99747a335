"""One account as the sum of its ledger: opening, booking fills, marking to market, and what people are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.accounts import ledger
from fluxfloor.accounts.positions import apply_fill
from fluxfloor.contracts.events import AccountUpdated, PositionView, TradeClosed
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Fill, OrderReport
from fluxfloor.contracts.state import Account, AccountPosition, LedgerEntry

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Booked:
    """The account after a booking, the entries to create, and the trades that it closed."""

    account: Account
    entries: tuple[LedgerEntry, ...]
    trades: tuple[TradeClosed, ...] = ()


def open_account(
    account_id: str, portfolio_id: str, venue: str, currency: str, balances: dict[str, Decimal], now_ms: int
) -> Booked:
    """A first sight of an account: what the venue holds is its capital."""
    entries = tuple(
        ledger.transfer_entry(account_id, "deposit", name, amount, "opening", now_ms)
        for name, amount in sorted(balances.items())
        if amount
    )
    account = Account(
        id=account_id, portfolio_id=portfolio_id, venue=venue, currency=currency, balances=balances,
        deposits=balances.get(currency, ZERO), entries=len(entries), agreed_ms=now_ms,
        last_mark_ms=now_ms,
    )  # fmt: skip
    return Booked(account, entries)


def book_report(account: Account, report: OrderReport, rules: Instrument) -> Booked:
    """Every new fill of a report: ledger entries, balances, positions, trades."""
    entries: list[LedgerEntry] = []
    trades: list[TradeClosed] = []
    for fill in report.new_fills:
        entries.append(ledger.fill_entry(fill, report.intent, rules))
        account, closed = _book_fill(account, fill, entries[-1], report, rules)
        trades.extend(closed)
    return Booked(account, tuple(entries), tuple(trades))


def _book_fill(
    account: Account, fill: Fill, entry: LedgerEntry, report: OrderReport, rules: Instrument
) -> tuple[Account, tuple[TradeClosed, ...]]:
    balances = dict(account.balances)
    for posting in entry.postings:
        if posting.ledger_account == ledger.VENUE:
            balances[posting.currency] = balances.get(posting.currency, ZERO) + posting.amount
    before = account.positions.get(rules.instrument_id, AccountPosition())
    position, trades = apply_fill(before, fill, report.intent, rules)
    fee = fill.fee if fill.fee_currency == account.currency else ZERO
    changed = account.model_copy(
        update={
            "balances": balances, "positions": {**account.positions, rules.instrument_id: position},
            "realised": account.realised + position.realised - before.realised - fee, "fees": account.fees + fee,
            "entries": account.entries + 1,
        }
    )  # fmt: skip
    return changed, trades


def mark(account: Account, instrument_id: str, price: Decimal, now_ms: int) -> Account:
    """A new mark price for what is held of an instrument."""
    position = account.positions.get(instrument_id)
    if position is None or not position.lots:
        return account
    marked = position.model_copy(update={"mark_price": price})
    return account.model_copy(
        update={"positions": {**account.positions, instrument_id: marked}, "last_mark_ms": now_ms}
    )


def unrealised(account: Account, instruments: dict[str, Instrument]) -> Decimal:
    return sum(
        (
            position.lots * instruments[name].lot_size * position.mark_price - position.cost
            for name, position in account.positions.items()
            if position.lots
        ),
        ZERO,
    )


def equity(account: Account, instruments: dict[str, Instrument]) -> Decimal:
    """Cash + positions at their marks, in the account's currency."""
    held = sum(
        (
            position.lots * instruments[name].lot_size * position.mark_price
            for name, position in account.positions.items()
            if position.lots
        ),
        ZERO,
    )
    return account.balances.get(account.currency, ZERO) + held


def told(
    account: Account,
    instruments: dict[str, Instrument],
    cause: str,
    now_ms: int,
    trades: tuple[TradeClosed, ...] = (),
) -> AccountUpdated:
    """The fact that says how the account stands. `account.version` is the one it will have after the commit."""
    return AccountUpdated(
        account_id=account.id, portfolio_id=account.portfolio_id, currency=account.currency,
        cash=account.balances.get(account.currency, ZERO), equity=equity(account, instruments),
        realised=account.realised, unrealised=unrealised(account, instruments), fees=account.fees,
        deposits=account.deposits, trades=trades, cause=cause, account_version=account.version + 1,
        positions=tuple(
            _view(name, position, instruments[name])
            for name, position in sorted(account.positions.items())
            if position.lots
        ),
        ts_event_ms=now_ms,
    )  # fmt: skip


def _view(name: str, position: AccountPosition, rules: Instrument) -> PositionView:
    quantity = position.lots * rules.lot_size
    return PositionView(
        instrument_id=name, lots=position.lots, quantity=quantity,
        average_price=round(position.cost / quantity, 12), mark_price=position.mark_price,
        unrealised=quantity * position.mark_price - position.cost, realised=position.realised,
    )  # fmt: skip
