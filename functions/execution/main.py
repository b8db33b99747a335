"""Execution: brings each intent to its venue at most once, and follows it to its end."""

from __future__ import annotations

from fluxfloor.contracts.events import OrderChanged, OrderRequested, RiskRaised
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.execution import accepting, changing, follow

stage = Stage("execution")

stage.on(OrderRequested, then=accepting.resume)(accepting.accept)
stage.on(OrderChanged, then=changing.follow)(changing.change)
stage.on(RiskRaised, then=accepting.halted)(accepting.hear)
stage.timer("check")(lambda context, fired: follow.advance(context, fired.event.subject))  # type: ignore[attr-defined]
stage.timer("watch")(lambda context, fired: follow.guarded(context, fired.event.subject))  # type: ignore[attr-defined]
stage.job("sweep")(lambda context, _: follow.advance_all(context))

main = serve(stage)
