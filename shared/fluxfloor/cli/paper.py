"""`fluxfloor paper`: the record of the paper period, and how it comes to a live floor in a project of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxfloor.cli import show

if TYPE_CHECKING:
    from fluxfloor.ports import Store

app = typer.Typer(no_args_is_help=True, help="The paper period that live entries wait for.")
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="The floor's settings file.")]
Folder = Annotated[Path, typer.Option(help="The embedded floor's folder.")]


@app.command("show")
def told(settings: SettingsFile = None, directory: Folder = Path(".fluxfloor/floor")) -> None:
    """Print the days that count, and what is missing."""
    from fluxfloor.reporting import paper_period
    from fluxfloor.runtime.settings import load
    from fluxfloor.webapi.at_stake import paper_days

    loaded = load(settings)
    days, now = paper_days(_edge(settings, directory)), datetime.now(UTC)
    for day in days:
        well = "good" if paper_period.good(day) else f"books agreed: {day.books_agreed}, left: {day.alarms}"
        show.console.print(f"{day.id}  {day.orders} orders, {day.filled} filled  {well}", highlight=False)
    record = paper_period.judge(days, loaded.safety.criteria, now.date().isoformat(), int(now.timestamp()) * 1_000)
    show.console.print("; ".join(record.missing) or f"{record.days} good days in a row: live entries may go")


@app.command()
def carry(
    to: Annotated[Path, typer.Option(help="The settings file of the floor that is to have the record.")],
    settings: SettingsFile = None,
    directory: Folder = Path(".fluxfloor/floor"),
    to_directory: Folder = Path(".fluxfloor/live"),
) -> None:
    """Copy the record to another floor, as it was written. Needs access to both."""
    from fluxfloor.local.carrying import carry as carried

    days, new = carried(_edge(settings, directory), _edge(to, to_directory))
    show.console.print(f"{days} days, {new} of them new there")


def _edge(settings: Path | None, directory: Path) -> Store:
    """The floor's store, of which only the edge database is used."""
    from fluxfloor.errors import Misconfigured
    from fluxfloor.runtime.settings import load

    loaded = load(settings)
    if loaded.backend == "google":
        from fluxfloor.adapters.google.store import FirestoreStore

        return FirestoreStore.connect(loaded.google.project, {"edge": "edge"})
    from fluxfloor.adapters.embedded.store import SqliteStore

    if not directory.is_dir():
        raise Misconfigured(f"{directory} holds no floor: name one with --directory")
    return SqliteStore(directory, loaded.mode)
