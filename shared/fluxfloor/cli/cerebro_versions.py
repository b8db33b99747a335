"""`fluxfloor cerebro replay` and `shadow`: what another version decided, or would have, and what that was worth."""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from fluxfloor.cli import show
from fluxfloor.cli.bars import day_ms
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.adapters.embedded.store import SqliteStore
    from fluxfloor.contracts.views import ShadowDecision
    from fluxfloor.local.redeciding import Redecided
    from fluxfloor.reporting.versions import Comparison
    from fluxfloor.runtime.settings import Settings

SHOWN = 40
DIRECTORY = typer.Option(help="The embedded floor's folder.")
SETTINGS = typer.Option(help="The floor's settings; by default as everywhere.")
HELD = (
    "instruments have the rules of today's catalog",
    "weights and days are those that were over or in force at the time, by its clock",
    "what only the other version takes is in at its price, out at the first of its stop, its take-profit, the "
    "strategy's next exit signal and the period's last close, with the configured fee and slippage on both sides",
)


def replay(
    start: Annotated[str, typer.Option("--from", help="The first day that is told of, YYYY-MM-DD.")] = "",
    end: Annotated[str, typer.Option("--to", help="The day after the last one.")] = "",
    portfolio: Annotated[str, typer.Option(help="Only this one's decisions.")] = "",
    limits: Annotated[Path | None, typer.Option(help="YAML or TOML of limits that differ, by name.")] = None,
    version: Annotated[str, typer.Option(help="A version of the portfolio's policy.")] = "",
    directory: Annotated[Path, DIRECTORY] = Path(".fluxfloor/demo"),
    settings: Annotated[Path | None, SETTINGS] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Decide a journal again: prove that the same comes of it, and tell what another version would have decided and
    earned. Exits with 1 where a step decides otherwise under its own policy."""
    from fluxfloor.local.redeciding import redecide

    if limits is not None and version:
        raise Misconfigured("give --limits FILE or --version NAME, not both")
    store, floor = _opened(directory, settings)
    other = version or (_limits(limits) if limits is not None else None)
    began = time.perf_counter()
    with show.errors.status("deciding again …"):
        found = redecide(store, floor, other)
        span = _span(start, end)
        compared = _worth(store, directory, floor, found.shadows, span, portfolio) if other is not None else None
    told = {**_audit(found), "compared": None if compared is None else compared.model_dump(mode="json"), "stated": HELD}
    told["wall_s"] = round(time.perf_counter() - began, 3)
    _tell(told, compared, as_json)
    if found.differing or found.left_out:
        raise typer.Exit(1)


def shadow(
    start: Annotated[str, typer.Option("--from", help="The first day that is told of, YYYY-MM-DD.")] = "",
    end: Annotated[str, typer.Option("--to", help="The day after the last one.")] = "",
    portfolio: Annotated[str, typer.Option(help="Only this one's decisions.")] = "",
    directory: Annotated[Path, DIRECTORY] = Path(".fluxfloor/demo"),
    settings: Annotated[Path | None, SETTINGS] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Compare what a shadow version decided beside the live one, and what the difference would have earned."""
    from fluxfloor.contracts.views import ShadowDecision
    from fluxfloor.local import audit

    store, floor = _opened(directory, settings)
    rows = [ShadowDecision.decode(row) for row in audit.rows(store, ShadowDecision.collection)]
    compared = _worth(store, directory, floor, rows, _span(start, end), portfolio)
    _tell({"compared": compared.model_dump(mode="json"), "stated": HELD[2:]}, compared, as_json)


def _opened(directory: Path, settings: Path | None) -> tuple[SqliteStore, Settings]:
    from fluxfloor.adapters.embedded.store import SqliteStore
    from fluxfloor.runtime.settings import load

    floor = load(settings)
    if not (directory / f"{floor.mode}.db").is_file():
        raise Misconfigured(f"{directory} holds no floor; run `fluxfloor demo --once`, or name one with --directory")
    return SqliteStore(directory, floor.mode), floor


def _span(start: str, end: str) -> tuple[int, int]:
    from_ms = day_ms(start, "--from") if start else 0
    until_ms = day_ms(end, "--to") if end else time.time_ns() // 1_000_000
    if from_ms >= until_ms:
        raise Misconfigured("--to must be a later day than --from")
    return from_ms, until_ms


def _limits(path: Path) -> dict[str, Any]:
    """Checked against what a limit may be, before anything is decided."""
    import yaml

    from fluxfloor.contracts.policy import Limits

    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
        if not isinstance(found, Mapping):
            raise Misconfigured(f"{path} holds no limits by name")
        Limits.model_validate(found)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, yaml.YAMLError) as problem:
        raise Misconfigured(f"{path} can't be read: {problem}") from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        raise Misconfigured(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from problem
    return dict(found)


def _worth(
    store: SqliteStore, directory: Path, settings: Settings, rows: list[ShadowDecision], span: tuple[int, int],
    portfolio: str,
) -> Comparison:  # fmt: skip
    from fluxfloor.local.valuing import Worth

    wanted = [row for row in rows if span[0] <= row.ts_event_ms < span[1] and portfolio in ("", row.portfolio_id)]
    return Worth(store, directory, settings, span[1]).compared(wanted)


def _audit(found: Redecided) -> dict[str, Any]:
    return {
        "steps": found.steps, "decisions": found.decisions, "identical": found.identical,
        "differing": found.differing, "left_out": found.left_out, "notes": sorted(found.notes),
    }  # fmt: skip


def _tell(told: dict[str, Any], compared: Comparison | None, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told))
        return
    if "steps" in told:
        text = f"{told['identical']} of {told['steps']} steps ({told['decisions']} decisions) come out the same"
        typer.echo(f"{text}, {len(told['left_out'])} could not be taken again")
    for line in (*told.get("differing", ()), *told.get("left_out", ())):
        typer.echo(f"  {line['step']}: {line['what']} {line.get('fields', '')}")
    if compared is not None:
        _table(compared)


def _table(compared: Comparison) -> None:
    title = f"{compared.decided} signals decided by both, {compared.differed} differently"
    table = Table(title=title, title_justify="left")
    for name in ("signal", "strategy", "in force", "the other", "earned", "would have"):
        table.add_column(name, justify="right" if name in ("earned", "would have") else "left")
    for item in compared.differences[:SHOWN]:
        one, other = item.active, item.shadow
        table.add_row(
            item.signal_id[:12], item.strategy_id, f"{one.reason} {one.lots} {one.binding}",
            f"{other.reason} {other.lots} {other.binding}" if other else item.failed,
            "" if item.earned is None else f"{item.earned:.2f}",
            "" if item.would_have_earned is None else f"{item.would_have_earned:.2f}",
        )  # fmt: skip
    show.console.print(table)
    if compared.differed > SHOWN:
        typer.echo(f"and {compared.differed - SHOWN} more, in --json")
    made = f"the difference would have made {compared.gained:+.2f}"
    typer.echo(f"{made} ({compared.earned:.2f} → {compared.would_have_earned:.2f}); {compared.unvalued} not known")
