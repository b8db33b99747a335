"""One trace from webhook to fill. Ids are derived from the facts and travel in their attributes, so the trace exists
whether or not anything records it; spans are recorded only when an exporter is configured.

A step that an invocation takes on its own account is a span below the invocation's; a fact's trace context names the
span that stated it, and a timer's the span that set it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Token
from types import TracebackType
from typing import Any

from fluxfloor.contracts import ids
from fluxfloor.contracts.facts import Fact, first_trace
from fluxfloor.runtime.logging import current_span, redact

_tracer: Any = None
_next = threading.local()


def configure(processor: Any, service: str) -> None:
    """Records spans through an OpenTelemetry span processor. Without this call a span costs nothing."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class DerivedIds(IdGenerator):
        """Hands out the ids that `span` derived, so that facts can name a span before it is exported."""

        def generate_span_id(self) -> int:
            return int(_next.span_id, 16)

        def generate_trace_id(self) -> int:
            return int(_next.trace_id, 16)

    global _tracer
    resource = Resource.create({"service.name": f"fluxfloor-{service}"})
    provider = TracerProvider(resource=resource, id_generator=DerivedIds())
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("fluxfloor")


class span:  # noqa: N801 - reads as the statement that it is
    """A span of `stage` handling `fact`, child of the span that stated the fact."""

    __slots__ = ("_fact", "_recording", "_stage", "_token")

    def __init__(self, stage: str, fact: Fact) -> None:
        self._stage, self._fact = stage, fact
        self._token: Token[tuple[str, str]] | None = None
        self._recording: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        parts = self._fact.traceparent.split("-")
        if len(parts) != 4:
            return
        trace_id, span_id = parts[1], ids.span_id(self._stage, self._fact.event_id)
        if _tracer is not None:
            recording = _recorded(self._stage, self._fact, trace_id, span_id)
            recording.__enter__()
            self._recording = recording
        self._token = current_span.set((trace_id, span_id))

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._token is not None:
            current_span.reset(self._token)
        if self._recording is not None:
            self._recording.__exit__(kind, problem, _)


@contextmanager
def _recorded(stage: str, fact: Fact, trace_id: str, span_id: str) -> Iterator[None]:
    from opentelemetry.trace import Status, StatusCode

    _next.trace_id, _next.span_id = trace_id, span_id
    attributes = {
        "fluxfloor.stage": stage, "fluxfloor.type": fact.type, "fluxfloor.event_id": fact.event_id,
        "fluxfloor.root": fact.root,
    }  # fmt: skip
    # The library would record an exception with its whole text, and that may carry what no log may.
    with _tracer.start_as_current_span(
        f"{stage} {fact.topic}", context=_parent(fact), attributes=attributes, record_exception=False,
        set_status_on_exception=False,
    ) as recorded:  # fmt: skip
        try:
            yield
        except Exception as problem:
            recorded.set_status(Status(StatusCode.ERROR, redact(f"{type(problem).__name__}: {problem}")[:500]))
            raise


def _parent(fact: Fact) -> Any:
    """The context that the fact arrived in; none for a trace that starts with it."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if fact.traceparent == first_trace(fact.event_id):
        return Context()
    return TraceContextTextMapPropagator().extract({"traceparent": fact.traceparent}, context=Context())
