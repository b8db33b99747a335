"""What each stage does for a signal, a bar and a run of a job: the operations that are paid for.

`by_design()` walks the topology with the design's own count of a hop: an upper bound for a signal, and what a bill is
worked out from where nothing can be played. Counts that were taken in a play (`local.measuring`) replace these one for
one; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from fluxfloor.topology import STAGES, StageSpec

SIGNAL, BAR, WATCHED_BAR, DAILY_BAR = "signal", "bar", "watched bar", "daily bar"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationCounts:
    """What one stage does because of one cause, on average. Documents are counted as Firestore bills them: a query that
    finds nothing is a read, a verification is a write, a verified absence is a delete."""

    invocations: float = 0  # requests that its service answers
    steps: float = 0  # commits that claim an event; each leaves a journal document that expires
    reads: float = 0
    writes: float = 0
    deletes: float = 0
    kept: float = 0  # documents among the writes that are new and stay: rows, ledger entries
    published: Mapping[str, float] = field(default_factory=dict)  # topic -> messages
    timers: float = 0
    blob_writes: float = 0
    blob_reads: float = 0
    cpu_ms: float = 0
    rounds: float = 0  # calls to Google's services that it waits for, one after the other
    wait_ms: float = 0  # spent waiting for anybody else, such as a venue

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: _sum(getattr(self, name), getattr(other, name)) for name in self._names()})

    def __mul__(self, times: float) -> Self:
        return type(self)(**{name: _scaled(getattr(self, name), times) for name in self._names()})

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(each.name for each in fields(cls))


def _sum(a: Any, b: Any) -> Any:
    if isinstance(a, Mapping):
        return {name: a.get(name, 0) + b.get(name, 0) for name in (*a, *b)}
    return a + b


def _scaled(value: Any, times: float) -> Any:
    if isinstance(value, Mapping):
        return {name: item * times for name, item in value.items()}
    return value * times


Counts = Mapping[str, Mapping[str, OperationCounts]]
"""Cause -> stage -> what that stage does for one of it. A cause is SIGNAL, a kind of bar or "<stage>/<job>"."""

# One read round, one decision commit, one publish round, and the mark that it was sent. The commit: the claim, a state
# document, one verified and one verified absent.
HOP = OperationCounts(invocations=1, steps=1, reads=3, writes=4, deletes=1, cpu_ms=4, rounds=4)
# What following one order to its end adds to the hop that took it: two timers that come back, submitting and outcome,
# look-ups at the venue.
ORDER = OperationCounts(
    invocations=2, steps=3, reads=18, writes=15, deletes=1, kept=4, cpu_ms=2, rounds=24, timers=2
)  # fmt: skip
# A fill is booked in one step and compared with the venue in another; a person is told in a step of its own, so that
# he is not told twice.
COMPARED = OperationCounts(steps=1, reads=2, rounds=4)
TOLD = OperationCounts(steps=1, kept=1)
# How well each order was carried out, and the sum of its strategy; what every second one, an exit, made that day and in
# all. Part of the bookings.
RESULTS = OperationCounts(reads=3, writes=3, kept=1, rounds=2)
# A traded bar's features also look at the windows of the timeframes beside it and at its regime's model, and verify
# them.
BESIDE = OperationCounts(reads=3, writes=3)
# A decision looks at the weights in force and at the days of what is at stake, where it has not for ten minutes.
KNOWN = OperationCounts(reads=3, rounds=1)
# Whoever leaves looks whether an entry of his waits in the window.
WINDOW = OperationCounts(reads=1, deletes=1)
FACTS: dict[str, dict[str, dict[str, float]]] = {
    # Upper bounds: every signal becomes an order that is reported open and filled; a position is open at every bar.
    SIGNAL: {
        "ingestion": {"signals.received": 1},
        "features": {"signals.scored": 1},
        "cerebro": {"decisions.made": 1, "orders.requested": 1},
        "execution": {"executions.reported": 2},
        "reconciliation": {"accounts.updated": 1},
    },
    BAR: {"market": {"candles.closed": 1}, "reconciliation": {"accounts.updated": 1}},
    WATCHED_BAR: {"market": {"candles.closed": 1}},
    DAILY_BAR: {"market": {"candles.closed": 1}},
}
# Which subscriptions to bars a bar of each kind reaches.
BARS = {BAR: {"traded": "true"}, WATCHED_BAR: {}, DAILY_BAR: {"timeframe": "1d"}}
ALSO_LOOKS = (
    "cerebro/sweep",
    "execution/sweep",
    "exports/sweep",
    "simulation/sweep",
    "alerts/sweep",
)  # for what they began and did not end
KEEPS = ("dashboard", "reconciliation")  # their documents stay: rows, ledger entries


def by_design() -> dict[str, dict[str, OperationCounts]]:
    """The counts as the design states them, for the topology as it is."""
    counts = {cause: _flow(cause) for cause in FACTS}
    for stage in STAGES.values():
        for schedule in stage.schedules:
            counts[f"{stage.name}/{schedule.job}"] = {stage.name: _job(stage, schedule.job)}
    return counts


def _flow(cause: str) -> dict[str, OperationCounts]:
    """Every stage's share: a hop for each message that reaches it, and what it states itself."""
    stated = FACTS[cause]
    flow: dict[str, OperationCounts] = {}
    for name in STAGES:
        hops = sum(
            sent.get(topic, 0)
            for sent in stated.values()
            for topic, only in _wants(name)
            if cause not in BARS or topic != "candles.closed" or only == BARS[cause]
        )
        done = HOP * hops + _first_cause(cause, name) + OperationCounts(published=stated.get(name, {}))
        if name == "execution":
            done += ORDER * stated.get("cerebro", {}).get("orders.requested", 0)
        done += OperationCounts(kept=hops if name in KEEPS else 0)
        if cause == BAR and name == "features":
            done += BESIDE
        if cause == SIGNAL:
            done += {"cerebro": KNOWN + WINDOW, "reconciliation": COMPARED + RESULTS, "alerts": TOLD}.get(
                name, OperationCounts()
            )
        flow[name] = done
    return {name: done for name, done in flow.items() if done != OperationCounts()}


def _wants(stage: str) -> list[tuple[str, Mapping[str, str]]]:
    return [(subscription.topic, subscription.only) for subscription in STAGES[stage].consumes]


def _first_cause(cause: str, stage: str) -> OperationCounts:
    """A webhook is a request of its own; a bar is taken inside a run of the pull."""
    if cause == SIGNAL and stage == "ingestion":
        return HOP
    if cause in BARS and stage == "market":
        return HOP + OperationCounts(invocations=-1, wait_ms=200)
    return OperationCounts()


def _job(stage: StageSpec, job: str) -> OperationCounts:
    """A run that finds nothing: one query a database. Those that always find something are told apart."""
    looked = len(stage.databases) + (f"{stage.name}/{job}" in ALSO_LOOKS)
    run = OperationCounts(invocations=1, reads=looked, cpu_ms=4, rounds=looked)
    more = {
        "market/pull": OperationCounts(steps=1, reads=4, writes=3, rounds=3, wait_ms=400),
        "market/catalog": OperationCounts(steps=2, reads=1, writes=4, rounds=3, wait_ms=1_500),
        "market/archive": OperationCounts(reads=12, blob_reads=6, blob_writes=6, cpu_ms=60, rounds=18),
        # Every stage's row, the steps of the last minutes, and again the rows that change; the accounts, open orders
        # and quotes of what is at stake, and what went wrong lately.
        "dashboard/health": OperationCounts(steps=1, reads=len(STAGES) + 16, writes=5, rounds=9),
        "exports/daily": OperationCounts(reads=200, blob_writes=4, cpu_ms=200, rounds=8),
        "allocation/days": OperationCounts(steps=1, reads=10, writes=6, cpu_ms=20, rounds=6),
        "reconciliation/daily": OperationCounts(steps=1, reads=10, writes=8, blob_reads=6, blob_writes=2, rounds=10),
        "reconciliation/sweep": OperationCounts(steps=1, reads=4, writes=3, rounds=3, wait_ms=400),
    }
    return run + more.get(f"{stage.name}/{job}", OperationCounts())
