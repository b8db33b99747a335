"""The tables and sentences of a report, as text: the PDF, the page and the console all show these.

A loss is written with its minus sign; what is undefined is a dash, and the notes say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from fluxfloor.measures.performance import Performance, performance
from fluxfloor.measures.trades import TradeFigures, by_entry, by_exit, by_mode, by_regime, by_symbol, trade_figures
from fluxfloor.reporting.report import DRAWDOWN, EDGE, SHARPE, Report

NONE = "–"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: `header` names the columns, the first cell of a row names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


# --- numbers -----------------------------------------------------------------------------------------------------


def percent(value: float | None, digits: int = 1, signed: bool = False) -> str:
    if value is None:
        return NONE
    if abs(value) >= 1_000:
        return f"{value + 1:,.0f}×"
    # a rounded zero has no sign
    return f"{round(100 * value, digits) + 0.0:{'+' if signed else ''},.{digits}f} %".replace("-", "−")


def number(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:,.{digits}f}".replace("-", "−")


def money(value: float | None, currency: str = "") -> str:
    """Whole units where the sum is large, cents where it is small."""
    if value is None:
        return NONE
    digits = 0 if abs(value) >= 1_000 else 2
    return f"{value:,.{digits}f} {currency}".replace("-", "−").strip()


def hours(value: float | None) -> str:
    if value is None:
        return NONE
    if value < 1:
        return f"{60 * value:.0f} min"
    return f"{value:.1f} h" if value < 48 else f"{value / 24:.1f} d"


def days(value: float) -> str:
    if value < 2:
        return hours(24 * value) if value else "0"
    return f"{value:,.0f} d"


def chance(value: float | None) -> str:
    """A probability: never 0 or 100 %, which no sample can tell."""
    if value is None:
        return NONE
    if value < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if value > 0.999 else percent(value)


def date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


# --- tables ------------------------------------------------------------------------------------------------------

CURVE_ROWS: tuple[tuple[str, Callable[[Performance], str]], ...] = (
    ("total return", lambda p: percent(p.total_return, signed=True)),
    ("annual return", lambda p: percent(p.annual_return, signed=True)),
    ("volatility", lambda p: percent(p.volatility)),
    ("Sharpe ratio", lambda p: number(p.sharpe)),
    ("Sortino ratio", lambda p: number(p.sortino)),
    ("Calmar ratio", lambda p: number(p.calmar)),
    ("max drawdown", lambda p: percent(-p.max_drawdown if p.max_drawdown else 0.0)),
    ("longest under water", lambda p: days(p.max_drawdown_days)),
    ("one-day tail loss", lambda p: percent(None if p.tail_loss is None else -p.tail_loss, 2)),
    ("time in the market", lambda p: percent(p.in_market, 0)),
    ("mean exposure", lambda p: percent(p.exposure)),
    ("turnover a year", lambda p: NONE if p.turnover is None else f"{p.turnover:,.1f}×"),
)
TRADE_ROWS: tuple[tuple[str, Callable[[TradeFigures], str]], ...] = (
    ("trades", lambda t: f"{t.count:,}"),
    ("win rate", lambda t: percent(t.win_rate)),
    ("profit factor", lambda t: number(t.profit_factor)),
    ("edge a trade", lambda t: percent(t.edge, 2, signed=True)),
    ("average win / loss", lambda t: number(t.payoff)),
    ("mean holding", lambda t: hours(t.mean_holding_h)),
)


def key_figures(report: Report) -> Grid:
    """The run, and the baselines beside it."""
    runs = {"this run": report.run, **report.baselines}
    curves = [performance(run, report.risk_free, report.tail) for run in runs.values()]
    trades = [trade_figures(run.trades) for run in runs.values()]
    rows = [(label, *(shown(curve) for curve in curves)) for label, shown in CURVE_ROWS]
    rows += [(label, *(shown(item) for item in trades)) for label, shown in TRADE_ROWS]
    rows += [(f"fees paid, {report.run.currency}", *(money(item.fees) for item in trades))]
    return Grid(("", *runs), tuple(rows))


def breakdown(report: Report) -> dict[str, Grid]:
    """Modes, ways in, ways out, regimes and symbols, each where there is more than one."""
    trades, symbols = report.run.trades, report.run.symbols
    parts: dict[str, Mapping[str, TradeFigures]] = {
        "mode": by_mode(trades), "entered on": by_entry(trades), "left on": by_exit(trades),
        "regime": by_regime(trades), "symbol": by_symbol(trades, symbols) if len(symbols) > 1 else {},
    }  # fmt: skip
    return {name: _parts(name, found, report.run.currency) for name, found in parts.items() if len(found) > 1}


def _parts(name: str, found: Mapping[str, TradeFigures], currency: str) -> Grid:
    header = (name, "trades", "win rate", "profit factor", "edge", "holding", f"profit, {currency}")
    rows = (
        (label or NONE, f"{item.count:,}", percent(item.win_rate), number(item.profit_factor),
         percent(item.edge, 2, signed=True), hours(item.mean_holding_h), money(item.profit))
        for label, item in sorted(found.items(), key=lambda pair: -pair[1].count)
    )  # fmt: skip
    return Grid(header, tuple(rows))


def interval_table(report: Report) -> Grid:
    """Figures with where 95 % of their bootstrap draws lie."""
    rows = []
    for name, item in report.intervals.items():
        sign, above = (-1, NONE) if name == DRAWDOWN else (1, chance(item.above_zero))
        ends = sorted((sign * item.low, sign * item.high))
        value, low, high = (_figure(name, each) for each in (sign * item.value, *ends))
        rows.append((name, value, f"{low} to {high}", above))
    return Grid(("bootstrap", "measured", "95 % interval", "above zero"), tuple(rows))


def _figure(name: str, value: float) -> str:
    return number(value) if name == SHARPE else percent(value, 2 if name == EDGE else 1)


def ablation_table(report: Report) -> Grid:
    rows = []
    for item in report.ablations:
        gain = item.sharpe_gain
        told = NONE if gain is None else f"{number(gain.value)} ({number(gain.low)} to {number(gain.high)})"
        rows.append(
            (item.variant, percent(item.total_return, signed=True), number(item.sharpe), f"{item.trades:,}", told)
        )
    return Grid(("without it", "total return", "Sharpe", "trades", "Sharpe it adds (95 %)"), tuple(rows))


# --- sentences ---------------------------------------------------------------------------------------------------


def subtitle(report: Report) -> str:
    of = performance(report.run, report.risk_free, report.tail)
    symbols = report.run.symbols
    told = ", ".join(symbols) if len(symbols) <= 4 else f"{', '.join(symbols[:3])} and {len(symbols) - 3} more"
    span = f"{of.years:.1f} years" if of.years >= 2 else f"{of.years * 365.25:,.0f} days"
    return f"{told}   ·   {date(of.begin_ms)} to {date(of.end_ms - 1)} ({span}, {len(report.run.equity):,} bars)"


def headline(report: Report) -> str:
    of, currency = performance(report.run, report.risk_free, report.tail), report.run.currency
    return f"{money(of.opening)} became {money(of.final, currency)} ({percent(of.total_return, signed=True)})"


def notes(report: Report) -> list[str]:
    """Why figures of the run are missing, and how they are defined."""
    found: dict[str, list[str]] = {}
    missing = {**performance(report.run, report.risk_free, report.tail).undefined,
               **trade_figures(report.run.trades).undefined}  # fmt: skip
    for name, why in missing.items():
        found.setdefault(why, []).append(name.replace("_", " "))
    told = [f"No {', '.join(names)}: {why}." for why, names in found.items()]
    refused = report.run.settings.get("refused")
    if isinstance(refused, Mapping) and refused:
        counts = ", ".join(f"{count:,} {str(why).replace('_', ' ')}" for why, count in refused.items())
        told.append(f"Entries refused: {counts}.")
    told.append(
        f"Ratios are of daily returns, over a risk-free {percent(report.risk_free, 0)} a year. The tail loss is the "
        f"mean of the worst {percent(1 - report.tail)} of the days. Trades are closed ones, net of fees."
    )
    return told


def verdicts(report: Report) -> list[tuple[str, str, str]]:
    """(what, the figure, what it says), as far as it was worked out."""
    told = [*_of_luck(report), *_of_chance(report), *_of_orders(report), *_of_size(report)]
    return [(what, figure, says) for what, figure, says in told if figure != NONE]


def _of_luck(report: Report) -> list[tuple[str, str, str]]:
    told = []
    if report.luck is not None:
        needed = report.luck.needed_years
        says = f"needs {needed:.1f} years of record at 95 %" if needed is not None else "no record could show that"
        told.append(("true Sharpe above zero", chance(report.luck.probabilistic), says))
    if report.deflated is not None:
        says = f"after {report.deflated.trials} variants were tried"
        told.append(("deflated Sharpe", chance(report.deflated.probability), says))
    if report.overfitting is not None:
        says = f"best of {report.overfitting.trials} falls below the median out of sample"
        told.append(("overfitting probability", chance(report.overfitting.probability), says))
    return told


def _of_chance(report: Report) -> list[tuple[str, str, str]]:
    told = []
    walked = report.walk_forward
    if walked is not None and walked.periods:
        gained = sum(part.test_return > 0 for part in walked.periods)
        verdict = "passed" if walked.passed else "failed"
        says = f"{gained} of {len(walked.periods)} test periods gained; {verdict}, more than "
        told.append(
            ("walk-forward", percent(walked.gaining_share, 0), f"{says}{percent(walked.passing_share, 0)} must")
        )
    if report.chance is not None:
        says = "of random entries with the same sides and holding times had a smaller edge"
        told.append(("beats chance", chance(report.chance.beaten), says))
    return told


def _of_orders(report: Report) -> list[tuple[str, str, str]]:
    told = []
    if report.orders is not None:
        says = "exceeded by 5 % of other orders of the same trades"
        told.append(("drawdown by bad luck", percent(-report.orders.drawdown(0.95)), says))
    if report.again is not None:
        lost = percent(1 - report.again.ruin_level, 0)
        told.append(("ruin", chance(report.again.ruin), f"of redrawn histories lose {lost} of the account"))
    if report.kill is not None:
        deep, edge = percent(-report.kill.max_drawdown), percent(report.kill.least_edge, 2, signed=True)
        says = f"or an edge below {edge} over {report.kill.trades:,} trades, or {report.kill.longest_loss + 1} losses"
        says += " in a row"
        told.append(("stop it live at", deep, says))
    return told


def _of_size(report: Report) -> list[tuple[str, str, str]]:
    told = []
    fees = float(report.run.trades.fees.sum())
    if fees > 0:
        gross = float(report.run.trades.profit.sum()) + fees
        says = f"{percent(fees / report.run.opening)} of the opening equity"
        says += f", {percent(fees / gross, 0)} of the profit before them" if gross > 0 else ""
        told.append(("fees paid", money(fees, report.run.currency), says))
    if report.capacity is not None:
        held = report.capacity
        says = f"until {percent(1 - held.share, 0)} of the orders exceed {percent(held.limit, 0)} of their bar's volume"
        told.append(("room to grow", money(held.account, report.run.currency), says))
    return told
