"""A run's report as a PDF of A4 pages, and its chart as a PNG. The same report gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from textwrap import wrap

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fluxfloor.reporting import charts, figures
from fluxfloor.reporting.charts import BLUE, FAINT, GRID, INK, RED, STYLE
from fluxfloor.reporting.figures import Grid
from fluxfloor.reporting.months import monthly_returns
from fluxfloor.reporting.report import Report

A4 = (8.27, 11.69)
LEFT, RIGHT, GAP = 0.075, 0.945, 0.09
ROW, BETWEEN = 0.0148, 0.016  # of a table and between two, as shares of the page's height
PAGE_ROWS, FEWEST_ROWS = 50, 6  # of tables on a page of their own, and of the last that still begins there
Draw = Callable[[Axes, Report], None]


def pdf(report: Report) -> bytes:
    """The whole report."""
    out = BytesIO()
    # a fixed date, or the same report would never be the same file
    metadata = {"Title": report.title, "Creator": "Fluxfloor", "Producer": "Fluxfloor", "CreationDate": None}
    with styled(), PdfPages(out, metadata=metadata) as book:
        for page in pages(report):
            book.savefig(page)
    return out.getvalue()


def png(report: Report, dpi: int = 150) -> bytes:
    """Equity and drawdown, for where a picture is enough."""
    with styled():
        figure = Figure(figsize=(9.0, 5.4))
        figure.text(0.06, 0.955, report.title, fontsize=13, weight="bold", va="center")
        figure.text(
            0.06, 0.915, f"{figures.headline(report)}   ·   {figures.subtitle(report)}", color=FAINT, fontsize=8
        )
        charts.equity(figure.add_axes((0.06, 0.36, 0.92, 0.49)), report)
        charts.drawdown(figure.add_axes((0.06, 0.07, 0.92, 0.21)), report)
        out = BytesIO()
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


@contextmanager
def styled() -> Iterator[None]:
    with matplotlib.rc_context(STYLE):
        yield


def pages(report: Report) -> Iterator[Figure]:
    """The figures of the pages, to be drawn within `styled()`."""
    beside, further = _placed(report)
    parts = [partial(_parts_page, grids=grids) for grids in further]
    makers: list[Callable[[Figure, Report], None]] = [_summary, partial(_detail, grids=beside), *parts, _honesty]
    for number, make in enumerate(makers, 1):
        page = Figure(figsize=A4)
        make(page, report)
        page.text(LEFT, 0.022, f"Fluxfloor   ·   {report.title}", fontsize=7, color=FAINT)
        page.text(RIGHT, 0.022, f"{number} / {len(makers)}", fontsize=7, color=FAINT, ha="right")
        yield page


# --- pages -------------------------------------------------------------------------------------------------------


def _summary(page: Figure, report: Report) -> None:
    page.text(LEFT, 0.953, _short(report.title, 60), fontsize=18, weight="bold", va="center")
    page.text(LEFT, 0.929, figures.subtitle(report), fontsize=8.5, color=FAINT, va="center")
    rising = report.run.equity[-1] >= report.run.opening
    page.text(LEFT, 0.906, figures.headline(report), fontsize=11, weight="bold", color=BLUE if rising else RED,
              va="center")  # fmt: skip
    charts.equity(page.add_axes((LEFT, 0.625, RIGHT - LEFT, 0.235)), report)
    charts.drawdown(page.add_axes((LEFT, 0.465, RIGHT - LEFT, 0.11)), report)
    bottom = table(page, figures.key_figures(report), LEFT, 0.42, RIGHT - LEFT, strong=1)
    _paragraph(page, " ".join(figures.notes(report)), bottom - 0.012, FAINT)


def _detail(page: Figure, report: Report, grids: Sequence[Grid]) -> None:
    _heading(page, "Months and trades")
    years = max(1, len(monthly_returns(report.run)[0]))
    tall = _months_tall(years)
    charts.months(page.add_axes((LEFT, 0.895 - tall, RIGHT - LEFT, tall)), report)
    below = 0.895 - tall - 0.065
    if len(report.run.trades):
        half = (RIGHT - LEFT - GAP) / 2
        charts.trade_returns(page.add_axes((LEFT, below - 0.17, half, 0.17)), report)
        charts.holding(page.add_axes((LEFT + half + GAP, below - 0.17, half, 0.17)), report)
        below -= 0.25
    else:
        page.text(LEFT, below, "No trade was closed.", style="italic", color=FAINT)
        below -= 0.05
    charts.exposure(page.add_axes((LEFT, below - 0.075, RIGHT - LEFT, 0.075)), report)
    _tables(page, grids, below - 0.125)


def _parts_page(page: Figure, report: Report, grids: Sequence[Grid]) -> None:
    _heading(page, "What the trades were")
    _tables(page, grids, 0.9)


def _tables(page: Figure, grids: Sequence[Grid], top: float) -> None:
    for grid in grids:
        top = table(page, grid, LEFT, top, RIGHT - LEFT) - BETWEEN


def _placed(report: Report) -> tuple[list[Grid], list[list[Grid]]]:
    """The breakdowns under the charts of the second page where all of them fit, or else on pages of their own."""
    grids = list(figures.breakdown(report).values())
    years = len(monthly_returns(report.run)[0])
    if sum(len(grid.rows) + 2 for grid in grids) * ROW + len(grids) * BETWEEN < 0.365 - _months_tall(years):
        return grids, []
    pages: list[list[Grid]] = [[]]
    left = PAGE_ROWS
    for grid in grids:
        rows = grid.rows
        while rows:
            if left < FEWEST_ROWS:
                pages.append([])
                left = PAGE_ROWS
            pages[-1].append(Grid(grid.header, rows[:left]))
            rows, left = rows[left:], left - len(rows[:left]) - 3
    return [], pages


def _honesty(page: Figure, report: Report) -> None:
    _heading(page, "How far to believe it")
    shown = charts.doubts(report)
    wide = (RIGHT - LEFT - GAP * (len(shown) - 1)) / max(len(shown), 1)
    for place, draw in enumerate(shown):
        draw(page.add_axes((LEFT + place * (wide + GAP), 0.735, wide, 0.15)), report)
    top = 0.675 if shown else 0.905
    if report.intervals:
        top = table(page, figures.interval_table(report), LEFT, top, RIGHT - LEFT, strong=1) - 0.022
    for what, figure, says in figures.verdicts(report):
        page.text(LEFT, top, what, fontsize=8, va="center")
        page.text(LEFT + 0.32, top, figure, fontsize=8, weight="bold", va="center", ha="right")
        page.text(LEFT + 0.335, top, says, fontsize=7.5, color=FAINT, va="center")
        top -= 0.0185
    if report.ablations:
        top = table(page, figures.ablation_table(report), LEFT, top - 0.018, RIGHT - LEFT) - 0.012
    if report.assumptions:
        page.text(LEFT, top - 0.018, "Assumptions", fontsize=9.5, weight="bold", va="center")
        top -= 0.036
        for told in report.assumptions:
            top = _paragraph(page, f"·  {told}", top, INK) - 0.004
            if top < 0.06:
                break


# --- parts -------------------------------------------------------------------------------------------------------


def table(page: Figure, grid: Grid, left: float, top: float, width: float, strong: int = 0) -> float:
    """Rows of text with a rule under the header, first column to the left, others to the right. `strong` is the column
    in bold, 0 for none. Returns where it ends."""
    columns = len(grid.header)
    first = 0.24 if columns <= 7 else 0.2
    rights = [left + width * (first + (1 - first) * (n + 1) / (columns - 1)) for n in range(columns - 1)]
    for row, cells in enumerate((grid.header, *grid.rows)):
        at = top - row * ROW
        for place, cell in enumerate(cells):
            at_left, head = place == 0, row == 0
            weight = "bold" if head or (place == strong and strong) else "normal"
            page.text(
                left if at_left else rights[place - 1], at, cell, fontsize=7.5, va="center", weight=weight,
                ha="left" if at_left else "right", color=FAINT if head else INK,
            )  # fmt: skip
        if row < len(grid.rows):
            tone, thick = (FAINT, 0.8) if row == 0 else (GRID, 0.5)
            _rule(page, left, at - ROW / 2, width, tone, thick)
    return top - (len(grid.rows) + 0.5) * ROW


def _rule(page: Figure, left: float, at: float, width: float, colour: str, thick: float) -> None:
    line = Line2D((left, left + width), (at, at), color=colour, lw=thick, transform=page.transFigure)
    page.add_artist(line)


def _heading(page: Figure, words: str) -> None:
    page.text(LEFT, 0.953, words, fontsize=14, weight="bold", va="center")


def _paragraph(page: Figure, words: str, top: float, colour: str, per_line: int = 138) -> float:
    lines = wrap(words, per_line, subsequent_indent="   " if words.startswith("·") else "")
    for place, line in enumerate(lines):
        page.text(LEFT, top - place * 0.0125, line, fontsize=7, color=colour, va="center")
    return top - len(lines) * 0.0125


def _months_tall(years: int) -> float:
    return min(0.26, 0.05 + 0.022 * years)


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
