"""Ingestion: takes webhooks, checks the sender, standardises the signal, and answers once it is kept."""

from __future__ import annotations

from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.ingestion import webhook

stage = Stage("ingestion")

stage.http(webhook.respond)

main = serve(stage)
