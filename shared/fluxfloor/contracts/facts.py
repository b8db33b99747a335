"""A fact: an event with its identity, its cause and its trace. What the bus carries and the journal keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from fluxfloor.contracts import ids
from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import EVENTS, TimerFired
from fluxfloor.contracts.journal import Timer
from fluxfloor.errors import Poison

WIRE_FIELDS = ("event_id", "type", "key", "root", "parent", "traceparent", "ts_event_ms")


@dataclass(frozen=True, slots=True)
class Fact:
    """`root` is the first cause (a webhook, a run of a schedule); `parent` the fact that caused this one."""

    event_id: str
    event: Event
    root: str
    parent: str
    ts_event_ms: int
    traceparent: str = ""

    @property
    def type(self) -> str:
        return self.event.type

    @property
    def topic(self) -> str:
        return self.event.topic()

    def attributes(self) -> dict[str, str]:
        return {
            "event_id": self.event_id,
            "type": self.event.type,
            "key": self.event.key(),
            "root": self.root,
            "parent": self.parent,
            "traceparent": self.traceparent,
            "ts_event_ms": str(self.ts_event_ms),
            **self.event.attributes(),
        }

    def data(self) -> bytes:
        return self.event.__pydantic_serializer__.to_json(self.event)

    def record(self) -> dict[str, Any]:
        """For the journal: plain JSON values only."""
        return {
            "event_id": self.event_id, "type": self.event.type, "root": self.root, "parent": self.parent,
            "traceparent": self.traceparent, "ts_event_ms": self.ts_event_ms,
            "data": self.event.model_dump(mode="json"),
        }  # fmt: skip

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Fact:
        return cls(
            event_id=record["event_id"], event=_event(record["type"]).model_validate(record["data"], extra="ignore"),
            root=record["root"], parent=record["parent"], ts_event_ms=record["ts_event_ms"],
            traceparent=record["traceparent"],
        )  # fmt: skip

    def caused(self, stage: str, event: Event, index: int, now_ms: int) -> Fact:
        """The `index`-th fact that `stage` states on handling this one."""
        child = ids.event_id(self.event_id, f"{stage}/{event.type}", index)
        return Fact(child, event, self.root, self.event_id, now_ms, child_trace(self.traceparent, stage, self.event_id))

    @classmethod
    def first(cls, event_id: str, event: Event, now_ms: int, traceparent: str = "") -> Fact:
        """A first cause: its own root, and the start of a trace unless one came with it."""
        return cls(event_id, event, event_id, "", now_ms, traceparent or first_trace(event_id))


def first_trace(event_id: str) -> str:
    """W3C trace context of a trace that starts here."""
    return f"00-{ids.trace_id(event_id)}-{ids.span_id(event_id)}-01"


def fired(timer: Timer) -> Fact:
    """What a timer delivers, with an id that every delivery shares; part of the story that it was set in."""
    event = TimerFired(stage=timer.stage, purpose=timer.purpose, subject=timer.subject, due_ms=timer.due_ms)
    traceparent = timer.traceparent or first_trace(timer.timer_id)
    return Fact(timer.timer_id, event, timer.root or timer.timer_id, "", timer.due_ms, traceparent)


def child_trace(traceparent: str, stage: str, event_id: str) -> str:
    """W3C trace context whose span is `stage` handling `event_id`: derived, so that a replay draws the same trace."""
    parts = traceparent.split("-")
    if len(parts) != 4:
        return ""
    return f"{parts[0]}-{parts[1]}-{ids.span_id(stage, event_id)}-{parts[3]}"


def decode(data: bytes, attributes: dict[str, str]) -> Fact:
    """The fact in a delivered message. Raises Poison, with what is wrong, for anything that is not one."""
    missing = [name for name in WIRE_FIELDS if name not in attributes]
    if missing:
        raise Poison(f"message attributes lack {', '.join(missing)}")
    event_type = _event(attributes["type"])
    try:
        event = event_type.model_validate_json(data, extra="ignore")
        ts_event_ms = int(attributes["ts_event_ms"])
    except (ValidationError, ValueError) as problem:
        raise Poison(f"not a {attributes['type']}: {problem}") from problem
    return Fact(
        attributes["event_id"], event, attributes["root"], attributes["parent"], ts_event_ms, attributes["traceparent"]
    )


def decode_whole(data: bytes, attributes: dict[str, str]) -> Fact:
    """As `decode`, for who will send it again: a field that this version doesn't know would be lost, and is Poison."""
    fact = decode(data, attributes)
    try:
        type(fact.event).model_validate_json(data)
    except ValidationError as problem:
        raise Poison(f"a {fact.type} of another version: {problem}") from problem
    return fact


def _event(name: str) -> type[Event]:
    try:
        return EVENTS[name]
    except KeyError:
        raise Poison(f"no reader for event type {name!r}") from None
