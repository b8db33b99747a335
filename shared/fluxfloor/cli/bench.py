"""`fluxfloor bench`: our figures beside the peers', measured here and now."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from fluxfloor.cli import show

HEADINGS = ("work", "beside", "ours ms", "theirs ms", "times as fast", "range", "aim")


def bench(
    as_json: Annotated[bool, typer.Option("--json", help="Everything that was measured, as JSON.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Rows of this name, or whose name starts so.")] = None,
) -> None:
    """Measure our work against TA-Lib, vectorbt, hmmlearn and others, in turns; their results must agree with ours."""
    from fluxfloor.bench import runner

    rows = runner.chosen(only or [])
    with show.progress("measuring", quiet=as_json) as advance:
        found = runner.run(rows, advance)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table(*HEADINGS, title=f"Medians on {found['cores']} cores, compiled for {found['target']}")
    for row in found["rows"]:
        table.add_row(*cells(row))
    show.console.print(table)
    for row in found["rows"]:
        if row["note"]:
            show.console.print(f"{row['name']}: {row['note']}")


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One measured row as the table shows it."""
    peer, ratio, spread = row["peer_ms"], row["ratio"], row["ratio_range"]
    aims = "\n".join(f"{aim['aim']} [{'green]met' if aim['met'] else 'red]missed'}[/]" for aim in row["aims"])
    floor = f"\n{row['times_floor']:.2f} × floor" if row["times_floor"] else ""
    return (
        row["work"],
        row["peer"] or "–",
        f"{row['ours_ms']:.3g}{floor}",
        f"{peer:.3g}" if peer else "–",
        f"{ratio:.3g}" if ratio else "–",
        f"{spread[0]:.3g}–{spread[1]:.3g}" if spread else "–",
        aims or "–",
    )
