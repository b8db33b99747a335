"""The documents that stages keep. Each has one owner; the runtime refuses a write by anyone else."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Number, UtcMs
from fluxfloor.contracts.books import Stray
from fluxfloor.contracts.days import TradingDay
from fluxfloor.contracts.events import SignalScored, TradeClosed
from fluxfloor.contracts.orders import Purpose, Side

# --- ingestion ---------------------------------------------------------------------------------------------------


class Sender(Document):
    """Who may send signals, and how they are read; the id stands in the webhook's path."""

    collection: ClassVar[str] = "senders"
    owner: ClassVar[str] = "api"
    database: ClassVar[str] = "edge"

    portfolio_id: Ident
    secret_name: str  # in the secret store; the secret itself is never in a document
    formats: tuple[str, ...] = ()  # empty: any format that recognises the body
    hmac_header: str = ""  # when set, this header must carry the body's HMAC-SHA256 under the secret, hex
    allowed_ips: tuple[str, ...] = ()  # addresses or networks; empty: any
    default_venue: Ident = "kraken"
    default_strategy: Ident = "alerts"
    default_expected_alpha: Number | None = None
    max_lag_s: int = Field(default=300, gt=0, le=86_400)
    rate_per_minute: int = Field(default=60, gt=0, le=6_000)
    enabled: bool = True


# --- market ------------------------------------------------------------------------------------------------------


class CandleWindow(Document):
    """The last closed bars of one instrument and timeframe; the id is "<instrument>|<timeframe>".

    `bars` is base64 of little-endian float64, shape (n, 6): open_ms, open, high, low, close, volume, oldest first.
    """

    collection: ClassVar[str] = "candle_windows"
    owner: ClassVar[str] = "market"

    bars: str = ""
    count: int = 0
    last_open_ms: int = 0
    judged_open_ms: int = 0  # the newest bar the quality gate has seen, passed or not: what was told is told once


class MarketCursor(Document):
    """How far one instrument and timeframe has been archived; the id is the window's."""

    collection: ClassVar[str] = "market_cursors"
    owner: ClassVar[str] = "market"

    archived_open_ms: int = 0


# --- features ----------------------------------------------------------------------------------------------------


class Pending(Model):
    """A signal that is not at its end: still with Cerebro, or an order on its way."""

    exit: bool
    since_ms: UtcMs
    intents: tuple[Ident, ...] = ()  # its orders that are not at their end, once it is decided
    prepared_ms: UtcMs = 0  # the close of the bar that it was prepared for, before that close


class SeenOrder(Model):
    """What of one order is already in a holding, so that a repeated or late report adds only what is new."""

    trade_ids: tuple[str, ...] = ()
    ended: bool = False


class ModeRecord(Model):
    """What the closed trades that went in with one mode (tag) made, and the weight that left it."""

    trades: int = 0
    edges: tuple[Number, ...] = ()  # return fractions of the last ones, the newest last
    weight: Number = Decimal(1)


class Holding(Model):
    """What one strategy holds of one instrument, as the facts say. Lots are signed, money is in the quote currency."""

    lots: int = 0
    average_price: NonNegative = Decimal(0)
    fees: Number = Decimal(0)  # paid for what is open
    entry_ms: UtcMs = 0
    stop_price: NonNegative | None = None
    take_profit: NonNegative | None = None
    trail: NonNegative | None = None  # how far its stop follows behind the best price
    best_price: NonNegative | None = None  # the close most in its favour since the entry, what a trailing stop hangs on
    tag: str = ""
    pending: dict[str, Pending] = Field(default_factory=dict)  # by signal; until empty, a strategy wishes nothing new
    orders: dict[str, SeenOrder] = Field(default_factory=dict)  # by intent: those not ended, and the last that have
    closed_cost: Number = Decimal(0)  # entry notional of what this round trip has closed so far
    closed_profit: Number = Decimal(0)  # and what it made, net of fees
    trades: int = 0  # round trips that came back to flat
    edge_sum: Number = Decimal(0)  # the sum of their return fractions
    modes: dict[str, ModeRecord] = Field(default_factory=dict)  # by tag
    judged_month: int = 0  # months since year 0: when the modes were last weighed

    @property
    def leaving(self) -> bool:
        """Is an exit on its way?"""
        return any(item.exit for item in self.pending.values())


class Stances(Document):
    """What each strategy holds of one instrument; the id is the instrument."""

    collection: ClassVar[str] = "stances"
    owner: ClassVar[str] = "features"

    holdings: dict[str, Holding] = Field(default_factory=dict)  # "<portfolio>|<strategy>"
    last_close_ms: UtcMs = 0


class FeatureRow(Document):
    """The features of the last closed bar; the id is the instrument."""

    collection: ClassVar[str] = "features"
    owner: ClassVar[str] = "features"

    close_ms: UtcMs
    features_version: str
    values: dict[str, float]


class RegimeModel(Document):
    """The hidden Markov model of one instrument's trend, from the bars before `epoch_ms`; the id is the window's.

    States go from the steepest fall to the steepest rise; the matrix lies row after row. It follows from the bars and
    from what was asked for, so that one that is lost, or of another asking, is fitted again to the same.
    """

    collection: ClassVar[str] = "regime_models"
    owner: ClassVar[str] = "features"

    asked: str  # the model's definition and its settings
    epoch_ms: UtcMs
    last_open_ms: UtcMs  # of the last bar it was fitted on
    fitted_bars: int
    fitted_on: str  # digest of what it was fitted on
    start: tuple[float, ...]
    transition: tuple[float, ...]
    mean: tuple[float, ...]  # in deviations of a walk without a trend
    variance: tuple[float, ...]
    log_likelihood: float
    converged: bool


class AssetCorrelation(Document):
    """How much the market's instruments move as one; the id is the exchange. Hour by hour, the newest last."""

    collection: ClassVar[str] = "asset_correlations"
    owner: ClassVar[str] = "features"

    as_of_ms: tuple[UtcMs, ...] = ()
    means: tuple[float, ...] = ()


# --- cerebro -----------------------------------------------------------------------------------------------------


class Reservation(Model):
    """Room in the book that an order on its way may still use."""

    instrument_id: Ident
    strategy_id: Ident
    purpose: Purpose
    side: Side
    lots: int  # still to be filled
    worst_price: NonNegative
    notional: Number
    ts_event_ms: UtcMs
    exit_signal: str = ""  # of an entry: the signal that wants whatever it fills taken out again at once
    limit_price: NonNegative | None = None  # where it rests in the venue's book, as far as it has not filled
    stopped: bool = False  # of an exit: the position's stop was reached
    account_id: str = ""  # empty: the book's own
    release_by_ms: UtcMs = 0  # prepared, and dropped by then unless it is let go


class BookPosition(Model):
    """What one strategy holds of one instrument, in Cerebro's book."""

    instrument_id: Ident
    strategy_id: Ident
    lots: int
    average_price: NonNegative
    mark_price: NonNegative
    stop_price: NonNegative | None = None
    accounts: dict[Ident, int] = Field(default_factory=dict)  # where the lots lie, if not all in the book's own account


class AccountFunds(Model):
    """What one account has, as it was last told."""

    cash: Number
    equity: Number
    deposits: Number
    day_start_equity: Number
    margin_free: Number | None = None  # what its venue would still lend against; None: it has no margin
    account_version: int
    marked_ms: UtcMs


class RiskBook(Document):
    """One portfolio's risk as Cerebro decides on it; the id is the portfolio. Money is the sum of its accounts'."""

    collection: ClassVar[str] = "risk_books"
    owner: ClassVar[str] = "cerebro"

    account_id: Ident  # its own: the first that was heard of; what does not name its account is there
    currency: str
    cash: Number = Decimal(0)
    equity: Number = Decimal(0)
    deposits: Number = Decimal(0)
    day: str = ""  # the date by its trading day
    trading_day: TradingDay = TradingDay.UTC
    day_start_equity: Number = Decimal(0)
    high_water: Number = Decimal(0)
    account_version: int = 0  # of several accounts the sum
    marked_ms: UtcMs = 0  # of the last update, of several accounts the oldest with a position; 0: not known
    margin_called: bool = False  # as of that update: somebody was told
    positions: dict[str, BookPosition] = Field(default_factory=dict)  # "<strategy>|<instrument>"
    reservations: dict[str, Reservation] = Field(default_factory=dict)  # by intent
    accounts: dict[Ident, AccountFunds] = Field(default_factory=dict)  # all that were heard of
    # "<strategy>|<instrument>|<side>": the time of an exit that found nothing; what was wanted before it is no more
    called_off_ms: dict[str, UtcMs] = Field(default_factory=dict)


class Waiting(Model):
    """An entry that waits, with what its fact was: its decision is told as that fact's own consequence."""

    event_id: str
    root: str
    parent: str
    traceparent: str
    ts_event_ms: UtcMs
    scored: SignalScored


class EntryWindow(Document):
    """Entries of one portfolio that wait to be decided together; the id is the portfolio. None while nothing waits."""

    collection: ClassVar[str] = "entry_windows"
    owner: ClassVar[str] = "cerebro"

    closes_ms: UtcMs
    waiting: tuple[Waiting, ...]


# --- reconciliation ----------------------------------------------------------------------------------------------


class Lot(Model):
    """An open piece of a position, first in, first out."""

    lots: int
    price: NonNegative
    fees: Number
    ts_event_ms: UtcMs
    strategy_id: str
    sender_id: str
    signal_id: str
    tag: str = ""


class AccountPosition(Model):
    lots: int = 0
    open_lots: tuple[Lot, ...] = ()
    realised: Number = Decimal(0)
    mark_price: NonNegative = Decimal(0)
    mark_ms: UtcMs = 0  # what time the mark is of
    cost: Number = Decimal(0)  # signed cash paid for what is open, fees left out


class Rate(Model):
    """What one unit of a currency is worth in the account's, as of the older of the quotes that say so."""

    rate: NonNegative
    at_ms: UtcMs
    via: tuple[str, ...] = ()  # the instruments whose quotes or fills it was taken from


class Account(Document):
    """The books of one account; the id is the account. Sums of its ledger, kept in the same commit.

    What is held of another currency than the account's, beside positions, stands at what it was worth when it came
    (`basis`), and is worth what `rates` says now. One without a basis could never be valued.
    """

    collection: ClassVar[str] = "accounts"
    owner: ClassVar[str] = "reconciliation"

    portfolio_id: Ident
    venue: Ident
    currency: str
    balances: dict[str, Number] = Field(default_factory=dict)  # currency -> amount, what the venue should hold
    positions: dict[str, AccountPosition] = Field(default_factory=dict)
    realised: Number = Decimal(0)
    fees: Number = Decimal(0)
    deposits: Number = Decimal(0)
    entries: int = 0
    mismatches: int = 0  # consecutive comparisons that did not agree
    differed_ms: UtcMs = 0  # when the venue was asked for the last of these
    opened_ms: UtcMs = 0  # earlier fills are in the opening balances
    agreed_ms: UtcMs = 0  # when the venue last agreed
    agreed_entries: int = 0  # how many entries there were then
    margin_used: Number | None = None  # as the venue last said, in the account's currency; None: it has no margin
    margin_free: Number | None = None
    proposed: str = ""  # the adjustment that stands to be agreed to
    strays: dict[str, Stray] = Field(default_factory=dict)  # orders at the venue that nobody knows, by its id there
    in_opening: tuple[str, ...] = ()  # the venue's trades and transfers of just before it: never booked by themselves
    basis: dict[str, Number] = Field(default_factory=dict)  # currency -> in the account's currency
    rates: dict[str, Rate] = Field(default_factory=dict)  # of the currencies that have a basis, or quote a position


class Posting(Model):
    """One line of an entry: an amount of a currency into (positive) or out of (negative) a ledger account."""

    ledger_account: str
    currency: str
    amount: Number


class LedgerEntry(Document):
    """One double-entry booking; per currency its postings sum to zero. Never changed after it was made."""

    collection: ClassVar[str] = "ledger"
    owner: ClassVar[str] = "reconciliation"

    account_id: Ident
    kind: str  # "fill", "external", "moved", "adjustment", or that of a transfer
    reference: str  # the venue's trade or transfer, or the adjustment
    postings: tuple[Posting, ...]
    ts_event_ms: UtcMs
    instrument_id: str = ""
    intent_id: str = ""


class TradeRow(Document):
    """A closed trade as people see it."""

    collection: ClassVar[str] = "trades"
    owner: ClassVar[str] = "reconciliation"

    account_id: Ident
    exit_ms: UtcMs
    trade: TradeClosed
