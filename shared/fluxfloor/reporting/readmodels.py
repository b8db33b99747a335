"""Read models: what the facts say, in the shape people look at.

Facts arrive in any order and more than once. Every function here joins what is kept with what is new, forward only:
an older report never overwrites a newer one, and the order of arrival does not change the result.
"""

from __future__ import annotations

from fluxfloor.contracts.decisions import Decision
from fluxfloor.contracts.events import AccountUpdated, RiskRaised
from fluxfloor.contracts.orders import OrderReport, OrderState
from fluxfloor.contracts.views import AccountView, DecisionRow, EquityPoint, OrderRow, RiskRow

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_STATES = list(OrderState)


def decision_row(decision: Decision) -> DecisionRow:
    return DecisionRow(
        id=decision.decision_id,
        portfolio_id=decision.portfolio_id,
        ts_event_ms=decision.ts_event_ms,
        decision=decision,
        verdict=decision.verdict,
    )


def risk_row(event_id: str, raised: RiskRaised) -> RiskRow:
    return RiskRow(
        id=event_id,
        kind=raised.kind,
        scope=raised.scope,
        severity=raised.severity,
        message=raised.message,
        ts_event_ms=raised.ts_event_ms,
    )


# --- orders ------------------------------------------------------------------------------------------------------


def order_row(report: OrderReport, kept: OrderRow | None) -> OrderRow:
    """The furthest state that was reported, with everything that has been filled so far."""
    reported = _row_of(report)
    if kept is None:
        return reported
    furthest = max(kept, reported, key=_progress)
    fullest = max(kept, reported, key=lambda row: (row.filled_lots, row.ts_event_ms, row.average_price))
    return furthest.model_copy(
        update={"filled_lots": fullest.filled_lots, "average_price": fullest.average_price, "version": kept.version}
    )


def _row_of(report: OrderReport) -> OrderRow:
    intent = report.intent
    return OrderRow(
        id=intent.intent_id, account_id=intent.account_id, instrument_id=intent.instrument_id,
        strategy_id=intent.strategy_id, signal_id=intent.signal_id, side=intent.side, purpose=intent.purpose,
        state=report.state, lots=intent.lots, filled_lots=report.filled_lots, average_price=report.average_price,
        reason=report.reason, requested_ms=intent.requested_ms, ts_event_ms=report.ts_event_ms, attempt=report.attempt,
    )  # fmt: skip


def _progress(row: OrderRow) -> tuple[int, int, int, str, str]:
    """What makes one report later than another: the attempt, the state, then its time. The rest only breaks ties."""
    state = OrderState(row.state)
    rank = len(_STATES) if state.terminal else _STATES.index(state)
    return row.attempt, rank, row.ts_event_ms, row.state, row.reason


# --- accounts ----------------------------------------------------------------------------------------------------


def account_view(updated: AccountUpdated, kept: AccountView | None) -> AccountView:
    if kept is not None and kept.account_version >= updated.account_version:
        return kept
    return AccountView(
        id=updated.account_id, portfolio_id=updated.portfolio_id, currency=updated.currency, cash=updated.cash,
        equity=updated.equity, realised=updated.realised, unrealised=updated.unrealised, fees=updated.fees,
        deposits=updated.deposits, positions=updated.positions, account_version=updated.account_version,
        ts_event_ms=updated.ts_event_ms, margin_used=updated.margin_used, margin_free=updated.margin_free,
    )  # fmt: skip


def equity_point_id(account_id: str, ts_event_ms: int) -> str:
    return f"{account_id}|{ts_event_ms}"


def equity_point(updated: AccountUpdated, kept: EquityPoint | None, first: bool) -> EquityPoint:
    """The account at this millisecond. The very `first` one is kept like the last of a day: a curve begins with it."""
    if kept is not None and kept.account_version >= updated.account_version:
        return kept
    return EquityPoint(
        id=equity_point_id(updated.account_id, updated.ts_event_ms), account_id=updated.account_id,
        ts_event_ms=updated.ts_event_ms,
        equity=updated.equity, cash=updated.cash, realised=updated.realised, unrealised=updated.unrealised,
        deposits=updated.deposits, account_version=updated.account_version,
        grain=kept.grain if kept else "day" if first else "",
    )  # fmt: skip


def closed_grain(updated: AccountUpdated, latest: AccountView | None) -> str:
    """What this update shows the latest one before it to have been: the last of its "day", of its "hour", or ""."""
    if latest is None:
        return ""
    before_ms, now_ms = latest.ts_event_ms, updated.ts_event_ms
    if now_ms // DAY_MS > before_ms // DAY_MS:
        return "day"
    return "hour" if now_ms // HOUR_MS > before_ms // HOUR_MS else ""
