"""The floor's standard signal. Everything is one: an alert, a strategy's wish, a forecast, a research portfolio."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from fluxfloor.contracts.base import Ident, Model, Number, Positive, UtcMs
from fluxfloor.contracts.plans import MAX_SLICES, PlanStyle


class Action(StrEnum):
    ENTRY = "ENTRY"  # open or add to a position
    EXIT = "EXIT"  # reduce or close it; never refused by a limit
    TARGET = "TARGET"  # hold exactly this much; Cerebro turns it into one of the others
    CANCEL = "CANCEL"  # withdraw what rests or waits of the strategy's entries in the instrument; nothing held is left


class Direction(StrEnum):
    LONG = "LONG"
    SHORT = "SHORT"
    FLAT = "FLAT"


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"  # a market order once the price is as good as its trigger
    TRAILING_STOP = "TRAILING_STOP"  # a stop that follows the best price at a fixed distance


class TimeInForce(StrEnum):
    GTC = "GTC"  # until cancelled
    IOC = "IOC"  # what fills at once; the rest is cancelled
    FOK = "FOK"  # all at once or nothing
    DAY = "DAY"  # until the session's close; only where a venue has sessions


class SizeKind(StrEnum):
    QUANTITY = "quantity"  # in the base asset
    NOTIONAL = "notional"  # in the quote currency
    WEIGHT = "weight"  # a fraction of the portfolio's equity
    FRACTION = "fraction"  # EXIT only: this share of what is held


class Size(Model):
    kind: SizeKind
    value: Number = Field(ge=0)


class PlanWish(Model):
    """How the sender would have an entry worked. What he leaves out, and whether it fits, the floor decides."""

    style: PlanStyle
    over_ms: int = Field(default=0, ge=0, le=86_400_000)  # TWAP
    slices: int = Field(default=0, ge=0, le=MAX_SLICES)  # TWAP
    show: Positive | None = None  # ICEBERG: the most on display, in the base asset


class Leg(Model):
    """One instrument's part of a signal."""

    instrument_id: Ident
    direction: Direction
    size: Size | None = None  # None: the floor sizes it
    order_type: OrderType = OrderType.MARKET
    limit_price: Positive | None = None
    trigger_price: Positive | None = None
    stop_loss: Positive | None = None
    take_profit: Positive | None = None
    time_in_force: TimeInForce | None = None  # None: nothing is said
    post_only: bool = False
    trail: Positive | None = None  # a TRAILING_STOP's distance from the best price; else the protective stop follows so
    trail_share: Positive | None = Field(default=None, lt=1)  # the same as a fraction of the price at the decision
    plan: PlanWish | None = None
    seen_price: Positive | None = None  # what the sender saw; by default, of the first leg, the reference price


class Signal(Model):
    """A standardised wish to trade. Numbers are exact; times are UTC milliseconds. Of several legs all trade or none.

    reference_price is the price the sender saw; expected_alpha a return fraction, the edge the sender expects.
    """

    signal_id: Ident
    sender_id: Ident
    strategy_id: Ident
    portfolio_id: Ident
    format: str
    action: Action
    legs: tuple[Leg, ...] = Field(min_length=1, max_length=32)
    ts_event_ms: UtcMs  # when the sender says it happened
    ts_received_ms: UtcMs
    expires_ms: UtcMs | None = None
    bar_close_ms: UtcMs | None = None  # the close of the bar that it was made on, where it was made on one
    reference_price: Positive | None = None
    expected_alpha: Number | None = None
    fallback_alpha: Number | None = None  # the sender's or strategy's stated default, used where nothing was measured
    size_factor: Number = Field(default=Decimal(1), gt=0, le=1)  # the share of what the limits allow that it asks for
    provisional: bool = False  # of a bar that has not closed: an order is prepared, and let go if the close confirms it
    adds: bool = False  # may an ENTRY add to a position that is already open?
    tag: str = Field(default="", max_length=256)
    explanation: dict[str, str | float | int | bool | None] = Field(default_factory=dict)

    @property
    def leg(self) -> Leg:
        return self.legs[0]
