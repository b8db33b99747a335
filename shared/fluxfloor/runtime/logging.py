"""Structured logs in Cloud Logging's fields, one JSON object a line, with every known secret taken out."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
_SUSPECT = ("secret", "passphrase", "password", "token", "authorization", "api_key", "apikey", "private")
_known_secrets: set[str] = set()

MASK = "•••"


def register_secret(value: str) -> None:
    """From now on this value never leaves through a log. Short values are left alone: they would mask words."""
    if len(value) >= 6:
        _known_secrets.add(value)


def redact(text: str) -> str:
    for secret in _known_secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    return text


def clean(value: Any, name: str = "") -> Any:
    """A JSON value with secrets masked, by their value and by the name of the field they stand in."""
    if any(word in name.lower() for word in _SUSPECT) and isinstance(value, str):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item, name) for item in value]
    return value


class CloudFormatter(logging.Formatter):
    """`severity`, `message`, `time`, the trace, and whatever `extra` carried."""

    def __init__(self, project: str = "") -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": redact(record.getMessage()),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
        }
        extra = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        trace = extra.pop("trace_id", "")
        if trace:
            entry["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace}"
        entry.update(clean(extra))
        if record.exc_info:
            entry["stack_trace"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(entry, default=str).decode()


def configure(level: str = "INFO", stream: TextIO | None = None, project: str = "") -> None:
    """Makes it the only log of this process."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(CloudFormatter(project))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
