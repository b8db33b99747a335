"""One trace from webhook to fill, over the real stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts import ids
from fluxfloor.errors import RetryLater
from fluxfloor.local.chaos.house import STAGES_RUN
from fluxfloor.runtime import logging as logs
from fluxfloor.runtime import tracing
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.support.runtime_lab import Lab, heard
from tests.support.trading_floor import TradingFloor


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_tracer", None)
    tracing.configure(SimpleSpanProcessor(exporter), "test")
    yield exporter
    exporter.shutdown()


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[TradingFloor]:
    trading = TradingFloor(tmp_path, stages=(*STAGES_RUN, "dashboard", "alerts"))
    yield trading
    trading.close()


def by_id(found: list[ReadableSpan]) -> dict[int, ReadableSpan]:
    return {span.context.span_id: span for span in found if span.context}


def way_to(span: ReadableSpan, known: dict[int, ReadableSpan]) -> list[str]:
    """Names from the first cause to this span."""
    names = [span.name]
    while span.parent is not None:
        span = known[span.parent.span_id]
        names.append(span.name)
    return names[::-1]


def of_webhook(exporter: InMemorySpanExporter, event_id: str) -> list[ReadableSpan]:
    trace_id = int(ids.trace_id(event_id), 16)
    return [span for span in exporter.get_finished_spans() if span.context and span.context.trace_id == trace_id]


def test_one_trace_leads_from_the_webhook_to_the_fill_and_the_books(
    spans: InMemorySpanExporter, trading: TradingFloor
) -> None:
    spans.clear()
    event_id = trading.send().get_json()["event_id"]
    trading.later(3_000)
    found = of_webhook(spans, event_id)
    known = by_id(found)
    roots = [span for span in found if span.parent is None]
    assert [span.name for span in roots] == ["ingestion webhooks.arrived"]
    assert all(span.parent.span_id in known for span in found if span.parent is not None)
    stages = {span.attributes["fluxfloor.stage"] for span in found if span.attributes}
    assert stages == {"ingestion", "features", "cerebro", "execution", "reconciliation", "dashboard", "alerts"}
    ways = {tuple(way_to(span, known)) for span in found}
    to_the_order = ("ingestion webhooks.arrived", "features signals.received", "cerebro signals.scored")
    assert (*to_the_order, "execution orders.requested") in ways
    booked = [
        way for way in ways if way[-1] == "reconciliation executions.reported" and "execution timers.fired" in way
    ]
    assert booked
    assert booked[0][:4] == (*to_the_order, "execution orders.requested")


def test_every_span_of_a_trading_day_has_a_parent_that_exists(
    spans: InMemorySpanExporter, trading: TradingFloor
) -> None:
    for number in range(3):
        trading.send(id=f"s{number}", action=("buy", "sell")[number % 2])
        trading.later(60_000)
        trading.pull()
        trading.floor.tick("execution", "sweep")
    known = by_id(list(spans.get_finished_spans()))
    orphans = [span for span in known.values() if span.parent is not None and span.parent.span_id not in known]
    assert [span.name for span in orphans] == []


def test_facts_of_one_webhook_carry_one_root_through_timers(trading: TradingFloor) -> None:
    event_id = trading.send().get_json()["event_id"]
    trading.later(3_000)
    filled = [
        fact
        for step in trading.rows("journal")
        for fact in step["facts"]
        if fact["type"] == "executions.reported.v1" and fact["data"]["report"]["new_fills"]
    ]
    assert [fact["root"] for fact in filled] == [event_id]
    assert {fact["traceparent"].split("-")[1] for fact in filled} == {ids.trace_id(event_id)}


def test_without_an_exporter_nothing_is_recorded_and_everything_is_named(lab: Lab) -> None:
    seen = []
    lab.stage.on(type(heard().event))(lambda event, work: seen.append(logs.current_span.get()))
    lab.handle(heard())
    assert seen == [(ids.trace_id(heard().event_id), ids.span_id("cerebro", heard().event_id))]
    assert logs.current_span.get() == ("", "")


def test_a_span_that_fails_says_so_without_its_secrets(
    spans: InMemorySpanExporter, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_event: object, _work: object) -> None:
        raise RetryLater("no answer from https://x/?key=qzx-canary-77")

    monkeypatch.setattr(logs, "_spellings", ())
    logs.register_secret("qzx-canary-77")
    lab.stage.on(type(heard().event))(fail)
    lab.handle(heard())
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == f"RetryLater: no answer from https://x/?key={logs.MASK}"
    assert span.events == ()
    assert "canary" not in span.to_json()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "lab")
    yield lab
    lab.close()
