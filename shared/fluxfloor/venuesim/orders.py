"""Orders, fills and ledger entries as the simulated venue keeps them. Nothing here is ever deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce

ZERO = Decimal(0)


class Kind(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"

    @property
    def limited(self) -> bool:
        return self in _LIMITED

    @property
    def waits(self) -> bool:
        """Does nothing until the price has reached its trigger."""
        return self not in (Kind.MARKET, Kind.LIMIT)

    @property
    def trails(self) -> bool:
        return self in (Kind.TRAILING_STOP, Kind.TRAILING_STOP_LIMIT)

    @property
    def profits(self) -> bool:
        return self in (Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT)


_LIMITED = frozenset({Kind.LIMIT, Kind.STOP_LIMIT, Kind.TAKE_PROFIT_LIMIT, Kind.TRAILING_STOP_LIMIT})


class Status(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # its time was over, or what was left of it could not trade at once


@dataclass(frozen=True, slots=True)
class Terms:
    """What somebody asks for. Exactly one of `quantity` (base) and `spend` (quote, market orders only) is set.

    A trailing stop has `trail` (in the quote currency) or `trail_share` (a fraction of the best price); with a
    `trigger` it begins to follow once the price is there. Its `limit` is a distance from the stop, signed.
    """

    symbol: str
    side: Side
    kind: Kind = Kind.MARKET
    quantity: Decimal = ZERO
    spend: Decimal = ZERO
    limit: Decimal | None = None
    trigger: Decimal | None = None
    trail: Decimal | None = None
    trail_share: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    client_id: str = ""
    user_ref: str = ""
    deadline_ms: int = 0  # the venue must not take it after this; 0: it has none
    expires_ms: int = 0  # a resting order ends then; 0: it does not
    fee_in: str = ""  # "quote", "base"; empty: as the venue's rules say
    by_hand: bool = False  # a person clicked it at the venue


@dataclass(slots=True)
class Fill:
    number: int
    order: int
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    cost: Decimal  # in the quote currency, as it was booked
    fee: Decimal
    fee_currency: str
    maker: bool
    ts_ms: int
    moves: dict[str, Decimal]  # currency → what it did to the balance, fee included
    visible_ms: int = 0  # listings leave it out before
    shown: int = 1  # how many times listings repeat it


@dataclass(slots=True)
class Order:
    number: int
    account: str
    terms: Terms
    created_ms: int
    quantity: Decimal
    status: Status = Status.OPEN
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    reason: str = ""
    ended_ms: int = 0
    triggered_ms: int = 0
    stop: Decimal | None = None  # the price that sets it off now; a trailing stop's moves
    best: Decimal | None = None  # what a trailing stop follows; None: it waits for its trigger
    rises: bool = True  # and whether the price has to rise to get there
    limit: Decimal | None = None
    held_currency: str = ""
    held: Decimal = ZERO  # of the balance, bound for what is left of it
    held_at_first: Decimal = ZERO
    visible_ms: int = 0  # look-ups do not find it before

    @property
    def open(self) -> bool:
        return self.status is Status.OPEN

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def working(self) -> bool:
        """In the market: not waiting for a trigger."""
        return not self.terms.kind.waits or self.triggered_ms > 0

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account's ledger: the balance rose by `amount` − `fee` and was `balance` then."""

    number: int
    ts_ms: int
    kind: str  # "trade", "deposit", "withdrawal", "transfer", "reward", "adjustment"
    currency: str
    amount: Decimal
    fee: Decimal
    balance: Decimal
    fill: int = 0  # the fill's number, of a trade
    transfer: int = 0
    reference: str = ""
