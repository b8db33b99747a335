"""One account as the sum of its ledger: opening, booking fills, marking to market, and what people are told of it.

At all times, exactly: equity = deposits + realised + unrealised, fees being part of realised.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.accounts import ledger
from fluxfloor.accounts.positions import PRICE_PLACES, apply_fill
from fluxfloor.contracts.events import AccountUpdated, PositionView, TradeClosed
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact
from fluxfloor.contracts.orders import Fill, OrderReport
from fluxfloor.contracts.state import Account, AccountPosition, LedgerEntry

ZERO = Decimal(0)
Rules = dict[str, Instrument]


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
        deposits=balances.get(currency, ZERO), entries=len(entries), opened_ms=now_ms, agreed_ms=now_ms,
    )  # fmt: skip
    return Booked(account, entries)


def book_report(
    account: Account, report: OrderReport, rules: Instrument, booked: frozenset[str] = frozenset()
) -> Booked:
    """Every new fill of a report: ledger entries, balances, positions, trades. `booked` are trade ids to leave out."""
    entries: list[LedgerEntry] = []
    trades: list[TradeClosed] = []
    known = set(booked)
    for fill in report.new_fills:
        if fill.trade_id in known:
            continue
        known.add(fill.trade_id)
        entries.append(ledger.fill_entry(fill, report.intent, rules))
        account, closed = _book_fill(account, fill, entries[-1], report, rules)
        trades.extend(closed)
    return Booked(account, tuple(entries), tuple(trades))


@exact
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


# --- what it is worth --------------------------------------------------------------------------------------------


def mark(account: Account, rules: Instrument, price: Decimal, at_ms: int) -> Account:
    """A new mark for what is held of an instrument; the same account where there is nothing to mark or it is older.

    On the tick grid, because a price that came as a float may have more digits than any book can hold.
    """
    position = account.positions.get(rules.instrument_id)
    if position is None or not position.open_lots or at_ms <= position.mark_ms:
        return account
    on_grid = rules.price(max(1, rules.ticks(price)))
    marked = position.model_copy(update={"mark_price": on_grid, "mark_ms": at_ms})
    return account.model_copy(update={"positions": {**account.positions, rules.instrument_id: marked}})


def margin(account: Account, used: Decimal | None, free: Decimal | None) -> Account:
    """With what the venue says of its margin; the same account where that is what it said before."""
    if (used, free) == (account.margin_used, account.margin_free):
        return account
    return account.model_copy(update={"margin_used": used, "margin_free": free})


@exact
def unrealised(account: Account, instruments: Rules) -> Decimal:
    return sum((_unrealised(item, instruments[name]) for name, item in _open(account)), ZERO)


@exact
def equity(account: Account, instruments: Rules) -> Decimal:
    """Cash + positions at their marks, in the account's currency."""
    held = sum((_worth(item, instruments[name]) for name, item in _open(account)), ZERO)
    return account.balances.get(account.currency, ZERO) + held


def _open(account: Account) -> list[tuple[str, AccountPosition]]:
    """By name. Strategies that hold against each other may sum to no position at all, and still have a result."""
    return [(name, item) for name, item in sorted(account.positions.items()) if item.open_lots]


def _worth(position: AccountPosition, rules: Instrument) -> Decimal:
    return cost(position.mark_price, position.lots * rules.lot_size)


def _unrealised(position: AccountPosition, rules: Instrument) -> Decimal:
    return _worth(position, rules) - position.cost


# --- what is told of it ------------------------------------------------------------------------------------------


@exact
def told(
    account: Account, instruments: Rules, cause: str, at_ms: int, trades: tuple[TradeClosed, ...] = ()
) -> AccountUpdated:
    """The fact that says how the account stands as of `at_ms`. Its version is the one it has after the commit."""
    return AccountUpdated(
        account_id=account.id, portfolio_id=account.portfolio_id, currency=account.currency,
        cash=account.balances.get(account.currency, ZERO), equity=equity(account, instruments),
        realised=account.realised, unrealised=unrealised(account, instruments), fees=account.fees,
        deposits=account.deposits, trades=trades, cause=cause, account_version=account.version + 1,
        positions=tuple(_view(name, item, instruments[name]) for name, item in _open(account)), ts_event_ms=at_ms,
        margin_used=account.margin_used, margin_free=account.margin_free,
    )  # fmt: skip


def _view(name: str, position: AccountPosition, rules: Instrument) -> PositionView:
    """The average is that of the side the account is on: lots that strategies hold against it have their own price."""
    side = [lot for lot in position.open_lots if lot.lots * position.lots > 0] or list(position.open_lots)
    lots = sum(abs(lot.lots) for lot in side)
    paid = sum((abs(lot.lots) * lot.price for lot in side), ZERO)
    return PositionView(
        instrument_id=name, lots=position.lots, quantity=position.lots * rules.lot_size,
        average_price=round(paid / lots, PRICE_PLACES), mark_price=position.mark_price,
        unrealised=_unrealised(position, rules), realised=position.realised,
    )  # fmt: skip
