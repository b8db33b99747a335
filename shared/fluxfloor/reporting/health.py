"""Is a stage doing the work that is due to it? Judged from the journal alone, and only while something is due.

idle     nothing was due to it lately          delayed  something has been due for more than 30 s
ok       what was due is done                  offline  something has been due for more than 60 s
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.journal import Step, claim_id
from fluxfloor.contracts.views import StageHealth

DELAYED_MS = 30_000
OFFLINE_MS = 60_000
RECENT_MS = 15 * 60_000
"""How long ago is lately: longer than a message's whole back-off until it is quarantined."""
_GRAVITY = {"idle": 0, "ok": 0, "delayed": 1, "offline": 2}


@dataclass(frozen=True, slots=True)
class Due:
    """One fact that makes work for one stage, since it was committed."""

    stage: str
    event_id: str
    since_ms: int

    @property
    def claim(self) -> str:
        return claim_id(self.stage, self.event_id)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the journal shows: facts that make work, facts still unsent, and when each stage last took a step."""

    due: tuple[Due, ...]
    unsent: tuple[Due, ...]
    last_step_ms: dict[str, int]
    claims: frozenset[str]


def look(steps: Sequence[Step], consumers: Callable[[dict[str, Any]], Iterable[str]]) -> Seen:
    """Reads steps; `consumers` says whom a fact's record makes work for.

    A fact that was committed and not sent is the work of the stage that stated it, not yet of those who wait for it.
    """
    due: list[Due] = []
    unsent: list[Due] = []
    last: dict[str, int] = {}
    for step in steps:
        last[step.stage] = max(last.get(step.stage, 0), step.at_ms)
        if step.pending:
            unsent.append(Due(step.stage, step.event_id, step.at_ms))
            continue
        due.extend(Due(stage, record["event_id"], step.at_ms) for record in step.facts for stage in consumers(record))
    return Seen(tuple(due), tuple(unsent), last, frozenset(step.id for step in steps))


def judge(stage: str, seen: Seen, done: frozenset[str], kept: StageHealth | None, now_ms: int) -> StageHealth:
    """One stage's health; `done` holds the claims that exist. The kept row comes back where nothing changed."""
    mine = [item for item in seen.due if item.stage == stage]
    waiting = [item.since_ms for item in mine if item.claim not in done]
    waiting += [item.since_ms for item in seen.unsent if item.stage == stage]
    last_step_ms = max(seen.last_step_ms.get(stage, 0), kept.last_step_ms if kept else 0)
    worked = max([last_step_ms, *(item.since_ms for item in mine)]) >= now_ms - RECENT_MS
    judged = StageHealth(
        id=stage, status=_status(waiting, worked, now_ms), due=len(waiting),
        oldest_due_ms=min(waiting, default=0), last_step_ms=last_step_ms, ts_event_ms=now_ms,
    )  # fmt: skip
    return kept if kept is not None and _same(kept, judged) else judged


def _status(waiting: Sequence[int], worked: bool, now_ms: int) -> str:
    waited_ms = now_ms - min(waiting, default=now_ms)
    if waited_ms > OFFLINE_MS:
        return "offline"
    if waited_ms > DELAYED_MS:
        return "delayed"
    return "ok" if worked else "idle"


def _same(kept: StageHealth, judged: StageHealth) -> bool:
    ignored = {"version", "ts_event_ms"}
    return kept.model_dump(exclude=ignored) == judged.model_dump(exclude=ignored)


def told(judged: StageHealth, kept: StageHealth | None) -> RiskRaised | None:
    """What people hear: a stage that falls behind or goes offline, and one that is back from offline."""
    before, after = _GRAVITY[kept.status if kept else "idle"], _GRAVITY[judged.status]
    if after > before:
        severity = Severity.CRITICAL if judged.status == "offline" else Severity.WARNING
        waited_s = (judged.ts_event_ms - judged.oldest_due_ms) // 1000
        text = f"{judged.id} is {judged.status}: {judged.due} due, the oldest for {waited_s} s"
        return _raise(judged, f"stage_{judged.status}", severity, text)
    if before == _GRAVITY["offline"] and after == 0:
        return _raise(judged, "stage_recovered", Severity.INFO, f"{judged.id} has caught up")
    return None


def _raise(judged: StageHealth, kind: str, severity: Severity, text: str) -> RiskRaised:
    return RiskRaised(kind=kind, scope=judged.id, severity=severity, message=text, ts_event_ms=judged.ts_event_ms)
