"""What is written and told of a booking."""

from __future__ import annotations

from collections.abc import Iterable

from fluxfloor.contracts.events import RiskRaised, Severity, TradeClosed
from fluxfloor.contracts.state import Account, LedgerEntry, TradeRow
from fluxfloor.runtime.work import Work


def keep(work: Work, entries: Iterable[LedgerEntry], trades: Iterable[TradeClosed]) -> None:
    """Entries that were found absent, and the trades that they closed."""
    for entry in entries:
        work.create(entry)
    for trade in trades:
        work.create(TradeRow(id=trade.trade_id, account_id=trade.account_id, exit_ms=trade.exit_ms, trade=trade))


def risk(kind: str, account: Account, severity: Severity, message: str, now_ms: int, **details: str) -> RiskRaised:
    return RiskRaised(
        kind=kind, scope=account.portfolio_id, severity=severity, message=message[:500], ts_event_ms=now_ms,
        details={"account": account.id, **{name: value for name, value in details.items() if value}},
    )  # fmt: skip
