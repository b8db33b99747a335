"""Facts into rows. What a row says is decided in `reporting.readmodels`; here it is read and written."""

from __future__ import annotations

from fluxfloor.contracts.events import AccountUpdated, DecisionMade, ExecutionReported, RiskRaised
from fluxfloor.contracts.state import AccountView, DecisionRow, EquityPoint, OrderRow, RiskRow
from fluxfloor.reporting import readmodels
from fluxfloor.runtime.work import Work


def keep_decision(made: DecisionMade, work: Work) -> None:
    (kept,) = work.read(DecisionRow.key(made.decision.decision_id))
    if kept is None:
        work.write(readmodels.decision_row(made.decision))


def keep_order(reported: ExecutionReported, work: Work) -> None:
    (kept,) = work.read(OrderRow.key(reported.report.intent.intent_id))
    work.write(readmodels.order_row(reported.report, kept))


def keep_account(updated: AccountUpdated, work: Work) -> None:
    point_key = EquityPoint.key(readmodels.equity_point_id(updated))
    latest, point = work.read(AccountView.key(updated.account_id), point_key)
    work.write(readmodels.equity_point(updated, point, latest))
    work.write(readmodels.account_view(updated, latest))


def keep_risk(raised: RiskRaised, work: Work) -> None:
    (kept,) = work.read(RiskRow.key(work.fact.event_id))
    if kept is None:
        work.write(readmodels.risk_row(work.fact.event_id, raised))
