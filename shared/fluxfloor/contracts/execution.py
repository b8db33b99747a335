"""What execution keeps: every intent's order, what strategies hold by their fills, and who may send on a key."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Model, Number, UtcMs
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderState
from fluxfloor.contracts.signals import OrderType


class Terms(Model):
    """What one placement of an intent is: a slice of it, a new price, or all that is left as the intent says."""

    lots: int = Field(gt=0)
    order_type: OrderType
    limit_ticks: int | None = None
    trigger_ticks: int | None = None
    until_ms: UtcMs = 0  # it is taken back then; 0: it may rest


class PastAttempt(Model):
    """A placement that has ended. The venue is asked about it once more: a fill may come to light late."""

    client_order_id: str
    ended_ms: UtcMs


class Amended(Model):
    """Terms that a person has put in the place of the intent's own. Lots in all, never more than the intent's."""

    lots: int | None = None
    limit_ticks: int | None = None
    trigger_ticks: int | None = None


class Order(Document):
    """One intent's life, placement after placement; the id is the intent."""

    collection: ClassVar[str] = "orders"
    owner: ClassVar[str] = "execution"

    intent: OrderIntent
    state: OrderState
    attempt: int = 1
    client_order_id: str
    venue_order_id: str | None = None
    accepted_ms: UtcMs = 0
    due_ms: UtcMs = 0  # while requested: not sent before
    terms: Terms | None = None  # of the present placement, once it is on its way
    submitted_ms: UtcMs = 0
    expires_at_venue_ms: UtcMs = 0
    looked_up: int = 0  # negative look-ups since the placement
    looks_ms: UtcMs = 0  # when its next timed look is due, so that no second one is set beside it
    burning: bool = False  # the placement before was never proved absent: this one, of the same id, uses the id up
    cancelling: str = ""  # why the present placement is being taken back; empty: it is not
    chases: int = 0
    tries: int = 0  # placements in a row that ended without a fill, of what must not stop trying
    amended: Amended | None = None
    released: bool = False  # a prepared intent: what it waited for has come
    past: tuple[PastAttempt, ...] = ()  # those still to be asked about
    names: tuple[str, ...] = ()  # client ids and venue ids of all its placements: by these its fills are told to be its
    filled_lots: int = 0
    filled_cost: Number = Decimal(0)
    fills: dict[str, Fill] = Field(default_factory=dict)  # by venue trade id
    reason: str = ""
    updated_ms: UtcMs = 0
    open: bool = True  # what the sweep looks for

    @property
    def wanted_lots(self) -> int:
        return self.intent.lots if self.amended is None or self.amended.lots is None else self.amended.lots

    @property
    def left(self) -> int:
        """Lots still to be filled."""
        return max(0, self.wanted_lots - self.filled_lots)


class Slot(Document):
    """What one strategy holds of one instrument on one account, by the fills of its orders, and the order at the venue
    that protects it; the id is "<account>|<strategy>|<instrument>"."""

    collection: ClassVar[str] = "slots"
    owner: ClassVar[str] = "execution"

    lots: int = 0  # signed
    entry: OrderIntent | None = None  # the one that filled last: whose stop counts
    stop_ticks: int | None = None
    best_ticks: int | None = None  # where a stop trails that the venue does not move: the best price since the entry
    guard: str = ""  # the intent of the protective order that is not at its end
    guard_lots: int = 0
    guard_ticks: int | None = None
    guards: int = 0  # how many there were
    leaving: dict[str, int] = Field(default_factory=dict)  # exits not at their end: the most each may still take
    changed_ms: UtcMs = 0
    bare_ms: UtcMs = 0  # since when nothing protects what it holds; 0: it holds nothing, or its protective order stands
    again_ms: UtcMs = 0  # no other protective order before, because the venue has turned one away
    watch_ms: UtcMs = 0  # when the floor looks at the market for it next, where it keeps the stop itself
    alarmed: bool = False  # somebody was told that it is unprotected
    open: bool = False  # what the sweep looks for


class Lease(Document):
    """The right to send on one key; the id is the key. `generation` rises with every new holder."""

    collection: ClassVar[str] = "leases"
    owner: ClassVar[str] = "execution"

    holder: str
    generation: int
    expires_ms: UtcMs
