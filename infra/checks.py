"""What neither Pulumi's types nor its mocks notice about the topology: crons, deadlines, sizes, unknown names."""

from __future__ import annotations

from collections.abc import Iterator

from fluxfloor.topology import QUERIES, STAGES, TOPICS, QueryShape, Schedule, StageSpec, Subscription

DAY_MIN = 1440
BOUNDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
MEMORY_MB_LIMIT = {1: 4096, 2: 8192, 4: 16384, 8: 32768}  # most that Cloud Run gives to so many CPUs


def problems() -> list[str]:
    """Everything wrong with the map; empty when all of it can be deployed."""
    found = list(_unknown_topics())
    for stage in STAGES.values():
        found += _stage_problems(stage)
        found += [problem for each in stage.consumes for problem in _subscription_problems(stage.name, each)]
        found += [problem for each in stage.schedules for problem in _schedule_problems(stage.name, each)]
    found += [f"topic {topic.name}: retention must be 1 to 744 hours" for topic in TOPICS.values()
              if not 1 <= topic.retention_hours <= 744]  # fmt: skip
    return found + [problem for query in QUERIES for problem in _query_problems(query)]


def _unknown_topics() -> Iterator[str]:
    for stage in STAGES.values():
        for topic in (*stage.topics, *stage.produces):
            if topic not in TOPICS:
                yield f"{stage.name}: no topic {topic!r}"
    for topic in TOPICS:
        if not any(topic in stage.produces for stage in STAGES.values()):
            yield f"topic {topic}: nobody produces it"


def _stage_problems(stage: StageSpec) -> Iterator[str]:
    if stage.cpu < 1 and stage.concurrency > 1:
        yield f"{stage.name}: more than one request at a time needs a whole CPU"
    if stage.memory_mb > MEMORY_MB_LIMIT.get(max(1, int(stage.cpu)), 0):
        yield f"{stage.name}: {stage.memory_mb} MB is more than {stage.cpu} CPUs may have"
    if stage.image == "core" and stage.memory_mb < 512:
        yield f"{stage.name}: the core image's execution environment starts at 512 MB"
    if not 1 <= stage.concurrency <= 1000 or not 1 <= stage.timeout_s <= 3600 or stage.max_instances < 1:
        yield f"{stage.name}: concurrency, timeout or instances out of bounds"
    for what, found in (("topic", stage.topics), ("product", stage.produces), ("database", stage.databases)):
        if len(set(found)) < len(found):
            yield f"{stage.name}: a {what} is named twice"


def _subscription_problems(stage: str, subscription: Subscription) -> Iterator[str]:
    where = f"{stage} on {subscription.topic}"
    if not 10 <= subscription.ack_deadline_s <= 600:
        yield f"{where}: ack deadline must be 10 to 600 s"
    if not 5 <= subscription.max_attempts <= 100:
        yield f"{where}: 5 to 100 delivery attempts"
    if not 0 <= subscription.min_backoff_s <= subscription.max_backoff_s <= 600:
        yield f"{where}: back-off must rise within 0 to 600 s"


def _schedule_problems(stage: str, schedule: Schedule) -> Iterator[str]:
    where = f"{stage}/{schedule.job}"
    try:
        fires = cron_minutes(schedule.cron)
    except ValueError as problem:
        yield f"{where}: {problem}"
        return
    gaps = {later - sooner for sooner, later in zip(fires, [*fires[1:], fires[0] + DAY_MIN], strict=True)}
    if gaps != {schedule.every_min}:
        yield f"{where}: {schedule.cron!r} runs every {sorted(gaps)} minutes, not every {schedule.every_min}"


def _query_problems(query: QueryShape) -> Iterator[str]:
    where = f"query on {query.collection}"
    if query.database not in ("edge", "mode"):
        yield f"{where}: no database {query.database!r}"
    if query.contains and query.order_by:
        yield f"{where}: contains with an order is not declared anywhere yet"


def cron_minutes(expression: str) -> list[int]:
    """Minutes of a day at which a daily-or-oftener cron fires. Raises ValueError when it is none."""
    parts = expression.split()
    if len(parts) != len(BOUNDS):
        raise ValueError(f"cron {expression!r} must have five fields")
    minutes, hours, *rest = (
        _cron_field(part, low, high, name) for part, (name, low, high) in zip(parts, BOUNDS, strict=True)
    )
    for found, (name, low, high) in zip(rest, BOUNDS[2:], strict=True):
        if len(found) != high - low + 1:
            raise ValueError(f"cron {expression!r}: a {name} that is not * is no fixed interval")
    return [hour * 60 + minute for hour in hours for minute in minutes]


def _cron_field(text: str, low: int, high: int, name: str) -> list[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            first, last = str(low), str(high)
        if not (first.isdigit() and (last or first).isdigit() and (step or "1").isdigit()):
            raise ValueError(f"cron {name} {text!r} is not readable")
        start, end, stride = int(first), int(last or first), int(step or "1")
        if not low <= start <= end <= high or stride < 1:
            raise ValueError(f"cron {name} {text!r} is out of bounds")
        values.update(range(start, end + 1, stride))
    return sorted(values)
