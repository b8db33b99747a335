"""`fluxfloor cerebro ablation`: what each part of the allocation was worth, walked forward over a table of returns."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxfloor.cli import sheets, show
from fluxfloor.cli.cerebro_read import changes_of, mapping, policy_of
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.allocation.ablation import Row

DEFAULTS = {"cvar_limit": 0.02, "max_weight": 0.25}


def ablation(
    returns: Annotated[Path, typer.Option(help="CSV or Parquet: a date, and a column of daily returns a strategy.")],
    policy: Annotated[Path | None, typer.Option(help="YAML that all are run under; else 2 % CVaR, 25 % each.")] = None,
    change: Annotated[list[str], typer.Option("--set", help="Any key of the policy. Repeat it.")] = [],  # noqa: B006
    train_days: Annotated[int, typer.Option(min=30, help="Days that weights are learned from.")] = 504,
    hold_days: Annotated[int, typer.Option(min=1, help="Days that they are held.")] = 21,
    cost_bps: Annotated[float, typer.Option(min=0, help="Of what is turned over, one way.")] = 10.0,
    per_year: Annotated[float, typer.Option(min=1, help="Days of a year: 252, or 365 for crypto.")] = 252.0,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    chart: Annotated[Path | None, typer.Option(help="Write the rows as .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Compare equal weight, mean-variance and CVaR with each part of the floor's own allocation, out of sample."""
    if chart is not None and chart.suffix.lower() != ".png":
        raise Misconfigured(f"{chart}: it is drawn as .png")
    out = sheets.writable(chart)
    rules = policy_of({**DEFAULTS, **mapping(policy), **changes_of(change)}, str(policy or "the policy"))
    import numpy as np

    from fluxfloor.allocation.ablation import ablation as walked
    from fluxfloor.allocation.walking import Walk
    from fluxfloor.cli.returns_table import read_histories, together

    names, days, table = together(read_histories(returns))
    how = Walk(train_days, hold_days, cost_bps / 1e4)
    if len(days) <= train_days:
        raise Misconfigured(f"{returns}: {len(days)} common days leave none to hold after --train-days {train_days}")
    with show.progress("walking forward", quiet=as_json) as tick:
        rows = list(walked(table, names, rules, how, np.random.default_rng(seed), per_year, tick))
    if out is not None:
        out.write_bytes(_drawn(rows))
        show.errors.print(f"wrote {out}")
    if as_json:
        found = {"days": len(days) - train_days, "strategies": len(names), "rows": [asdict(row) for row in rows]}
        typer.echo(json.dumps(found))
    else:
        _print(rows, f"{len(days) - train_days:,} days out of sample, {len(names)} strategies, net of {cost_bps:g} bps")


def _print(rows: Sequence[Row], title: str) -> None:
    from fluxfloor.reporting.figures import Grid

    header = ("weights by", "a year", "Sharpe", "fall", "CVaR", "turned", "against equal weight")
    sheets.print_grid(Grid(header, tuple(_cells(row) for row in rows)), title, strong=2)
    show.console.print(
        "[dim]Return and turnover of a year, deepest fall, CVaR of a day; Sharpe ratio over 0, for cash earns nothing. "
        "In brackets: 95 % of 2,000 paired bootstrap draws of the difference of Sharpe ratios.[/dim]"
    )


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.sharpe is None else f"{row.sharpe:.2f}"
    found = row.beyond_equal
    beyond = "" if found is None else f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
    return (
        row.name, f"{row.annual:+.1%}", ratio, f"{row.max_drawdown:.0%}", f"{row.cvar:.2%}", f"{row.turnover:.1f}x",
        beyond,
    )  # fmt: skip


def _drawn(rows: Sequence[Row]) -> bytes:
    """PNG: Sharpe ratio against the deepest fall, a point a row."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    from fluxfloor.reporting.tearsheet import styled

    out = io.BytesIO()
    with styled():
        figure = Figure(figsize=(7.0, 4.4), layout="constrained")
        axes = figure.add_subplot()
        for row in rows:
            if row.sharpe is not None:
                axes.plot([row.max_drawdown], [row.sharpe], "o")
                axes.annotate(row.name, (row.max_drawdown, row.sharpe), (7, -3), textcoords="offset points")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("deepest fall")
        axes.set_ylabel("Sharpe ratio, out of sample and net")
        axes.margins(0.15)
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()
