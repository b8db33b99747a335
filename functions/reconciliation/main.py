"""Reconciliation: keeps the ledger, marks to market, and holds our books against the venue's."""

from __future__ import annotations

from fluxfloor.contracts.events import AdjustmentConfirmed, CandleClosed, ExecutionReported
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.reconciliation import archiving, booking, comparing, differing

stage = Stage("reconciliation")

stage.on(ExecutionReported, then=comparing.after_fill)(booking.book)
stage.on(CandleClosed)(booking.mark)
stage.on(AdjustmentConfirmed, then=comparing.after_confirmation)(differing.confirm)

stage.job("sweep")(lambda context, _: comparing.compare_all(context))
stage.job("daily")(archiving.archive)
stage.job("watch")(lambda context, _: comparing.watch(context))

main = serve(stage)
