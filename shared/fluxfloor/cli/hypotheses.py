"""`fluxfloor hypotheses`: what is hoped of dual mode and its regimes, held against your bars."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from fluxfloor.cli import bars, show
from fluxfloor.cli.bars import AsJson, Candles, Changes, CostsName, Params, Seed, Since, Symbols, Until

if TYPE_CHECKING:
    from fluxfloor.simulation.hypotheses import Hypothesis


def hypotheses(
    candles: Candles,
    symbol: Symbols = [],  # noqa: B006 - typer makes a new one
    param: Params = [],  # noqa: B006
    costs: CostsName = "us-equities",
    change: Changes = [],  # noqa: B006
    since: Since = "",
    until: Until = "",
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Hold what is hoped of dual mode and its regimes against recorded bars, and say what came out."""
    import numpy as np

    from fluxfloor.simulation.hypotheses import PLUGIN
    from fluxfloor.simulation.hypotheses import hypotheses as measured

    default = "BTC/USDT" if costs != "us-equities" else candles[0].stem.upper()
    history = bars.read_history(candles, symbol, since, until, show.errors.print, default)
    # measured edges would end the run after twenty losing trades; here the whole of it is asked about
    setup = bars.read_setup(PLUGIN, param, costs, ["edge_gate=0", *change], history)
    with show.errors.status("measuring …"):
        found = measured(setup, history, np.random.default_rng(seed))
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in found]))
        return
    show.console.print(table(found, f"{', '.join(history)}: {sum(map(len, history.values())):,} bars"))


def table(found: tuple[Hypothesis, ...], title: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=SIMPLE_HEAD)
    made.add_column("wish", overflow="fold")
    for name in ("measured", "without it", "difference, 95 %", "met"):
        made.add_column(name, justify="right", no_wrap=True)
    for item in found:
        made.add_row(*_row(item))
    return made


def _row(item: Hypothesis) -> tuple[str, ...]:
    between = f"{item.interval.low:.2f} to {item.interval.high:.2f}" if item.interval else ""
    met = "?" if item.met is None else "[green]yes[/green]" if item.met else "[red]no[/red]"
    wish = f"{item.wish} [dim]({item.note})[/dim]" if item.note else item.wish
    return wish, _number(item.measured), _number(item.against), between, met


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
