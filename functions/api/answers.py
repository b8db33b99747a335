"""What the API takes and answers of the floor itself: logins, alarms, its stages, senders, files, and stories."""

from __future__ import annotations

from typing import Annotated, Literal

from fluxfloor.contracts.base import Ident, Model, NonNegative, UtcMs
from fluxfloor.contracts.events import ExportKind
from fluxfloor.contracts.simulations import SimulationRecord
from fluxfloor.contracts.views import AuditRecord, ExportRecord
from fluxfloor.reporting.overview import FlowPanel, QuarantinePanel
from fluxfloor.webapi.paging import Limit
from pydantic import Field, JsonValue

Name = Annotated[str, Field(min_length=1, max_length=128)]
Reason = Annotated[str, Field(min_length=3, max_length=300)]

# --- queries -----------------------------------------------------------------------------------------------------


class OverviewQuery(Model):
    range: Literal["1d", "1w", "1m", "all"] = "all"
    decisions: Literal["all", "accepted"] = "all"


class NewestQuery(Model):
    limit: Limit = 50


class TicketQuery(Model):
    ticket: str = Field(default="", max_length=1_000)


class FileQuery(Model):
    expires: int = Field(ge=0, lt=10**11)
    signature: str = Field(max_length=200)


# --- bodies ------------------------------------------------------------------------------------------------------


class Login(Model):
    user: Name
    password: Annotated[str, Field(min_length=1, max_length=256)]


class AckRequest(Model):
    """Somebody has seen the alarm and looks after it; `note` says how."""

    note: Annotated[str, Field(max_length=300)] = ""


class ExportRequest(Model):
    """Everything in [from_ms, to_ms)."""

    kind: ExportKind
    account_id: Ident
    from_ms: UtcMs
    to_ms: UtcMs


# --- answers -----------------------------------------------------------------------------------------------------


class SessionAnswer(Model):
    """`mode` is "paper" or "live"; every answer carries it as well, in the header Fluxfloor-Mode."""

    user: str
    expires_ms: int
    token: str = ""
    mode: str = ""


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
