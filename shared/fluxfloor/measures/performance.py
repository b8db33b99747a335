"""What an account's curve was worth.

Definitions
    grid          volatility, Sharpe, Sortino and tail loss are of daily returns: a curve with several bars a day is
                  taken at its last bar of each UTC day. Drawdown, exposure and turnover are of every bar.
    a year        365.25 days of the calendar for growth; for volatility as many returns as the market has days
                  (`returns_per_year`): 365.25 where it never closes, 252 where it keeps an exchange's hours.
    deviation     ddof 1; the downside deviation is sqrt(sum(min(r, 0)^2) / n) over all n excess returns.
    risk-free     an annual rate, compounding: (1 + rate)^(1 / returns a year) - 1 is taken off each return.
What is undefined (no returns, no deviation, no drawdown) is None, and `undefined` says why; nothing is infinite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels import drawdown
from fluxfloor.measures.records import Floats, Ints, Run

DAY_MS = 86_400_000
YEAR_MS = 365.25 * DAY_MS
RISK_FREE = 0.04
TAIL = 0.975
MIN_ANNUAL_DAYS = 28.0  # growth of less than four weeks is not carried to a year
_FLAT = 1e-14  # a deviation below this is rounding, not risk


@dataclass(frozen=True, slots=True)
class Performance:
    """Fractions, not per cent; losses (`max_drawdown`, `tail_loss`) are positive.

    `exposure` is the mean of |notional| / equity, `in_market` the share of bars with a position, `turnover` the
    notional traded a year over mean equity, `max_drawdown_days` the longest time below an earlier peak.
    """

    begin_ms: int
    end_ms: int
    years: float
    opening: float
    final: float
    total_return: float
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    max_drawdown_days: float
    tail_loss: float | None
    exposure: float
    in_market: float
    turnover: float | None
    returns_per_year: float
    undefined: dict[str, str] = field(default_factory=dict)


def performance(run: Run, risk_free: float = RISK_FREE, tail: float = TAIL) -> Performance:
    """Every figure of a run. `risk_free` is a year's, `tail` the confidence of the one-day tail loss.

    Raises ValueError for a run without bars.
    """
    if not len(run.equity):
        raise ValueError("a run without bars has no performance")
    whys: dict[str, str] = {}
    returns, per_year = daily_returns(run)
    begin_ms = int(run.close_ms[0]) - bar_ms(run.close_ms)
    years = (int(run.close_ms[-1]) - begin_ms) / YEAR_MS
    total = float(run.equity[-1]) / run.opening - 1.0
    annual = _annual(total, years, whys)
    deepest, longest_ms = drawdown(run.equity, run.close_ms, run.opening, begin_ms)
    return Performance(
        begin_ms=begin_ms, end_ms=int(run.close_ms[-1]), years=years, opening=run.opening, final=float(run.equity[-1]),
        total_return=total, annual_return=annual, volatility=_volatility(returns, per_year, whys),
        sharpe=_because(whys, "sharpe", sharpe(returns, per_year, risk_free), returns),
        sortino=_because(whys, "sortino", sortino(returns, per_year, risk_free), returns),
        calmar=_calmar(annual, deepest, whys), max_drawdown=deepest,
        max_drawdown_days=longest_ms / DAY_MS,
        tail_loss=_because(whys, "tail_loss", tail_loss(returns, tail), returns, 1),
        exposure=float(np.mean(run.exposure)), in_market=float(np.mean(_held(run))),
        turnover=_turnover(run, years, whys), returns_per_year=per_year, undefined=whys,
    )  # fmt: skip


# --- the grid ----------------------------------------------------------------------------------------------------


def daily_returns(run: Run) -> tuple[Floats, float]:
    """(returns, how many of them a year has): a day's each, or a bar's where bars are a day or longer.

    The first is against the opening equity. A lost account (equity at or below zero) ends the series there.
    """
    _, equity, per_year = daily_curve(run)
    lost = np.flatnonzero(equity <= 0.0)
    if lost.size:
        equity = equity[: lost[0] + 1]
    before = np.concatenate(([run.opening], equity[:-1]))
    return equity / before - 1.0, per_year


def daily_curve(run: Run) -> tuple[Ints, Floats, float]:
    """(close_ms, equity, values a year): the last bar of each UTC day, or every bar where bars are no shorter."""
    step_ms = bar_ms(run.close_ms)
    if step_ms >= DAY_MS:
        return run.close_ms, run.equity, run.periods_per_year
    # a bar that closes at midnight belongs to the day that ends there
    day = (run.close_ms[[0, -1]] - 1) // DAY_MS
    edges = np.arange(day[0] + 1, day[1] + 2) * DAY_MS
    counted = np.searchsorted(run.close_ms, edges, side="right")
    last = np.unique(counted[counted > 0]) - 1
    return run.close_ms[last], run.equity[last], _days_per_year(run, np.diff(last, prepend=-1))


def every_day(run: Run) -> Floats:
    """(days,) returns of every day, so that runs over the same bars line up: a lost account stays at zero."""
    _, equity, _ = daily_curve(run)
    before = np.concatenate(([run.opening], equity[:-1]))
    alive = np.maximum.accumulate(before <= 0.0) == 0
    grown = np.divide(equity, before, out=np.ones(equity.size), where=alive)
    return np.asarray(grown - 1.0)


def bar_ms(close_ms: Ints) -> int:
    """The usual distance between closes; a day where a single bar leaves it open."""
    return int(np.median(np.diff(close_ms[:1001]))) if close_ms.size > 1 else DAY_MS


def _days_per_year(run: Run, bars_a_day: Ints) -> float:
    """As many as there are returns a year. First and last day are rarely whole, and left out where there are others."""
    inner = bars_a_day[1:-1] if bars_a_day.size > 2 else bars_a_day
    return min(365.25, run.periods_per_year / max(1.0, float(np.mean(inner))))


# --- of returns --------------------------------------------------------------------------------------------------


def excess(returns: Floats, per_year: float, risk_free: float) -> Floats:
    """Returns less the risk-free rate of one period."""
    rate: float = (1.0 + risk_free) ** (1.0 / per_year) - 1.0
    return returns - rate


def sharpe(returns: Floats, per_year: float, risk_free: float = RISK_FREE) -> float | None:
    """mean(excess) / std(excess, ddof 1) * sqrt(periods a year); None for fewer than two, or when nothing deviates."""
    over = excess(returns, per_year, risk_free)
    deviation = float(np.std(over, ddof=1)) if over.size > 1 else 0.0
    return None if deviation < _FLAT else float(np.mean(over)) / deviation * sqrt(per_year)


def sortino(returns: Floats, per_year: float, risk_free: float = RISK_FREE) -> float | None:
    """mean(excess) / downside deviation * sqrt(periods a year); None where Sharpe is, or when no return falls short."""
    over = excess(returns, per_year, risk_free)
    if over.size < 2 or float(np.std(over)) < _FLAT:
        return None
    below = np.minimum(over, 0.0)
    downside = sqrt(float(below @ below) / over.size)
    return None if downside < _FLAT else float(np.mean(over)) / downside * sqrt(per_year)


def tail_loss(returns: Floats, confidence: float = TAIL) -> float | None:
    """CVaR: the mean loss of the worst (1 - confidence) share of the periods, the loss positive.

    The tail is fractional: the return on its edge counts with the part that belongs to it, so that the measure is
    coherent in finite samples (Rockafellar & Uryasev 2002, Conditional value-at-risk for general loss distributions,
    Journal of Banking & Finance 26, prop. 8). None without returns.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError("confidence must lie between 0 and 1")
    if not returns.size:
        return None
    share = (1.0 - confidence) * returns.size
    whole = int(share)
    kept = min(whole + 1, returns.size)
    worst = np.sort(np.partition(returns, kept - 1)[:kept])
    edge = float(worst[-1]) * (share - whole) if whole < kept else 0.0
    return -(float(worst[:whole].sum()) + edge) / share


# --- of the curve ------------------------------------------------------------------------------------------------


def drawdowns(equity: Floats, opening: float) -> Floats:
    """(n,) loss from the highest equity so far, the opening's included, as a positive fraction of it."""
    peaks = np.maximum(np.maximum.accumulate(equity), opening)
    return np.asarray(1.0 - equity / peaks)


def _held(run: Run) -> NDArray[np.bool_]:
    """(n,) whether any position was open at the close."""
    held: NDArray[np.bool_] = run.positions[:, 0] != 0
    for column in range(1, run.positions.shape[1]):
        held |= run.positions[:, column] != 0
    return held


# --- what may be undefined ---------------------------------------------------------------------------------------


def _because(whys: dict[str, str], name: str, value: float | None, returns: Floats, least: int = 2) -> float | None:
    if value is None:
        few = f"needs {least} daily returns, there are {returns.size}"
        flat = "the returns do not deviate" if name == "sharpe" or "sharpe" in whys else "no return falls short"
        whys[name] = few if returns.size < least else flat
    return value


def _volatility(returns: Floats, per_year: float, whys: dict[str, str]) -> float | None:
    value = float(np.std(returns, ddof=1)) * sqrt(per_year) if returns.size > 1 else None
    return _because(whys, "volatility", value, returns)


def _annual(total: float, years: float, whys: dict[str, str]) -> float | None:
    if years * 365.25 < MIN_ANNUAL_DAYS:
        whys["annual_return"] = f"{years * 365.25:.1f} days are too short to speak of a year"
        return None
    return float((1.0 + total) ** (1.0 / years)) - 1.0 if total > -1.0 else -1.0


def _calmar(annual: float | None, deepest: float, whys: dict[str, str]) -> float | None:
    if annual is None:
        whys["calmar"] = whys["annual_return"]
        return None
    if deepest <= 0.0:
        whys["calmar"] = "there was no drawdown"
        return None
    return annual / deepest


def _turnover(run: Run, years: float, whys: dict[str, str]) -> float | None:
    held = float(np.mean(run.equity))
    if held <= 0.0:
        whys["turnover"] = "the mean equity is not positive"
        return None
    return float(run.traded.sum()) / held / years
