"""Pictures beside the report: a figure over a sweep's parameters (a plateau, or a needle?), and bars as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import NDArray

from fluxfloor.reporting.charts import BLUE, FAINT, INK, thinned, time_axis, when


def draw(
    axes: Axes, points: Sequence[Sequence[float]], values: Sequence[float], names: tuple[str, ...], rank: str
) -> None:
    """points: (n, 1) or (n, 2) parameters, values: (n,) the figure, NaN where undefined. Equal points are averaged."""
    places, figures = np.asarray(points, np.float64), np.asarray(values, np.float64)
    axes.set_title(f"{rank} over {' and '.join(names)}")
    if places.shape[1] == 1:
        _line(axes, places[:, 0], figures, names[0], rank)
    else:
        _map(axes, places, figures, names)


def market(figure: Figure, bars: NDArray[np.float64], title: str) -> None:
    """Closes between lows and highs, and volume. bars: (n, 6), open_ms, open, high, low, close, volume."""
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    times = bars[:, 0].astype(np.int64)
    at, closes = thinned(times, bars[:, 4])
    top.plot(when(at), closes, color=BLUE, lw=1.0)
    parts = np.array_split(np.arange(len(bars)), min(600, len(bars)))
    starts = when(np.array([times[part[0]] for part in parts]))
    low, high = [bars[part, 3].min() for part in parts], [bars[part, 2].max() for part in parts]
    top.fill_between(starts, low, high, color=BLUE, alpha=0.15, lw=0, step="post")
    top.yaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    top.set_title(f"{title}: closes, with lows and highs")
    below.fill_between(starts, [bars[part, 5].sum() for part in parts], color=FAINT, alpha=0.5, lw=0, step="post")
    below.set_title("Volume")
    below.set_ylim(bottom=0)
    time_axis(below)


def _line(axes: Axes, at: np.ndarray, figures: np.ndarray, name: str, rank: str) -> None:
    known = np.unique(at)
    means = [_mean(figures[at == place]) for place in known]
    axes.plot(known, means, color=BLUE, marker="o", ms=4, lw=1.3)
    axes.set_xlabel(name)
    axes.set_ylabel(rank)


def _map(axes: Axes, places: np.ndarray, figures: np.ndarray, names: tuple[str, ...]) -> None:
    columns, rows = np.unique(places[:, 0]), np.unique(places[:, 1])
    cells = np.array([[_mean(figures[(places == (x, y)).all(axis=1)]) for x in columns] for y in rows])
    edges = np.arange(columns.size + 1) - 0.5, np.arange(rows.size + 1) - 0.5
    mesh = axes.pcolormesh(*edges, np.ma.masked_invalid(cells), cmap="cividis", lw=0)
    _write(axes, cells)
    for ticks, labels in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
        every = max(1, labels.size // 12)
        ticks(range(0, labels.size, every), [f"{value:g}" for value in labels[::every]])
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.grid(False)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.outline.set_visible(False)


def _write(axes: Axes, cells: np.ndarray) -> None:
    """The numbers, while they fit; a dash marks the combinations that were not run."""
    if cells.size > 400:
        return
    small, middle = (7.0 if cells.size <= 150 else 5.0), float(np.nanmean(cells)) if np.isfinite(cells).any() else 0.0
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        told = f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–"
        tone = FAINT if not np.isfinite(value) else "white" if value < middle else INK
        axes.text(column, row, told, ha="center", va="center", fontsize=small, color=tone)


def _mean(figures: np.ndarray) -> float:
    known = figures[np.isfinite(figures)]
    return float(known.mean()) if known.size else float("nan")
