"""Exports: trades and equity as CSV and Parquet, on request and daily."""

from __future__ import annotations

from fluxfloor.contracts.events import ExportRequested
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.exports import producer

stage = Stage("exports")

stage.on(ExportRequested, then=producer.produce)(producer.accept)
stage.job("daily")(producer.ask_daily)
stage.job("sweep")(producer.make_waiting)

main = serve(stage)
