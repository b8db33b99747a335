"""`fluxfloor cerebro allocate`: how capital would be shared among strategies, from a table of their daily returns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxfloor.cli import sheets, show
from fluxfloor.cli.cerebro_read import changes_of, mapping, policy_of, weights_of
from fluxfloor.contracts.allocation import Allocated, AllocationPolicy
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.allocation import History

SHOWN = 40  # strategies, the heaviest first


def allocate(
    returns: Annotated[Path, typer.Option(help="CSV or Parquet: a date, and a column of daily returns a strategy.")],
    policy: Annotated[Path | None, typer.Option(help="YAML: objective, cvar_limit, max_weight …")] = None,
    objective: Annotated[str, typer.Option(help="max_return, min_cvar, mean_variance, erc, hrp or equal.")] = "",
    cvar_alpha: Annotated[float | None, typer.Option(help="The tail level, 0.975 for the worst 2.5 %.")] = None,
    cvar_limit: Annotated[float | None, typer.Option(help="Of one period, a fraction of equity.")] = None,
    max_weight: Annotated[float | None, typer.Option(help="Of any one strategy.")] = None,
    shrinkage: Annotated[str, typer.Option(help="Of means: none, grand_mean or black_litterman.")] = "",
    fully_invested: Annotated[bool | None, typer.Option(help="All of the capital at work.")] = None,
    change: Annotated[list[str], typer.Option("--set", help="Any key of the policy: min_days=60. Repeat it.")] = [],  # noqa: B006
    current: Annotated[Path | None, typer.Option(help="YAML or JSON of the weights in force, by strategy.")] = None,
    equity: Annotated[float | None, typer.Option(help="The account's; there must be some.")] = None,
    chart: Annotated[Path | None, typer.Option(help="Write weights and risk, and the frontier, as .png.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Share capital among strategies. Exits with 1 where there are no weights, and says why and what would help."""
    if chart is not None and chart.suffix.lower() != ".png":
        raise Misconfigured(f"{chart}: weights are drawn as .png")
    out = sheets.writable(chart)
    flags = {
        "objective": objective or None, "cvar_alpha": cvar_alpha, "cvar_limit": cvar_limit, "max_weight": max_weight,
        "shrinkage": shrinkage or None, "fully_invested": fully_invested,
    }  # fmt: skip
    asked = {**mapping(policy), **changes_of(change), **{name: v for name, v in flags.items() if v is not None}}
    rules = policy_of(asked, str(policy or "the policy"))
    held = weights_of(current) if current else None
    from fluxfloor.cli.returns_table import read_histories

    histories = read_histories(returns)
    with show.errors.status("allocating …"):
        found = _timed(histories, rules, held, equity)
        if out is not None and found.weights:
            from fluxfloor.cli.cerebro_chart import drawn

            out.write_bytes(drawn(found, histories, rules, held))
    if as_json:
        typer.echo(found.model_dump_json())
    else:
        _print(found, rules)
    if not found.weights:
        raise typer.Exit(1)


def _timed(
    histories: list[History], rules: AllocationPolicy, held: Mapping[str, float] | None, equity: float | None
) -> Allocated:
    """What was compiled is loaded first: the figure is the solver's."""
    from fluxfloor import allocation
    from fluxfloor.allocation.warm import warm

    warm()
    begin = time.perf_counter()
    found = allocation.allocate(histories, rules, held, equity)
    return found.model_copy(update={"solve_ms": 1e3 * (time.perf_counter() - begin)})


# --- what is shown -----------------------------------------------------------------------------------------------


def _print(found: Allocated, rules: AllocationPolicy) -> None:
    if not found.weights:
        show.console.print(f"[red]{found.status}[/red] ({found.reason}): {found.message}")
        show.console.print(f"To mend it: {found.fix}.")
        return
    from fluxfloor.reporting.figures import Grid

    heaviest = sorted(found.weights, key=lambda name: -found.weights[name])
    rows = tuple(_row(found, name) for name in heaviest[:SHOWN])
    title = f"{found.objective.replace('_', ' ')}: {found.status}, {sum(found.weights.values()):.1%} at work"
    sheets.print_grid(Grid(("strategy", "weight", "adds to CVaR", "why"), rows), title, strong=1)
    if len(heaviest) > SHOWN:
        rest = sum(found.weights[name] for name in heaviest[SHOWN:])
        show.console.print(f"… and {len(heaviest) - SHOWN} more with {rest:.2%} together.")
    if found.cvar is not None:
        show.console.print(
            f"Expected {found.expected_return or 0.0:+.4%} a period; of the worst {1 - rules.cvar_alpha:.1%} of "
            f"{found.days} periods the mean loss is {found.cvar:.3%}. Proved to {found.gap or 0.0:.0e} in "
            f"{found.solve_ms:.0f} ms."
        )
    if found.binding:
        priced = [_priced(name, found.duals.get(name)) for name in found.binding]
        show.console.print(f"Limited by {', '.join(priced)}.")
    for said in (found.message, *found.warnings):
        if said:
            show.console.print(f"[yellow]{said}[/yellow]")


def _row(found: Allocated, name: str) -> tuple[str, str, str, str]:
    weight, marginal = found.weights[name], found.marginal_cvar.get(name)
    adds = "" if marginal is None else f"{weight * marginal:+.3%}"
    return name, f"{weight:.2%}", adds, found.notes.get(name, "")


def _priced(name: str, dual: float | None) -> str:
    return name if not dual else f"{name} (one more unit earns {dual:.4g})"
