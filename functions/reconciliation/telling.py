"""What is written and told of a booking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fluxfloor.accounts import results
from fluxfloor.contracts.events import RiskRaised, Severity, TradeClosed
from fluxfloor.contracts.results import ALL_DAYS, Pnl
from fluxfloor.contracts.state import Account, LedgerEntry, TradeRow
from fluxfloor.runtime.work import Work


def keep(work: Work, account: Account, entries: Iterable[LedgerEntry], trades: Sequence[TradeClosed]) -> None:
    """Entries that were found absent, the trades that they closed, and what these made by day and in all."""
    for entry in entries:
        work.create(entry)
    for trade in trades:
        work.create(TradeRow(id=trade.trade_id, account_id=trade.account_id, exit_ms=trade.exit_ms, trade=trade))
    if trades:
        _sum_up(work, account, trades)


def _sum_up(work: Work, account: Account, trades: Sequence[TradeClosed]) -> None:
    days: dict[str, list[TradeClosed]] = {ALL_DAYS: list(trades)}
    for trade in trades:
        days.setdefault(results.day_of(trade.exit_ms), []).append(trade)
    found = work.read_all([Pnl.key(results.pnl_id(account.id, day)) for day in days])
    for (day, made), known in zip(days.items(), found, strict=True):
        work.write(results.added(known or _nothing_yet(work, account, day), made))


def _nothing_yet(work: Work, account: Account, day: str) -> Pnl:
    return Pnl(
        id=results.pnl_id(account.id, day), account_id=account.id, portfolio_id=account.portfolio_id,
        currency=account.currency, mode=mode_of(work, account.id), day=day,
    )  # fmt: skip


def mode_of(work: Work, account_id: str) -> str:
    """Whose money it is: a practice account at a venue is neither paper of ours nor real."""
    setting = work.settings.accounts.get(account_id)
    return "sandbox" if setting is not None and setting.sandbox else work.settings.mode


def risk(kind: str, account: Account, severity: Severity, message: str, now_ms: int, **details: str) -> RiskRaised:
    return RiskRaised(
        kind=kind, scope=account.portfolio_id, severity=severity, message=message[:500], ts_event_ms=now_ms,
        details={"account": account.id, **{name: value for name, value in details.items() if value}},
    )  # fmt: skip
