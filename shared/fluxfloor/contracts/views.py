"""What is kept for people to look at, and of what people did: read models, exports, notices, logins, the audit log."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Number, UtcMs
from fluxfloor.contracts.decisions import Decision, Reason, Verdict
from fluxfloor.contracts.events import ExportKind, PositionView


class DecisionRow(Document):
    """Read model: one decision."""

    collection: ClassVar[str] = "decision_rows"
    owner: ClassVar[str] = "dashboard"

    portfolio_id: Ident
    ts_event_ms: UtcMs
    decision: Decision
    verdict: str = ""


class Answered(Model):
    """What one version of a policy made of a signal, in short."""

    version: Ident
    verdict: Verdict
    reason: Reason
    lots: int = 0
    binding: str = ""  # the limit that set the size or refused


class ShadowDecision(Document):
    """What a version that is not in force would have decided, on the book that the active one decided on; the id is the
    decision's. For looking at alone: no intent, no reservation and no fact ever comes of it."""

    collection: ClassVar[str] = "shadow_decisions"
    owner: ClassVar[str] = "cerebro"

    portfolio_id: Ident
    signal_id: Ident
    strategy_id: Ident
    instrument_id: Ident
    active: Answered
    shadow: Answered | None = None  # None where it could not decide
    failed: str = ""  # and why
    decision: Decision | None = None  # the shadow's whole answer
    stop_price: NonNegative | None = None  # of the entry that it would have asked for
    take_profit: NonNegative | None = None
    ts_event_ms: UtcMs


class OrderRow(Document):
    """Read model: one order; the id is the intent."""

    collection: ClassVar[str] = "order_rows"
    owner: ClassVar[str] = "dashboard"

    account_id: Ident
    instrument_id: Ident
    strategy_id: Ident
    signal_id: Ident
    side: str
    purpose: str
    state: str
    lots: int
    filled_lots: int
    average_price: NonNegative
    reason: str
    requested_ms: UtcMs
    ts_event_ms: UtcMs
    attempt: int = 1


class EquityPoint(Document):
    """Read model: the equity of an account at a time; the id is "<account>|<ms>".

    `grain` is the widest step of time that this point is the last of: "day", "hour" or "". A long curve is read by
    its days, a short one by every point.
    """

    collection: ClassVar[str] = "equity_points"
    owner: ClassVar[str] = "dashboard"

    account_id: Ident
    ts_event_ms: UtcMs
    equity: Number
    cash: Number
    realised: Number
    unrealised: Number
    deposits: Number = Decimal(0)
    account_version: int = 0
    grain: str = ""


class AccountView(Document):
    """Read model: the latest state of an account."""

    collection: ClassVar[str] = "account_views"
    owner: ClassVar[str] = "dashboard"

    portfolio_id: Ident
    currency: str
    cash: Number
    equity: Number
    realised: Number
    unrealised: Number
    fees: Number
    deposits: Number
    positions: tuple[PositionView, ...] = ()
    account_version: int
    margin_used: Number | None = None
    margin_free: Number | None = None
    ts_event_ms: UtcMs


class RiskRow(Document):
    """Read model: one risk fact."""

    collection: ClassVar[str] = "risk_rows"
    owner: ClassVar[str] = "dashboard"

    kind: str
    scope: str
    severity: str
    message: str
    ts_event_ms: UtcMs


class StageHealth(Document):
    """Read model: is a stage doing the work that is due to it? The id is the stage."""

    collection: ClassVar[str] = "stage_health"
    owner: ClassVar[str] = "dashboard"

    status: str  # "idle", "ok", "delayed", "offline"
    last_step_ms: UtcMs = 0
    oldest_due_ms: UtcMs = 0
    due: int = 0
    ts_event_ms: UtcMs


class SafetyState(Document):
    """What the watch over the whole floor remembers; the id is "floor". None while it never had anything to say."""

    collection: ClassVar[str] = "safety"
    owner: ClassVar[str] = "dashboard"

    stale: dict[str, int] = Field(default_factory=dict)  # instrument -> 1: told, 2: entries were stopped for it
    spent_ms: UtcMs = 0  # errors until then have stopped entries already
    day: str = ""  # UTC date of the last day that was reported


class HeldRisk(Model):
    """One strategy's holding, and what its stop would cost. Money in the account's currency."""

    strategy_id: Ident
    instrument_id: Ident
    quantity: Number  # signed
    average_price: NonNegative
    mark_price: NonNegative
    notional: Number
    stop_price: NonNegative | None = None
    at_risk: Number | None = None  # from the mark to the stop; None: no stop protects it
    loss_at_stop: Number | None = None  # from the entry to the stop; below zero the stop has locked a profit in


class PortfolioRisk(Model):
    """One portfolio's day, and what it has at stake at the end of it."""

    portfolio_id: Ident
    account_id: Ident
    currency: str
    equity: Number
    profit: Number  # of the day, deposits and withdrawals left out
    deployed: Number  # sum of what lies between marks and stops
    loss_at_stops: Number  # what all trades together would lose if every stop were hit, against their entries
    exposure: Number  # sum of |notional|
    largest: HeldRisk | None = None
    margin_used: Number | None = None
    margin_free: Number | None = None
    orders: int = 0  # not at their end
    unprotected: tuple[str, ...] = ()  # "<strategy>|<instrument>"
    held: tuple[HeldRisk, ...] = ()


class DailyRisk(Document):
    """What was at stake at the end of one UTC day; the id is the day."""

    collection: ClassVar[str] = "daily_risks"
    owner: ClassVar[str] = "dashboard"

    mode: str
    portfolios: tuple[PortfolioRisk, ...] = ()
    told: dict[str, int] = Field(default_factory=dict)  # risks of the day, by severity
    unacknowledged: int = 0  # alarms that nobody has acknowledged
    halts: tuple[str, ...] = ()
    ts_event_ms: UtcMs


class PaperDay(Document):
    """One day of paper trading, as the floor saw it; the id is the UTC date. The one thing that the live floor may know
    of the paper one. Days without an order have none."""

    collection: ClassVar[str] = "paper_days"
    owner: ClassVar[str] = "dashboard"
    database: ClassVar[str] = "edge"

    orders: int  # that ended on the day
    filled: int  # of them those with fills
    books_agreed: bool  # every account's, all day long
    alarms: int  # left unacknowledged, or entries left halted, at the end of it
    previous: str = ""  # digest of the day before: a day can't be slipped in later
    digest: str = ""
    ts_event_ms: UtcMs


class PaperRecord(Document):
    """What the paper days amount to, for the live floor's entries; the id is "floor"."""

    collection: ClassVar[str] = "paper_record"
    owner: ClassVar[str] = "dashboard"

    satisfied: bool
    missing: tuple[str, ...] = ()  # what is not yet as it has to be, in words
    days: int = 0  # good ones in a row, the last included
    orders: int = 0  # on these days
    last_day: str = ""
    asked: str = ""  # digest of the criteria it was judged by
    ts_event_ms: UtcMs


class ExportRecord(Document):
    """One export and where its files are."""

    collection: ClassVar[str] = "exports"
    owner: ClassVar[str] = "exports"

    kind: ExportKind
    account_id: Ident
    from_ms: UtcMs
    to_ms: UtcMs
    requested_by: str
    status: str  # "requested", "done", "failed"
    mode: str = ""  # "paper" or "live"
    files: dict[str, str] = Field(default_factory=dict)
    rows: int = 0
    failed: str = ""
    ts_event_ms: UtcMs


class Telling(Model):
    """What one channel still has to be told, and how that went so far."""

    tries: int = 0
    due_ms: UtcMs = 0  # not before this
    error: str = ""


class AlertRecord(Document):
    """One notice and which channels have it. Channels are named "<kind>" or "<kind>-<n>", never by their address."""

    collection: ClassVar[str] = "alerts"
    owner: ClassVar[str] = "alerts"

    severity: str
    title: str = ""
    text: str
    sent: tuple[str, ...] = ()
    waiting: dict[str, Telling] = Field(default_factory=dict)  # channels that still have something to be told
    given_up: tuple[str, ...] = ()
    folded: int = 0  # identical notices that came within the window, told as a count
    open: bool = True  # what the sweep looks for: somebody is waiting
    attempts: int = 0  # to tell any channel
    kind: str = ""
    scope: str = ""
    thread: str = ""  # the same for all notices about one matter: receivers put them together by it
    paged: dict[str, int] = Field(default_factory=dict)  # how often channels were told that go on until acknowledged
    acknowledged_by: str = ""  # empty: nobody has
    acknowledged_ms: UtcMs = 0
    ts_event_ms: UtcMs


class AlertAck(Document):
    """Somebody has seen an alarm: nobody else is called for it. The id is the alarm's record."""

    collection: ClassVar[str] = "alert_acks"
    owner: ClassVar[str] = "api"

    by: str
    note: str = ""
    ts_event_ms: UtcMs


class TelegramWish(Document):
    """What a person asked for in a chat and has to confirm by a code; the id is his user id. A new one takes its
    place."""

    collection: ClassVar[str] = "telegram_wishes"
    owner: ClassVar[str] = "api"

    chat_id: int
    name: str
    args: tuple[str, ...] = ()
    code: str
    tries: int = 0
    expires_ms: UtcMs


class LoginGuard(Document):
    """Failed logins of one slice of the network; the id is the slice, of which there is a fixed number."""

    collection: ClassVar[str] = "login_guards"
    owner: ClassVar[str] = "api"

    failures: int = 0
    last_failure_ms: UtcMs = 0


class AuditRecord(Document):
    """Who did what. Created once, never changed; each carries the digest of the one before."""

    collection: ClassVar[str] = "audit"
    owner: ClassVar[str] = "api"

    actor: str
    action: str
    subject: str
    details: dict[str, str] = Field(default_factory=dict)
    ts_event_ms: UtcMs
    previous: str = ""
    digest: str = ""


class AuditHead(Document):
    """The end of the audit chain; the id is "head"."""

    collection: ClassVar[str] = "audit_head"
    owner: ClassVar[str] = "api"

    last: str = ""
    count: int = 0
