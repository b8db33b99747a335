"""`fluxfloor replay`: recorded bars and webhooks through all the real stages."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fluxfloor.cli import show


class Backend(StrEnum):
    EMBEDDED = "embedded"
    EMULATORS = "emulators"


def replay(
    candles: Annotated[Path, typer.Option(help="Bars: timestamp (UTC open), open, high, low, close, volume.")],
    symbol: Annotated[str, typer.Option(help='What they are bars of, e.g. "BTC/USDT".')] = "BTC/USDT",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d.")] = "15m",
    signals: Annotated[Path | None, typer.Option(help="Webhooks, one JSON object a line: body, at, sender …")] = None,
    backend: Annotated[Backend, typer.Option(help="Where state and messages live.")] = Backend.EMBEDDED,
    tick: Annotated[str | None, typer.Option(help="Tick size; by default the finest step in the prices.")] = None,
    lot: Annotated[str, typer.Option(help="Lot size.")] = "0.00000001",
    keep: Annotated[Path | None, typer.Option(help="Keep the floor's state here, for `fluxfloor why`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One flat JSON object as the last line.")] = False,
) -> None:
    """Feed recorded bars and webhooks through every real stage, and report what came of them."""
    from fluxfloor.local import demo
    from fluxfloor.local.replay import Replay

    settings = demo.demo_settings(symbol_of(symbol), timeframe, port=8080)
    bars = demo.read_bars(candles)
    rules = demo.instrument_of(
        symbol, bars, settings.market.exchange, settings.paper.fee, Decimal(tick) if tick else None, Decimal(lot)
    )
    lines = signals.read_text() if signals else ""
    with tempfile.TemporaryDirectory(prefix="fluxfloor-") as scratch:
        directory = keep or Path(scratch) / "floor"
        played: Replay
        if backend is Backend.EMULATORS:
            from fluxfloor.local.emulated import open_emulated

            played = open_emulated(directory, settings, rules, timeframe, bars, lines, str(signals))
        else:
            played = demo.open_recorded(directory, settings, rules, timeframe, bars, lines, str(signals))
        with show.progress("replaying", quiet=as_json) as advance:
            report = played.run(advance)
        played.close()
    if not as_json:
        show.report(report)
    typer.echo(json.dumps(report))


def symbol_of(text: str) -> str:
    """BASE/QUOTE, or an error that says so."""
    base, slash, quote = text.partition("/")
    if not (base and slash and quote):
        raise typer.BadParameter(f"{text!r} is not BASE/QUOTE, like BTC/USDT", param_hint="--symbol")
    return text
