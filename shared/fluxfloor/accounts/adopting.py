"""What happened at the venue and not by us, taken into the books: trades, transfers, and differences agreed to."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.accounts import ledger, valuing
from fluxfloor.accounts.book import Booked, Rates, Rules, book_fill, moved
from fluxfloor.accounts.holdings import settled, valued
from fluxfloor.accounts.positions import apply_fill
from fluxfloor.contracts import ids
from fluxfloor.contracts.books import Adjustment, TreatAs
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import EXACT, cost, exact
from fluxfloor.contracts.orders import Fill, OrderIntent, Purpose
from fluxfloor.contracts.state import Account, AccountPosition, LedgerEntry, Lot
from fluxfloor.ports import VenueFill, VenueTransfer

EXTERNAL = "external"  # the strategy and the sender of what nobody here asked for
ZERO = Decimal(0)


# --- trades ------------------------------------------------------------------------------------------------------


def adopt(account: Account, seen: VenueFill, traded: Instrument | None, instruments: Rules, rates: Rates) -> Booked:
    """A trade of nobody's: its ledger entry, and lots of the strategy "external" where its instrument is known and the
    venue keeps its base among the balances. Else only balances move, and what they are worth is result."""
    account = valued(account, instruments, rates)
    entry = ledger.external_entry(account.id, seen)
    if traded is None or seen.side is None or not seen.moves.get(traded.base):
        balances = moved(account.balances, entry)
        after = account.model_copy(
            update={"balances": balances, "entries": account.entries + 1, "rates": {**rates, **account.rates}}
        )
        return Booked(settled(account, after, instruments), (entry,))
    intent = external_intent(account, seen, traded)
    entry = entry.model_copy(update={"instrument_id": traded.instrument_id})
    changed, trades = book_fill(account, as_moved(seen, traded), entry, intent, instruments, rates)
    return Booked(changed, (entry,), trades)


@exact
def as_moved(seen: VenueFill, traded: Instrument) -> Fill:
    """The fill with the fee that the balances show. A venue may state it in the quote currency and take it out of the
    base: then the position would claim more than there is."""
    assert seen.side is not None
    taken = seen.side.sign * seen.fill.quantity - seen.moves.get(traded.base, ZERO)
    if taken <= 0 or seen.fill.fee_currency == traded.base:
        return seen.fill
    return seen.fill.model_copy(update={"fee": taken, "fee_currency": traded.base})


def external_intent(account: Account, seen: VenueFill, traded: Instrument) -> OrderIntent:
    """The order that somebody must have given there. Ids are hashes of what the venue shows."""
    assert seen.side is not None
    signal_id = external_signal(account.id, seen.fill.trade_id)
    return OrderIntent(
        intent_id=ids.digest("intent", signal_id), signal_id=signal_id, portfolio_id=account.portfolio_id,
        account_id=account.id, strategy_id=EXTERNAL, sender_id=EXTERNAL, instrument_id=traded.instrument_id,
        purpose=Purpose.ENTRY, side=seen.side, lots=max(1, traded.lots(seen.fill.quantity)),
        arrival_ticks=max(1, traded.ticks(seen.fill.price)), requested_ms=seen.fill.ts_event_ms,
    )  # fmt: skip


def external_signal(account_id: str, trade_id: str) -> str:
    return ids.digest(EXTERNAL, account_id, trade_id)


@exact
def hand_back(account: Account, fill: Fill, intent: OrderIntent, instruments: Rules, now_ms: int) -> Booked:
    """A trade that was adopted is reported as an order's of ours after all: what is still open of its lots goes to the
    strategy, and closes what that holds against them. Money moved when it was adopted."""
    rules = instruments[intent.instrument_id]
    entry = ledger.moved_entry(account.id, fill.trade_id, intent, now_ms)
    position = account.positions.get(rules.instrument_id, AccountPosition())
    own = external_signal(account.id, fill.trade_id)
    lots = [lot for lot in position.open_lots if lot.signal_id == own]
    counted = account.model_copy(update={"entries": account.entries + 1})
    if not lots:
        return Booked(counted, (entry,))
    rest = tuple(lot for lot in position.open_lots if lot.signal_id != own)
    part = fill.model_copy(update={"quantity": sum(abs(lot.lots) for lot in lots) * rules.lot_size, "fee": ZERO})
    less = _with_lots(position, rest, sum(lot.lots for lot in lots), rules)
    after, trades = apply_fill(less, part, intent, rules, sum((lot.fees for lot in lots), ZERO))
    changed = counted.model_copy(update={"positions": {**account.positions, rules.instrument_id: after}})
    return Booked(settled(account, changed, instruments), (entry,), trades)


def _with_lots(position: AccountPosition, rest: tuple[Lot, ...], gone: int, rules: Instrument) -> AccountPosition:
    paid = sum((cost(lot.price, lot.lots * rules.lot_size) for lot in rest), ZERO)
    return position.model_copy(update={"open_lots": rest, "lots": position.lots - gone, "cost": paid})


# --- money that came or went -------------------------------------------------------------------------------------


@exact
def book_transfer(account: Account, seen: VenueTransfer, instruments: Rules, rates: Rates) -> Booked:
    """Deposits, withdrawals and transfers are capital, their fee is not; all the rest is result."""
    account = valued(account, instruments, rates)
    entry = ledger.venue_transfer_entry(account.id, seen)
    own = {seen.currency: capital_of(seen)} if seen.kind in ledger.CAPITAL_KINDS else {}
    fee = seen.fee if own else max(ZERO, -seen.amount) if seen.kind == "fee" else ZERO
    known = {**rates, **account.rates}
    after = account.model_copy(
        update={
            "balances": moved(account.balances, entry), "entries": account.entries + 1, "rates": known,
            "fees": account.fees + (valuing.worth(fee, seen.currency, account.currency, known) or ZERO),
        }
    )  # fmt: skip
    return Booked(settled(account, after, instruments, own), (entry,))


def capital_of(seen: VenueTransfer) -> Decimal:
    return EXACT.add(seen.amount, seen.fee)


# --- differences that were agreed to -----------------------------------------------------------------------------


def book_adjustment(account: Account, agreed: Adjustment, instruments: Rules, rates: Rates, now_ms: int) -> Booked:
    """The books take over what the venue has, under the name of the evidence."""
    account = valued(account, instruments, rates)
    capital = agreed.treat_as is TreatAs.CAPITAL
    entries = tuple(
        ledger.transfer_entry(account.id, "adjustment", currency, amount, agreed.id, now_ms, capital)
        for currency, amount in sorted(agreed.differences.items())
    )
    balances = account.balances
    for entry in entries:
        balances = moved(balances, entry)
    after = account.model_copy(
        update={"balances": balances, "entries": account.entries + len(entries), "rates": {**rates, **account.rates}}
    )
    return Booked(settled(account, after, instruments, agreed.differences if capital else {}), entries)


def value_of(differences: dict[str, Decimal], account: Account, rates: Rates) -> Decimal | None:
    """The sum of the amounts' worth, signs left out; None where one can't be told."""
    known = {**account.rates, **rates}
    found = [valuing.worth(abs(amount), name, account.currency, known) for name, amount in differences.items()]
    return None if None in found else sum((amount for amount in found if amount is not None), ZERO)


def trades_of(booked: list[Booked]) -> tuple[TradeClosed, ...]:
    return tuple(trade for each in booked for trade in each.trades)


def entries_of(booked: list[Booked]) -> tuple[LedgerEntry, ...]:
    return tuple(entry for each in booked for entry in each.entries)
