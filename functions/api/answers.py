"""What the API takes and answers, where that is not a document of the floor as it stands."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fluxfloor.contracts.base import Ident, Model, NonNegative, Number, Positive, UtcMs
from fluxfloor.contracts.books import Adjustment, TreatAs
from fluxfloor.contracts.capital import CapitalFlow, PayoutPaid, SenderPayout
from fluxfloor.contracts.events import ExportKind
from fluxfloor.contracts.orders import ChangeKind
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.results import Made
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.simulations import SimulationRecord
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import (
    AccountView,
    AuditRecord,
    DailyRisk,
    DecisionRow,
    EquityPoint,
    ExportRecord,
    OrderRow,
    PaperDay,
    PaperRecord,
    RiskRow,
)
from fluxfloor.contracts.weights import AllocationVersion, StrategyDays
from fluxfloor.reporting.overview import FlowPanel, HaltPanel, QuarantinePanel
from fluxfloor.reporting.panels import DecisionPanel, PositionPanel
from fluxfloor.webapi.paging import Limit, Paged
from pydantic import Field, JsonValue, create_model

Name = Annotated[str, Field(min_length=1, max_length=128)]
Reason = Annotated[str, Field(min_length=3, max_length=300)]

# --- queries -----------------------------------------------------------------------------------------------------


class OverviewQuery(Model):
    range: Literal["1d", "1w", "1m", "all"] = "all"
    decisions: Literal["all", "accepted"] = "all"


class DecisionsQuery(Paged):
    portfolio: Ident | None = None


class AccountQuery(Paged):
    """`account` may be left out while there is only one."""

    account: Ident | None = None


class NewestQuery(Model):
    limit: Limit = 50


class PnlQuery(Model):
    """So many UTC days, up to that of `until_ms` or today. `account` may be left out while there is only one."""

    by: Literal["strategy", "sender", "tag"] = "strategy"
    account: Ident | None = None
    days: Annotated[int, Field(ge=1, le=366)] = 30
    until_ms: UtcMs | None = None


class QualityQuery(Model):
    by: Literal["strategy", "venue"] = "strategy"


class ShadowQuery(Model):
    """Of the newest decisions, so many."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 200


class TicketQuery(Model):
    ticket: str = Field(default="", max_length=1_000)


class FileQuery(Model):
    expires: int = Field(ge=0, lt=10**11)
    signature: str = Field(max_length=200)


# --- bodies ------------------------------------------------------------------------------------------------------


class Login(Model):
    user: Name
    password: Annotated[str, Field(min_length=1, max_length=256)]


class HaltRequest(Model):
    """The kill switch. `scope` is "floor" or a portfolio; `flatten` also closes what is open."""

    scope: Ident
    reason: Reason
    flatten: bool = False


class ResumeRequest(Model):
    """Why entries may go on: it stands in the audit log."""

    reason: Reason


class AckRequest(Model):
    """Somebody has seen the alarm and looks after it; `note` says how."""

    note: Annotated[str, Field(max_length=300)] = ""


class ExitRequest(Model):
    """Out of all that fits what is named, an instrument by its id or symbol; with nothing named, `all` is true."""

    portfolio: Ident | None = None
    strategy: Ident | None = None
    instrument: Ident | None = None
    all: bool = False
    reason: Reason


class OrderReason(Model):
    reason: Reason


class AmendRequest(OrderReason):
    """New terms of an order; what is left out stays. `quantity` is the whole of it, what has filled included."""

    quantity: Positive | None = None
    limit_price: Positive | None = None
    trigger_price: Positive | None = None


class ExportRequest(Model):
    """Everything in [from_ms, to_ms)."""

    kind: ExportKind
    account_id: Ident
    from_ms: UtcMs
    to_ms: UtcMs


def _override(name: str) -> Any:
    field = Limits.model_fields[name]
    return Annotated[field.annotation, Field(), *field.metadata] | None, None


LimitOverrides: Any = create_model(
    "LimitOverrides",
    __base__=Model,
    __doc__="Limits that differ from the preset, by name.",
    **{name: _override(name) for name in Limits.model_fields},
)


class PolicyChange(Model):
    """The whole of a policy's limits: a preset and what differs from it. `version` is the one you have seen."""

    preset: Name
    limits: LimitOverrides = Field(default_factory=LimitOverrides)
    version: int = Field(ge=0, lt=2**53)


class VersionChoice(Model):
    """The version of a policy to put in force, by name. `version` is the number of the policy that you have seen."""

    name: Name
    version: int = Field(ge=0, lt=2**53)


class ShadowChoice(Model):
    """The version that decides beside the one in force, by name; null for none. `version` as above."""

    name: Name | None
    version: int = Field(ge=0, lt=2**53)


class AdjustmentChoice(Model):
    """The proposal to agree to, and what its amounts are: something made or lost, or money brought or taken."""

    adjustment_id: Ident
    treat_as: TreatAs
    reason: Reason


class PayoutReference(Model):
    """By which the payment can be found: a transaction, a bank's number."""

    reference: Annotated[str, Field(min_length=1, max_length=300)]


class FlowRequest(Model):
    """What a client brings (above zero) or takes (below), in the portfolio's currency."""

    client_id: Ident
    amount: Annotated[Number, Field(ge=-(10**15), le=10**15)]
    reference: Annotated[str, Field(min_length=1, max_length=300)]


# --- answers -----------------------------------------------------------------------------------------------------


class SessionAnswer(Model):
    """`mode` is "paper" or "live"; every answer carries it as well, in the header Fluxfloor-Mode."""

    user: str
    expires_ms: int
    token: str = ""
    mode: str = ""


class DailyRisks(Model):
    """`now` is today's so far, as things stand; `items` those of the days before, newest first."""

    now: DailyRisk
    items: tuple[DailyRisk, ...]
    next_cursor: str | None


class PaperPeriod(Model):
    """The days on paper, newest first, and what they amount to under the settings."""

    record: PaperRecord
    items: tuple[PaperDay, ...]


class Accounts(Model):
    items: tuple[AccountView, ...]


class HeldPosition(PositionPanel):
    account_id: str
    portfolio_id: str
    currency: str


class Positions(Model):
    items: tuple[HeldPosition, ...]


class Decisions(Model):
    items: tuple[DecisionRow, ...]
    next_cursor: str | None


class DecisionAnswer(Model):
    """The decision as it was made, and as it reads."""

    decision: DecisionRow
    panel: DecisionPanel


class Orders(Model):
    items: tuple[OrderRow, ...]
    next_cursor: str | None


class Equity(Model):
    items: tuple[EquityPoint, ...]
    next_cursor: str | None


class Trades(Model):
    items: tuple[TradeRow, ...]
    next_cursor: str | None


class Adjustments(Model):
    items: tuple[Adjustment, ...]
    next_cursor: str | None


class AdjustmentAgreed(Model):
    """On its way: it is booked if the venue still shows the same difference."""

    adjustment_id: str


class PnlDay(Model):
    day: str
    total: Made
    parts: dict[str, Made]


class PnlAnswer(Model):
    """What closed trades made, in the account's currency: in all, and on each day on which one closed, newest first."""

    account_id: str
    currency: str
    mode: str
    by: str
    total: Made
    parts: dict[str, Made]
    days: tuple[PnlDay, ...]


class Spread(Model):
    """Of one measure. Quantiles are right to 5 %."""

    count: int
    mean: float | None
    p50: float | None
    p95: float | None


class QualityRow(Model):
    """How the ended orders of one strategy at one venue, or of one venue, were carried out. Basis points above zero are
    cost; `rejects` are orders that ended without a fill, by reason."""

    venue: str
    strategy_id: str
    orders: int
    filled: int
    cost_bps: Spread
    fee_bps: Spread
    decided_ms: Spread
    sent_ms: Spread
    filled_ms: Spread
    rejects: dict[str, int]


class QualityAnswer(Model):
    by: str
    items: tuple[QualityRow, ...]


class PayoutRow(Model):
    payout: SenderPayout
    paid: PayoutPaid | None


class Payouts(Model):
    items: tuple[PayoutRow, ...]


class ClientRow(Model):
    client_id: str
    units: NonNegative
    paid_in: Number
    worth: Number
    made: Number  # what it is worth beyond what was paid in


class MonthRow(Model):
    """What a unit was worth as the month ended, and its returns over the month and the year up to then."""

    month: str
    nav: NonNegative | None
    month_return: Number | None
    year_return: Number | None


class Capital(Model):
    """`unattributed` is capital on the accounts that is no client's: it came before units, or is still to be entered
    (below zero: a client's entry whose money has not come yet)."""

    portfolio_id: str
    currency: str
    nav: Number
    units: NonNegative
    value: Number
    unattributed: Number
    as_of_ms: int
    clients: tuple[ClientRow, ...]
    months: tuple[MonthRow, ...]


class CapitalFlows(Model):
    items: tuple[CapitalFlow, ...]
    next_cursor: str | None


class FlowAsked(Model):
    """On its way: it stands among the flows, with its units or why it was refused, once reconciliation has taken it."""

    flow_id: str


class Risks(Model):
    items: tuple[RiskRow, ...]
    next_cursor: str | None


class Audit(Model):
    """`broken` names the first record of this page that was tampered with; "" is what it should be."""

    items: tuple[AuditRecord, ...]
    next_cursor: str | None
    broken: str


class Export(ExportRecord):
    """`links` by format, each good for some minutes once followed."""

    links: dict[str, str]


class Exports(Model):
    items: tuple[Export, ...]
    next_cursor: str | None


class Simulation(SimulationRecord):
    """`links` by file, each good for some minutes once followed."""

    links: dict[str, str]


class Simulations(Model):
    items: tuple[Simulation, ...]
    next_cursor: str | None


class AllocationVersions(Model):
    items: tuple[AllocationVersion, ...]
    next_cursor: str | None


class StrategyHistories(Model):
    items: tuple[StrategyDays, ...]


class Health(Model):
    flow: FlowPanel


class Quarantine(Model):
    items: tuple[QuarantinePanel, ...]


class WhyFact(Model):
    """One fact of a story as the journal keeps it."""

    at_ms: int
    stage: str
    event_id: str
    type: str
    data: dict[str, JsonValue]


class Why(Model):
    id: str
    ids: tuple[str, ...]
    lines: tuple[str, ...]
    facts: tuple[WhyFact, ...]
    cut: bool


class Policies(Model):
    items: tuple[Policy, ...]
    presets: dict[str, Limits]


class SenderAnswer(Model):
    """A sender without anything secret: not even where its secret is kept."""

    sender_id: str
    portfolio_id: str
    formats: tuple[str, ...]
    signs: bool
    allowed_ips: tuple[str, ...]
    default_strategy: str
    default_expected_alpha: NonNegative | None
    max_lag_s: int
    rate_per_minute: int
    enabled: bool


class Senders(Model):
    items: tuple[SenderAnswer, ...]


class StageAnswer(Model):
    name: str
    does: str
    image: str
    consumes: tuple[str, ...]
    produces: tuple[str, ...]
    schedules: dict[str, str]
    public: bool


class TopicAnswer(Model):
    name: str
    key: str
    carries: str
    retention_hours: int


class Topology(Model):
    stages: tuple[StageAnswer, ...]
    topics: tuple[TopicAnswer, ...]


class Halts(Model):
    items: tuple[HaltPanel, ...]


class Resumed(Model):
    """The halt that was lifted."""

    was: HaltPanel


class ExitAsked(Model):
    """Ask `/v1/why/{signal_id}` what came of it."""

    signal_id: str
    portfolio_id: str
    strategy_id: str
    instrument_id: str

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(
            signal_id=signal.signal_id, portfolio_id=signal.portfolio_id, strategy_id=signal.strategy_id,
            instrument_id=signal.leg.instrument_id,
        )  # fmt: skip


class Exiting(Model):
    """Exits on their way: each is decided and sent like any other."""

    items: tuple[ExitAsked, ...]


class ChangeAsked(Model):
    """On its way to execution, which decides on the order as it is by then."""

    change_id: str
    intent_id: str
    kind: ChangeKind


class Alarm(Model):
    """A notice as it was told. Alarms are those of severity critical: each wants somebody to acknowledge it."""

    alert_id: str
    kind: str
    scope: str
    severity: str
    title: str
    text: str
    told: tuple[str, ...]
    folded: int
    acknowledged_by: str
    acknowledged_ms: int
    note: str = ""
    ts_event_ms: int


class Alerts(Model):
    items: tuple[Alarm, ...]
    next_cursor: str | None


class Released(Model):
    quarantine_id: str
    stage: str


class Requested(Model):
    """An export on its way: it stands in /v1/exports once its stage has taken it."""

    export_id: str


class SimulationAsked(Model):
    """A simulation on its way: it stands in /v1/simulations once its stage has taken it."""

    simulation_id: str


class AllocationAsked(Model):
    """On its way. A study's answer stands in /v1/allocation-studies/{request_id}."""

    request_id: str


class HistoryTaken(Model):
    portfolio_id: str
    strategy_id: str
    days: int
