"""Allocation: keeps what each strategy made from day to day, and shares capital among them."""

from __future__ import annotations

from fluxfloor.contracts.events import AllocationRequested, CandleClosed, HistoryUploaded
from fluxfloor.contracts.facts import Fact
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.allocation import keeping, sharing

stage = Stage("allocation")

stage.on(CandleClosed)(keeping.follow_instrument)
stage.on(HistoryUploaded)(keeping.take_history)
stage.on(AllocationRequested, then=sharing.answer)(sharing.accept)


@stage.job("days")
def end_of_day(context: Context, tick: Fact) -> None:
    keeping.close_days(context, tick)
    sharing.share_where_due(context, tick)


main = serve(stage)
