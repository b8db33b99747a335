"""Reads what Google pushes at a stage, and nothing else: a Pub/Sub message, a Cloud Tasks timer, a Cloud Scheduler run.

Whoever can reach the stage can send any bytes, so nothing of the envelope is taken for granted. A push is acked by
200, 201 or 204; Pub/Sub takes 202 for a failure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from fluxfloor.contracts import ids
from fluxfloor.contracts.events import ScheduleTicked
from fluxfloor.contracts.facts import Fact, fired
from fluxfloor.contracts.journal import Timer
from fluxfloor.errors import Poison
from fluxfloor.ports import Delivery

ACKED_STATUSES = frozenset({200, 201, 204})
SCHEDULER_JOB = "x-cloudscheduler-jobname"
SCHEDULER_TIME = "x-cloudscheduler-scheduletime"
TASK_RETRIES = "x-cloudtasks-taskretrycount"
LAST_MS = 32_503_680_000_000  # the year 3000, as in the contracts


def delivery_from_push(body: bytes, headers: Mapping[str, str]) -> Delivery:
    """The message in an HTTP request of Pub/Sub, Cloud Tasks or Cloud Scheduler. Raises Poison for anything else."""
    lowered = {name.lower(): value for name, value in headers.items()}
    envelope = _object(_json(body), "the body")
    if SCHEDULER_JOB in lowered:
        return _scheduled(envelope, lowered)
    return _pushed(envelope, _attempt(envelope, lowered))


def message_push(
    subscription: str, data: bytes, attributes: Mapping[str, str], message_id: str, attempt: int = 0
) -> bytes:
    """The body that Pub/Sub would push."""
    message = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes), "messageId": message_id}
    envelope: dict[str, Any] = {"message": message, "subscription": subscription}
    if attempt:
        envelope["deliveryAttempt"] = attempt
    return orjson.dumps(envelope)


def timer_push(timer: Timer) -> bytes:
    """The body of a timer's task. Its fact is its own first cause, with an id that every delivery shares."""
    fact = fired(timer)
    return message_push(f"{timer.stage}--timers", fact.data(), fact.attributes(), timer.timer_id)


def schedule_push(stage: str, job: str, scheduled_ms: int) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a Cloud Scheduler call. In the cloud the body is fixed when the job is made."""
    at = datetime.fromtimestamp(scheduled_ms / 1000, UTC).isoformat()
    headers = {
        "Content-Type": "application/json",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": f"{stage}-{job}",
        "X-CloudScheduler-ScheduleTime": at,
    }
    return orjson.dumps({"stage": stage, "job": job}), headers


def _pushed(envelope: dict[str, Any], attempt: int) -> Delivery:
    message = _object(envelope.get("message"), "message")
    subscription = _text(envelope.get("subscription", ""), "subscription")
    message_id = message.get("messageId", message.get("message_id", ""))
    return Delivery(
        subscription=subscription.rsplit("/", 1)[-1],
        data=_bytes(message.get("data", "")),
        attributes=_attributes(message.get("attributes")),
        message_id=_text(message_id, "messageId"),
        attempt=attempt,
    )


def _scheduled(envelope: dict[str, Any], headers: Mapping[str, str]) -> Delivery:
    stage, job = _text(envelope.get("stage"), "stage"), _text(envelope.get("job"), "job")
    scheduled_ms = _time_ms(headers.get(SCHEDULER_TIME, ""))
    run = ids.schedule_id(stage, job, scheduled_ms)
    fact = Fact.first(run, ScheduleTicked(stage=stage, job=job, scheduled_ms=scheduled_ms), scheduled_ms)
    return Delivery(f"{stage}--schedule", fact.data(), fact.attributes(), run)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise Poison(f"a push that is not JSON: {problem}") from problem


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Poison(f"a push whose {what} is not an object")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Poison(f"a push whose {what} is not a string")
    return value


def _bytes(data: Any) -> bytes:
    try:
        return base64.b64decode(_text(data, "data"), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Poison(f"a push whose data is not base64: {problem}") from problem


def _attributes(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    return {name: _text(item, f"attribute {name!r}") for name, item in _object(value, "attributes").items()}


def _attempt(envelope: dict[str, Any], headers: Mapping[str, str]) -> int:
    """Counted from 1; 0 where nobody counts (the Pub/Sub emulator does not)."""
    counted = envelope.get("deliveryAttempt", 0)
    if TASK_RETRIES in headers:
        retries = headers[TASK_RETRIES]
        counted = int(retries) + 1 if retries.isdecimal() and len(retries) < 10 else 0
    return counted if isinstance(counted, int) and not isinstance(counted, bool) and counted >= 0 else 0


def _time_ms(text: str) -> int:
    """Cloud Scheduler's RFC 3339 time as UTC milliseconds."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as problem:
        raise Poison(f"a schedule whose time is {text!r}") from problem
    if at.tzinfo is None:
        raise Poison(f"a schedule whose time {text!r} has no zone")
    scheduled_ms = round(at.timestamp() * 1000)
    if not 0 <= scheduled_ms < LAST_MS:
        raise Poison(f"a schedule whose time {text!r} is out of range")
    return scheduled_ms
