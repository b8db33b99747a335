"""The charts of a report, each drawn into the axes it is handed. Nothing here touches a global state of matplotlib.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; the run is always the blue one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from fluxfloor.measures.performance import bar_ms, drawdowns
from fluxfloor.measures.records import Floats, Ints, Run
from fluxfloor.measures.splits import WalkForward
from fluxfloor.reporting.figures import percent
from fluxfloor.reporting.months import monthly_returns
from fluxfloor.reporting.report import Report

INK, FAINT, GRID = "#1c2733", "#66727f", "#dfe4ea"
BLUE, GREEN, RED = "#0072B2", "#009E73", "#D55E00"
BESIDE = ("#E69F00", "#009E73", "#CC79A7", "#8c8c8c")
POINTS = 1_500  # of a curve as it is drawn
LOG_FROM = 3.0  # a curve that spans more than this factor is drawn on a log scale

STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.edgecolor": FAINT, "axes.labelcolor": FAINT,
    "axes.linewidth": 0.6, "axes.titlesize": 9.5, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.titlecolor": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.grid.axis": "y", "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.6, "text.color": INK,
    "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5,
    "legend.frameon": False, "legend.fontsize": 7.5, "figure.facecolor": "white", "svg.hashsalt": "fluxfloor",
    "svg.fonttype": "none", "pdf.fonttype": 42, "path.simplify": False,
    "text.parse_math": False,
}  # fmt: skip


# --- curves ------------------------------------------------------------------------------------------------------


def equity(axes: Axes, report: Report) -> None:
    """The run against its baselines, each from 100; log where the curves span a factor of three or more."""
    curves = {"this run": report.run, **report.baselines}
    colours = (BLUE, *BESIDE)
    spans = []
    for (name, run), colour in reversed([*zip(curves.items(), colours, strict=False)]):
        times, values = thinned(run.close_ms, 100.0 * run.equity / run.opening)
        own = run is report.run
        axes.plot(when(times), values, color=colour, lw=1.5 if own else 0.9, alpha=1 if own else 0.9, label=name)
        spans.append((values.min(), values.max()))
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    log = low > 0 and high / low >= LOG_FROM
    axes.set_title("Equity, from 100" + (", logarithmic" if log else ""))
    if log:
        _log_scale(axes, low, high)
    axes.axhline(100, color=FAINT, lw=0.6)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left", ncols=min(5, len(labels)), handlelength=1.4)
    axes.set_ylim(top=high * (high / max(low, high / 1e6)) ** 0.14 if log else high + 0.16 * (high - low) + 1e-9)
    time_axis(axes)


def drawdown(axes: Axes, report: Report) -> None:
    """Under water, the run's and buy and hold's beside it where it is known."""
    for run, colour, width in _drawn_down(report):
        times, values = thinned(run.close_ms, -drawdowns(run.equity, run.opening))
        axes.plot(when(times), values, color=colour, lw=width)
        if run is report.run:
            axes.fill_between(when(times), values, 0, color=BLUE, alpha=0.15, lw=0)
    axes.set_title("Drawdown")
    axes.set_ylim(top=0)
    if axes.get_ylim()[0] > -1e-6:
        axes.set_ylim(-0.01, 0)
    _in_percent(axes)
    time_axis(axes)


def exposure(axes: Axes, report: Report) -> None:
    """Sum of |notional| over equity: the mean and the highest of each stretch."""
    run = report.run
    parts = np.array_split(np.arange(len(run.exposure)), min(400, len(run.exposure)))
    times = when(np.array([run.close_ms[part[-1]] for part in parts]))
    mean, top = (np.array([pick(run.exposure[part]) for part in parts]) for pick in (np.mean, np.max))
    axes.fill_between(times, top, 0, color=BLUE, alpha=0.15, lw=0, step="mid", label="highest")
    axes.step(times, mean, color=BLUE, lw=1.0, where="mid", label="mean")
    axes.set_title("Exposure")
    axes.set_ylim(bottom=0, top=max(float(top.max()) * 1.5, 0.01))
    axes.legend(loc="upper left", ncols=2)
    _in_percent(axes)
    time_axis(axes)


def months(axes: Axes, report: Report) -> None:
    """Returns by month and year; months outside the run are left white."""
    years, cells, totals = monthly_returns(report.run)
    limit = max(float(np.nanmax(np.abs(cells))), 0.005)
    norm = TwoSlopeNorm(0.0, -limit, limit)
    edges = np.arange(13) - 0.5, np.arange(len(years) + 1) - 0.5
    axes.pcolormesh(*edges, np.ma.masked_invalid(cells), cmap="RdBu", norm=norm, alpha=0.85, lw=0)
    axes.invert_yaxis()
    small = 7.5 if len(years) <= 12 else 5.5
    for row in range(len(years)):
        for column in range(12):
            value = cells[row, column]
            if np.isfinite(value):
                tone = "white" if abs(value) > 0.65 * limit else INK
                axes.text(column, row, _cell(value), ha="center", va="center", fontsize=small, color=tone)
        axes.text(12.1, row, _cell(totals[row]), ha="center", va="center", fontsize=small, weight="bold")
    axes.set_xticks([*range(12), 12.1], [*"JFMAMJJASOND", "year"])
    axes.set_yticks(range(len(years)), [str(year) for year in years])
    axes.set_xlim(-0.5, 12.7)
    axes.set_title("Monthly returns, %")
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _cell(value: float) -> str:
    digits = 1 if abs(value) < 0.9995 else 0
    return f"{round(100 * value, digits) + 0.0:+.{digits}f}".replace("-", "−")


# --- trades ------------------------------------------------------------------------------------------------------


def trade_returns(axes: Axes, report: Report) -> None:
    """How trades ended; the outermost bars hold what lies beyond the 99 % that are drawn."""
    returns = 100.0 * report.run.trades.returns
    axes.set_title("Trades by return, %")
    if not returns.size:
        _empty(axes, "no trade was closed")
        return
    reach = max(float(np.quantile(np.abs(returns), 0.99)), 0.05)
    edges = np.linspace(-reach, reach, 2 * int(np.clip(np.sqrt(returns.size), 4, 20)) + 1)
    counts, _ = np.histogram(np.clip(returns, -reach, reach), edges)
    middle = (edges[:-1] + edges[1:]) / 2
    axes.bar(middle, counts, width=0.9 * np.diff(edges), color=np.where(middle < 0, RED, BLUE), alpha=0.85)
    axes.axvline(float(returns.mean()), color=INK, lw=1.0, ls="--")
    _aside(axes, f"mean {_signed(returns.mean())}, median {_signed(np.median(returns))}", FAINT)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def holding(axes: Axes, report: Report) -> None:
    """Return against time held, a point a trade."""
    trades = report.run.trades
    axes.set_title("Return against holding time")
    if not len(trades):
        _empty(axes, "no trade was closed")
        return
    # a trade that left within its first bar is drawn at the length of a bar
    held = np.maximum(trades.exit_ms - trades.entry_ms, bar_ms(report.run.close_ms)) / 3_600_000
    chosen = np.linspace(0, held.size - 1, min(held.size, 3_000)).astype(np.int64)
    won = trades.profit[chosen] > 0
    size = 7 if held.size > 300 else 16
    axes.scatter(held[chosen], 100 * trades.returns[chosen], s=size, c=np.where(won, BLUE, RED), alpha=0.55, lw=0)
    axes.axhline(0, color=FAINT, lw=0.6)
    axes.set_xlabel("hours held")
    axes.set_ylabel("%")
    if held.max() / held.min() > 30:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


# --- honesty -----------------------------------------------------------------------------------------------------


def doubts(report: Report) -> list[Callable[[Axes, Report], None]]:
    """The charts of this part that there is something to draw for."""
    walked = report.walk_forward is not None and report.walk_forward.periods
    return [*([walk_forward] if walked else []), *([by_chance] if report.chance is not None else [])]


def walk_forward(axes: Axes, report: Report) -> None:
    if report.walk_forward is not None:
        periods(axes, report.walk_forward)


def periods(axes: Axes, walked: WalkForward) -> None:
    """A bar a test period."""
    axes.set_title("Walking forward: each test period")
    values = np.array([part.test_return for part in walked.periods])
    places = np.arange(values.size)
    axes.bar(places, values, color=np.where(values > 0, BLUE, RED), alpha=0.85)
    axes.axhline(0, color=FAINT, lw=0.6)
    starts = [datetime.fromtimestamp(part.window.test_from_ms / 1000, UTC) for part in walked.periods]
    every = max(1, -(-values.size // 6))
    axes.set_xticks(places[::every], [f"{start:%b %y}" for start in starts[::every]], rotation=0)
    _in_percent(axes)


def by_chance(axes: Axes, report: Report) -> None:
    """Edges of random entries, and where the run's own lies."""
    axes.set_title("Edge against random entries, %")
    if (found := report.chance) is None:
        return
    edges = 100 * found.edges
    low, high = min(edges.min(), 100 * found.edge), max(edges.max(), 100 * found.edge)
    axes.hist(edges, bins=24, color="#b9c3cd")
    axes.axvline(100 * found.edge, color=BLUE, lw=1.8)
    axes.set_xlim(low - 0.08 * (high - low) - 1e-6, high + 0.08 * (high - low) + 1e-6)
    _aside(axes, f"this run {_signed(100 * found.edge)}", BLUE)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_yticks([])


# --- parts -------------------------------------------------------------------------------------------------------


def thinned(times: Ints, values: Floats, points: int = POINTS) -> tuple[Ints, Floats]:
    """Of every stretch of a curve its first, lowest, highest and last point, so that no peak and no trough is lost."""
    n = values.size
    if n <= points:
        return times, values
    length = -(-n // (points // 4))
    padded = np.append(values, np.full(-n % length, values[-1])).reshape(-1, length)
    starts = np.arange(len(padded)) * length
    kept = np.concatenate([starts, starts + padded.argmin(axis=1), starts + padded.argmax(axis=1), starts + length - 1])
    kept = np.unique(np.minimum(kept, n - 1))
    return times[kept], values[kept]


def when(close_ms: Ints) -> NDArray[np.datetime64]:
    return np.asarray(close_ms, np.int64).astype("datetime64[ms]")


def _drawn_down(report: Report) -> list[tuple[Run, str, float]]:
    beside = list(report.baselines.values())[:1]
    return [*((run, BESIDE[0], 0.8) for run in beside), (report.run, BLUE, 1.2)]


def _signed(value: Any) -> str:
    return f"{float(value):+.2f}".replace("-", "−")


def _aside(axes: Axes, words: str, colour: str) -> None:
    axes.set_title(words, loc="right", fontsize=7.5, weight="normal", color=colour)


def _empty(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, color=FAINT, style="italic")


def _in_percent(axes: Axes) -> None:
    low, high = axes.get_ylim()
    digits = 0 if high - low > 0.04 else 1 if high - low > 0.004 else 2
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value, digits)))


def _log_scale(axes: Axes, low: float, high: float) -> None:
    axes.set_yscale("log")
    subs = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(10, subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def time_axis(axes: Axes) -> None:
    """Few ticks, and no date twice."""
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.margins(x=0.01)


__all__ = [
    "STYLE", "by_chance", "drawdown", "equity", "exposure", "holding", "months", "thinned", "trade_returns",
    "walk_forward",
]  # fmt: skip
