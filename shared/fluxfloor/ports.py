"""The roles that the outside world plays for the floor. Adapters fill them; everything else sees only these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Candle, Instrument, Quote
from fluxfloor.contracts.journal import Timer
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.contracts.venues import Capabilities

Data = dict[str, Any]
"""Plain JSON values: what a document is in the store."""


class Clock(Protocol):
    def now_ms(self) -> int:
        """UTC, milliseconds."""
        ...


# --- store -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a document is. `database` is "edge" or "mode"; the adapter knows what "mode" stands for."""

    collection: str
    id: str
    database: str = "mode"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document as it was read. `data` is None where there is none; `token` then is None too."""

    ref: Ref
    data: Data | None
    token: Any = None


@dataclass(slots=True)
class Commit:
    """All or nothing, in one database. Every part carries its precondition.

    creates   must not exist yet           updates   must be as read (token)
    verifies  must be as read, unchanged   absents   must not exist, and still does not
    deletes   must be as read
    """

    creates: dict[Ref, Data] = field(default_factory=dict)
    updates: dict[Ref, tuple[Data, Any]] = field(default_factory=dict)
    verifies: dict[Ref, Snapshot] = field(default_factory=dict)
    absents: set[Ref] = field(default_factory=set)
    deletes: dict[Ref, Any] = field(default_factory=dict)

    def refs(self) -> Iterable[Ref]:
        yield from self.creates
        yield from self.updates
        yield from self.verifies
        yield from self.absents
        yield from self.deletes


Operator = Literal["==", "<", "<=", ">", ">=", "array_contains"]


@dataclass(frozen=True, slots=True)
class Query:
    """For sweeps and read models, never for a decision. Every shape is declared in `topology.QUERIES`."""

    collection: str
    where: tuple[tuple[str, Operator, Any], ...] = ()
    order_by: str = ""
    descending: bool = False
    limit: int = 100
    database: str = "mode"


class Store(Protocol):
    """Documents with optimistic concurrency. Reads are consistent per document; commits are atomic."""

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        """All of them in one round, in the order asked."""
        ...

    def commit(self, commit: Commit) -> None:
        """Raises Conflict when any precondition fails (a claim that exists too: re-read it to tell), Misconfigured when
        it spans databases, CommitUnknown when no answer came and it may have applied."""
        ...

    def patch(self, ref: Ref, fields: Data) -> None:
        """Sets top-level fields of an existing document, whatever else it holds. Only for idempotent marks."""
        ...

    def query(self, query: Query) -> list[Snapshot]: ...


# --- bus and timers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it reached a stage, not yet decoded. `attempt` is 0 where the bus does not say."""

    subscription: str
    data: bytes
    attributes: dict[str, str]
    message_id: str = ""
    attempt: int = 0


class Bus(Protocol):
    def publish(self, facts: Sequence[Fact]) -> None:
        """All of them, in one round over all topics; returns when every one is durable. Raises RetryLater if one
        may not be (some may then be sent twice: subscribers dedupe)."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that its bus has given up. `delivery` says which subscription of `stage` it was for and how often it
    was tried (0: not known); `stays` why it can't be put back, or was not."""

    stage: str
    delivery: Delivery
    ordering_key: str
    published_ms: int
    stays: str = ""


class DeadLetters(Protocol):
    """Of each of the stages the first `most`, in the order of their publication."""

    def dead(self, stages: Sequence[str], most: int) -> list[DeadLetter]:
        """Looks, and leaves all as it is."""
        ...

    def put_back(self, stages: Sequence[str], most: int) -> list[DeadLetter]:
        """Has them delivered again, from their first attempt on, in the order of publication per key. Gives all that
        it saw; one is gone from the dead letters only where nothing says that it stays."""
        ...


class Timers(Protocol):
    def set(self, timers: Sequence[Timer]) -> None:
        """Delivers `timers.fired` to each timer's stage at its time, at least once. An id set before stays as is."""
        ...


# --- blobs and secrets -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blob:
    name: str
    data: bytes
    generation: int  # changes with every write; 0 means "does not exist" as a precondition


class Blobs(Protocol):
    def put(self, name: str, data: bytes, content_type: str, if_generation: int | None = None) -> int:
        """Writes the whole blob and returns its generation. With if_generation, Conflict unless it is still that."""
        ...

    def get(self, name: str) -> Blob | None: ...

    def list(self, prefix: str) -> list[str]:
        """Names, sorted."""
        ...

    def delete(self, name: str) -> None:
        """Nothing happens where there is none."""
        ...

    def link(self, name: str, expires_s: int) -> str:
        """A signed address that reads this blob until it expires."""
        ...


class Secrets(Protocol):
    def get(self, name: str) -> str:
        """The newest enabled version. Raises Misconfigured, naming the secret but never a value, if there is none."""
        ...


# --- venue and market data ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placement:
    """What is sent: exact venue decimals, made from ticks and lots once."""

    client_order_id: str
    instrument: Instrument
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None
    expires_ms: int  # the venue must not act on it after this time
    reduce_only: bool
    trail: Decimal | None = None  # TRAILING_STOP: distance from the best price, in the quote currency
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue shows it, with all its fills so far.

    `filled` is what the venue says was executed, where it says so: fills may be shown later than that. An order is at
    its end only once its fills add up to it.
    """

    client_order_id: str
    venue_order_id: str
    state: OrderState
    fills: tuple[Fill, ...] = ()
    reason: str = ""
    check_after_ms: int = 0  # when there may be news; 0: whenever execution's own rhythm says
    filled: Decimal | None = None
    symbol: str = ""  # of a listing: as the instrument spells it
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class VenueFill:
    """A fill among an account's trades, with what it did to the account's balances (currency → change)."""

    fill: Fill
    client_order_id: str  # empty where the venue does not say, or somebody traded there by hand
    moves: dict[str, Decimal]
    symbol: str = ""  # as the instrument spells it; empty where the venue's adapter can't tell
    side: Side | None = None
    venue_order_id: str = ""


@dataclass(frozen=True, slots=True)
class VenueTransfer:
    """Money that came or went without a trade. `amount` is what it did to the balance: signed, fee included."""

    transfer_id: str  # the venue's; unique per account
    kind: Literal["deposit", "withdrawal", "transfer", "reward", "interest", "fee", "adjustment"]
    currency: str
    amount: Decimal
    fee: Decimal
    ts_event_ms: int
    reference: str = ""  # an address, a chain's transaction, the other wallet


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """Balances as the venue shows them (bound or free, all of it), every fill and transfer since a time, and what is
    open. `fills` and `transfers` are complete from `since_ms` on, and of the same moment as the balances."""

    balances: dict[str, Decimal]
    fills: tuple[VenueFill, ...] = ()
    transfers: tuple[VenueTransfer, ...] = ()
    orders: tuple[VenueOrder, ...] | None = None  # open ones; None: not asked
    margin_used: Decimal | None = None  # in the account's currency, where the venue has margin
    margin_free: Decimal | None = None


class Venue(Protocol):
    """One account at one venue. Raises VenueRefused (it said no), Throttled (it, or our own budget, asks for patience),
    RetryLater (a read that failed after its retries) or OutcomeUnknown (no answer to something that may have acted)."""

    capabilities: Capabilities

    def place(self, placement: Placement) -> VenueOrder:
        """Sends once and never retries by itself. VenueRefused only where the venue is known not to have taken it; its
        `retryable` says that the same may be sent again (a nonce, a throttle), `code` why. Anything else that goes
        wrong once the first byte was sent is OutcomeUnknown."""
        ...

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        """The order of that id, among open and closed orders and own trades; None: not seen in any of them."""
        ...

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        """Asks for it; what became of it is for find() to tell."""
        ...

    def books(self, since_ms: int) -> VenueBooks: ...

    def quote(self, instrument: Instrument) -> Quote | None:
        """The market now, for an order that is at work; None where the venue quotes nothing."""
        ...

    def clock_offset_ms(self) -> int:
        """The venue's clock minus ours, as last measured."""
        ...


class MarketData(Protocol):
    """Public data of one venue."""

    def instruments(self) -> list[Instrument]: ...

    def candles(self, instrument: Instrument, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
        """Closed bars whose open time lies in [since_ms, until_ms), oldest first, as the venue gave them."""
        ...

    def quote(self, instrument: Instrument) -> Quote | None: ...


# --- people ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One notice in one channel's own markup, within its limits."""

    message_id: str  # the same on every try, for channels that can tell a repeat
    severity: str
    subject: str
    body: str
    ts_event_ms: int
    thread: str = ""  # the same for all messages about one matter
    link: str = ""  # where a person sees it and acts


class Messenger(Protocol):
    """One channel to people, with its address and secret. No error it raises carries either."""

    def send(self, message: Message) -> None:
        """Returns once the channel has taken it. Raises Throttled or RetryLater where a later try may work,
        Misconfigured where a person has to mend something first, Poison where this message will never be taken."""
        ...
