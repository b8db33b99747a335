"""What research commands are asked: which bars, which strategy, which account; and how that is read."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.contracts.instruments import Instrument
    from fluxfloor.market.window import Bars
    from fluxfloor.simulation.histories import History
    from fluxfloor.simulation.setups import Setup

Candles = Annotated[
    list[Path],
    typer.Option(
        help="Bars as Parquet or CSV, or a folder of Parquet files; repeat it, with --symbol. "
        "Without it: the packaged year of EUR/USD hours."
    ),
]
Symbols = Annotated[
    list[str], typer.Option("--symbol", help='What they are bars of: "BTC/USDT", or a share\'s ticker. One per file.')
]
StrategyName = Annotated[str, typer.Option("--strategy", help="trend, mean_reversion, breakout, dual_mode, ma_cross …")]
Params = Annotated[list[str], typer.Option("--param", help="A parameter of the strategy, NAME=VALUE. Repeat it.")]
CostsName = Annotated[
    str, typer.Option("--costs", help="Costs, limits and account: kraken-mvp, us-equities, or free (no costs).")
]
Changes = Annotated[
    list[str], typer.Option("--set", help="Change a setting: opening=50000, edge_gate=0, costs.fee=0.001 … Repeat it.")
]
Since = Annotated[str, typer.Option(help="Leave out bars before this day (UTC), 2024-01-31.")]
Until = Annotated[str, typer.Option(help="Leave out bars from this day on (UTC).")]
Seed = Annotated[int, typer.Option(help="Of all that is drawn; the same seed gives the same figures.")]
AsJson = Annotated[bool, typer.Option("--json", help="One flat JSON object as the last line.")]
FREE = "free"
MIXED = 0.1  # more conflicting rows than this share are no slip but another market


def read_history(
    candles: Sequence[Path], symbols: Sequence[str], since: str, until: str, say: Any, default: str = "BTC/USDT"
) -> dict[str, Bars]:
    """The bars by symbol, fit for a backtest; `say` is told what had to be left out."""
    from fluxfloor.simulation.histories import between

    history = _sample(say) if not candles else {
        symbol: _usable(paths, say) for symbol, paths in _by_symbol(candles, symbols, default).items()
    }  # fmt: skip
    from_ms = day_ms(since, "--since") if since else float("-inf")
    until_ms = day_ms(until, "--until") if until else float("inf")
    found = between(history, from_ms, until_ms)
    for symbol in history:
        if symbol not in found:
            raise Misconfigured(f"{symbol}: no bar is left between --since and --until")
    return found


def _sample(say: Any) -> dict[str, Bars]:
    from fluxfloor.local.demo import sample

    say("no --candles: the packaged year of EUR/USD hours")
    return {"EUR/USD": sample()[0]}


def _by_symbol(candles: Sequence[Path], symbols: Sequence[str], default: str) -> dict[str, list[Path]]:
    """Files that share a symbol are parts of one history."""
    if len(symbols) not in (len(candles), 1) and not (not symbols and len(candles) == 1):
        raise typer.BadParameter(
            f"{len(candles)} times --candles needs --symbol once (parts of one history) or {len(candles)} times",
            param_hint="--symbol",
        )
    names = list(symbols) if len(symbols) == len(candles) else [symbols[0] if symbols else default] * len(candles)
    found: dict[str, list[Path]] = {}
    for name, path in zip(names, candles, strict=True):
        found.setdefault(name, []).append(path)
    return found


def _usable(paths: Sequence[Path], say: Any) -> Bars:
    from fluxfloor.market.tables import joined, usable

    found = usable(joined([read_table(path) for path in paths]))
    label = ", ".join(str(path) for path in paths)
    if found.conflicts > MIXED * len(found.bars):
        raise Misconfigured(
            f"{label}: {found.conflicts:,} rows share their time with a different row; are they of several symbols? "
            "Give each symbol its own file"
        )
    if found.left_out:
        told = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in found.left_out.items())
        say(f"[yellow]{label}: left out {told}; `fluxfloor data check` says which[/yellow]")
    if len(found.bars) < 2:
        raise Misconfigured(f"{label}: {len(found.bars)} usable bars; a history has at least two")
    return found.bars


def read_table(path: Path) -> Bars:
    """A file, or every Parquet file below a folder (an archive's months). Raises Misconfigured."""
    from fluxfloor.market.candles_file import read_candles_file
    from fluxfloor.market.tables import joined

    if not path.exists():
        raise Misconfigured(f"{path}: no such file or folder")
    if not path.is_dir():
        return read_candles_file(_unpacked(path), str(path))
    files = sorted(path.rglob("*.parquet"))
    if not files:
        raise Misconfigured(f"{path}: no Parquet file in this folder")
    folders = {file.parent for file in files}
    if len(folders) > 1:
        some = ", ".join(str(folder) for folder in sorted(folders)[:3])
        raise Misconfigured(f"{path} holds several histories ({some} …); name one of them")
    return joined([read_candles_file(file.read_bytes(), str(file)) for file in files])


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError) as problem:
        raise Misconfigured(f"{path}: this gzip file can't be unpacked ({problem})") from problem


def read_setup(strategy: str, params: Sequence[str], costs: str, changes: Sequence[str], history: History) -> Setup:
    """The strategy on its account, with instruments for these symbols."""
    from fluxfloor.simulation.setups import Setup
    from fluxfloor.strategies import build

    values = {name: _float(value, f"--param {name}") for name, value in _pairs(params, "--param")}
    build(strategy, values)  # says at once what is wrong with it
    instruments = {symbol: instrument(symbol, bars, costs) for symbol, bars in history.items()}
    currencies = {item.quote for item in instruments.values()}
    if len(currencies) > 1:
        raise Misconfigured(f"one account holds one currency; these are paid in {', '.join(sorted(currencies))}")
    return Setup(strategy, values, instruments, settings_of(costs, changes, currencies.pop()))


def settings_of(costs: str, changes: Sequence[str], currency: str) -> Any:
    """A preset with --set over it. Raises Misconfigured, naming what there is."""
    from fluxfloor.simulation import FREE as NO_COSTS
    from fluxfloor.simulation import PRESETS, Settings, preset

    if costs not in (*PRESETS, FREE):
        raise Misconfigured(f"--costs {costs} is none of {', '.join((*PRESETS, FREE))}")
    base = "kraken-mvp" if costs == FREE else costs
    nested: dict[str, dict[str, Any]] = {"costs": {}, "limits": {}, "noise_filter": {}}
    plain: dict[str, Any] = {"costs": NO_COSTS} if costs == FREE else {}
    known = {item.name for item in fields(Settings)} - set(nested)
    for name, text in _pairs(changes, "--set"):
        room, dot, leaf = name.partition(".")
        if dot and room in nested:
            nested[room][leaf] = text if leaf == "sessions" else _float(text, f"--set {name}")
        elif name in known:
            plain[name] = _setting(name, text)
        else:
            told = ", ".join([*sorted(known), *(f"{room}.…" for room in nested)])
            raise Misconfigured(f"--set {name}: no such setting; there are {told}")
    if costs == FREE and nested["costs"]:
        plain["costs"] = {**asdict(NO_COSTS), **nested.pop("costs")}
    try:
        return preset(base, currency=currency, **plain, **{room: values for room, values in nested.items() if values})
    except TypeError as problem:
        raise Misconfigured(f"--set: {problem}") from problem


def instrument(symbol: str, bars: Bars, costs: str) -> Instrument:
    """Rules for recorded bars: ticks as fine as their prices are written."""
    from fluxfloor.cli.replay import symbol_of
    from fluxfloor.local.demo import finest_step
    from fluxfloor.simulation import spot, us_equity

    step = str(finest_step(bars))
    return us_equity(symbol, step) if costs == "us-equities" else spot(symbol_of(symbol), step)


def read_grid(texts: Sequence[str]) -> dict[str, list[float]]:
    """--grid fast=5,10,20 or slow=50:200:50 (both ends included), several of them."""
    found: dict[str, list[float]] = {}
    for name, text in _pairs(texts, "--grid"):
        parts = [_float(part, f"--grid {name}") for part in text.replace(":", ",").split(",")]
        found[name] = _steps(name, parts) if ":" in text else parts
    return found


def _steps(name: str, parts: Sequence[float]) -> list[float]:
    if len(parts) != 3 or parts[2] <= 0 or parts[1] < parts[0]:
        raise typer.BadParameter(f"{name} is FROM:TO:STEP, like 50:200:50", param_hint="--grid")
    count = int((parts[1] - parts[0]) / parts[2] + 1e-9) + 1
    return [round(parts[0] + at * parts[2], 12) for at in range(count)]


def _pairs(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        found.append((name.strip(), value.strip()))
    return found


def _float(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Misconfigured(f"{where}: {text!r} is no number") from None


def _setting(name: str, text: str) -> Any:
    """Words stay words; switches and counts are whole."""
    if name in ("stops", "halts", "features", "currency", "noise", "noise_spread"):
        return text
    if text.lower() == "none":
        return None
    value = _float(text, f"--set {name}")
    return bool(value) if name == "edge_gate" else int(value) if name == "limit_bars" else value


def day_ms(text: str, option: str) -> int:
    """A day, or a moment, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day like 2024-01-31", param_hint=option) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON: numbers of NumPy become Python's, what is undefined becomes null."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value != value:
        return None
    return value
