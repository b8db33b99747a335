"""Every fact that crosses a topic. The class's `type` is its name on the wire: `<topic>.v<version>`."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Event, Ident, Model, NonNegative, Number, UtcMs
from fluxfloor.contracts.books import TreatAs
from fluxfloor.contracts.decisions import Decision
from fluxfloor.contracts.instruments import Candle, Quote
from fluxfloor.contracts.orders import OrderChange, OrderIntent, OrderReport
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.simulations import SimulationSpec
from fluxfloor.contracts.weights import Shares, Study, UploadedDays


class CandleClosed(Event):
    """A bar has closed and passed the quality gate."""

    type: ClassVar[str] = "candles.closed.v1"
    candle: Candle
    close_ms: UtcMs
    traded: bool  # is this the timeframe that strategies trade on?

    def key(self) -> str:
        return self.candle.instrument_id

    def attributes(self) -> dict[str, str]:
        return {"traded": "true" if self.traded else "false", "timeframe": self.candle.timeframe}


class CandleForming(Event):
    """A bar that closes within a minute, as it stands: only for what is prepared and may be dropped again."""

    type: ClassVar[str] = "candles.forming.v1"
    candle: Candle
    close_ms: UtcMs

    def key(self) -> str:
        return self.candle.instrument_id


class WebhookArrived(Event):
    """The first cause of what a sender's request states. Never published: the request itself delivers it."""

    type: ClassVar[str] = "webhooks.arrived.v1"
    sender_id: Ident

    def key(self) -> str:
        return self.sender_id


class SignalReceived(Event):
    type: ClassVar[str] = "signals.received.v1"
    signal: Signal

    def key(self) -> str:
        return self.signal.leg.instrument_id

    def subjects(self) -> tuple[str, ...]:
        return (self.signal.signal_id,)


class LegScored(Model):
    """What the market of one more leg looked like."""

    quote: Quote | None = None
    features: dict[str, float] = Field(default_factory=dict)
    features_version: str = ""
    bar_close_ms: UtcMs | None = None
    mean_edge: Number | None = None


class SignalScored(Event):
    """The signal with what the market looked like when it was read: of its first leg, and in `others` of the rest."""

    type: ClassVar[str] = "signals.scored.v1"
    signal: Signal
    quote: Quote | None = None
    features: dict[str, float] = Field(default_factory=dict)  # of the last closed bar; absent while warming up
    features_version: str = ""
    bar_close_ms: UtcMs | None = None
    mean_edge: Number | None = None  # the strategy's measured return per trade, where enough trades closed
    others: dict[Ident, LegScored] = Field(default_factory=dict)  # by instrument

    def key(self) -> str:
        return self.signal.portfolio_id

    def subjects(self) -> tuple[str, ...]:
        return (self.signal.signal_id,)


class DecisionMade(Event):
    type: ClassVar[str] = "decisions.made.v1"
    decision: Decision

    def key(self) -> str:
        return self.decision.portfolio_id

    def subjects(self) -> tuple[str, ...]:
        return (self.decision.signal_id, self.decision.decision_id, *self.decision.intent_ids)


class OrderRequested(Event):
    type: ClassVar[str] = "orders.requested.v1"
    intent: OrderIntent

    def key(self) -> str:
        return self.intent.account_id

    def subjects(self) -> tuple[str, ...]:
        return (self.intent.signal_id, self.intent.intent_id)


class OrderChanged(Event):
    """Somebody wants an intent cancelled, amended or released."""

    type: ClassVar[str] = "orders.changed.v1"
    change: OrderChange

    def key(self) -> str:
        return self.change.account_id

    def subjects(self) -> tuple[str, ...]:
        return (self.change.intent_id, self.change.change_id)


class ExecutionReported(Event):
    type: ClassVar[str] = "executions.reported.v1"
    report: OrderReport

    def key(self) -> str:
        return self.report.intent.account_id

    def subjects(self) -> tuple[str, ...]:
        intent = self.report.intent
        return (intent.signal_id, intent.intent_id, self.report.client_order_id)


class PositionView(Model):
    """A net position of an account. Lots are signed; money is in the account's currency."""

    instrument_id: Ident
    lots: int
    quantity: Number
    average_price: NonNegative
    mark_price: NonNegative
    unrealised: Number
    realised: Number


class HoldingView(Model):
    """What is held of a currency beside positions. `value` is in the account's currency; None: nothing tells it."""

    currency: str
    amount: Number
    value: Number | None
    at_ms: UtcMs = 0  # what time the rate is of


class TradeClosed(Model):
    """A closed round trip, or the closed share of one. Money is in the instrument's quote currency."""

    trade_id: Ident
    account_id: Ident
    instrument_id: Ident
    strategy_id: Ident
    sender_id: Ident
    direction: str
    quantity: Number
    entry_price: Number
    exit_price: Number
    entry_ms: UtcMs
    exit_ms: UtcMs
    fees: Number
    profit: Number  # net of fees
    return_fraction: Number  # profit / entry notional
    entry_signal_id: str
    exit_signal_id: str
    tag: str = ""
    value: Number | None = None  # the profit in the account's currency; None: that of `profit`, or nothing tells it
    fees_value: Number | None = None  # likewise of `fees`
    valued: bool = True  # False where nothing tells it


class AccountUpdated(Event):
    """The books of one account after a change or a mark to market."""

    type: ClassVar[str] = "accounts.updated.v1"
    account_id: Ident
    portfolio_id: Ident
    currency: str
    cash: Number
    equity: Number
    realised: Number
    unrealised: Number
    fees: Number
    deposits: Number = Decimal(0)  # net deposits and withdrawals since the account was opened
    positions: tuple[PositionView, ...] = ()
    trades: tuple[TradeClosed, ...] = ()
    cause: str  # "fill", "mark", "opened", "adjustment", "external", "transfer", "margin"
    account_version: int
    margin_used: Number | None = None  # as the venue last said, in the account's currency; None: it has no margin
    margin_free: Number | None = None  # what it would still lend against; below zero in a margin call
    holdings: tuple[HoldingView, ...] = ()  # of other currencies than the account's, beside positions
    unvalued: tuple[str, ...] = ()  # currencies that equity leaves out, or counts at what they cost: no quote tells
    ts_event_ms: UtcMs

    def key(self) -> str:
        return self.account_id

    def subjects(self) -> tuple[str, ...]:
        return tuple(trade.trade_id for trade in self.trades)


class AdjustmentConfirmed(Event):
    """A person agrees that a difference with the venue is booked as it stands."""

    type: ClassVar[str] = "adjustments.confirmed.v1"
    account_id: Ident
    adjustment_id: Ident
    treat_as: TreatAs
    confirmed_by: Ident
    reason: str = Field(max_length=500)

    def key(self) -> str:
        return self.account_id

    def subjects(self) -> tuple[str, ...]:
        return (self.adjustment_id,)


class CapitalMoved(Event):
    """A client brings capital to a portfolio, or takes some out (below zero), at what a unit is worth then."""

    type: ClassVar[str] = "capital.moved.v1"
    flow_id: Ident
    portfolio_id: Ident
    client_id: Ident
    amount: Number
    reference: str = Field(max_length=300)
    recorded_by: Ident

    def key(self) -> str:
        return self.portfolio_id

    def subjects(self) -> tuple[str, ...]:
        return (self.flow_id,)


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AllocationRequested(Event):
    """Somebody wants a portfolio's equity shared again now, whether that is due or not; or, with a study, to know what
    would be if."""

    type: ClassVar[str] = "allocations.requested.v1"
    request_id: Ident
    portfolio_id: Ident
    requested_by: Ident
    study: Study | None = None

    def key(self) -> str:
        return self.portfolio_id

    def subjects(self) -> tuple[str, ...]:
        return (self.request_id,)


class HistoryUploaded(Event):
    """A strategy's days from elsewhere. They replace all that was known of days before the floor's own first one."""

    type: ClassVar[str] = "histories.uploaded.v1"
    portfolio_id: Ident
    strategy_id: Ident
    uploaded_by: Ident
    history: UploadedDays

    def key(self) -> str:
        return self.portfolio_id


class AllocationMade(Event):
    """New weights are in force; `before` are those they replace."""

    type: ClassVar[str] = "allocations.made.v1"
    portfolio_id: Ident
    shares: Shares
    before: dict[Ident, float] = Field(default_factory=dict)

    def key(self) -> str:
        return self.portfolio_id


class RiskRaised(Event):
    """Something a person should know: a halt, books that differ from the venue, a stage that lags."""

    type: ClassVar[str] = "risks.raised.v1"
    kind: str
    scope: str
    severity: Severity
    message: str
    details: dict[str, str] = Field(default_factory=dict)
    ts_event_ms: UtcMs

    def key(self) -> str:
        return self.scope

    def attributes(self) -> dict[str, str]:
        return {"kind": self.kind}


class ExportKind(StrEnum):
    TRADES = "trades"
    EQUITY = "equity"


class ExportRequested(Event):
    type: ClassVar[str] = "exports.requested.v1"
    export_id: Ident
    kind: ExportKind
    account_id: Ident
    from_ms: UtcMs
    to_ms: UtcMs
    requested_by: str

    def key(self) -> str:
        return self.export_id

    def subjects(self) -> tuple[str, ...]:
        return (self.export_id,)


class ExportCompleted(Event):
    type: ClassVar[str] = "exports.completed.v1"
    export_id: Ident
    kind: ExportKind
    files: dict[str, str]  # format -> blob name
    rows: int
    failed: str = ""
    ts_event_ms: UtcMs

    def key(self) -> str:
        return self.export_id

    def subjects(self) -> tuple[str, ...]:
        return (self.export_id,)


class SimulationRequested(Event):
    type: ClassVar[str] = "simulations.requested.v1"
    simulation_id: Ident
    spec: SimulationSpec
    requested_by: str

    def key(self) -> str:
        return self.simulation_id

    def subjects(self) -> tuple[str, ...]:
        return (self.simulation_id,)


class SimulationCompleted(Event):
    """`summary` holds the figures that people ask for first, by name; `fix` says what may help one that failed."""

    type: ClassVar[str] = "simulations.completed.v1"
    simulation_id: Ident
    files: dict[str, str]  # file -> blob name
    summary: dict[str, str] = Field(default_factory=dict)
    failed: str = ""
    fix: str = ""
    ts_event_ms: UtcMs

    def key(self) -> str:
        return self.simulation_id

    def subjects(self) -> tuple[str, ...]:
        return (self.simulation_id,)


class QuarantineReleased(Event):
    """A person asks a stage to take a quarantined message again."""

    type: ClassVar[str] = "quarantines.released.v1"
    quarantine_id: str
    stage: str
    released_by: str

    def key(self) -> str:
        return self.stage

    def attributes(self) -> dict[str, str]:
        return {"stage": self.stage}

    def subjects(self) -> tuple[str, ...]:
        return (self.quarantine_id,)


class ScheduleTicked(Event):
    """A scheduled job is due. Delivered straight to its stage, never through a topic."""

    type: ClassVar[str] = "schedules.ticked.v1"
    stage: str
    job: str
    scheduled_ms: UtcMs

    def key(self) -> str:
        return self.job


class TimerFired(Event):
    """A timer that a stage set for itself is due. Delivered straight to it."""

    type: ClassVar[str] = "timers.fired.v1"
    stage: str
    purpose: str
    subject: str
    due_ms: UtcMs

    def key(self) -> str:
        return self.subject

    def subjects(self) -> tuple[str, ...]:
        return (self.subject,)


EVENTS: dict[str, type[Event]] = {
    event.type: event
    for event in (
        CandleClosed, CandleForming, WebhookArrived, SignalReceived, SignalScored, DecisionMade, OrderRequested,
        OrderChanged, ExecutionReported, AccountUpdated, AdjustmentConfirmed, CapitalMoved, RiskRaised, ExportRequested,
        ExportCompleted, SimulationRequested, SimulationCompleted,
        AllocationRequested, AllocationMade, HistoryUploaded, QuarantineReleased, ScheduleTicked, TimerFired,
    )
}  # fmt: skip
"""Every version a subscriber can read, by type. A version that was replaced stays here until N-1 has drained."""
