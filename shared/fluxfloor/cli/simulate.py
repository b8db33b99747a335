"""`fluxfloor simulate`: one strategy or several through the real stages, at a venue that is slow and shallow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxfloor.cli import show
from fluxfloor.cli.replay import symbol_of
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.contracts.simulations import SimulationSpec
    from fluxfloor.local.simulating import Simulated
    from fluxfloor.market.window import Bars


def simulate(
    candles: Annotated[Path, typer.Option(help="Bars: timestamp (UTC open), open, high, low, close, volume.")],
    strategy: Annotated[list[str], typer.Option(help="A strategy plug-in; repeat it for several on one account.")],
    symbol: Annotated[str, typer.Option(help='What they are bars of, e.g. "BTC/USDT".')] = "BTC/USDT",
    timeframe: Annotated[str, typer.Option(help="1m, 5m, 15m, 1h, 4h or 1d.")] = "15m",
    param: Annotated[list[str], typer.Option(help="NAME=VALUE, or STRATEGY.NAME=VALUE. Repeat it.")] = [],  # noqa: B006
    preset: Annotated[str, typer.Option(help="The limits to start from.")] = "kraken-mvp",
    limit: Annotated[list[str], typer.Option(help="A limit that differs, NAME=VALUE. Repeat it.")] = [],  # noqa: B006
    deposit: Annotated[float, typer.Option(help="What the account opens with, in the quote currency.")] = 10_000,
    fee: Annotated[float, typer.Option(help="A fraction of the notional.")] = 0.0026,
    slippage_bps: Annotated[float, typer.Option(help="Taken off every market fill.")] = 5,
    spread_bps: Annotated[float, typer.Option(help="The whole modelled spread around the price.")] = 2,
    latency: Annotated[tuple[int, int], typer.Option(help="Least and most ms that an order takes.")] = (50, 200),
    participation: Annotated[
        float | None, typer.Option(help="Share of the last bar's volume that a quote offers; left out: any size.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the latencies.")] = 0,
    tick: Annotated[str | None, typer.Option(help="Tick size; by default the finest step in the prices.")] = None,
    lot: Annotated[str, typer.Option(help="Lot size.")] = "0.00000001",
    keep: Annotated[Path | None, typer.Option(help="Keep the floor here, for `fluxfloor why`, and the files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One flat JSON object as the last line.")] = False,
) -> None:
    """Play the real stages on recorded bars, with latency, spread, partial fills and cancels."""
    from fluxfloor.local import demo, simulating
    from fluxfloor.market.window import unique
    from fluxfloor.reporting import simulations

    bars = unique(demo.read_bars(candles))
    rules = demo.instrument_of(
        symbol_of(symbol), bars, "kraken", Decimal(str(fee)), Decimal(tick) if tick else None, Decimal(lot)
    )
    spec = _spec(
        bars, timeframe, strategies=_strategies(strategy, param), instrument_id=rules.instrument_id, preset=preset,
        limits=dict(_pair(text, "--limit") for text in limit), deposit=str(deposit), fee=str(fee),
        slippage_bps=str(slippage_bps), spread_bps=str(spread_bps), latency_min_ms=latency[0],
        latency_max_ms=latency[1], seed=seed, participation=None if participation is None else str(participation),
    )  # fmt: skip
    refused = simulations.refusal(spec, rules, spec.to_ms, max_bars=None) or simulations.bars_refusal(spec, bars)
    if refused is not None:
        raise Misconfigured(f"{refused.reason}; {refused.fix}")
    if keep is not None:
        shutil.rmtree(keep, ignore_errors=True)
    with show.progress("simulating", quiet=as_json) as advance:
        found = simulating.simulate(spec, rules, bars, advance, keep)
    told = simulations.report(spec, rules, found.counts, found.run, _versions())
    if keep is not None:
        _write(keep / "simulation", spec, told, found)
    flat = _flat(told, found)
    if not as_json:
        show.report(flat)
    typer.echo(json.dumps(flat))


def _spec(bars: Bars, timeframe: str, **asked: Any) -> SimulationSpec:
    from pydantic import ValidationError

    from fluxfloor.contracts.instruments import TIMEFRAME_MS
    from fluxfloor.contracts.simulations import SimulationSpec

    span = {"from_ms": int(bars[0, 0]), "to_ms": int(bars[-1, 0]) + TIMEFRAME_MS.get(timeframe, 1)}
    try:
        return SimulationSpec.model_validate({"timeframe": timeframe, **span, **asked})
    except ValidationError as problem:
        found = problem.errors()[0]
        raise Misconfigured(f"{'.'.join(map(str, found['loc'])) or 'simulate'}: {found['msg']}") from problem


def _strategies(names: Sequence[str], params: Sequence[str]) -> list[dict[str, Any]]:
    """A parameter without a strategy's name is for all of them."""
    made: dict[str, dict[str, float]] = {name: {} for name in names}
    for text in params:
        name, value = _pair(text, "--param")
        owner, dot, own = name.partition(".")
        if dot and owner not in made:
            raise typer.BadParameter(f"{text!r}: {owner} is not among the strategies", param_hint="--param")
        for each in (owner,) if dot else names:
            made[each][own if dot else name] = value
    return [{"plugin": name, "params": found} for name, found in made.items()]


def _pair(text: str, option: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not NAME=NUMBER", param_hint=option) from None


def _versions() -> dict[str, str]:
    from fluxfloor.runtime.versions import code_versions

    return code_versions()


def _flat(told: dict[str, Any], found: Simulated) -> dict[str, Any]:
    """Counts and figures side by side, and how long it took."""
    figures = {name: value for name, value in told["performance"].items() if name not in ("undefined", "final")}
    speed = round(told["bars"] / found.wall_s, 1) if found.wall_s else 0.0
    return {
        "bars": told["bars"], **told["counts"], **figures, "wall_s": round(found.wall_s, 3), "bars_per_s": speed,
    }  # fmt: skip


def _write(folder: Path, spec: SimulationSpec, told: dict[str, Any], found: Simulated) -> None:
    from fluxfloor.contracts.simulations import SimulationRecord
    from fluxfloor.reporting import simulations

    record = SimulationRecord(
        id="simulate", spec=spec, requested_by="console", status="requested", ts_event_ms=spec.to_ms
    )
    folder.mkdir(parents=True)
    for name, data in simulations.files(record, told, found.trades, found.equity).items():
        (folder / name).write_bytes(data)
