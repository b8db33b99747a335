"""What closed trades made, summed by strategy, sender and tag: by day, and in all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.results import ALL_DAYS, MOST_KEYS, OTHERS, Made, Pnl

NONE = "(none)"  # of a trade without a tag


def day_of(at_ms: int) -> str:
    """The UTC date, as 2026-11-30."""
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%d}"


def pnl_id(account_id: str, day: str = ALL_DAYS) -> str:
    return f"{account_id}|{day}"


def added(pnl: Pnl, trades: Iterable[TradeClosed]) -> Pnl:
    """With these trades in every dimension."""
    for trade in trades:
        keys = {"strategy": trade.strategy_id, "sender": trade.sender_id, "tag": trade.tag or NONE}
        changes: dict[str, object] = {"total": _with(pnl.total, trade)}
        for dimension, key in keys.items():
            sums: dict[str, Made] = getattr(pnl, dimension)
            name = key if key in sums or len(sums) < MOST_KEYS else OTHERS
            changes[dimension] = {**sums, name: _with(sums.get(name, Made()), trade)}
        pnl = pnl.model_copy(update=changes)
    return pnl


def _with(made: Made, trade: TradeClosed) -> Made:
    if not trade.valued:
        return made.model_copy(update={"trades": made.trades + 1, "unvalued": made.unvalued + 1})
    profit, fees = value_of(trade), trade.fees if trade.fees_value is None else trade.fees_value
    return made.model_copy(
        update={
            "trades": made.trades + 1, "wins": made.wins + (profit > 0), "profit": EXACT.add(made.profit, profit),
            "fees": EXACT.add(made.fees, fees), "gains": EXACT.add(made.gains, max(Decimal(0), profit)),
        }
    )  # fmt: skip


def value_of(trade: TradeClosed) -> Decimal:
    """The profit in the account's currency."""
    return trade.profit if trade.value is None else trade.value


def summed(parts: Iterable[Made]) -> Made:
    total = Made()
    for part in parts:
        total = Made(
            trades=total.trades + part.trades, wins=total.wins + part.wins, unvalued=total.unvalued + part.unvalued,
            profit=EXACT.add(total.profit, part.profit), fees=EXACT.add(total.fees, part.fees),
            gains=EXACT.add(total.gains, part.gains),
        )  # fmt: skip
    return total
