"""One account as the sum of its ledger: opening, booking fills, marking to market, and what people are told of it.

At all times, exactly: equity = deposits + realised + unrealised, fees being part of realised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fluxfloor.accounts import ledger, valuing
from fluxfloor.accounts.holdings import (
    holdings,
    open_positions,
    over_basis,
    settled,
    unvalued,
    valued,
    views,
    wanted,
)
from fluxfloor.accounts.positions import PRICE_PLACES, apply_fill
from fluxfloor.contracts.events import AccountUpdated, PositionView, TradeClosed
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.money import EXACT, cost, exact, rounded
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport
from fluxfloor.contracts.state import Account, AccountPosition, LedgerEntry, Rate

ZERO = Decimal(0)
Rules = dict[str, Instrument]
Rates = Mapping[str, Rate]
NO_RATES: Final[Rates] = {}
MARGIN_STEP: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Booked:
    """The account after a booking, the entries to create, and the trades that it closed."""

    account: Account
    entries: tuple[LedgerEntry, ...]
    trades: tuple[TradeClosed, ...] = ()


def open_account(
    account_id: str, portfolio_id: str, venue: str, currency: str, balances: dict[str, Decimal], now_ms: int,
    rates: Rates = NO_RATES, in_opening: tuple[str, ...] = (),
) -> Booked:  # fmt: skip
    """A first sight of an account: what the venue holds is its capital, coins included. `in_opening` are the venue's
    trades and transfers of just before, which are in these balances already."""
    entries = tuple(
        ledger.transfer_entry(account_id, "deposit", name, amount, "opening", now_ms)
        for name, amount in sorted(balances.items())
        if amount
    )
    empty = Account(
        id=account_id, portfolio_id=portfolio_id, venue=venue, currency=currency, opened_ms=now_ms, agreed_ms=now_ms,
        in_opening=in_opening,
    )  # fmt: skip
    known = {name: rate for name, rate in rates.items() if balances.get(name)}
    counted = {"entries": len(entries), "agreed_entries": len(entries)}
    after = empty.model_copy(update={"balances": balances, "rates": known, **counted})
    return Booked(settled(empty, after, {}, capital=balances), entries)


def book_report(
    account: Account, report: OrderReport, instruments: Rules, booked: frozenset[str] = frozenset(),
    rates: Rates = NO_RATES,
) -> Booked:  # fmt: skip
    """Every new fill of a report: ledger entries, balances, positions, trades. `booked` are trade ids to leave out,
    `rates` what the floor knows of other currencies, `instruments` the rules of all that is held and of the report's.
    """
    account = valued(account, instruments, rates)
    entries: list[LedgerEntry] = []
    trades: list[TradeClosed] = []
    known = {*booked, *account.in_opening}
    rules = instruments[report.intent.instrument_id]
    for fill in report.new_fills:
        if fill.trade_id in known:
            continue
        known.add(fill.trade_id)
        entries.append(ledger.fill_entry(fill, report.intent, rules))
        account, closed = book_fill(account, fill, entries[-1], report.intent, instruments, rates)
        trades.extend(closed)
    return Booked(account, tuple(entries), tuple(trades))


@exact
def book_fill(
    account: Account, fill: Fill, entry: LedgerEntry, intent: OrderIntent, instruments: Rules,
    rates: Rates = NO_RATES,
) -> tuple[Account, tuple[TradeClosed, ...]]:  # fmt: skip
    """One entry into balances, position and result. Values what it must with `rates`, and the base by the fill."""
    rules = instruments[intent.instrument_id]
    known = _rates_at(account, fill, rules, rates)
    before = account.positions.get(rules.instrument_id, AccountPosition())
    position, trades = apply_fill(before, fill, intent, rules, fee_in_quote(account, fill, rules, known))
    changed = account.model_copy(
        update={
            "balances": moved(account.balances, entry), "rates": known, "entries": account.entries + 1,
            "positions": {**account.positions, rules.instrument_id: position},
            "fees": account.fees + (valuing.worth(fill.fee, fill.fee_currency, account.currency, known) or ZERO),
        }
    )  # fmt: skip
    made = tuple(_in_account(trade, rules, account.currency, known) for trade in trades)
    return settled(account, changed, instruments), made


def moved(balances: dict[str, Decimal], entry: LedgerEntry) -> dict[str, Decimal]:
    """Balances after what an entry did to them at the venue."""
    after = dict(balances)
    for posting in entry.postings:
        if posting.ledger_account == ledger.VENUE:
            after[posting.currency] = EXACT.add(after.get(posting.currency, ZERO), posting.amount)
    return after


def _rates_at(account: Account, fill: Fill, rules: Instrument, rates: Rates) -> dict[str, Rate]:
    """What was known, what is newer, and the base at the fill's own price: whatever of it is no whole lot stands at
    what it cost."""
    known = {**account.rates}
    for name in {rules.quote, fill.fee_currency} & rates.keys():
        if name not in known or rates[name].at_ms > known[name].at_ms:
            known[name] = rates[name]
    quoted = valuing.rate_of(rules.quote, account.currency, known)
    newer = rules.base not in known or fill.ts_event_ms >= known[rules.base].at_ms
    if quoted is not None and newer and rules.base != account.currency and rules.kind in valuing.OWNED:
        known[rules.base] = Rate(rate=rounded(fill.price * quoted), at_ms=fill.ts_event_ms, via=(rules.instrument_id,))
    return known


def fee_in_quote(account: Account, fill: Fill, rules: Instrument, known: Mapping[str, Rate]) -> Decimal:
    """At the fill's own price where it is of the base, at today's rates where it is of a third currency. One that
    nothing tells the worth of is in the ledger alone, and its currency is named among the unvalued."""
    if fill.fee_currency == rules.quote:
        return fill.fee
    if fill.fee_currency == rules.base:
        return cost(fill.price, fill.fee)
    return valuing.crossed(fill.fee, fill.fee_currency, rules.quote, account.currency, known) or ZERO


def _in_account(trade: TradeClosed, rules: Instrument, currency: str, known: Mapping[str, Rate]) -> TradeClosed:
    if rules.quote == currency:
        return trade
    value = valuing.worth(trade.profit, rules.quote, currency, known)
    fees = valuing.worth(trade.fees, rules.quote, currency, known)
    return trade.model_copy(update={"value": value, "fees_value": fees, "valued": value is not None})


# --- what it is worth --------------------------------------------------------------------------------------------


def mark(account: Account, instruments: Rules, rules: Instrument, price: Decimal, at_ms: int) -> Account:
    """A new mark for what is held of an instrument, beside positions too; the same account where there is nothing to
    mark or it is older.

    On the tick grid, because a price that came as a float may have more digits than any book can hold.
    """
    on_grid = rules.price(max(1, rules.ticks(price)))
    position = account.positions.get(rules.instrument_id)
    if position is not None and position.open_lots and at_ms > position.mark_ms:
        fresh = position.model_copy(update={"mark_price": on_grid, "mark_ms": at_ms})
        account = account.model_copy(update={"positions": {**account.positions, rules.instrument_id: fresh}})
    if rules.base in account.basis or rules.quote in account.basis or rules.quote in account.rates:
        seen = Quote(instrument_id=rules.instrument_id, bid=on_grid, ask=on_grid, ts_event_ms=at_ms)
        needed = wanted(account, instruments)
        account = valued(account, instruments, valuing.rates(needed, account.currency, [(rules, seen)]))
    return account


def margin(account: Account, used: Decimal | None, free: Decimal | None) -> Account:
    """With what the venue says of its margin; the same account where that is about what it said before. It moves with
    every price, and no news is worth a fact and a row a minute that nobody would act on."""
    before = (account.margin_used, account.margin_free)
    if not any(_moved_far(was, now, (*before, used, free)) for was, now in zip(before, (used, free), strict=True)):
        return account
    return account.model_copy(update={"margin_used": used, "margin_free": free})


@exact
def _moved_far(was: Decimal | None, now: Decimal | None, amounts: tuple[Decimal | None, ...]) -> bool:
    """By a hundredth of the largest of all, through zero, or from or to nothing."""
    if was is None or now is None:
        return was is not now
    largest = max(abs(amount) for amount in amounts if amount is not None)
    return abs(now - was) > largest * MARGIN_STEP or (now < 0) != (was < 0)


@exact
def unrealised(account: Account, instruments: Rules) -> Decimal:
    """Of positions and of holdings, in the account's currency. What nothing values counts as nothing: `unvalued`."""
    positions = sum((_result(account, item, instruments[name]) for name, item in open_positions(account)), ZERO)
    return positions + over_basis(account, instruments)


@exact
def equity(account: Account, instruments: Rules) -> Decimal:
    """Cash, other holdings at their rates and positions at their marks, in the account's currency."""
    own = holdings(account, instruments).get(account.currency, ZERO)
    return own + sum(account.basis.values(), ZERO) + unrealised(account, instruments)


def _result(account: Account, position: AccountPosition, rules: Instrument) -> Decimal:
    return valuing.worth(_unrealised(position, rules), rules.quote, account.currency, account.rates) or ZERO


@exact
def _unrealised(position: AccountPosition, rules: Instrument) -> Decimal:
    """In the quote currency."""
    return cost(position.mark_price, position.lots * rules.lot_size) - position.cost


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
        positions=tuple(_view(account, name, item, instruments[name]) for name, item in open_positions(account)),
        ts_event_ms=at_ms, margin_used=account.margin_used, margin_free=account.margin_free,
        holdings=views(account, instruments), unvalued=unvalued(account, instruments),
    )  # fmt: skip


def _view(account: Account, name: str, position: AccountPosition, rules: Instrument) -> PositionView:
    """The average is that of the side the account is on: lots that strategies hold against it have their own price."""
    side = [lot for lot in position.open_lots if lot.lots * position.lots > 0] or list(position.open_lots)
    lots = sum(abs(lot.lots) for lot in side)
    paid = sum((abs(lot.lots) * lot.price for lot in side), ZERO)
    realised = valuing.worth(position.realised, rules.quote, account.currency, account.rates)
    return PositionView(
        instrument_id=name, lots=position.lots, quantity=position.lots * rules.lot_size,
        average_price=round(paid / lots, PRICE_PLACES), mark_price=position.mark_price,
        unrealised=_result(account, position, rules), realised=realised or ZERO,
    )  # fmt: skip
