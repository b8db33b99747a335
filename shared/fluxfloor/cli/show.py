"""How the console shows things: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console()
errors = Console(stderr=True)


@contextmanager
def progress(what: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Gives a callback (done, of). Silent where nobody looks: with --json and when stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=quiet or not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def report(found: dict[str, Any]) -> None:
    """A replay's counts, as a person reads them."""
    table = Table(title="What the floor did", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, value in found.items():
        table.add_row(name.replace("_", " "), _text(value))
    console.print(table)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items()) or "none"
    if isinstance(value, bool):
        return "[green]yes[/green]" if value else "[red]no[/red]"
    return str(value)
