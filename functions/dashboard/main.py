"""Dashboard: keeps the read models that people look at, judges the stages, and watches over the floor as a whole."""

from __future__ import annotations

from fluxfloor.contracts.events import AccountUpdated, DecisionMade, ExecutionReported, RiskRaised
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.views import SafetyState
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.dashboard import closing, guarding, health, rows

stage = Stage("dashboard")

stage.on(DecisionMade)(rows.keep_decision)
stage.on(ExecutionReported)(rows.keep_order)
stage.on(AccountUpdated)(rows.keep_account)
stage.on(RiskRaised)(rows.keep_risk)


@stage.job("health")
def look_after(context: Context, tick: Fact) -> None:
    steps, state = health.judge_stages(context, tick), context.read(SafetyState.key(FLOOR))
    guarding.watch(context, tick, steps, state)
    closing.judge_paper_period(context, tick)
    closing.close_day(context, tick, state)


main = serve(stage)
