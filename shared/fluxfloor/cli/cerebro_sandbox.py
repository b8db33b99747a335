"""`fluxfloor cerebro sandbox`: what would be if the policy, the strategies or the market were others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from fluxfloor.cli import sheets, show
from fluxfloor.cli.cerebro_read import changes_of, mapping, policy_of, weights_of
from fluxfloor.contracts.weights import Study
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.allocation import History
    from fluxfloor.allocation.sandbox import Answer


def sandbox(
    returns: Annotated[Path, typer.Option(help="CSV or Parquet: a date, and a column of daily returns a strategy.")],
    policy: Annotated[Path | None, typer.Option(help="YAML: today's policy.")] = None,
    current: Annotated[
        Path | None, typer.Option(help="YAML or JSON of today's weights; else the policy's own.")
    ] = None,
    change: Annotated[list[str], typer.Option("--set", help="What if the policy had cvar_limit=0.01. Repeat it.")] = [],  # noqa: B006
    add: Annotated[Path | None, typer.Option(help="What if there were these strategies too; same form.")] = None,
    shock: Annotated[list[str], typer.Option(help="What if a day made trend=-0.10. Repeat it.")] = [],  # noqa: B006
    shock_days: Annotated[int, typer.Option(min=1, max=60, help="And lasted so many days.")] = 1,
    chart: Annotated[Path | None, typer.Option(help="Write both, side by side, as .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Compare today's weights with those that would be, on the same days. Nothing live is touched."""
    if chart is not None and chart.suffix.lower() != ".png":
        raise Misconfigured(f"{chart}: both are drawn as .png")
    out = sheets.writable(chart)
    today = policy_of(mapping(policy), str(policy or "the policy"))
    then = policy_of({**today.model_dump(exclude_unset=True), **changes_of(change)}, "--set")
    from fluxfloor.allocation import sandbox as box
    from fluxfloor.allocation.allocate import allocate
    from fluxfloor.cli.returns_table import read_histories

    histories = read_histories(returns)
    in_force = weights_of(current) if current else allocate(histories, today).weights
    known = _known(histories, read_histories(add) if add else [])
    study = _study(shock, shock_days, {one.name for one in known})
    with show.errors.status("allocating …"):
        found = box.answer(known, then, in_force, study)
    if out is not None and found.today is not None and found.then is not None:
        from fluxfloor.cli.cerebro_chart import compared

        out.write_bytes(compared(found))
        show.errors.print(f"wrote {out}")
    if as_json:
        typer.echo(json.dumps(_summary(found)))
    else:
        _print(found)
    if found.then is None:
        raise typer.Exit(1)


def _known(histories: list[History], more: list[History]) -> list[History]:
    names = {one.name for one in more}
    return [one for one in histories if one.name not in names] + more


def _study(shock: list[str], days: int, names: set[str]) -> Study:
    made = changes_of(shock)
    unknown = sorted(made.keys() - names)
    if unknown:
        raise Misconfigured(f"--shock {unknown[0]}: no such strategy; there are {', '.join(sorted(names))}")
    try:
        return Study.model_validate({"shock": made, "shock_days": days})
    except ValidationError as problem:
        raise Misconfigured(f"--shock: {problem.errors()[0]['msg']}; write trend=-0.10 for a loss of 10 %") from problem


def _summary(found: Answer) -> dict[str, Any]:
    said = found.allocated
    return {
        "status": said.status, "message": said.message, "fix": said.fix,
        "today": found.today.model_dump() if found.today else None,
        "then": found.then.model_dump() if found.then else None, "difference": found.difference,
    }  # fmt: skip


def _print(found: Answer) -> None:
    from fluxfloor.reporting.figures import Grid

    said, today, then = found.allocated, found.today, found.then
    if said.message:
        show.console.print(f"[yellow]{said.message}[/yellow]{f'. To mend it: {said.fix}.' if said.fix else ''}")
    if today is None or then is None:
        return
    names = sorted(found.difference, key=lambda name: -abs(found.difference[name]))
    rows = [
        (name, f"{today.weights.get(name, 0.0):.1%}", f"{then.weights.get(name, 0.0):.1%}", f"{change:+.1%}")
        for name in names
        if abs(change := found.difference[name]) > 5e-4 or today.weights.get(name, 0.0) > 5e-4
    ]
    for label, figure, digits in (
        ("mean a day", "expected_return", 4),
        ("CVaR a day", "cvar", 2),
        ("deepest fall", "max_drawdown", 1),
    ):
        before, after = getattr(today, figure), getattr(then, figure)
        rows.append((label, f"{before:.{digits}%}", f"{after:.{digits}%}", f"{after - before:+.{digits}%}"))
    sheets.print_grid(Grid(("", "today", "then", "difference"), tuple(rows)), f"What if: {said.status}", strong=2)
