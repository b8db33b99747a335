"""Dashboard: keeps the read models that people look at, and judges every stage by the work that is due to it."""

from __future__ import annotations

from fluxfloor.contracts.events import AccountUpdated, DecisionMade, ExecutionReported, RiskRaised
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.dashboard import health, rows

stage = Stage("dashboard")

stage.on(DecisionMade)(rows.keep_decision)
stage.on(ExecutionReported)(rows.keep_order)
stage.on(AccountUpdated)(rows.keep_account)
stage.on(RiskRaised)(rows.keep_risk)
stage.job("health")(health.judge_stages)

main = serve(stage)
