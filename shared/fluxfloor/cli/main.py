"""The console program `fluxfloor`. Each command is a file of its own; heavy parts load when their command runs."""

from __future__ import annotations

import sys

import typer

from fluxfloor.cli import (
    bench,
    cerebro,
    chaos,
    data,
    dead_letters,
    demo,
    emulators,
    hypotheses,
    inspect,
    paper,
    replay,
    research,
    run,
    simulate,
    telegram,
    venue,
)
from fluxfloor.errors import FloorError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("bench")(bench.bench)
app.command("replay")(replay.replay)
app.command("chaos")(chaos.chaos)
app.command("simulate")(simulate.simulate)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("emulators")(emulators.emulators)
app.command("venue-simulator")(venue.venue_simulator)
app.command("topology")(inspect.topology)
app.command("venues")(inspect.venues)
app.command("why")(inspect.why)
app.command("cost")(inspect.cost)
app.command("dead-letters")(dead_letters.dead_letters)
app.command("hypotheses")(hypotheses.hypotheses)
app.add_typer(data.app, name="data")
app.add_typer(cerebro.app, name="cerebro")
app.add_typer(telegram.app, name="telegram")
app.add_typer(paper.app, name="paper")
for made in (research.backtest, research.sweep, research.walkforward, research.report):
    app.command(made.__name__)(made)


@app.callback()
def fluxfloor() -> None:
    """A serverless trading floor: signals in, explained decisions, orders placed at most once."""


def main() -> None:
    """Says what is wrong in one line where it is the user's to mend; a bug keeps its traceback."""
    try:
        app()
    except (FloorError, FileNotFoundError, PermissionError, IsADirectoryError) as problem:
        typer.secho(f"fluxfloor: {problem}", fg="red", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
