"""What the floor costs a month at list prices, from what each stage does for a signal, a bar and a run of a job.

`monthly_bill()` multiplies those counts by the traffic, adds what is paid for merely being there, and prices the sum
twice: at list price, and after Google's free allowances. Both err upwards: requests that overlap in one instance are
paid for one by one here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fluxfloor.reporting.operations import BAR, DAILY_BAR, SIGNAL, WATCHED_BAR, Counts, OperationCounts, by_design
from fluxfloor.reporting.prices import DAYS, PRICES, Price
from fluxfloor.topology import STAGES, TOPICS, StageSpec, subscribers

FLOOR = "floor"
"""Stands in for a stage where a cost is everybody's."""
VOLUMES = (0, 100, 10_000)  # signals a day
DAY_MIN = 1440
BILLED_MS = 100  # Cloud Run rounds every request up to this
PUBSUB_MIN_BYTES = 1000  # Pub/Sub charges at least so much for a request
GIB = 1024**3
KEYLESS = frozenset({"reconciliation/watch", "reconciliation/daily"})
"""Runs that need no secret: with nothing open at a venue, the watch looks at no venue."""
HEALTH = "dashboard/health"
HEALTH_WINDOW_MIN, HEALTH_LIMIT = 15, 300  # it reads every younger step again at each run, up to so many a database


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes in. Bars are those of a traded timeframe, of others that are only watched, and of days."""

    signals_per_day: float
    instruments: int = 2
    traded_min: int = 15
    watched_min: tuple[int, ...] = (5, 60)

    def per_day(self) -> dict[str, float]:
        """How often each cause happens."""
        watched = sum(DAY_MIN / minutes for minutes in self.watched_min)
        jobs = {
            f"{stage.name}/{each.job}": DAY_MIN / each.every_min
            for stage in STAGES.values()
            for each in stage.schedules
        }
        return {
            SIGNAL: self.signals_per_day,
            BAR: self.instruments * DAY_MIN / self.traded_min,
            WATCHED_BAR: self.instruments * watched,
            DAILY_BAR: self.instruments,
            **jobs,
        }


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is paid for while nothing happens. The number of scheduled jobs is the topology's."""

    secret_versions: int = 6
    alarm_conditions: int = 6  # as infra/alarms.py declares them
    alarm_series: int = 3 + len(STAGES)
    image_gib: float = 2.0
    blobs_gib: float = 1.0
    static_egress: bool = False


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Sizes and times that no count tells. Cold starts as measured for each image, with a container's own start."""

    round_ms: float = 12
    cold_start_ms: Mapping[str, float] = field(default_factory=lambda: {"edge": 1_500, "core": 3_000})
    stays_warm_min: float = 10
    message_bytes: float = 1_500
    journal_bytes: float = 4_000  # with its share of index entries
    kept_bytes: float = 1_500
    months_kept: float = 12
    log_bytes: float = 1_500  # a request's own line and one of ours
    venue_gib: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One item of one stage. `billed_usd` is its share of what is left to pay after the free allowance."""

    service: str
    stage: str
    item: str
    unit: str
    quantity: float
    list_usd: float
    billed_usd: float


@dataclass(frozen=True, slots=True)
class Bill:
    signals_per_day: float
    lines: tuple[Line, ...]

    @property
    def list_usd(self) -> float:
        return sum(line.list_usd for line in self.lines)

    @property
    def billed_usd(self) -> float:
        return sum(line.billed_usd for line in self.lines)

    def by_service(self) -> dict[str, tuple[float, float]]:
        """Service -> (at list price, after free allowances), dearest first."""
        return self._summed("service")

    def by_stage(self) -> dict[str, tuple[float, float]]:
        return self._summed("stage")

    def _summed(self, attribute: str) -> dict[str, tuple[float, float]]:
        sums: dict[str, tuple[float, float]] = {}
        for line in self.lines:
            listed, billed = sums.get(getattr(line, attribute), (0.0, 0.0))
            sums[getattr(line, attribute)] = (listed + line.list_usd, billed + line.billed_usd)
        return dict(sorted(sums.items(), key=lambda item: item[1], reverse=True))


def monthly_bill(
    counts: Counts,
    traffic: Traffic,
    inventory: Inventory | None = None,
    assumed: Assumptions | None = None,
    prices: Mapping[str, Price] = PRICES,
) -> Bill:
    """The bill of one steady month. Raises KeyError when `counts` lacks a cause that the traffic brings."""
    used: dict[tuple[str, str], float] = defaultdict(float)
    for (item, stage), quantity in _standing(inventory or Inventory(), assumed or Assumptions()):
        used[item, stage] += quantity
    for stage, quantities in _running(counts, traffic, assumed or Assumptions()).items():
        for item, quantity in quantities:
            used[item, stage] += quantity
    return Bill(traffic.signals_per_day, tuple(_priced(used, prices)))


def bills(counts: Counts | None = None, inventory: Inventory | None = None) -> tuple[Bill, ...]:
    """Idle, and at each of the volumes; by design unless counts were measured."""
    return tuple(monthly_bill(counts or by_design(), Traffic(signals), inventory) for signals in VOLUMES)


def _priced(used: Mapping[tuple[str, str], float], prices: Mapping[str, Price]) -> Iterator[Line]:
    """A free allowance is the whole floor's; what is left to pay is shared by use."""
    entitled: dict[str, float] = defaultdict(float)
    for (item, stage), quantity in used.items():
        entitled[item] += quantity if _entitled(item, stage) else 0
    for (item, stage), quantity in sorted(used.items()):
        price = prices[item]
        whole = entitled[item]
        unpaid = min(price.free, whole) / whole if whole and _entitled(item, stage) else 0.0
        listed = price.of(quantity)
        yield Line(price.service, stage, item, price.unit, quantity, listed, listed * (1 - unpaid))


def _entitled(item: str, stage: str) -> bool:
    """Firestore's allowance belongs to one database of a project: here the trading one, which is made first."""
    return not item.startswith("firestore_") or stage == FLOOR or STAGES[stage].databases[0] == "mode"


# --- what is used ------------------------------------------------------------------------------------------------


def _standing(inventory: Inventory, assumed: Assumptions) -> Iterator[tuple[tuple[str, str], float]]:
    for stage in STAGES.values():
        yield ("scheduler_jobs", stage.name), len(stage.schedules)
    yield ("secret_versions", FLOOR), inventory.secret_versions
    yield ("alarm_conditions", FLOOR), inventory.alarm_conditions
    yield ("alarm_series", FLOOR), inventory.alarm_series * DAYS * DAY_MIN * 2  # judged every 30 s
    yield ("images", FLOOR), inventory.image_gib
    yield ("storage", FLOOR), inventory.blobs_gib
    if inventory.static_egress:
        venues = sum(stage.uses_venue or stage.uses_market_data for stage in STAGES.values())
        yield ("nat_instances", FLOOR), venues * DAYS * 24
        yield ("nat_address", FLOOR), DAYS * 24
        yield ("nat_data", FLOOR), assumed.venue_gib


def _running(counts: Counts, traffic: Traffic, assumed: Assumptions) -> dict[str, list[tuple[str, float]]]:
    """stage -> (item, quantity a month)."""
    per_month = {cause: times * DAYS for cause, times in traffic.per_day().items()}
    used = {name: _documents_and_messages(_total(counts, per_month, name), assumed) for name in STAGES}
    for name, stage in STAGES.items():
        busy_s = _busy_ms(counts, per_month, stage, assumed) / 1000
        used[name] += [("run_cpu", busy_s * stage.cpu), ("run_memory", busy_s * stage.memory_mb / 1024)]
        if stage.secrets:  # a value is kept for a minute, so no stage reads more often than that
            asks = {cause: times for cause, times in per_month.items() if cause not in KEYLESS}
            used[name].append(("secret_reads", min(_total(counts, asks, name).invocations, DAYS * DAY_MIN)))
    used["dashboard"].append(("firestore_reads", _health_reads(counts, per_month)))
    for topic in TOPICS:
        sent = sum(_total(counts, per_month, name).published.get(topic, 0) for name in STAGES)
        volume_gib = sent * max(assumed.message_bytes, PUBSUB_MIN_BYTES) / GIB
        for reader in subscribers(topic):  # a filtered message is paid for like a delivered one
            used[reader].append(("pubsub_throughput", volume_gib))
    return used


def _health_reads(counts: Counts, per_month: Mapping[str, float]) -> float:
    """Grows with the traffic of everybody else, so no count of its own runs could tell it."""
    reads_per_run = 0.0
    for database in ("edge", "mode"):
        at_home = [name for name, stage in STAGES.items() if stage.databases[0] == database]
        steps = sum(_total(counts, per_month, name).steps for name in at_home)
        reads_per_run += min(steps / DAYS / DAY_MIN * HEALTH_WINDOW_MIN, HEALTH_LIMIT)
    return per_month.get(HEALTH, 0) * reads_per_run


def _total(counts: Counts, per_month: Mapping[str, float], stage: str) -> OperationCounts:
    found = (counts[cause].get(stage, OperationCounts()) * times for cause, times in per_month.items() if times)
    return sum(found, OperationCounts())


def _documents_and_messages(total: OperationCounts, assumed: Assumptions) -> list[tuple[str, float]]:
    volume_gib = max(assumed.message_bytes, PUBSUB_MIN_BYTES) / GIB
    stored_bytes = total.steps * assumed.journal_bytes + total.kept * assumed.months_kept * assumed.kept_bytes
    retained = sum(sent * TOPICS[topic].retention_hours / 24 / DAYS for topic, sent in total.published.items())
    return [
        ("run_requests", total.invocations),
        ("firestore_reads", total.reads),
        ("firestore_writes", total.writes),
        ("firestore_deletes", total.deletes),
        ("firestore_expiries", total.steps),
        ("firestore_storage", stored_bytes / GIB),
        ("pubsub_throughput", sum(total.published.values()) * volume_gib),
        ("pubsub_retention", retained * volume_gib),
        ("tasks", 2 * total.timers),  # setting one, and its delivery
        ("storage_writes", total.blob_writes),
        ("storage_reads", total.blob_reads),
        ("logs", total.invocations * assumed.log_bytes / GIB),
        ("spans", total.invocations),
    ]


def _busy_ms(counts: Counts, per_month: Mapping[str, float], stage: StageSpec, assumed: Assumptions) -> float:
    """Time that is paid for: every request rounded up, and the starts of instances that had gone cold."""
    busy_ms = invocations = 0.0
    for cause, times in per_month.items():
        done = counts[cause].get(stage.name) if times else None
        if done is None:
            continue
        one_ms = done.cpu_ms + done.rounds * assumed.round_ms + done.wait_ms
        busy_ms += times * rounded_up_ms(one_ms, done.invocations)
        invocations += times * done.invocations
    cold = cold_share(stage, invocations / DAYS / DAY_MIN, assumed.stays_warm_min)
    return busy_ms + invocations * cold * assumed.cold_start_ms[stage.image]


def rounded_up_ms(busy_ms: float, invocations: float) -> float:
    """Each of the invocations rounded up, taking them to be alike; work inside another cause's invocation as it is."""
    if invocations < 1e-6:
        return busy_ms
    return invocations * math.ceil(busy_ms / invocations / BILLED_MS) * BILLED_MS


def cold_share(stage: StageSpec, per_min: float, stays_warm_min: float) -> float:
    """How many of its requests find no instance. A frequent schedule keeps one warm; else a request is cold when
    nothing came for as long as an idle instance stays, requests coming at random."""
    if any(schedule.every_min < stays_warm_min for schedule in stage.schedules):
        return 0.0
    return math.exp(-per_min * stays_warm_min)
