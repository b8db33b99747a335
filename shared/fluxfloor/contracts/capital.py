"""Whose money it is: what senders are due from what they made, and the units that clients hold of a portfolio."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Number, UtcMs


class PayoutPart(Model):
    """Of one currency. `due` is `rate` of what the sender's net profit of all time, at the month's end, has risen above
    the highest that it had been at any month's end before."""

    profit: Number  # of this month
    total: Number  # of all time, at the month's end
    high_water: Number  # before
    rate: Number
    due: NonNegative


class SenderPayout(Document):
    """What one sender is due for one calendar month (UTC), on the first of the next; the id is "<sender>|<month>"."""

    collection: ClassVar[str] = "sender_payouts"
    owner: ClassVar[str] = "reconciliation"

    sender_id: Ident
    month: str  # as 2026-11
    mode: str
    parts: dict[str, PayoutPart]  # by currency
    due_ms: UtcMs


class PayoutBook(Document):
    """One sender's high-water marks, and the months that were closed; the id is the sender."""

    collection: ClassVar[str] = "payout_books"
    owner: ClassVar[str] = "reconciliation"

    high_water: dict[str, Number] = Field(default_factory=dict)  # by currency
    total: dict[str, Number] = Field(default_factory=dict)  # at the end of the last closed month
    months: tuple[str, ...] = ()  # the newest last


class PayoutPaid(Document):
    """A person says that a payout was paid; the id is the payout's."""

    collection: ClassVar[str] = "payouts_paid"
    owner: ClassVar[str] = "api"

    sender_id: Ident
    month: str
    amounts: dict[str, Number]
    reference: str
    paid_by: str
    ts_event_ms: UtcMs


# --- clients -----------------------------------------------------------------------------------------------------


class ClientUnits(Model):
    units: NonNegative = Decimal(0)
    paid_in: Number = Decimal(0)  # deposits less withdrawals


class UnitBook(Document):
    """Who holds how many units of one portfolio; the id is the portfolio.

    Its value is what clients have paid in and what was made since: `attributed` + made - `made_before`. A bank's
    transfer that comes to the account earlier or later than a client's entry here changes no unit's value.
    """

    collection: ClassVar[str] = "unit_books"
    owner: ClassVar[str] = "reconciliation"

    currency: str
    units: NonNegative = Decimal(0)
    attributed: Number = Decimal(0)
    made_before: Number = Decimal(0)  # results of the accounts while nobody held a unit
    clients: dict[str, ClientUnits] = Field(default_factory=dict)


class CapitalFlow(Document):
    """One client's deposit (or withdrawal, negative), and the units it bought or gave back; the id is the flow's."""

    collection: ClassVar[str] = "capital_flows"
    owner: ClassVar[str] = "reconciliation"

    portfolio_id: Ident
    client_id: Ident
    amount: Number
    units: Number
    nav: NonNegative
    reference: str
    recorded_by: str
    refused: str = ""  # why nothing came of it
    ts_event_ms: UtcMs


class NavPoint(Document):
    """What a unit was worth as a UTC day ended; the id is "<portfolio>|<day>"."""

    collection: ClassVar[str] = "nav_points"
    owner: ClassVar[str] = "reconciliation"

    portfolio_id: Ident
    day: str
    nav: NonNegative
    units: NonNegative
    value: Number
    ts_event_ms: UtcMs
