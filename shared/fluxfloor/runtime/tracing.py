"""One trace from webhook to fill. Ids are derived from the facts and travel in their attributes, so the trace exists
whether or not anything records it; spans are recorded only when an exporter is configured."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fluxfloor.contracts import ids
from fluxfloor.contracts.facts import Fact, first_trace

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


@contextmanager
def span(stage: str, fact: Fact) -> Iterator[None]:
    """A span of `stage` handling `fact`, child of the span that stated the fact."""
    if _tracer is None or not fact.traceparent:
        yield
        return
    _next.trace_id = fact.traceparent.split("-")[1]
    _next.span_id = ids.span_id(stage, fact.event_id)
    attributes = {"fluxfloor.event_id": fact.event_id, "fluxfloor.root": fact.root, "fluxfloor.type": fact.type}
    with _tracer.start_as_current_span(f"{stage} {fact.topic}", context=_parent(fact), attributes=attributes):
        yield


def _parent(fact: Fact) -> Any:
    """The context that the fact arrived in; none for a trace that starts with it."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if fact.traceparent == first_trace(fact.event_id):
        return Context()
    return TraceContextTextMapPropagator().extract({"traceparent": fact.traceparent}, context=Context())
