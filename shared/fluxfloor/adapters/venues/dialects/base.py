"""What a dialect is: everything about one venue's API that ccxt does not unify, and that an order's safety hangs on.

ccxt signs, sends and names markets and currencies. What is sent is made here, out of strings, and what comes back is
read here, into exact decimals: nothing on the way is ever a float or rounded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Protocol

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

ZERO = Decimal(0)
SLACK_MS = 60_000  # look-ups begin so much before the placement: the two clocks differ
MAX_PAGES = 400
MOST_NAMED = 200  # of the newest orders that fills belong to, how many are asked for the id we gave them

UNREADABLE = (ArithmeticError, AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What reading an answer may end in that is not what it should be."""

Json = dict[str, Any]
Market = Mapping[str, Any]
"""A market of ccxt's: `id`, `symbol`, `base`, `quote`, `info`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as ccxt's `request` takes it. `options` are ccxt options for the time of this call, `headers` go out
    beside those of the signature, `signed_ms` is the time it is signed with (0: when it is sent), `cost` is what it
    takes of the budget, `order_call` that it is one of those that the venue counts apart (placing and cancelling)."""

    path: str
    api: tuple[str, ...]
    method: str = "GET"
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    signed_ms: int = 0
    cost: int = 1
    order_call: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP, whatever ccxt makes of it. `body` is None where it was no JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class No:
    """What a venue's error means: surely not taken, for this reason. `retryable`: nothing was wrong with the order."""

    code: str
    retryable: bool = False


DUPLICATE = No("duplicate_client_order_id")
EXPIRED = No("expired", True)
CLOCK = No("clock", True)
NONCE = No("nonce", True)
THROTTLED = No("throttled", True)
MAINTENANCE = No("maintenance", True)
FUNDS = No("insufficient_funds")
MIN_QUANTITY = No("min_quantity")
MIN_NOTIONAL = No("min_notional")
LOT = No("lot_size")
TICK = No("tick_size")
PRICE = No("price")
POST_ONLY = No("post_only")
REDUCE_ONLY = No("reduce_only")
TOO_MANY = No("too_many_orders")
PERMISSION = No("permission")
MARKET = No("market")
INVALID = No("invalid")
REJECTED = No("rejected")
UNKNOWN_ORDER = No("unknown_order")


@dataclass(frozen=True, slots=True)
class Stamp:
    """Times on the venue's clock: now, and when the placement must not be acted on any more."""

    now_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Margin:
    used: Decimal
    free: Decimal


class Names(Protocol):
    """The venue's names of markets and currencies, as its metadata tells them. Raises Misconfigured for a market that
    it does not list."""

    def market(self, symbol: str) -> Market: ...
    def symbol(self, market_id: str) -> str:
        """As the instrument spells it."""
        ...

    def market_between(self, base: str, quote: str) -> Market | None: ...
    def currency(self, currency_id: str) -> str: ...
    def currency_id(self, currency: str) -> str: ...
    def has_api(self, name: str) -> bool:
        """Is there an address for this part of the API here? A sandbox may lack some."""
        ...


History = tuple[list[VenueFill], list[VenueTransfer]]
Ask = Callable[[Call], Any]
"""Asks, tries again, and returns the body; None where the venue says that there is no such thing."""


class Dialect(ABC):
    """One venue's. Every method is pure but for what it asks through `ask`."""

    exchange_id: ClassVar[str]
    options: ClassVar[Json] = {}  # ccxt's, so that metadata is of spot markets only
    reads_currencies: ClassVar[bool] = False  # does it take a list of currencies to understand their names?
    least_ms: ClassVar[int] = 0  # a placement with less time left than this is not sent
    look_cost: ClassVar[int] = 4  # what it takes of the budget to find that an order is not there
    most_ms: ClassVar[int] = 55_000  # and none is sent with more: the venue would refuse it
    clock_step_ms: ClassVar[int] = 1  # what the venue's clock is told in

    def __init__(self, names: Names) -> None:
        self.names = names

    # --- writing ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def placement(self, placement: Placement, stamp: Stamp) -> Call:
        """Raises VenueRefused for what the venue has no words for."""

    @abstractmethod
    def placed(self, placement: Placement, body: Any) -> VenueOrder: ...

    @abstractmethod
    def cancel(self, order: VenueOrder, symbol: str) -> Call: ...

    @abstractmethod
    def refusal(self, answer: Answer) -> No | None:
        """What the venue's own words say, where they say for certain that nothing was done. None: they do not."""

    def missing(self, answer: Answer) -> bool:
        """Does it say that what was asked for does not exist?"""
        return False

    # --- reading ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def find(self, ask: Ask, client_order_id: str, symbol: str, since_ms: int) -> VenueOrder | None:
        """Open orders, closed orders and own trades are looked through before it is None."""

    @abstractmethod
    def balances(self, ask: Ask) -> dict[str, Decimal]: ...

    @abstractmethod
    def history(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> History:
        """Every fill and transfer between the two times, both included, on the venue's clock. `symbols` matter only
        where the venue tells trades by market."""

    @abstractmethod
    def open_orders(self, ask: Ask) -> list[VenueOrder]: ...

    def margin(self, ask: Ask, currency: str) -> Margin | None:
        return None

    @abstractmethod
    def quote(self, symbol: str) -> Call: ...

    @abstractmethod
    def touch(self, body: Any) -> tuple[Decimal | None, ...]:
        """Bid, ask, the sizes there."""

    @abstractmethod
    def time(self) -> Call: ...

    @abstractmethod
    def time_of(self, body: Any) -> int:
        """The venue's clock, in ms."""


# --- words that all dialects share ---------------------------------------------------------------------------------


def refused(no: No, told: str) -> VenueRefused:
    return VenueRefused(told, code=no.code, retryable=no.retryable)


def decimal(value: Any) -> Decimal:
    """Exact. Raises ValueError for what is no number."""
    try:
        found = Decimal(str(value))
    except InvalidOperation as problem:
        raise ValueError(f"{value!r} is no number") from problem
    if not found.is_finite():
        raise ValueError(f"{value!r} is no number")
    return found


def amount(value: Any) -> Decimal:
    """Like decimal, and nothing at all counts as zero."""
    return ZERO if value in (None, "") else decimal(value)


def ms_of_seconds(value: Any) -> int:
    return int(EXACT.multiply(decimal(value), Decimal(1000)))


def ms_of_iso(value: str) -> int:
    return int(datetime.fromisoformat(value).timestamp() * 1000)


def iso_of_ms(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def text(value: Decimal) -> str:
    """As it goes over the wire: no exponent, no zeros at the end, nothing rounded."""
    return canonical(value)


def sound(order: VenueOrder) -> VenueOrder:
    """The order, if it is told in the types that it should be. Raises ValueError else: nothing of it can be trusted."""
    texts = (order.client_order_id, order.venue_order_id, order.reason, order.symbol)
    if not all(isinstance(text, str) for text in texts) or not order.venue_order_id:
        raise ValueError("an order without an id, or with one that is no text")
    if order.filled is not None and not (order.filled.is_finite() and order.filled >= 0):
        raise ValueError(f"{order.filled} can't have been filled")
    return order


def listed(body: Any) -> list[Json]:
    """A listing that is one. Raises ValueError else: what is no list must not be taken for an empty one."""
    if not isinstance(body, list):
        raise ValueError("not the list that it should be")
    return body


def side_of(value: Any) -> Side:
    return Side(str(value).upper())


def bare(client_order_id: Any) -> str:
    """A client id as it is compared: venues put dashes into what is a UUID, and change its case."""
    return str(client_order_id or "").replace("-", "").lower()


def as_uuid(client_order_id: str) -> str:
    """32 hex digits as 8-4-4-4-12; anything else is left as it is."""
    raw = client_order_id
    if len(raw) != 32:
        return raw
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"


def distinct(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    """Each trade once, oldest first."""
    once = {fill.trade_id: fill for fill in fills}
    return tuple(sorted(once.values(), key=lambda fill: (fill.ts_event_ms, fill.trade_id)))


def filled_by(fills: Iterable[Fill]) -> Decimal:
    total = ZERO
    for fill in fills:
        total = EXACT.add(total, fill.quantity)
    return total


def moved(moves: dict[str, Decimal], currency: str, change: Decimal) -> None:
    if change:
        moves[currency] = EXACT.add(moves.get(currency, ZERO), change)


def moves_of(fill: Fill, side: Side, market: Market, cost: Decimal | None = None) -> dict[str, Decimal]:
    """Currency → what the trade did to it, its fee included, whatever currency that is in."""
    spent = EXACT.multiply(fill.price, fill.quantity) if cost is None else cost
    moves: dict[str, Decimal] = {}
    moved(moves, str(market["base"]), EXACT.multiply(Decimal(side.sign), fill.quantity))
    moved(moves, str(market["quote"]), EXACT.multiply(Decimal(-side.sign), spent))
    moved(moves, fill.fee_currency, -fill.fee)
    return moves


def working(filled: Decimal) -> OrderState:
    return OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
