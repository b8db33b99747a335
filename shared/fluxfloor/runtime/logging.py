"""Structured logs in Cloud Logging's fields, one JSON object a line, with every known secret taken out."""

from __future__ import annotations

import json
import logging
import sys
import threading
from base64 import b64encode
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO, TypeVar
from urllib.parse import quote

import orjson

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
_SUSPECT = ("secret", "passphrase", "password", "passwd", "token", "authorization", "cookie", "api_key", "apikey",
            "api-key", "private", "credential")  # fmt: skip
MIN_SECRET = 6
MASK = "•••"
current_span: ContextVar[tuple[str, str]] = ContextVar("current_span", default=("", ""))
"""Trace id and span id of what is being handled; tracing sets it."""
_spellings: tuple[str, ...] = ()  # of every known secret, the longest first; replaced as a whole, never changed
_registering = threading.Lock()
T = TypeVar("T", str, bytes)


def register_secret(value: str) -> None:
    """From now on this value never leaves through a log. Short values are left alone: they would mask words."""
    global _spellings
    value = value.strip()
    if len(value) < MIN_SECRET or value in _spellings:
        return
    with _registering:
        _spellings = tuple(sorted({*_spellings, *_spelled(value)}, key=len, reverse=True))


def _spelled(secret: str) -> set[str]:
    """As it is, and as an address, a JSON text, a repr and base64 would spell it."""
    escaped = {quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    return {secret, *escaped, b64encode(secret.encode()).decode().rstrip("=")}


def redact(text: T) -> T:
    """The text without any known secret."""
    if isinstance(text, bytes):
        for secret in _spellings:
            text = text.replace(secret.encode(), MASK.encode())
        return text
    for secret in _spellings:
        text = text.replace(secret, MASK)
    return text


def clean(value: Any, name: str = "") -> Any:
    """A JSON value with secrets masked, by their value and by the name of the field they stand in."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {redact(str(key)): clean(item, f"{name} {key}") for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item, name) for item in value]
    if any(word in name.lower() for word in _SUSPECT):
        return MASK
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    return redact(str(value))


class CloudFormatter(logging.Formatter):
    """`severity`, `message`, `time`, the trace and span it belongs to, and whatever `extra` carried."""

    def __init__(self, project: str = "", mode: str = "paper") -> None:
        super().__init__()
        self._project = project
        self._mode = {"mode": mode} if mode != "paper" else {}

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "message": redact(record.getMessage()),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "logger": record.name,
            **self._mode,
            **self._trace(),
        }
        entry.update(clean({name: value for name, value in record.__dict__.items() if name not in _STANDARD}))
        if record.exc_info:
            entry["stack_trace"] = redact(self.formatException(record.exc_info))
        try:
            return orjson.dumps(entry).decode()
        except TypeError:  # half a character, say: somebody's bytes must not cost us the line
            return json.dumps(entry, default=str)

    def _trace(self) -> dict[str, str]:
        trace_id, span_id = current_span.get()
        if not trace_id:
            return {}
        name = f"projects/{self._project}/traces/{trace_id}" if self._project else trace_id
        return {"logging.googleapis.com/trace": name, "logging.googleapis.com/spanId": span_id}


def configure(level: str = "INFO", stream: TextIO | None = None, project: str = "", mode: str = "paper") -> None:
    """Makes it the only log of this process. On a live floor every line says so."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(CloudFormatter(project, mode))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
