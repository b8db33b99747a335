"""What a format reads out of a body, before instruments, times and ids are settled."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from fluxfloor.contracts.instruments import Kind
from fluxfloor.contracts.signals import Action, Direction, OrderType, Size, SizeKind
from fluxfloor.contracts.state import Sender
from fluxfloor.signals.working import AS_IT_IS, Work

Note = str | int | bool | None
EVERYTHING = Size(kind=SizeKind.FRACTION, value=Decimal(1))
"""An EXIT of all that is held."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a format may know besides the body."""

    sender: Sender
    now_ms: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """The instrument as the sender names it. `exchange` is where it was charted, `venue` where it must be traded."""

    symbol: str
    exchange: str = ""
    venue: str = ""
    quote: str = ""
    kind: Kind | None = None
    expiry: str = ""  # of a future, YYYYMMDD
    path: str = "symbol"


@dataclass(frozen=True, slots=True)
class Terms:
    """How an order is to be placed and protected."""

    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reference_price: Decimal | None = None  # the price the sender saw
    work: Work = AS_IT_IS


@dataclass(frozen=True, slots=True)
class LegDraft:
    wanted: Wanted
    direction: Direction
    size: Size | None = None
    terms: Terms = Terms()


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a webhook the same webhook: the sender's own id, or else what an order of a strategy is known by."""

    id: str = ""
    strategy: str = ""
    order_id: str = ""
    action: str = ""
    symbol: str = ""
    quantity: str = ""
    position: str = ""
    sent_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One signal. `only_if_shortable` drops it where the instrument cannot be held short."""

    action: Action
    legs: tuple[LegDraft, ...]
    identity: Identity
    path: str = ""
    strategy: str = ""
    sent_ms: int | None = None
    sent_path: str = "timestamp"
    expires_ms: int | None = None
    max_lag_s: int | None = None
    expected_alpha: Decimal | None = None
    adds: bool = False
    only_if_shortable: bool = False
    tag: str = ""
    notes: dict[str, Note] = field(default_factory=dict)
