"""Facts into rows. What a row says is decided in `reporting.readmodels`; here it is read and written."""

from __future__ import annotations

from fluxfloor.contracts.base import Key
from fluxfloor.contracts.events import AccountUpdated, DecisionMade, ExecutionReported, RiskRaised
from fluxfloor.contracts.views import AccountView, DecisionRow, EquityPoint, OrderRow, RiskRow
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
    latest, point = work.read(AccountView.key(updated.account_id), _point_key(updated.account_id, updated.ts_event_ms))
    work.write(readmodels.equity_point(updated, point, first=latest is None))
    work.write(readmodels.account_view(updated, latest))
    grain = readmodels.closed_grain(updated, latest)
    if latest is not None and grain:
        (before,) = work.read(_point_key(latest.id, latest.ts_event_ms))
        if before is not None and before.grain != "day":
            work.write(before.model_copy(update={"grain": grain}))


def _point_key(account_id: str, ts_event_ms: int) -> Key[EquityPoint]:
    return EquityPoint.key(readmodels.equity_point_id(account_id, ts_event_ms))


def keep_risk(raised: RiskRaised, work: Work) -> None:
    (kept,) = work.read(RiskRow.key(work.fact.event_id))
    if kept is None:
        work.write(readmodels.risk_row(work.fact.event_id, raised))
