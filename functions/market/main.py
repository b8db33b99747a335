"""Market: pulls closed candles and quotes, gates their quality, archives them."""

from __future__ import annotations

from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.market import archiving, forming, pulling

stage = Stage("market")

stage.job("catalog")(pulling.refresh_catalog)
stage.job("pull")(pulling.pull)
stage.timer(forming.TIMER)(pulling.pull_closed)
stage.job("archive")(archiving.archive)

main = serve(stage)
