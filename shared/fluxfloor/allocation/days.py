"""A day's return of each strategy and instrument: what allocation and the portfolio's tail are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.money import exact, rounded
from fluxfloor.contracts.weights import MAX_DAYS, InstrumentDays, StrategyDays, UploadedDays
from fluxfloor.market.window import CLOSE, OPEN_MS, Bars

DAY_MS = 86_400_000
LONGEST_CLOSED_DAYS = 5  # from a Thursday's close to the Tuesday after Easter Monday
LOOK_BACK_MS = 2 * DAY_MS  # a trade may be booked this long after its exit and still count


@dataclass(frozen=True, slots=True)
class Made:
    """What one strategy has, as its account says it now, and the capital that it gets from here on. In the account's
    currency; `trades` are this strategy's, of LOOK_BACK_MS before the last close and since."""

    open_profit: Decimal
    margin: Decimal
    equity: Decimal
    share: Decimal  # of the equity, that it may have at work
    trades: tuple[TradeClosed, ...]


@exact
def opened(portfolio_id: str, strategy_id: str, share: Decimal, beside: StrategyDays | None) -> StrategyDays:
    """A strategy that is new. `beside` is another one whose days are kept already: then this one has held nothing
    until the last of them was closed, and its first day counts."""
    return StrategyDays(
        id=f"{portfolio_id}|{strategy_id}", portfolio_id=portfolio_id, strategy_id=strategy_id,
        closed_ms=beside.closed_ms if beside else 0, account_equity=beside.account_equity if beside else Decimal(0),
        capital=rounded(beside.account_equity * share) if beside else Decimal(0),
    )  # fmt: skip


def due(record: StrategyDays, now_ms: int) -> bool:
    return record.closed_ms // DAY_MS < now_ms // DAY_MS


@exact
def closed(record: StrategyDays, made: Made, now_ms: int) -> StrategyDays:
    """With the day that ended last before `now_ms`. The first time only sets the start: there is no return before it.
    Where days were missed, all of their profit is in the one that is closed."""
    since_ms = record.closed_ms - LOOK_BACK_MS  # what `counted` remembers; older ones were in then
    fresh = [trade for trade in made.trades if trade.exit_ms >= since_ms and trade.trade_id not in record.counted]
    profit = sum((trade.profit for trade in fresh), Decimal(0)) + made.open_profit - record.open_profit
    known = record.model_copy(
        update={
            "account_equity": made.equity, "capital": rounded(made.equity * made.share),
            "open_profit": rounded(made.open_profit), "closed_ms": now_ms,
            "counted": tuple(sorted(t.trade_id for t in made.trades if t.exit_ms >= now_ms - LOOK_BACK_MS)),
        }
    )  # fmt: skip
    if not record.closed_ms or record.capital <= 0:
        return known
    day = (float(profit / record.capital), float(made.margin / record.capital), float(made.equity))
    return _with_day(known, now_ms // DAY_MS - 1, day)


def _with_day(record: StrategyDays, day: int, values: tuple[float, float, float]) -> StrategyDays:
    columns = (record.returns, record.margin, record.equity)
    longer = [(*column, value)[-MAX_DAYS:] for column, value in zip(columns, values, strict=True)]
    return record.model_copy(
        update={
            "days": (*record.days, day)[-MAX_DAYS:], "returns": longer[0], "margin": longer[1], "equity": longer[2],
            "own_since": day if record.own_since is None else record.own_since,
        }
    )  # fmt: skip


def uploaded(record: StrategyDays, history: UploadedDays) -> StrategyDays:
    """The upload's days, and after them those that the floor's own fills made; an earlier upload is replaced."""
    none = (0.0,) * len(history.days)
    used = tuple(margin / equity for margin, equity in zip(history.margin, history.equity, strict=True)) or none
    rows = _rows(history.days, history.returns, used, history.equity or none)
    own = _rows(record.days, record.returns, record.margin, record.equity)
    since = record.own_since
    if since is not None:
        rows = [row for row in rows if row[0] < since] + [row for row in own if row[0] >= since]
    days, returns, margin, equity = zip(*rows[-MAX_DAYS:], strict=True)
    return record.model_copy(update={"days": days, "returns": returns, "margin": margin, "equity": equity})


def _rows(
    days: Sequence[int], returns: Sequence[float], margin: Sequence[float], equity: Sequence[float]
) -> list[tuple[int, float, float, float]]:
    return list(zip(days, returns, margin, equity, strict=True))


def strategy_ids(*sources: Iterable[str]) -> list[str]:
    return sorted({name for source in sources for name in source})


def instrument_days(record: InstrumentDays | None, instrument_id: str, daily: Bars) -> InstrumentDays:
    """With the returns of daily bars, (n, 6), sorted; close to close, over weekends and holidays but over no longer
    gap. Days that the bars no longer have stay."""
    known = dict(zip(record.days, record.returns, strict=True)) if record is not None else {}
    day, close = (daily[:, OPEN_MS] // DAY_MS).astype(np.int64), daily[:, CLOSE]
    follows = np.flatnonzero(np.diff(day) <= LONGEST_CLOSED_DAYS) + 1
    known.update(zip(day[follows].tolist(), (close[follows] / close[follows - 1] - 1).tolist(), strict=True))
    kept = sorted(known)[-MAX_DAYS:]
    base = record or InstrumentDays(id=instrument_id)
    return base.model_copy(update={"days": tuple(kept), "returns": tuple(known[name] for name in kept)})
