"""`fluxfloor demo`: the sample through every stage, then a live page; or the market as it is now, on paper."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxfloor.cli import show

if TYPE_CHECKING:
    from fluxfloor.local.floor import Floor

HOME = Path(".fluxfloor")


def demo(
    once: Annotated[bool, typer.Option(help="Exit after the replay; its JSON is the last line.")] = False,
    live: Annotated[bool, typer.Option(help="No replay: the exchange's public data, paper fills.")] = False,
    port: Annotated[int, typer.Option(help="Where the page is served.")] = 8080,
) -> None:
    """Play the sample through all stages and serve the page; --live trades the present market on paper."""
    if live:
        from fluxfloor.cli.run import run

        run(settings=None, directory=HOME / "live", port=port)
        return
    from fluxfloor.local.demo import open_demo

    played = open_demo(HOME / "demo", port)
    span = f"{len(played.recording.bars):,} hourly bars of EUR/USD and {len(played.recording.webhooks)} webhooks"
    show.errors.print(f"Playing {span} through {len(played.floor.runners)} stages …")
    with show.progress("replaying", quiet=once) as advance:
        report = played.run(advance)
    if once:
        played.close()
        typer.echo(json.dumps(report))
        return
    show.report(report)
    played.clock.release()
    serve(played.floor, port)


def serve(floor: Floor, port: int) -> None:
    """The page until Ctrl-C."""
    from fluxfloor.local.serving import LocalServer
    from fluxfloor.webapi.sessions import mint_ticket

    server = LocalServer(floor, port=port)
    server.start()
    address = f"http://127.0.0.1:{server.port}"
    ticket = mint_ticket(floor.ports.secrets, floor.clock.now_ms())
    show.console.print(f"\nThe floor is open at [bold]{address}[/bold]")
    show.console.print(f"Log in once with this link: {address}/login?ticket={ticket}", soft_wrap=True)
    show.console.print(f"or as admin with the password {floor.ports.secrets.get('api-admin-password')}")
    show.console.print(f"Webhooks: POST {address}/webhooks/demo   Ctrl-C closes the floor.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        server.stop()
        floor.close()
