"""Google Cloud's list prices, as far as the floor uses them: us-central1, US dollars, no committed-use discounts.

Put together on 2026-11-20 without access to the live pages, so every figure must be checked there before it is relied
on. `source` says how far each can be trusted:

    page     read in a stored copy of Google's own page (copies of 2021 to 2026):
             run, pubsub, scheduler, tasks, secret-manager, storage, artifact-registry and nat /pricing;
             stackdriver/pricing for logs and traces; monitoring/alerts/cost-control for alarms
    others   read in somebody else's summary of it
    memory   neither: written down from memory

Alarm conditions are the least certain: the page announced the charge with a date that was moved more than once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AS_OF = "2026-11-20"
REGION = "us-central1"
DAYS = 30  # of a month here; Firestore's allowance is a daily one


@dataclass(frozen=True, slots=True)
class Price:
    """`usd` buys `per` units; the first `free` units of a month cost nothing."""

    service: str
    unit: str
    usd: float
    per: float = 1
    free: float = 0
    source: Literal["page", "others", "memory"] = "page"

    def of(self, quantity: float) -> float:
        return quantity * self.usd / self.per


PRICES: dict[str, Price] = {
    "run_cpu": Price("Cloud Run", "vCPU-second", 0.000024, free=180_000),
    "run_memory": Price("Cloud Run", "GiB-second", 0.0000025, free=360_000, source="others"),
    "run_requests": Price("Cloud Run", "request", 0.40, per=1e6, free=2e6, source="others"),
    "firestore_reads": Price("Firestore", "document", 0.03, per=1e5, free=50_000 * DAYS, source="others"),
    "firestore_writes": Price("Firestore", "document", 0.09, per=1e5, free=20_000 * DAYS, source="others"),
    "firestore_deletes": Price("Firestore", "document", 0.01, per=1e5, free=20_000 * DAYS, source="memory"),
    "firestore_expiries": Price("Firestore", "document", 0.01, per=1e5, source="memory"),
    "firestore_storage": Price("Firestore", "GiB-month", 0.15, free=1, source="memory"),
    "pubsub_throughput": Price("Pub/Sub", "GiB", 40, per=1024, free=10),
    "pubsub_retention": Price("Pub/Sub", "GiB-month", 0.27, source="memory"),
    "scheduler_jobs": Price("Cloud Scheduler", "job", 0.10, free=3),
    "tasks": Price("Cloud Tasks", "operation", 0.40, per=1e6, free=1e6),
    "secret_versions": Price("Secret Manager", "version", 0.06, free=6),
    "secret_reads": Price("Secret Manager", "access", 0.03, per=1e4, free=1e4),
    "storage": Price("Cloud Storage", "GiB-month", 0.020, free=5),
    "storage_writes": Price("Cloud Storage", "class A operation", 0.005, per=1e3, free=5_000, source="memory"),
    "storage_reads": Price("Cloud Storage", "class B operation", 0.0004, per=1e3, free=50_000, source="memory"),
    "logs": Price("Logging and Trace", "GiB", 0.50, free=50),
    "spans": Price("Logging and Trace", "span", 0.20, per=1e6, free=2.5e6),
    "alarm_conditions": Price("Monitoring", "condition", 1.50),
    "alarm_series": Price("Monitoring", "time series read", 0.35, per=1e6),
    "images": Price("Artifact Registry", "GiB-month", 0.10, free=0.5),
    "nat_instances": Price("Static egress", "instance-hour", 0.0014),
    "nat_address": Price("Static egress", "address-hour", 0.005),
    "nat_data": Price("Static egress", "GiB", 0.045),
}
