"""Allocation: keeps what each strategy made from day to day, and shares capital among them."""

from __future__ import annotations

from fluxfloor.contracts.events import CandleClosed
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.allocation import keeping

stage = Stage("allocation")

stage.on(CandleClosed)(keeping.follow_instrument)
stage.job("days")(keeping.close_days)

main = serve(stage)
