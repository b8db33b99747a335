"""The journal: one document per committed step, which is at once the claim, the outbox and the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JOURNAL = "journal"
QUARANTINE = "quarantine"


def claim_id(stage: str, event_id: str) -> str:
    return f"{stage}:{event_id}"


@dataclass(frozen=True, slots=True)
class Timer:
    """A `timers.fired` for `stage` at `due_ms`. Setting it twice under one id sets it once.

    `root` and `traceparent` are those of what it was set for: what a timer finds belongs to the same story.
    """

    timer_id: str
    stage: str
    due_ms: int
    purpose: str
    subject: str
    root: str = ""
    traceparent: str = ""

    def record(self) -> dict[str, Any]:
        return {
            "timer_id": self.timer_id, "stage": self.stage, "due_ms": self.due_ms, "purpose": self.purpose,
            "subject": self.subject, "root": self.root, "traceparent": self.traceparent,
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Timer:
        return cls(**{name: record[name] for name in cls.__dataclass_fields__ if name in record})


@dataclass(frozen=True, slots=True)
class Step:
    """What one handler call decided. `pending` names the stage while facts or timers are not known to be sent."""

    stage: str
    event_id: str
    type: str
    root: str
    at_ms: int
    facts: tuple[dict[str, Any], ...] = ()
    timers: tuple[dict[str, Any], ...] = ()
    subjects: tuple[str, ...] = ()
    answer: dict[str, Any] | None = None  # what an HTTP caller was told; a repeat is told the same
    evidence: dict[str, Any] | None = None  # what arrived, for first causes: a webhook's body without its secret
    versions: dict[str, str] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)  # "<collection>/<id>" -> the version it stood on, or 0
    seen: dict[str, Any] = field(default_factory=dict)  # and those, as they were, that nothing else tells later
    pending: str = ""

    @property
    def id(self) -> str:
        return claim_id(self.stage, self.event_id)

    def record(self) -> dict[str, Any]:
        return {
            "stage": self.stage, "event_id": self.event_id, "type": self.type, "root": self.root, "at_ms": self.at_ms,
            "facts": list(self.facts), "timers": list(self.timers), "subjects": list(self.subjects),
            "answer": self.answer, "evidence": self.evidence, "versions": self.versions,
            "read": self.read, "seen": self.seen,
            "pending": self.pending or None,
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Step:
        known = {name: record[name] for name in cls.__dataclass_fields__ if name in record}
        known["pending"] = known.get("pending") or ""
        for name in ("facts", "timers", "subjects"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)
