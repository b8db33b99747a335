"""Reports and sweeps on the console, and written to files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fluxfloor.cli import show
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.measures.splits import WalkForward
    from fluxfloor.reporting.figures import Grid
    from fluxfloor.reporting.report import Report
    from fluxfloor.simulation.setups import Variant

KINDS = (".pdf", ".html", ".png")


def print_grid(grid: Grid, title: str = "", strong: int = 0) -> None:
    """`strong` is the column in bold, 0 for none."""
    table = Table(title=title or None, title_justify="left", header_style="dim", title_style="bold", box=SIMPLE_HEAD)
    for place, name in enumerate(grid.header):
        style = "bold" if place == strong and strong else None
        left = place == 0
        table.add_column(name, justify="left" if left else "right", style=style, no_wrap=left, overflow="fold")
    for row in grid.rows:
        table.add_row(*row)
    show.console.print(table)


def print_report(report: Report) -> None:
    from fluxfloor.reporting import figures

    show.console.print(f"\n[bold]{report.title}[/bold]   {figures.headline(report)}", highlight=False)
    show.console.print(f"[dim]{figures.subtitle(report)}[/dim]\n", highlight=False)
    print_grid(figures.key_figures(report), strong=1)
    for grid in figures.breakdown(report).values():
        print_grid(grid)
    if report.intervals:
        print_grid(figures.interval_table(report), strong=1)
    if report.ablations:
        print_grid(figures.ablation_table(report))
    told = Table(show_header=False, box=None, pad_edge=False)
    told.add_column()
    told.add_column(justify="right", style="bold", no_wrap=True)
    told.add_column(style="dim")
    for row in figures.verdicts(report):
        told.add_row(*row)
    show.console.print(told)
    for note in figures.notes(report):
        show.console.print(f"[dim]{note}[/dim]", highlight=False)


def writable(path: Path | None) -> Path | None:
    """Checked before the work begins, not after it. Raises Misconfigured."""
    if path is None:
        return None
    if path.suffix.lower() not in KINDS:
        raise Misconfigured(f"{path}: a report is written as {', '.join(KINDS)}")
    if not path.parent.is_dir():
        raise Misconfigured(f"{path}: there is no folder {path.parent}")
    return path


def write_report(report: Report, path: Path) -> None:
    from fluxfloor.reporting import tearsheet, webpage

    kind = path.suffix.lower()
    if kind == ".html":
        path.write_text(webpage.page(report), encoding="utf-8")
    else:
        path.write_bytes(tearsheet.pdf(report) if kind == ".pdf" else tearsheet.png(report))
    show.errors.print(f"wrote {path}")


def summary(report: Report) -> dict[str, Any]:
    """One flat object: the run's figures, its baselines', its intervals and verdicts."""
    from fluxfloor.measures.performance import performance
    from fluxfloor.measures.trades import trade_figures

    run = report.run
    of, trades = performance(run, report.risk_free, report.tail), trade_figures(run.trades)
    found: dict[str, Any] = {"symbols": ",".join(run.symbols), "bars": len(run.equity), "currency": run.currency}
    found.update(_figures(of, skip=("undefined",)))
    found.update(_figures(trades, skip=("undefined",), rename={"count": "trades", "fees": "fees_paid"}))
    for name, baseline in report.baselines.items():
        beside = performance(baseline, report.risk_free, report.tail)
        for figure in ("total_return", "sharpe", "max_drawdown"):
            found[f"{_key(name)}_{figure}"] = getattr(beside, figure)
    for name, item in report.intervals.items():
        found.update({f"{_key(name)}_low": item.low, f"{_key(name)}_high": item.high})
    return {**found, **_verdicts(report)}


def _verdicts(report: Report) -> dict[str, Any]:
    walked, refused = report.walk_forward, report.run.settings.get("refused")
    return {
        "probabilistic_sharpe": report.luck.probabilistic if report.luck else None,
        "deflated_sharpe": report.deflated.probability if report.deflated else None,
        "overfitting_probability": report.overfitting.probability if report.overfitting else None,
        "beats_chance": report.chance.beaten if report.chance else None,
        "shuffled_drawdown_95": report.orders.drawdown(0.95) if report.orders else None,
        "ruin_probability": report.again.ruin if report.again else None,
        "capacity": report.capacity.account if report.capacity else None,
        "walk_forward_gaining": walked.gaining_share if walked else None,
        "walk_forward_passed": walked.passed if walked and walked.periods else None,
        **{f"refused_{why}": count for why, count in (refused.items() if isinstance(refused, Mapping) else ())},
    }


def _figures(found: Any, skip: Sequence[str], rename: Mapping[str, str] | None = None) -> dict[str, Any]:
    names = [name for name in found.__slots__ if name not in skip]
    return {(rename or {}).get(name, name): getattr(found, name) for name in names}


def _key(name: str) -> str:
    return "_".join("".join(mark if mark.isalnum() else " " for mark in name).lower().split())


# --- sweeps and walks --------------------------------------------------------------------------------------------


def variant_grid(variants: Sequence[Variant], names: Sequence[str], top: int) -> Grid:
    """The best first; those without a figure last."""
    from fluxfloor.reporting.figures import Grid, number, percent

    order = sorted(variants, key=lambda item: (item.rank != item.rank, -item.rank if item.rank == item.rank else 0.0))
    rows = [
        (*(f"{item.params[name]:g}" for name in names), number(item.sharpe), percent(item.total_return, signed=True),
         percent(-item.max_drawdown), f"{item.trades:,}")
        for item in order[:top]
    ]  # fmt: skip
    return Grid((*names, "Sharpe", "total return", "max drawdown", "trades"), tuple(rows))


def period_grid(walked: WalkForward) -> Grid:
    from fluxfloor.reporting.figures import Grid, date, percent

    rows = [
        (date(part.window.test_from_ms)[:7], part.choice, percent(part.train_return, signed=True),
         percent(part.test_return, signed=True), f"{part.trades:,}")
        for part in walked.periods
    ]  # fmt: skip
    return Grid(("test month", "chosen", "in training", "in the test", "trades"), tuple(rows))


def sweep_chart(variants: Sequence[Variant], names: Sequence[str], rank: str) -> bytes:
    """PNG: a line over one parameter, a map over the first two (the mean over any others)."""
    from matplotlib.figure import Figure

    from fluxfloor.reporting.surfaces import draw
    from fluxfloor.reporting.tearsheet import styled

    points = [[item.params[name] for name in names[:2]] for item in variants]
    out = io.BytesIO()
    with styled():
        figure = Figure(figsize=(8.0, 5.0), layout="constrained")
        draw(figure.add_subplot(), points, [item.rank for item in variants], tuple(names[:2]), rank.replace("_", " "))
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()


def walk_chart(walked: WalkForward) -> bytes:
    """PNG: a bar a test period."""
    from matplotlib.figure import Figure

    from fluxfloor.reporting.charts import periods
    from fluxfloor.reporting.tearsheet import styled

    out = io.BytesIO()
    with styled():
        figure = Figure(figsize=(8.0, 3.6), layout="constrained")
        periods(figure.add_subplot(), walked)
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()
