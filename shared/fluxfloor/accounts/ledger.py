"""Double entry: every booking moves amounts between ledger accounts, and per currency its postings sum to zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from fluxfloor.contracts import ids
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact
from fluxfloor.contracts.orders import Fill, OrderIntent
from fluxfloor.contracts.state import LedgerEntry, Posting
from fluxfloor.errors import InvariantBroken
from fluxfloor.ports import VenueFill, VenueTransfer

VENUE = "assets:venue"  # what the venue holds for us
TRADING = "trading"  # the other side of every exchange of one currency for another
FEES = "expenses:fees"
CAPITAL = "equity:capital"
ADJUSTMENTS = "equity:adjustments"
CAPITAL_KINDS = frozenset({"deposit", "withdrawal", "transfer"})
AGAINST = {
    **dict.fromkeys(CAPITAL_KINDS, CAPITAL),
    "reward": "income:rewards", "interest": "income:interest", "fee": FEES, "adjustment": ADJUSTMENTS,
}  # fmt: skip
"""The other side of money that comes or goes without a trade, by its kind."""


@exact
def fill_entry(fill: Fill, intent: OrderIntent, rules: Instrument) -> LedgerEntry:
    """A trade: base against quote, and the fee. The id is the venue's trade, so it can be booked only once."""
    sign = intent.side.sign
    base, money = sign * fill.quantity, sign * cost(fill.price, fill.quantity)
    postings = [
        Posting(ledger_account=VENUE, currency=rules.base, amount=base),
        Posting(ledger_account=TRADING, currency=rules.base, amount=-base),
        Posting(ledger_account=VENUE, currency=rules.quote, amount=-money),
        Posting(ledger_account=TRADING, currency=rules.quote, amount=money),
    ]
    if fill.fee:
        postings.append(Posting(ledger_account=VENUE, currency=fill.fee_currency, amount=-fill.fee))
        postings.append(Posting(ledger_account=FEES, currency=fill.fee_currency, amount=fill.fee))
    return _balanced(
        LedgerEntry(
            id=fill_entry_id(intent.account_id, fill.trade_id), account_id=intent.account_id, kind="fill",
            reference=fill.trade_id, postings=tuple(postings), ts_event_ms=fill.ts_event_ms,
            instrument_id=rules.instrument_id, intent_id=intent.intent_id,
        )
    )  # fmt: skip


def fill_entry_id(account_id: str, trade_id: str) -> str:
    return ids.digest("fill", account_id, trade_id)


@exact
def external_entry(account_id: str, seen: VenueFill) -> LedgerEntry:
    """A trade that no order of ours made, by what it did to the balances. Its id is that of any fill of this trade: it
    can't be booked as ours as well."""
    postings = [
        posting
        for currency, amount in sorted(seen.moves.items())
        for posting in (
            Posting(ledger_account=VENUE, currency=currency, amount=amount),
            Posting(ledger_account=TRADING, currency=currency, amount=-amount),
        )
        if amount
    ]
    return _balanced(
        LedgerEntry(
            id=fill_entry_id(account_id, seen.fill.trade_id), account_id=account_id, kind="external",
            reference=seen.fill.trade_id, postings=tuple(postings), ts_event_ms=seen.fill.ts_event_ms,
        )
    )  # fmt: skip


def moved_entry(account_id: str, trade_id: str, intent: OrderIntent, at_ms: int) -> LedgerEntry:
    """An adopted trade turned out to be an order's of ours: no money moves, its lots change hands."""
    return LedgerEntry(
        id=moved_entry_id(account_id, trade_id), account_id=account_id, kind="moved", reference=trade_id, postings=(),
        ts_event_ms=at_ms, instrument_id=intent.instrument_id, intent_id=intent.intent_id,
    )  # fmt: skip


def moved_entry_id(account_id: str, trade_id: str) -> str:
    return ids.digest("moved", account_id, trade_id)


@exact
def venue_transfer_entry(account_id: str, seen: VenueTransfer) -> LedgerEntry:
    """A deposit, withdrawal, reward and so on as the venue tells it; the fee of it is an expense of ours."""
    fee = seen.fee if seen.kind in CAPITAL_KINDS else Decimal(0)
    postings = [
        Posting(ledger_account=VENUE, currency=seen.currency, amount=seen.amount),
        Posting(ledger_account=AGAINST[seen.kind], currency=seen.currency, amount=-(seen.amount + fee)),
    ]
    if fee:
        postings.append(Posting(ledger_account=FEES, currency=seen.currency, amount=fee))
    return _balanced(
        LedgerEntry(
            id=transfer_entry_id(account_id, seen.transfer_id), account_id=account_id, kind=seen.kind,
            reference=seen.transfer_id, postings=tuple(postings), ts_event_ms=seen.ts_event_ms,
        )
    )  # fmt: skip


def transfer_entry_id(account_id: str, transfer_id: str) -> str:
    return ids.digest("transfer", account_id, transfer_id)


@exact
def transfer_entry(
    account_id: str, kind: str, currency: str, amount: Decimal, reference: str, now_ms: int, capital: bool = False
) -> LedgerEntry:
    """An opening balance against capital; an adjustment against its own account, or `capital` where it was that."""
    against = CAPITAL if capital or kind == "deposit" else ADJUSTMENTS
    postings = (
        Posting(ledger_account=VENUE, currency=currency, amount=amount),
        Posting(ledger_account=against, currency=currency, amount=-amount),
    )
    entry_id = ids.digest(kind, account_id, currency, reference)
    return _balanced(
        LedgerEntry(
            id=entry_id, account_id=account_id, kind=kind, reference=reference, postings=postings, ts_event_ms=now_ms
        )
    )


@exact
def sums(entries: Iterable[LedgerEntry]) -> dict[tuple[str, str], Decimal]:
    """(ledger account, currency) → amount."""
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        for posting in entry.postings:
            totals[posting.ledger_account, posting.currency] += posting.amount
    return dict(totals)


@exact
def balanced(entries: Iterable[LedgerEntry]) -> bool:
    """Does every currency sum to zero over all ledger accounts?"""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for (_, currency), amount in sums(entries).items():
        totals[currency] += amount
    return not any(totals.values())


def _balanced(entry: LedgerEntry) -> LedgerEntry:
    if not balanced([entry]):
        raise InvariantBroken(f"ledger entry {entry.reference} does not sum to zero")
    return entry
