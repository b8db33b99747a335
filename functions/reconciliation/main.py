"""Reconciliation: keeps the ledger, marks to market, and holds our books against the venue's."""

from __future__ import annotations

from fluxfloor.contracts.events import AdjustmentConfirmed, CandleClosed, CapitalMoved, ExecutionReported
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.reconciliation import booking, capital, comparing, daily, differing

stage = Stage("reconciliation")

stage.on(ExecutionReported, then=comparing.after_fill)(booking.book)
stage.on(CandleClosed)(booking.mark)
stage.on(AdjustmentConfirmed, then=comparing.after_confirmation)(differing.confirm)

stage.job("sweep")(lambda context, _: comparing.compare_all(context))
stage.on(CapitalMoved)(capital.move)

stage.job("daily")(daily.run)
stage.job("watch")(lambda context, _: comparing.watch(context))

main = serve(stage)
