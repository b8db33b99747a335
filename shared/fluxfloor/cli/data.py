"""`fluxfloor data download`, `check` and `show`: recorded bars, before anything is played over them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxfloor.cli import bars as reading
from fluxfloor.cli import sheets, show
from fluxfloor.cli.bars import AsJson
from fluxfloor.errors import FloorError, Misconfigured

if TYPE_CHECKING:
    from fluxfloor.contracts.instruments import Candle, Instrument
    from fluxfloor.market.quality import Gate
    from fluxfloor.market.window import Bars
    from fluxfloor.ports import MarketData

app = typer.Typer(no_args_is_help=True, help="Recorded bars: download them, check them, look at them.")
ASK_BARS = 500  # of one request
HOLES = 0.01  # a larger share of missing bars is said first
File = Annotated[Path, typer.Argument(help="Parquet or CSV, or a folder of Parquet files.")]
Timeframe = Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d; by default what most bars are apart.")]


@app.command()
def download(
    symbol: Annotated[str, typer.Argument(help='As the exchange spells it, "BTC/USDT".')],
    since: Annotated[str, typer.Option(help="First day (UTC), 2024-01-31.")],
    until: Annotated[str, typer.Option(help="The day after the last; by default now.")] = "",
    exchange: Annotated[str, typer.Option(help="Any that ccxt knows.")] = "kraken",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d.")] = "1h",
    directory: Annotated[Path, typer.Option(help="The archive; a file a month lies below it.")] = Path("data"),
    base_url: Annotated[str, typer.Option(help="In place of the exchange's own address.", hidden=True)] = "",
    as_json: AsJson = False,
) -> None:
    """Fetch closed bars into an archive of Parquet files. Run it again to go on where it ended, or to mend gaps."""
    from fluxfloor.adapters.venues.ccxt_data import CcxtMarketData
    from fluxfloor.runtime.clock import SystemClock

    step_ms, clock = _step_ms(timeframe), SystemClock()
    from_ms = reading.day_ms(since, "--since") // step_ms * step_ms
    until_ms = min(reading.day_ms(until, "--until") if until else clock.now_ms(), clock.now_ms()) // step_ms * step_ms
    if from_ms >= until_ms:
        raise typer.BadParameter(f"no {timeframe} bar lies between {since} and {until or 'now'}", param_hint="--since")
    source = CcxtMarketData(exchange, clock, base_url=base_url, rate_limit_ms=0 if base_url else None)
    with show.errors.status(f"asking {exchange} for its markets …"):
        instrument = _listed(source, exchange, symbol)
    archive = _Archive(directory, instrument, timeframe)
    with show.progress(f"{symbol} {timeframe}", as_json) as advance:
        for done, of in _pulled(source, instrument, timeframe, from_ms, until_ms, archive):
            advance(done, of)
    found = archive.summary()
    if as_json:
        typer.echo(json.dumps(found))
        return
    show.console.print(f"{found['bars']:,} bars of {symbol} in {archive.folder}", highlight=False)
    if found["quarantined"]:
        show.console.print(f"[yellow]{found['quarantined']:,} were left out: {archive.told()}[/yellow]")
    _hint(found, archive, symbol)


@app.command()
def check(
    file: File,
    timeframe: Timeframe = "",
    venue: Annotated[
        str, typer.Option(help="A venue with bars only where it traded (kraken) has no missing ones.")
    ] = "",
    show_rows: Annotated[int, typer.Option("--rows", min=0, help="How many findings to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Judge every bar by the floor's quality gate. Ends with 1 where a bar would be quarantined."""
    from fluxfloor.market.tables import gaps, timeframe_of, usable

    table = reading.read_table(file)
    tidy = usable(table)
    name = timeframe or timeframe_of(tidy.bars)
    if not name:
        raise Misconfigured(f"{file}: the distance between its bars is no timeframe; name it with --timeframe")
    with show.errors.status(f"judging {len(table):,} bars …"):
        gate = _gate(table, name, venue)
    holes = gaps(tidy.bars, _step_ms(name))
    found = _check_summary(table, name, gate, holes)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _print_check(file, found, gate, holes, show_rows)
    if found["quarantined"]:
        raise typer.Exit(1)


@app.command("show")
def show_file(
    file: File,
    chart: Annotated[Path | None, typer.Option(help="Write the closes and volumes as .png.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a file of bars holds, and draw it with --chart."""
    from fluxfloor.market.tables import timeframe_of, usable

    out = sheets.writable(chart)
    if out is not None and out.suffix.lower() != ".png":
        raise Misconfigured(f"{out}: bars are drawn as .png")
    tidy = usable(reading.read_table(file))
    if not len(tidy.bars):
        raise Misconfigured(f"{file}: none of its rows is a usable bar; `fluxfloor data check` says why")
    found = _file_summary(tidy.bars, timeframe_of(tidy.bars), sum(tidy.left_out.values()))
    if out is not None:
        out.write_bytes(_drawn(tidy.bars, file.stem))
        show.errors.print(f"wrote {out}")
    if as_json:
        typer.echo(json.dumps(found))
        return
    _print_file(file, found, tidy.bars)


# --- download ----------------------------------------------------------------------------------------------------


class _Archive:
    """Months of bars below a folder, merged with what is there."""

    def __init__(self, directory: Path, instrument: Instrument, timeframe: str) -> None:
        from fluxfloor.market.archive import blob_name

        self.directory, self.instrument, self.timeframe = directory, instrument, timeframe
        self.folder = (directory / blob_name(instrument, timeframe, "x")).parent
        self.bars = 0
        self.reasons: Counter[str] = Counter()

    def take(self, gate: Gate) -> None:
        from fluxfloor.market.archive import blob_name, by_month, merge
        from fluxfloor.market.window import rows

        self.reasons.update(reason for _, reason in gate.quarantined)
        self.bars += len(gate.passed)
        for month, part in by_month(rows(gate.passed)).items() if gate.passed else ():
            path = self.directory / blob_name(self.instrument, self.timeframe, month)
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.read_bytes() if path.is_file() else None
            part_file = path.with_suffix(".part")
            part_file.write_bytes(merge(before, part))
            part_file.replace(path)  # a download that is cut short leaves whole files

    def told(self) -> str:
        return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in self.reasons.items())

    def summary(self) -> dict[str, Any]:
        files = len(list(self.folder.glob("*.parquet")))
        return {
            "symbol": self.instrument.symbol, "timeframe": self.timeframe, "folder": str(self.folder),
            "bars": self.bars, "quarantined": sum(self.reasons.values()), "files": files,
        }  # fmt: skip


def _listed(source: MarketData, exchange: str, symbol: str) -> Instrument:
    listed = {item.symbol: item for item in source.instruments()}
    if symbol not in listed:
        base = symbol.split("/")[0]
        near = sorted(name for name in listed if name.startswith(f"{base}/"))[:8]
        raise Misconfigured(f"{exchange} lists no {symbol}" + (f"; it has {', '.join(near)}" if near else ""))
    return listed[symbol]


def _pulled(
    source: MarketData, instrument: Instrument, timeframe: str, from_ms: int, until_ms: int, archive: _Archive
) -> Iterator[tuple[int, int]]:
    """(asked for so far, of) in bars; each part is judged after the one before it, and written at once."""
    from fluxfloor.market import quality
    from fluxfloor.market.window import decode, rows

    step_ms, thresholds = _step_ms(timeframe), quality.thresholds_for(instrument.venue)
    recent, total = decode(""), (until_ms - from_ms) // step_ms
    for since_ms in range(from_ms, until_ms, ASK_BARS * step_ms):
        end_ms = min(since_ms + ASK_BARS * step_ms, until_ms)
        gate = quality.inspect(
            _all_of(source, instrument, timeframe, since_ms, end_ms), recent=recent, timeframe=timeframe,
            since_ms=since_ms, until_ms=end_ms, thresholds=thresholds,
        )  # fmt: skip
        archive.take(gate)
        recent = rows(gate.passed)[-quality.LOOKBACK :] if gate.passed else recent
        yield (end_ms - from_ms) // step_ms, total


def _all_of(source: MarketData, instrument: Instrument, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
    """A venue that rebuilds bars from trades may answer with a part: asked on until it has no more."""
    step_ms, found = _step_ms(timeframe), list[Any]()
    while since_ms < until_ms:
        part = source.candles(instrument, timeframe, since_ms, until_ms)
        if not part:
            break
        found += part
        since_ms = max(candle.open_ms for candle in part) + step_ms
    return found


def _hint(found: dict[str, Any], archive: _Archive, symbol: str) -> None:
    if not found["bars"]:
        raise FloorError(f"{archive.instrument.venue} has no such bars of {symbol}")
    told = f"fluxfloor backtest --candles {archive.folder} --symbol {symbol} --strategy dual_mode"
    show.console.print(f"[dim]Next: {told}[/dim]", soft_wrap=True, highlight=False)


# --- check and show ----------------------------------------------------------------------------------------------


def _gate(table: Bars, timeframe: str, venue: str) -> Gate:
    from fluxfloor.contracts.instruments import Candle
    from fluxfloor.market import quality

    step_ms = _step_ms(timeframe)
    candles = [
        # not validated: what is wrong with a row is the gate's to find
        Candle.model_construct(
            instrument_id="file", timeframe=timeframe, open_ms=int(row[0]), open=row[1], high=row[2], low=row[3],
            close=row[4], volume=row[5], marks=(),
        )
        for row in table.tolist()
    ]  # fmt: skip
    times = table[:, 0].astype("int64")
    return quality.inspect(
        candles, timeframe=timeframe, since_ms=int(times.min()) // step_ms * step_ms,
        until_ms=int(times.max()) // step_ms * step_ms + step_ms, thresholds=quality.thresholds_for(venue),
    )  # fmt: skip


def _check_summary(table: Bars, timeframe: str, gate: Gate, holes: list[Any]) -> dict[str, Any]:
    marks = Counter(mark for candle in gate.passed for mark in candle.marks)
    reasons = Counter(reason for _, reason in gate.quarantined)
    return {
        "rows": len(table), "timeframe": timeframe, "passed": len(gate.passed), "quarantined": len(gate.quarantined),
        "repeated": len(gate.repeats), "missing": sum(hole.missing for hole in holes), "gaps": len(holes),
        **{f"quarantined_{reason}": count for reason, count in reasons.items()},
        **{f"marked_{mark}": count for mark, count in marks.items()},
    }  # fmt: skip


def _print_check(file: Path, found: dict[str, Any], gate: Gate, holes: list[Any], most: int) -> None:
    show.console.print(f"{file} {_verdict(found)}", highlight=False, soft_wrap=True)
    rows = [
        (name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value) for name, value in found.items()
    ]
    _two_columns(rows)
    for candle, reason in gate.quarantined[:most]:
        numbers = f"o {candle.open:g} h {candle.high:g} l {candle.low:g} c {candle.close:g} v {candle.volume:g}"
        show.console.print(
            f"  {_moment(candle.open_ms)}  [red]{reason.replace('_', ' ')}[/red]  {numbers}", highlight=False
        )
    if len(gate.quarantined) > most:
        show.console.print(f"  … and {len(gate.quarantined) - most:,} more; --rows shows them")
    for hole in holes[: min(most, 5)]:
        show.console.print(
            f"  {_moment(hole.after_ms)} to {_moment(hole.before_ms)}  {hole.missing:,} bars missing", highlight=False
        )


def _verdict(found: dict[str, Any]) -> str:
    if found["quarantined"]:
        return "[red]has bars that no one should trade on[/red]"
    due = found["passed"] + found["missing"]
    if found["missing"] > HOLES * due:
        return f"[yellow]is fit, but {found['missing'] / due:.0%} of its bars are missing[/yellow]"
    return "[green]is fit[/green]"


def _file_summary(table: Bars, timeframe: str, left_out: int) -> dict[str, Any]:
    close = table[:, 4]
    return {
        "bars": len(table), "left_out": left_out, "timeframe": timeframe, "first": _moment(int(table[0, 0])),
        "last": _moment(int(table[-1, 0])), "first_close": float(close[0]), "last_close": float(close[-1]),
        "lowest": float(table[:, 3].min()), "highest": float(table[:, 2].max()), "volume": float(table[:, 5].sum()),
    }  # fmt: skip


def _print_file(file: Path, found: dict[str, Any], table: Bars) -> None:
    show.console.print(f"[bold]{file}[/bold]", highlight=False)
    _two_columns([(name.replace("_", " "), _told(value)) for name, value in found.items()])
    for label, row in (("first", table[0]), ("last", table[-1])):
        numbers = "  ".join(f"{name} {value:g}" for name, value in zip("ohlcv", row[1:], strict=True))
        show.console.print(f"  {label:<6}{_moment(int(row[0]))}  {numbers}", highlight=False)


def _two_columns(rows: list[tuple[str, str]]) -> None:
    for name, value in rows:
        show.console.print(f"  {name:<26}{value}", highlight=False)


def _told(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.8g}" if isinstance(value, float) else str(value)


def _drawn(table: Bars, title: str) -> bytes:
    import io

    from matplotlib.figure import Figure

    from fluxfloor.reporting.surfaces import market
    from fluxfloor.reporting.tearsheet import styled

    out = io.BytesIO()
    with styled():
        figure = Figure(figsize=(9.0, 5.0), layout="constrained")
        market(figure, table, title)
        figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _step_ms(timeframe: str) -> int:
    from fluxfloor.contracts.instruments import TIMEFRAME_MS

    if timeframe not in TIMEFRAME_MS:
        raise Misconfigured(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAME_MS)}")
    return TIMEFRAME_MS[timeframe]
