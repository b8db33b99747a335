"""What was made, and how well orders were carried out: running sums, kept in the commit of what they sum."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Number, UtcMs

MOST_KEYS = 200  # of one dimension in one document; what comes after them is summed under OTHERS
OTHERS = "(others)"
ALL_DAYS = "all"


class Made(Model):
    """Closed trades, in the account's currency. `unvalued` trades are those whose currency nothing tells: they are
    counted and in no sum."""

    trades: int = 0
    wins: int = 0
    profit: Number = Decimal(0)  # net of fees
    fees: Number = Decimal(0)
    gains: Number = Decimal(0)  # the sum of those above zero
    unvalued: int = 0


class Pnl(Document):
    """What one account's closed trades made on one UTC day, or in all; the id is "<account>|<day>" or "<account>|all".

    Each dimension sums to `total`.
    """

    collection: ClassVar[str] = "pnl"
    owner: ClassVar[str] = "reconciliation"

    account_id: Ident
    portfolio_id: Ident
    currency: str
    mode: str  # "paper", "sandbox" or "live"
    day: str
    total: Made = Made()
    strategy: dict[str, Made] = Field(default_factory=dict)
    sender: dict[str, Made] = Field(default_factory=dict)
    tag: dict[str, Made] = Field(default_factory=dict)


class Sketch(Model):
    """A histogram whose buckets are wide in proportion to what they hold: quantiles to 5 %, in bounded space.

    `above` and `below` count values by bucket, "<n>" standing for sizes in (1.1^(n-1), 1.1^n]; `zeros` are those
    smaller than any bucket.
    """

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0
    zeros: int = 0
    above: dict[str, int] = Field(default_factory=dict)
    below: dict[str, int] = Field(default_factory=dict)


class Quality(Model):
    """How the ended orders of one strategy at one venue were carried out."""

    orders: int = 0
    filled: int = 0  # wholly or in part
    cost_bps: Sketch = Sketch()  # average fill against the mid at the decision; above zero is cost
    fee_bps: Sketch = Sketch()  # of what was traded
    decided_ms: Sketch = Sketch()  # from the signal's receipt to the request
    sent_ms: Sketch = Sketch()  # from the request to the venue
    filled_ms: Sketch = Sketch()  # from the venue to the first fill
    rejects: dict[str, int] = Field(default_factory=dict)  # by reason


class QualityBook(Document):
    """Of one account, by strategy; the id is the account."""

    collection: ClassVar[str] = "quality_books"
    owner: ClassVar[str] = "reconciliation"

    venue: Ident
    strategies: dict[str, Quality] = Field(default_factory=dict)


class OrderQuality(Document):
    """How one order was carried out; the id is the intent. Money is in the instrument's quote currency."""

    collection: ClassVar[str] = "order_quality"
    owner: ClassVar[str] = "reconciliation"

    account_id: Ident
    venue: Ident
    instrument_id: Ident
    strategy_id: Ident
    sender_id: Ident
    side: str
    purpose: str
    arrival_price: NonNegative
    quantity: NonNegative = Decimal(0)  # filled
    paid: NonNegative = Decimal(0)  # the sum of price times quantity
    fees: Number = Decimal(0)
    signal_ms: UtcMs = 0
    requested_ms: UtcMs = 0
    submitted_ms: UtcMs = 0
    first_fill_ms: UtcMs = 0
    attempts: int = 1
    state: str = ""
    reason: str = ""
    lots: int = 0  # of the fills that were told so far
    told_lots: int = 0  # that the reports say are filled: one of the end may overtake one with fills
    ended: bool = False
    counted: bool = False  # in the sums of its strategy
    ts_event_ms: UtcMs = 0
    cost_bps: Number | None = None  # above zero is cost; None: nothing was filled
    fee_bps: Number | None = None
