"""The one map of the floor: its stages, its topics, and how they are joined.

The local runner, the emulator runner, the Pulumi program, the README's picture and the tests all read it.
Adding a stage is one entry here and one folder under `functions/`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Topic:
    """`key` is what orders it (see the event's `key()`); retention is how far back a subscription can be rewound."""

    name: str
    key: str
    retention_hours: int
    carries: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """A stage's interest in a topic. The filter spares invocations; the handler never relies on it."""

    topic: str
    ordered: bool = False
    only: dict[str, str] = field(default_factory=dict)
    ack_deadline_s: int = 60
    max_attempts: int = 100  # Pub/Sub's most: an hour and a half, and an alarm tells of it after five minutes
    min_backoff_s: int = 1
    max_backoff_s: int = 60


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that runs every `every_min` minutes, on the minute. The stage is handed a `schedules.ticked`."""

    job: str
    every_min: int
    does: str

    @property
    def cron(self) -> str:
        if self.every_min < 60:
            return f"*/{self.every_min} * * * *" if self.every_min > 1 else "* * * * *"
        hours = self.every_min // 60
        return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One deployable function."""

    name: str
    does: str
    image: Literal["edge", "core"]
    consumes: tuple[Subscription, ...] = ()
    produces: tuple[str, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    public: bool = False
    uses_timers: bool = False
    uses_venue: bool = False
    uses_market_data: bool = False
    blobs_read: tuple[str, ...] = ()  # prefixes: the only names it reads, beside those it writes
    blobs_written: tuple[str, ...] = ()  # prefixes: the only names it reads, writes and deletes
    signs_links: bool = False  # to what it reads
    carries: tuple[
        str, ...
    ] = ()  # other stages whose code its image holds, loaded by name and never called over a wire
    secrets: tuple[str, ...] = ()  # names or prefixes ending in "*"
    databases: tuple[str, ...] = ("mode",)
    memory_mb: int = 512
    cpu: float = 1
    concurrency: int = 8
    max_instances: int = 10
    timeout_s: int = 60

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(subscription.topic for subscription in self.consumes)

    @property
    def uses_blobs(self) -> bool:
        return bool(self.blobs_read or self.blobs_written)


def _sweep(every_min: int, does: str = "sends what was committed and not sent") -> Schedule:
    return Schedule("sweep", every_min, does)


INTERNAL_PATH = "/_floor"
"""Where a stage takes what the bus, its schedules and its timers deliver; everything else is for people."""

RELEASES = "quarantines.released"


def releases(stage: str) -> Subscription:
    """Every stage with a quarantine hears when a person releases one of its messages."""
    return Subscription(RELEASES, only={"stage": stage})


SIMULATED = ("market", "features", "cerebro", "execution", "reconciliation", "dashboard", "api")
"""The stages that a simulated floor is made of: no webhooks, no exports, nobody to tell."""

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("signals.received", "instrument", 24, "a standardised wish to trade"),
        Topic("candles.closed", "instrument", 168, "a closed bar that passed the quality gate"),
        Topic("candles.forming", "instrument", 24, "a bar that is about to close, as it stands"),
        Topic("signals.scored", "portfolio", 24, "the signal with quote and features"),
        Topic("decisions.made", "portfolio", 168, "Cerebro's answer and its waterfall"),
        Topic("orders.requested", "account", 24, "a sized order intent"),
        Topic("orders.changed", "account", 24, "a wish to cancel, amend or release an intent"),
        Topic("executions.reported", "account", 744, "what became of an order, with new fills"),
        Topic("accounts.updated", "account", 168, "the books after a change"),
        Topic("capital.moved", "portfolio", 168, "a client's deposit or withdrawal"),
        Topic("adjustments.confirmed", "account", 24, "a difference that a person agrees to"),
        Topic("risks.raised", "scope", 168, "something a person should know"),
        Topic("exports.requested", "export", 24, "a report somebody wants"),
        Topic("exports.completed", "export", 24, "a report that is ready"),
        Topic("allocations.requested", "portfolio", 24, "a wish to share a portfolio's equity again"),
        Topic("histories.uploaded", "portfolio", 24, "a strategy's days from elsewhere"),
        Topic("allocations.made", "portfolio", 168, "new weights in force"),
        Topic("simulations.requested", "simulation", 24, "a simulation somebody wants"),
        Topic("simulations.completed", "simulation", 24, "a simulation that has been played"),
        Topic("quarantines.released", "stage", 24, "a quarantined message to be taken again"),
    )
}

STAGES: dict[str, StageSpec] = {
    stage.name: stage
    for stage in (
        StageSpec(
            "ingestion",
            "takes webhooks, checks the sender, standardises the signal",
            image="edge",
            produces=("signals.received",),
            schedules=(_sweep(1),),
            public=True,
            secrets=("sender-*",),
            databases=("edge",),
            memory_mb=256,
            concurrency=40,
            timeout_s=10,
        ),
        StageSpec(
            "market",
            "pulls closed candles and quotes, gates their quality, archives them",
            image="core",
            consumes=(releases("market"),),
            produces=("candles.closed", "candles.forming", "risks.raised"),
            schedules=(
                Schedule("pull", 1, "quotes each minute, and the candles that have closed"),
                Schedule("catalog", 360, "refreshes the venue's instruments"),
                Schedule("archive", 60, "moves closed bars to Parquet"),
                _sweep(15),
            ),
            uses_market_data=True,
            uses_timers=True,
            secrets=("market-*",),
            blobs_written=("candles/",),
            databases=("mode", "edge"),
            concurrency=1,
            max_instances=2,
            timeout_s=120,
        ),
        StageSpec(
            "features",
            "computes features, lets strategies speak, scores every signal",
            image="core",
            consumes=(
                Subscription("candles.closed", ordered=True, only={"traded": "true"}),
                Subscription("candles.forming"),
                Subscription("signals.received"),
                Subscription("executions.reported", ordered=True),
                Subscription("decisions.made"),
                releases("features"),
            ),
            produces=("signals.received", "signals.scored", "risks.raised"),
            schedules=(_sweep(15),),
            memory_mb=1024,
        ),
        StageSpec(
            "cerebro",
            "decides and sizes under the limits, reserves risk, says why",
            image="core",
            consumes=(
                Subscription("signals.scored"),
                Subscription("executions.reported", ordered=True),
                Subscription("accounts.updated", ordered=True),
                Subscription("risks.raised", only={"kind": "halted"}),
                releases("cerebro"),
            ),
            produces=("decisions.made", "orders.requested", "orders.changed", "risks.raised"),
            schedules=(_sweep(15, "decides the entries whose timer was lost"),),
            uses_timers=True,
        ),
        StageSpec(
            "execution",
            "brings each intent to the venue at most once and follows it to its end",
            image="core",
            consumes=(
                Subscription("orders.requested", ack_deadline_s=120),
                Subscription("orders.changed", ack_deadline_s=120),
                Subscription("risks.raised", only={"kind": "halted"}, ack_deadline_s=120),
                releases("execution"),
            ),
            produces=("executions.reported", "risks.raised"),
            schedules=(_sweep(1, "resumes every order that is not at its end"),),
            uses_timers=True,
            uses_venue=True,
            secrets=("venue-*",),
            concurrency=4,
            timeout_s=120,
        ),
        StageSpec(
            "reconciliation",
            "keeps the ledger, marks to market, compares the books with the venue",
            image="core",
            consumes=(
                Subscription("executions.reported", ordered=True),
                Subscription("candles.closed", ordered=True, only={"traded": "true"}),
                Subscription("adjustments.confirmed"),
                Subscription("capital.moved", ordered=True),
                releases("reconciliation"),
            ),
            produces=("accounts.updated", "orders.changed", "risks.raised"),
            schedules=(
                _sweep(15, "compares every account with its venue"),
                Schedule("watch", 1, "compares those at venues where an order or a position is open"),
                Schedule("daily", 1440, "moves old trades to files, closes months, values units"),
            ),
            uses_venue=True,
            blobs_written=("trades/",),
            secrets=("venue-query-*",),
            timeout_s=120,
        ),
        StageSpec(
            "dashboard",
            "keeps the read models that people look at",
            image="edge",
            consumes=(
                Subscription("decisions.made"),
                Subscription("executions.reported"),
                Subscription("accounts.updated"),
                Subscription("risks.raised"),
                releases("dashboard"),
            ),
            produces=("risks.raised",),
            schedules=(Schedule("health", 1, "judges every stage by the work that is due to it"), _sweep(15)),
            databases=("mode", "edge"),
        ),
        StageSpec(
            "api",
            "serves the page and the typed API; the only way a person changes anything",
            image="edge",
            produces=(
                "signals.received",
                "orders.changed",
                "exports.requested",
                "simulations.requested",
                "allocations.requested",
                "histories.uploaded",
                "quarantines.released",
                "risks.raised",
                "adjustments.confirmed",
                "capital.moved",
            ),
            schedules=(_sweep(15),),
            public=True,
            blobs_read=("exports/", "simulations/", "trades/"),
            signs_links=True,
            secrets=("api-*", "alerts-telegram"),  # and the bot's token: commands are answered
            databases=("mode", "edge"),
            concurrency=40,
        ),
        StageSpec(
            "allocation",
            "keeps what each strategy made from day to day, and shares capital among them",
            image="core",
            consumes=(
                Subscription("allocations.requested", ack_deadline_s=120),
                Subscription("histories.uploaded"),
                Subscription("candles.closed", only={"timeframe": "1d"}),
                releases("allocation"),
            ),
            produces=("allocations.made", "risks.raised"),
            schedules=(
                Schedule("days", 1440, "closes every strategy's day, and shares equity again where that is due"),
                _sweep(15),
            ),
            memory_mb=1024,
            concurrency=1,
            max_instances=2,
            timeout_s=300,
        ),
        StageSpec(
            "exports",
            "writes trades and equity as CSV and Parquet, on request and daily",
            image="core",
            consumes=(Subscription("exports.requested", ack_deadline_s=300), releases("exports")),
            produces=("exports.completed",),
            schedules=(
                Schedule("daily", 1440, "asks for yesterday's"),
                _sweep(15, "writes what was asked for and not made"),
            ),
            blobs_read=("trades/",),
            blobs_written=("exports/",),
            memory_mb=1024,
            concurrency=1,
            timeout_s=300,
        ),
        StageSpec(
            "simulation",
            "plays the real stages on archived bars, on request",
            image="core",
            consumes=(Subscription("simulations.requested", ack_deadline_s=600), releases("simulation")),
            produces=("simulations.completed",),
            schedules=(_sweep(15, "plays what was asked for and not played"),),
            blobs_read=("candles/",),
            blobs_written=("simulations/",),
            carries=SIMULATED,
            memory_mb=2048,
            concurrency=1,
            max_instances=3,
            timeout_s=600,
        ),
        StageSpec(
            "alerts",
            "tells people, on the channels they chose",
            image="edge",
            consumes=(
                Subscription("risks.raised"),
                Subscription("executions.reported"),
                Subscription("exports.completed"),
                Subscription("simulations.completed"),
                Subscription("allocations.made"),
                releases("alerts"),
            ),
            schedules=(_sweep(15, "sends again what a channel did not take"),),
            uses_timers=True,
            secrets=("alerts-*",),
            memory_mb=256,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class QueryShape:
    """A query somebody makes. Equality fields first, then what it orders or ranges by: one composite index each
    when there is more than one field (the emulator runs a query without its index; production refuses)."""

    collection: str
    equals: tuple[str, ...] = ()
    order_by: str = ""
    descending: bool = False
    contains: str = ""
    database: str = "mode"

    @property
    def needs_index(self) -> bool:
        return len(self.equals) + bool(self.order_by) + bool(self.contains) > 1


def _everywhere(shape: QueryShape) -> tuple[QueryShape, QueryShape]:
    return shape, replace(shape, database="edge")


QUERIES: tuple[QueryShape, ...] = (
    *_everywhere(QueryShape("journal", equals=("pending",))),  # relay sweep
    *_everywhere(QueryShape("journal", contains="subjects")),  # fluxfloor why
    *_everywhere(QueryShape("journal", order_by="at_ms", descending=True)),  # health, replay
    *_everywhere(QueryShape("quarantine", order_by="at_ms", descending=True)),
    QueryShape("orders", equals=("open",)),  # execution's sweep
    QueryShape("slots", equals=("open",)),  # execution's sweep
    QueryShape("orders", contains="names"),  # whose fill is this? (reconciliation)
    QueryShape("capital_flows", equals=("portfolio_id",), order_by="ts_event_ms", descending=True),
    QueryShape("adjustments", equals=("account_id",), order_by="seen_ms", descending=True),
    QueryShape("accounts"),
    QueryShape("policies"),
    QueryShape("halts"),
    QueryShape("senders", database="edge"),
    QueryShape("stances"),
    QueryShape("entry_windows"),  # cerebro's sweep
    QueryShape("decision_rows", equals=("portfolio_id",), order_by="ts_event_ms", descending=True),
    QueryShape("decision_rows", equals=("verdict",), order_by="ts_event_ms", descending=True),
    QueryShape("decision_rows", order_by="ts_event_ms", descending=True),
    QueryShape("shadow_decisions", equals=("portfolio_id",), order_by="ts_event_ms", descending=True),
    QueryShape("order_rows", order_by="ts_event_ms", descending=True),
    QueryShape("equity_points", equals=("account_id",), order_by="ts_event_ms"),
    QueryShape("equity_points", equals=("account_id",), order_by="ts_event_ms", descending=True),
    QueryShape("equity_points", equals=("account_id", "grain"), order_by="ts_event_ms", descending=True),
    QueryShape("trades", equals=("account_id",), order_by="exit_ms"),
    QueryShape("strategy_days", equals=("portfolio_id",)),
    QueryShape("allocation_versions", equals=("portfolio_id",), order_by="number", descending=True),
    QueryShape("allocation_studies", equals=("portfolio_id",), order_by="ts_event_ms", descending=True),
    QueryShape("trades", equals=("account_id",), order_by="exit_ms", descending=True),
    QueryShape("ledger", equals=("account_id",), order_by="ts_event_ms"),
    QueryShape("paper_orders", equals=("account_id", "state")),
    QueryShape("paper_fills", equals=("account_id",), order_by="ts_event_ms"),
    QueryShape("account_views"),
    QueryShape("risk_rows", order_by="ts_event_ms", descending=True),
    QueryShape("stage_health"),
    QueryShape("daily_risks", order_by="ts_event_ms", descending=True),
    QueryShape("paper_days", order_by="ts_event_ms", descending=True, database="edge"),
    QueryShape("exports", order_by="ts_event_ms", descending=True),
    QueryShape("exports", equals=("status",), order_by="ts_event_ms"),  # exports' sweep
    QueryShape("simulations", order_by="ts_event_ms", descending=True),
    QueryShape("simulations", equals=("status",), order_by="ts_event_ms"),  # simulation's sweep
    QueryShape("alerts", equals=("open",)),
    QueryShape("alerts", order_by="ts_event_ms", descending=True),
    QueryShape("alerts", equals=("severity",), order_by="ts_event_ms", descending=True),  # alarms on the page
    QueryShape("audit", order_by="ts_event_ms", descending=True),
)

EXPIRES: dict[str, str] = {"journal": "expires_at", "quarantine": "expires_at"}
"""Collections with a time-to-live field."""
CLAIM_DAYS = 30
"""A step, and the claim in it, is remembered this long."""

FLOOR_DATABASES = ("edge", "mode")


def subscription_name(stage: str, topic: str) -> str:
    return f"{stage}--{topic}"


def dead_letters_name(stage: str) -> str:
    """Of the topic, and of the subscription that keeps what falls into it."""
    return f"dead-letters--{stage}"


def subscribers(topic: str) -> tuple[str, ...]:
    """Stages that a fact on this topic makes work for."""
    return tuple(name for name, stage in STAGES.items() if topic in stage.topics)
