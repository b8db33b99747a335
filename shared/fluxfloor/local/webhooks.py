"""Recorded webhooks: one JSON object a line, sent to ingestion as their sender would."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fluxfloor.errors import Misconfigured
from fluxfloor.local.floor import Floor

DEMO_SENDER = "demo"


@dataclass(frozen=True, slots=True)
class RecordedWebhook:
    """`secret` goes into the header X-Fluxfloor-Secret; empty: the body must prove the sender by itself."""

    at_ms: int
    sender: str
    body: bytes
    content_type: str
    secret: str = ""

    def send(self, floor: Floor) -> Sent:
        headers = {"Content-Type": self.content_type, "X-Forwarded-For": "127.0.0.1"}
        if self.secret:
            headers["X-Fluxfloor-Secret"] = self.secret
        response = floor.request("ingestion", "POST", f"/webhooks/{self.sender}", self.body, headers)
        answer = json.loads(response.get_data())
        repeated = response.headers.get("Fluxfloor-Webhook") == "duplicate"
        return Sent(response.status_code, answer.get("code", ""), repeated)


@dataclass(frozen=True, slots=True)
class Sent:
    status: int
    code: str
    duplicate: bool


@dataclass(slots=True)
class Outcomes:
    """How many webhooks were accepted, repeated, and refused for which reason."""

    accepted: int = 0
    duplicate: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, sent: Sent) -> None:
        if sent.status != 200:
            self.refused[sent.code or str(sent.status)] += 1
        elif sent.duplicate:
            self.duplicate += 1
        else:
            self.accepted += 1

    def counts(self) -> dict[str, Any]:
        return {"accepted": self.accepted, "duplicate": self.duplicate, "refused": dict(self.refused)}


def read_webhooks(text: str, name: str, known: dict[str, str], begin_ms: int, end_ms: int) -> list[RecordedWebhook]:
    """The lines of a file. `known` are the senders' secrets; lines without `at` are spread evenly over the time.

    A line that names a known sender is sent as it stands. One without a sender, or with an unknown one, goes out as
    the demo's, with the demo's secret in the header, because its body can't know it. Raises Misconfigured, naming the
    line, for what is no such object.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    spacing = (end_ms - begin_ms) // (len(lines) + 1) if lines else 0
    return [
        _webhook(line, f"{name} line {number}", known, begin_ms + spacing * (index + 1))
        for index, (number, line) in enumerate(lines)
    ]


def _webhook(line: str, where: str, known: dict[str, str], default_ms: int) -> RecordedWebhook:
    try:
        record = json.loads(line)
    except ValueError as problem:
        raise Misconfigured(f"{where}: not JSON ({problem})") from problem
    if not isinstance(record, dict) or "body" not in record:
        raise Misconfigured(f'{where}: needs an object with "body"')
    body = record["body"] if isinstance(record["body"], str) else json.dumps(record["body"])
    sender = record.get("sender")
    named = isinstance(sender, str) and sender in known
    return RecordedWebhook(
        at_ms=_time_ms(record["at"], where) if record.get("at") is not None else default_ms,
        sender=str(sender) if named else DEMO_SENDER,
        body=body.encode("utf-8", "surrogatepass"),
        content_type=str(record.get("content_type") or "application/json"),
        secret=str(record.get("secret") or "") if named else known.get(DEMO_SENDER, ""),
    )


def _time_ms(value: Any, where: str) -> int:
    """ISO 8601 (UTC where it names no zone), or epoch milliseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Misconfigured(f'{where}: "at" must be an ISO time or epoch milliseconds')
    if not isinstance(value, str):
        return int(value)
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as problem:
        raise Misconfigured(f'{where}: "at": {problem}') from problem
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)
