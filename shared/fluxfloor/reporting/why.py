"""One signal's or order's whole story, from the journal: facts, limits, venue calls, money.

`collect` follows ids from step to step (signal, decision, intent, client order id, trade); `tell` puts it in words.
Reading is handed in, so that this stays pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import EVENTS, AccountUpdated, ExecutionReported
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import Step
from fluxfloor.contracts.state import LedgerEntry
from fluxfloor.reporting.why_words import clock, said_entry, said_event

MAX_IDS = 40
MAX_STEPS = 200
LONGEST_ANSWER = 200
_FLOW = list(EVENTS)
LEDGER_SLACK_MS = 3_600_000  # a fill may be booked late

StepsAbout = Callable[[str], Sequence[Step]]
"""Every step of the journal that has this id among its subjects."""
LedgerOf = Callable[[str, int, int], Sequence[LedgerEntry]]
"""The bookings of an account in a span of time."""


@dataclass(frozen=True, slots=True)
class Story:
    """What was found about `id`: the ids it led to, the steps in order of time, and the bookings of its orders."""

    id: str
    ids: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    cut: bool = False  # there was more than is kept here

    @property
    def empty(self) -> bool:
        """Is there nothing to tell? Steps that only listened say nothing."""
        return not any(step.facts for step in self.steps)


@dataclass(slots=True)
class _Trail:
    ids: dict[str, None] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)


def collect(id: str, steps_about: StepsAbout, ledger_of: LedgerOf | None = None) -> Story:
    """Follows `id` until nothing new comes. An id that nobody knows gives an empty story."""
    trail, waiting, cut = _Trail(), [id], False
    while waiting:
        current = waiting.pop(0)
        if current in trail.ids:
            continue
        if len(trail.ids) >= MAX_IDS or len(trail.steps) >= MAX_STEPS:
            cut = True
            break
        trail.ids[current] = None
        for step in steps_about(current):
            trail.steps.setdefault(step.id, step)
            waiting += _linked(step, current, id)
    steps = _in_order(list(trail.steps.values()))
    entries = _entries(steps, set(trail.ids), ledger_of) if ledger_of else ()
    return Story(id, tuple(trail.ids), tuple(steps), tuple(entries), cut)


def _in_order(steps: list[Step]) -> list[Step]:
    """By time, and within one millisecond causes before what they caused."""
    stated_by = {record["event_id"]: step for step in steps for record in step.facts}

    def generation(step: Step) -> int:
        count = 0
        while (parent := stated_by.get(step.event_id)) is not None and count < MAX_STEPS:
            step, count = parent, count + 1
        return count + _place(step)

    return sorted(steps, key=lambda step: (step.at_ms, generation(step), step.id))


def _place(step: Step) -> int:
    """Where a step that nothing here has caused stands in the flow: events are listed in the flow's order."""
    kinds = [record["type"] for record in step.facts] or [step.type]
    return min((_FLOW.index(kind) for kind in kinds if kind in EVENTS), default=0)


def events_of(step: Step) -> list[Event]:
    """The facts a step stated, those that this version can read."""
    return [Fact.from_record(record).event for record in step.facts if record["type"] in EVENTS]


def _linked(step: Step, known: str, asked: str) -> Iterable[str]:
    """Ids that belong to the same matter as `known`. What caused a step belongs to all of its facts, but two facts of
    one step may be strangers: one bar lets several strategies speak."""
    facts = events_of(step)
    stated = {subject for event in facts for subject in event.subjects()}
    cause = [subject for subject in step.subjects if subject not in stated]
    linked = list(cause)
    for event in facts:
        if known in event.subjects() or (known in cause and event.subjects()):
            linked += event.subjects()
        linked += _of_trade(event, asked)
    return linked


def _of_trade(event: Event, asked: str) -> list[str]:
    """Who asks about a trade wants both of its signals."""
    if not isinstance(event, AccountUpdated):
        return []
    trades = [trade for trade in event.trades if trade.trade_id == asked]
    return [signal for trade in trades for signal in (trade.entry_signal_id, trade.exit_signal_id) if signal]


def _entries(steps: Sequence[Step], ids: set[str], ledger_of: LedgerOf) -> list[LedgerEntry]:
    """The bookings of the orders in the story."""
    spans: dict[str, tuple[int, int]] = {}
    for event in (event for step in steps for event in events_of(step)):
        if isinstance(event, ExecutionReported) and event.report.intent.intent_id in ids:
            account, at_ms = event.report.intent.account_id, event.report.ts_event_ms
            first, last = spans.get(account, (at_ms, at_ms))
            spans[account] = min(first, at_ms), max(last, at_ms)
    return [
        entry
        for account, (first, last) in spans.items()
        for entry in ledger_of(account, first - LEDGER_SLACK_MS, last + LEDGER_SLACK_MS)
        if entry.intent_id in ids
    ]


# --- in words ----------------------------------------------------------------------------------------------------


def tell(story: Story) -> list[str]:
    """Plain text, one line a fact, indented lines for its details."""
    if story.empty:
        return [f"nothing in the journal is about {story.id}"]
    lines = [f"The story of {story.id}", ""]
    known = set(story.ids)
    for step in story.steps:
        lines += _told(step, known)
    if story.entries:
        lines += ["", "Booked in the ledger"]
        lines += [line for entry in story.entries for line in said_entry(entry)]
    lines += ["", _versions(story.steps[0])]
    return [*lines, "There is more than is shown here."] if story.cut else lines


def _told(step: Step, known: set[str]) -> list[str]:
    lines = []
    for event in events_of(step):
        if event.subjects() and not known.intersection(event.subjects()):
            continue
        headline, details = said_event(event)
        lines.append(f"{clock(step.at_ms)}  {step.stage:<14} {headline}")
        lines += [f"{'':40}{detail}" for detail in details]
    if step.answer is not None and step.evidence is not None:
        lines.append(f"{clock(step.at_ms)}  {step.stage:<14} answered {_short(step.answer)}")
    return lines


def _short(answer: dict[str, Any]) -> str:
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) <= LONGEST_ANSWER else f"{text[:LONGEST_ANSWER]}…"


def _versions(step: Step) -> str:
    return "Decided with " + ", ".join(f"{name} {version}" for name, version in sorted(step.versions.items()))
