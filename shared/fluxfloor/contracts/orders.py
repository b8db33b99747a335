"""Orders as facts: what Cerebro asks for, what became of it, and what the venue filled."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from fluxfloor.contracts.base import Ident, Model, NonNegative, Number, Positive, UtcMs
from fluxfloor.contracts.plans import Plan
from fluxfloor.contracts.signals import OrderType, TimeInForce

DUST = "dust"
"""The strategy that holds what is too small for any venue to take: nobody trades it, nothing counts it as a position.
The fills by which it comes there happened at no venue, and their trade ids begin with it."""


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class Purpose(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    FLATTEN = "flatten"  # an exit the floor itself ordered: drawdown, kill switch


class OrderState(StrEnum):
    """Only ever moves forward; RANK gives the order. A late fill after an end is still booked."""

    REQUESTED = "requested"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def terminal(self) -> bool:
        return self in _TERMINAL

    def may_become(self, later: OrderState) -> bool:
        """True when `later` is a legal next state: further on, and not out of an end."""
        return not self.terminal and _RANK[later] > _RANK[self]


_TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
_RANK = {
    OrderState.REQUESTED: 0,
    OrderState.SUBMITTING: 1,
    OrderState.UNKNOWN: 2,
    OrderState.OPEN: 3,
    OrderState.PARTIALLY_FILLED: 4,
    OrderState.FILLED: 5,
    OrderState.CANCELLED: 5,
    OrderState.REJECTED: 5,
    OrderState.EXPIRED: 5,
}


class OrderIntent(Model):
    """One order that Cerebro wants, already sized. Quantities in lots, prices in ticks of the instrument."""

    intent_id: Ident
    signal_id: Ident
    portfolio_id: Ident
    account_id: Ident
    strategy_id: Ident
    sender_id: Ident
    instrument_id: Ident
    purpose: Purpose
    side: Side
    lots: int = Field(gt=0)
    order_type: OrderType = OrderType.MARKET
    limit_ticks: int | None = Field(default=None, gt=0)
    trigger_ticks: int | None = Field(default=None, gt=0)
    trail_ticks: int | None = Field(default=None, gt=0)  # TRAILING_STOP: its distance from the best price
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False  # never takes: refused by the venue where it would
    plan: Plan | None = None  # None: execution's own rule for its purpose and type
    protects: str = ""  # of a stop or take-profit that execution keeps: the slot ("<strategy>|<instrument>")
    stop_loss_ticks: int | None = Field(default=None, gt=0)
    take_profit_ticks: int | None = Field(default=None, gt=0)
    arrival_ticks: int = Field(gt=0)  # mid at the decision, what the fill is measured against
    requested_ms: UtcMs
    signal_ms: UtcMs = 0  # when its signal was received; 0: the floor itself wants it
    expires_ms: UtcMs | None = None
    tag: str = ""
    with_legs: tuple[Ident, ...] = ()  # the instruments that its signal enters together with this one


class Fill(Model):
    """One execution at the venue. Exact decimals, as the venue stated them."""

    trade_id: Ident  # the venue's; unique per account
    price: Positive
    quantity: Positive
    fee: Number = Decimal(0)
    fee_currency: str
    ts_event_ms: UtcMs


class OrderReport(Model):
    """An order as the venue last showed it, with the fills that are new in this report."""

    intent: OrderIntent
    state: OrderState
    attempt: int
    client_order_id: Ident
    venue_order_id: str | None = None
    filled_lots: int = 0
    average_price: NonNegative = Decimal(0)
    new_fills: tuple[Fill, ...] = ()
    reason: str = ""  # why rejected, cancelled, expired or unknown
    late: bool = False  # fills that arrived after the order had ended
    submitted_ms: UtcMs = 0  # when the attempt was handed to the venue; 0: it never was
    ts_event_ms: UtcMs


class ChangeKind(StrEnum):
    CANCEL = "cancel"
    AMEND = "amend"  # the venue's order is cancelled for certain, then one with the new terms takes what is left
    RELEASE = "release"  # of a prepared intent: what it waited for has come
    LOOK = "look"  # nothing is changed: the venue is asked now what became of it


class OrderChange(Model):
    """What somebody wants changed of an intent that is not at its end. Terms left out stay as they are."""

    change_id: Ident
    intent_id: Ident
    portfolio_id: Ident
    account_id: Ident
    kind: ChangeKind
    lots: int | None = Field(default=None, gt=0)  # in all, what has filled included
    limit_ticks: int | None = Field(default=None, gt=0)
    trigger_ticks: int | None = Field(default=None, gt=0)
    asked_by: Ident
    reason: str = Field(default="", max_length=500)
    ts_event_ms: UtcMs
