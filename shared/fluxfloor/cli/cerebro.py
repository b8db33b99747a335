"""`fluxfloor cerebro …`: Cerebro asked from the command line; each command is a file of its own."""

from __future__ import annotations

import typer

from fluxfloor.cli import (
    cerebro_ablation,
    cerebro_account,
    cerebro_allocate,
    cerebro_sandbox,
    cerebro_size,
    cerebro_versions,
)

app = typer.Typer(no_args_is_help=True, help="Ask Cerebro: nothing is ordered, nothing of the floor is touched.")
app.command("allocate")(cerebro_allocate.allocate)
app.command("min-account")(cerebro_account.min_account)
app.command("size")(cerebro_size.size)
app.command("sandbox")(cerebro_sandbox.sandbox)
app.command("ablation")(cerebro_ablation.ablation)
app.command("replay")(cerebro_versions.replay)
app.command("shadow")(cerebro_versions.shadow)
