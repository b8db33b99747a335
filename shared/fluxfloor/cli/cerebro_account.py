"""`fluxfloor cerebro min-account`: the least capital that can hold a set of strategies, and what more would do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxfloor.cli import sheets, show
from fluxfloor.cli.cerebro_read import mapping, policy_of
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.allocation.account import MinimumAccount, Sleeve

KEYS = ("min_notional", "margin", "lot_notional")


def min_account(
    returns: Annotated[Path, typer.Option(help="CSV or Parquet: a date, and a column of daily returns a strategy.")],
    sleeves: Annotated[
        Path, typer.Option(help="YAML by strategy: min_notional, and margin and lot_notional if there are.")
    ],
    policy: Annotated[Path | None, typer.Option(help="YAML: cvar_alpha, cvar_limit, margin_cap, leverage …")] = None,
    cvar_limit: Annotated[float | None, typer.Option(help="Of one period, a fraction of the capital.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """The least capital for a set of strategies, what it is held up by, and the weights at 1, 2 and 5 times of it."""
    from fluxfloor.allocation.account import MinimumAccount, minimum_account
    from fluxfloor.allocation.asking import account_question
    from fluxfloor.allocation.problem import Refused
    from fluxfloor.cli.returns_table import read_histories

    asked = {**mapping(policy), **({} if cvar_limit is None else {"cvar_limit": cvar_limit})}
    rules, least = policy_of(asked, str(policy or "the policy")), _sleeves(sleeves)
    question = account_question(read_histories(returns), rules, least)
    if isinstance(question, Refused):
        found = MinimumAccount("refused", reason=question.reason, message=question.message, fix=question.fix)
        names: tuple[str, ...] = ()
    else:
        found, names = minimum_account(question), tuple(sleeve.name for sleeve in question.sleeves)
    if as_json:
        typer.echo(json.dumps(told(found, names)))
    else:
        _print(found, names)
    if found.status != "optimal":
        raise typer.Exit(1)


def _sleeves(path: Path) -> dict[str, Sleeve]:
    from fluxfloor.allocation.account import Sleeve

    found = {}
    for name, given in mapping(path).items():
        if not isinstance(given, dict) or "min_notional" not in given or set(given) - set(KEYS):
            raise Misconfigured(f"{path}: {name}: write min_notional, and margin and lot_notional if there are any")
        try:
            found[name] = Sleeve(name, **{key: float(value) for key, value in given.items()})
        except (TypeError, ValueError) as problem:
            raise Misconfigured(f"{path}: {name}: {problem}") from problem
    return found


def told(found: MinimumAccount, names: tuple[str, ...]) -> dict[str, Any]:
    """As JSON: arrays by strategy, what is not known left out."""
    if found.status != "optimal":
        return {"status": found.status, "reason": found.reason, "message": found.message, "fix": found.fix}
    plans = []
    for plan in found.plans:
        lots = dict(zip(names, plan.lots, strict=False))
        weights, money = (dict(zip(names, map(float, values), strict=True)) for values in (plan.weights, plan.money))
        figures = {} if plan.status != "optimal" else {"expected_return": plan.expected_return, "cvar": plan.cvar}
        kept = {
            key: value for key, value in asdict(plan).items() if key in ("multiple", "capital", "status", "message")
        }
        plans.append({**kept, **figures, "weights": weights, "money": money, "lots": lots})
    return {
        "status": found.status, "capital": found.capital, "binding": found.binding, "gap": found.gap,
        "money": dict(zip(names, map(float, found.money), strict=True)),
        "prices": dict(zip(names, map(float, found.prices), strict=True)), "plans": plans,
    }  # fmt: skip


def _print(found: MinimumAccount, names: tuple[str, ...]) -> None:
    if found.status != "optimal":
        show.console.print(f"[red]{found.status}[/red] ({found.reason}): {found.message}")
        show.console.print(f"To mend it: {found.fix}.")
        return
    from fluxfloor.reporting.figures import Grid

    show.console.print(f"The least account is {found.capital:,.2f}; it is held up by {', '.join(found.binding)}.")
    header = ("strategy", "least", *(f"{plan.multiple:g} x" for plan in found.plans))
    rows = [
        (name, f"{found.money[i]:,.2f}", *(f"{plan.money[i]:,.2f}" for plan in found.plans))
        for i, name in enumerate(names)
    ]
    rows.append(("expected a period", "", *(f"{plan.expected_return:+.4%}" for plan in found.plans)))
    rows.append(("CVaR", "", *(f"{plan.cvar:.3%}" for plan in found.plans)))
    sheets.print_grid(Grid(header, tuple(rows)), "money by strategy, in whole lots", strong=1)
    for plan in found.plans:
        if plan.message:
            show.console.print(f"[yellow]{plan.multiple:g} x: {plan.message}[/yellow]")
