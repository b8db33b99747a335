"""`fluxfloor emulators`: every stage as its own process, joined by Google's emulators."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from fluxfloor.cli import show


def emulators(
    settings: Annotated[Path | None, typer.Option(help="A settings file; see shared/floor.example.toml.")] = None,
    directory: Annotated[Path, typer.Option(help="Where logs go.")] = Path(".fluxfloor/emulators"),
) -> None:
    """Start Google's emulators and every stage behind functions-framework, with push subscriptions and schedules."""
    from fluxfloor.cli.run import make_secrets
    from fluxfloor.local import processes
    from fluxfloor.runtime.settings import load

    loaded = load(settings)
    make_secrets(directory / "secrets", tuple(loaded.senders))
    secrets = {path.name: path.read_text() for path in (directory / "secrets").iterdir()}
    with processes.running(directory, settings, secrets) as floor:
        processes.open_for_business(floor)
        floor.run_schedules()
        for stage in floor.stages.values():
            show.console.print(f"{stage.name:<15} {stage.url}   first answer after {stage.started_s:.2f} s")
        show.console.print(f"\nThe page: {floor.stages['api'].url}   admin, {secrets['api-admin-password']}")
        show.console.print(f"Webhooks: POST {floor.stages['ingestion'].url}/webhooks/<sender>   Ctrl-C ends it all.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            show.console.print("closing …")
