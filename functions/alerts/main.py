"""Alerts: tells people, on the channels they chose."""

from __future__ import annotations

from fluxfloor.reporting.notices import FORMATS
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.alerts import notifier

stage = Stage("alerts")

for event in FORMATS:
    stage.on(event, then=notifier.tell)(notifier.accept)
stage.timer(notifier.TIMER)(notifier.escalate)
stage.job("sweep")(notifier.tell_again)

main = serve(stage)
