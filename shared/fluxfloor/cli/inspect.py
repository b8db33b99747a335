"""`fluxfloor topology`, `venues`, `why` and `cost`: looking at the floor without touching it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from fluxfloor.cli import show
from fluxfloor.contracts.venues import table as matrix
from fluxfloor.reporting.operations import Counts
from fluxfloor.topology import STAGES


def topology(
    mermaid: Annotated[bool, typer.Option(help="The picture in the README, as Mermaid text.")] = False,
) -> None:
    """Show the stages, what they hear and what they say."""
    if mermaid:
        from fluxfloor.local.picture import mermaid as drawn

        typer.echo(drawn())
        return
    for stage in STAGES.values():
        show.console.print(f"[bold]{stage.name}[/bold]  {stage.does}")
        jobs = ", ".join(f"{item.job} every {_span(item.every_min)}" for item in stage.schedules)
        for what, told in (("hears", ", ".join(stage.topics)), ("says", ", ".join(stage.produces)), ("runs", jobs)):
            if told:
                show.console.print(f"    {what:<6}{told}", highlight=False, soft_wrap=True)


def _span(minutes: int) -> str:
    if minutes % 1440 == 0:
        return "day"
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def venues(
    markdown: Annotated[bool, typer.Option(help="The table in the README, as Markdown.")] = False,
) -> None:
    """What each venue can be relied on for: the promises that execution builds on."""
    head, *rows = matrix()
    if markdown:
        for row in (head, ("---",) * len(head), *rows):
            typer.echo("| " + " | ".join(row) + " |")
        return
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    show.console.print(table)


def why(
    id: Annotated[str, typer.Argument(help="Of a signal, decision, intent, order, trade or webhook.")],
    directory: Annotated[Path, typer.Option(help="The embedded floor's folder.")] = Path(".fluxfloor/demo"),
) -> None:
    """Tell the whole story of one id from the journal."""
    from fluxfloor.adapters.embedded.store import SqliteStore
    from fluxfloor.errors import Misconfigured
    from fluxfloor.reporting.why import tell
    from fluxfloor.webapi.journal import collect

    if not (directory / "paper.db").is_file():
        raise Misconfigured(f"{directory} holds no floor; run `fluxfloor demo --once`, or name one with --directory")
    story = collect(SqliteStore(directory), id)
    for line in tell(story):
        typer.echo(line)
    if story.empty:
        raise typer.Exit(1)


def cost(
    design: Annotated[bool, typer.Option(help="From the design's counts alone, without playing anything.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The bills as JSON.")] = False,
) -> None:
    """Print the monthly bill at list prices: idle, and at 100 and 10,000 signals a day. What a signal, a bar and a job
    cost is counted in a short play of the packaged sample through the real stages."""
    from fluxfloor.reporting.cost import bills

    found = bills(None if design else _counted())
    if as_json:
        typer.echo(json.dumps([asdict(bill) for bill in found]))
        return
    for bill in found:
        table = Table(title=f"{bill.signals_per_day:,.0f} signals a day, US$ a month", title_justify="left")
        table.add_column("service")
        table.add_column("at list price", justify="right")
        table.add_column("after free tier", justify="right")
        for service, (listed, billed) in bill.by_service().items():
            table.add_row(service, f"{listed:.2f}", f"{billed:.2f}")
        table.add_row("all", f"{bill.list_usd:.2f}", f"{bill.billed_usd:.2f}", style="bold")
        show.console.print(table)


def _counted() -> Counts:
    from fluxfloor.local.measuring import measured

    with show.console.status("Counting what the stages do …"):
        return measured()
