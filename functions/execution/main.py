"""Execution: brings each intent to its venue at most once, and follows it to its end."""

from __future__ import annotations

from fluxfloor.contracts.events import ExecutionReported, OrderRequested
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.state import Order
from fluxfloor.execution import lifecycle
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.stage import Stage
from fluxfloor.runtime.work import Work
from fluxfloor.wiring import serve

from functions.execution.follow import advance, advance_all
from functions.execution.recording import capabilities_of

stage = Stage("execution")


def resume(context: Context, fact: Fact) -> None:
    advance(context, fact.event.intent.intent_id)  # type: ignore[attr-defined]


@stage.on(OrderRequested, then=resume)
def accept(requested: OrderRequested, work: Work) -> None:
    (known,) = work.read(Order.key(requested.intent.intent_id))
    if known is None:
        work.write(lifecycle.accept(requested.intent, capabilities_of(work.settings, requested.intent), work.now_ms))
    elif (report := lifecycle.repeated(known, requested.intent, work.now_ms)) is not None:
        work.emit(ExecutionReported(report=report))


@stage.timer("check")
def check(context: Context, fact: Fact) -> None:
    advance(context, fact.event.subject)  # type: ignore[attr-defined]


stage.job("sweep")(lambda context, _: advance_all(context))

main = serve(stage)
