"""Reconciliation: keeps the ledger, marks to market, and holds our books against the venue's."""

from __future__ import annotations

from fluxfloor.contracts.events import CandleClosed, ExecutionReported
from fluxfloor.contracts.facts import Fact
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.reconciliation import booking, comparing

stage = Stage("reconciliation")

stage.on(ExecutionReported, then=comparing.after_fill)(booking.book)
stage.on(CandleClosed)(booking.mark)


@stage.job("sweep")
def sweep(context: Context, fact: Fact) -> None:
    comparing.compare_all(context)


main = serve(stage)
