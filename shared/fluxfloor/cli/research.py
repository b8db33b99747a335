"""`fluxfloor backtest`, `sweep`, `walkforward` and `report`: what a strategy was worth, and how far to believe it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxfloor.cli import bars, sheets, show
from fluxfloor.cli.bars import (
    AsJson,
    Candles,
    Changes,
    CostsName,
    Params,
    Seed,
    Since,
    StrategyName,
    Symbols,
    Until,
)
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.measures.splits import WalkForward
    from fluxfloor.reporting.report import Report
    from fluxfloor.simulation.histories import History
    from fluxfloor.simulation.setups import Setup, Variant

Grid = Annotated[list[str], typer.Option("--grid", help="Values to try: fast=5,10,20 or slow=50:200:50. Repeat it.")]
Rank = Annotated[str, typer.Option(help="What is best: sharpe, total_return, calmar or sortino.")]
TrainMonths = Annotated[int, typer.Option(min=1, help="Calendar months that the choice is made on.")]
TestMonths = Annotated[int, typer.Option(min=1, help="Calendar months that it is judged on.")]
Threads = Annotated[int, typer.Option(min=1, help="Backtests at a time.")]


def backtest(
    strategy: StrategyName,
    candles: Candles = [],  # noqa: B006 - typer makes a new one
    symbol: Symbols = [],  # noqa: B006
    param: Params = [],  # noqa: B006
    costs: CostsName = "kraken-mvp",
    change: Changes = [],  # noqa: B006
    since: Since = "",
    until: Until = "",
    report: Annotated[Path | None, typer.Option(help="Write it as .pdf, .html or .png.")] = None,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Play a strategy over recorded bars, with baselines and intervals beside the result."""
    out = sheets.writable(report)
    history, setup = _asked(candles, symbol, strategy, param, costs, change, since, until)
    with show.errors.status("backtesting …"):
        found = _study(setup, history, seed)
    _told(found, out, as_json)


def report(
    out: Annotated[Path, typer.Argument(help="report.pdf, report.html or report.png.")],
    strategy: StrategyName,
    candles: Candles = [],  # noqa: B006
    symbol: Symbols = [],  # noqa: B006
    param: Params = [],  # noqa: B006
    costs: CostsName = "kraken-mvp",
    change: Changes = [],  # noqa: B006
    since: Since = "",
    until: Until = "",
    grid: Grid = [],  # noqa: B006
    rank: Rank = "sharpe",
    train_months: TrainMonths = 3,
    test_months: TestMonths = 1,
    title: Annotated[str, typer.Option(help="By default the strategy and its parameters.")] = "",
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Write all there is to say: the backtest, walked forward, without each of its parts, deflated over --grid."""
    path = sheets.writable(out)
    history, setup = _asked(candles, symbol, strategy, param, costs, change, since, until)
    variants: list[Variant] = []
    if grid:
        variants = _swept(setup, history, bars.read_grid(grid), rank, 2, as_json)
        setup = _chosen(setup, variants)
    walked = _walked(setup, history, bars.read_grid(grid), rank, train_months, test_months, as_json)
    with show.errors.status("taking parts away …"):
        found = _study(setup, history, seed, variants, walked, title, parts=True)
    _told(found, path, as_json)


def sweep(
    strategy: StrategyName,
    grid: Grid,
    candles: Candles = [],  # noqa: B006
    symbol: Symbols = [],  # noqa: B006
    param: Params = [],  # noqa: B006
    costs: CostsName = "kraken-mvp",
    change: Changes = [],  # noqa: B006
    since: Since = "",
    until: Until = "",
    rank: Rank = "sharpe",
    top: Annotated[int, typer.Option(min=1, help="How many of the best to show.")] = 10,
    chart: Annotated[Path | None, typer.Option(help="Write a map of the first two parameters as .png.")] = None,
    threads: Threads = 2,
    as_json: AsJson = False,
) -> None:
    """Try every combination of parameters, and say how likely the best of them is luck."""
    ranges = bars.read_grid(grid)
    if chart is not None and chart.suffix.lower() != ".png":
        raise Misconfigured(f"{chart}: the map of a sweep is written as .png")
    out = sheets.writable(chart)
    history, setup = _asked(candles, symbol, strategy, param, costs, change, since, until)
    variants = _swept(setup, history, ranges, rank, threads, as_json)
    if out is not None:
        out.write_bytes(sheets.sweep_chart(variants, list(ranges), rank))
        show.errors.print(f"wrote {out}")
    found = _sweep_summary(variants, history, setup, rank)
    if as_json:
        typer.echo(json.dumps(found))
        return
    title = f"The best {min(top, len(variants))} of {len(variants)} by {rank.replace('_', ' ')}"
    sheets.print_grid(sheets.variant_grid(variants, list(ranges), top), title)
    _say_luck(found)


def walkforward(
    strategy: StrategyName,
    candles: Candles = [],  # noqa: B006
    symbol: Symbols = [],  # noqa: B006
    param: Params = [],  # noqa: B006
    costs: CostsName = "kraken-mvp",
    change: Changes = [],  # noqa: B006
    since: Since = "",
    until: Until = "",
    grid: Grid = [],  # noqa: B006
    rank: Rank = "sharpe",
    train_months: TrainMonths = 3,
    test_months: TestMonths = 1,
    chart: Annotated[Path | None, typer.Option(help="Write the test periods as .png.")] = None,
    as_json: AsJson = False,
) -> None:
    """Choose from --grid on some months, be judged on the next, roll on. Without --grid nothing is chosen."""
    if chart is not None and chart.suffix.lower() != ".png":
        raise Misconfigured(f"{chart}: the periods are drawn as .png")
    out = sheets.writable(chart)
    history, setup = _asked(candles, symbol, strategy, param, costs, change, since, until)
    walked = _walked(setup, history, bars.read_grid(grid), rank, train_months, test_months, as_json)
    if not walked.periods:
        needed = train_months + test_months
        raise Misconfigured(f"the bars hold no {needed} whole calendar months in a row; give more, or shorter windows")
    if out is not None:
        out.write_bytes(sheets.walk_chart(walked))
        show.errors.print(f"wrote {out}")
    found = _walk_summary(walked)
    if as_json:
        typer.echo(json.dumps(found))
        return
    sheets.print_grid(sheets.period_grid(walked))
    verdict = "[green]passed[/green]" if walked.passed else "[red]failed[/red]"
    show.console.print(
        f"{found['gaining']} of {found['periods']} test periods gained: {verdict} "
        f"(more than {walked.passing_share:.0%} must). All of them together: {walked.total_return:+.1%}."
    )


# --- what they share ---------------------------------------------------------------------------------------------


def _asked(
    candles: Sequence[Path], symbol: Sequence[str], strategy: str, param: Sequence[str], costs: str,
    change: Sequence[str], since: str, until: str,
) -> tuple[dict[str, Any], Setup]:  # fmt: skip
    default = candles[0].stem.upper() if candles and costs == "us-equities" else "BTC/USDT"
    history = bars.read_history(candles, symbol, since, until, show.errors.print, default)
    return history, bars.read_setup(strategy, param, costs, change, history)


def _study(
    setup: Setup, history: History, seed: int, variants: Sequence[Variant] = (), walked: WalkForward | None = None,
    title: str = "", parts: bool = False,
) -> Report:  # fmt: skip
    import numpy as np

    from fluxfloor.reporting.report import study
    from fluxfloor.simulation.ablation import ablations

    rng = np.random.default_rng(seed)
    run = setup(history)
    without = {part: other(history) for part, other in setup.without().items()} if parts else {}
    return study(
        title or setup.name, run, history, setup.plain_costs, rng, walk_forward=walked,
        trials=np.column_stack([item.daily for item in variants]) if len(variants) > 1 else None,
        ablations=ablations(run, without, rng) if without else (), assumptions=assumptions(setup),
    )  # fmt: skip


def assumptions(setup: Setup) -> tuple[str, ...]:
    """What a reader has to know of how the figures came about."""
    settings, costs = setup.settings, setup.settings.costs
    shares = [f"{100 * costs.fee:g} % of the notional"] if costs.fee or not costs.fee_per_unit else []
    fee = " and ".join([*shares, *([f"{costs.fee_per_unit:g} a unit"] if costs.fee_per_unit else [])])
    told = [
        "Decisions are made on closed bars and fill at the next bar's open, in whole ticks and lots.",
        f"A side costs {fee}, crosses half a spread of {1e4 * costs.half_spread:g} basis points and slips "
        f"{1e4 * costs.slippage:g} more{_impact(costs)}.",
        {"close": "Stops are looked after on the closed bar and leave at the next open.",
         "resting": "Stops rest at the venue and fill within the bar, at its open where that is beyond them.",
         "off": "There are no stops."}[settings.stops],
        {"off": "Losses halt nothing.", "day": "A daily loss halts entries until the next UTC day.",
         "final": "A daily loss or drawdown halts entries for good."}[settings.halts]
        + (" Entries are refused once the measured edge is not positive." if settings.edge_gate else ""),
        "What is open at the end stays open and is marked at the last close. Cash earns nothing, so a run that is "
        "rarely invested has a Sharpe ratio far below zero: the risk-free rate over its small volatility.",
    ]  # fmt: skip
    if costs.borrow:
        told.append(f"Shorts pay {100 * costs.borrow:g} % a year.")
    return tuple(told)


def _impact(costs: Any) -> str:
    if not costs.impact:
        return ""
    return f", and {1e4 * costs.impact:g} more above {100 * costs.impact_above:g} % of a bar's volume"


def _told(found: Report, out: Path | None, as_json: bool) -> None:
    if out is not None:
        with show.errors.status("drawing …"):
            sheets.write_report(found, out)
    if as_json:
        typer.echo(json.dumps(bars.flat(sheets.summary(found))))
    else:
        sheets.print_report(found)


def _swept(
    setup: Setup, history: History, ranges: dict[str, list[float]], rank: str, threads: int, quiet: bool
) -> list[Variant]:
    from fluxfloor.simulation.setups import points, possible, try_all

    setups = possible(setup, points(ranges))
    variants: list[Variant] = []
    with show.progress("sweeping", quiet) as advance:
        for variant in try_all(setups, history, rank, threads=threads):
            variants.append(variant)
            advance(len(variants), len(setups))
    return variants


def _chosen(setup: Setup, variants: Sequence[Variant]) -> Setup:
    from fluxfloor.simulation.setups import best

    return setup.having(**variants[best(variants)].params)


def _walked(
    setup: Setup, history: History, ranges: dict[str, list[float]], rank: str, train_months: int, test_months: int,
    quiet: bool,
) -> WalkForward:  # fmt: skip
    from fluxfloor.measures.splits import calendar_windows
    from fluxfloor.simulation.histories import span
    from fluxfloor.simulation.setups import best, points, possible, try_all
    from fluxfloor.simulation.walkforward import Candidate, walk_forward

    setups = possible(setup, points(ranges))

    def choose(training: History) -> Candidate:
        if len(setups) == 1:
            return Candidate("fixed", setups[0])
        tried = list(try_all(setups, training, rank))
        place = best(tried)
        told = ", ".join(f"{name} {tried[place].params[name]:g}" for name in ranges)
        return Candidate(told, setups[place])

    begin_ms, end_ms = span(history)
    windows = calendar_windows(begin_ms, end_ms + 86_400_000, train_months, test_months)
    with show.progress("walking forward", quiet) as advance:
        return walk_forward(history, windows, choose, warm_up_bars=setup.warm_up_bars, advance=advance)


def _sweep_summary(variants: Sequence[Variant], history: History, setup: Setup, rank: str) -> dict[str, Any]:
    from fluxfloor.simulation.setups import best, luck_of

    top = variants[best(variants)]
    deflated, overfitting = luck_of(variants, setup.having(**top.params)(history))
    chosen = {f"best_{name}": value for name, value in top.params.items()}
    return bars.flat(
        {
            "variants": len(variants), "ranked_by": rank, **chosen,
            "best_sharpe": top.sharpe, "best_total_return": top.total_return, "best_max_drawdown": top.max_drawdown,
            "best_trades": top.trades, "deflated_sharpe": deflated.probability if deflated else None,
            "overfitting_probability": overfitting.probability if overfitting else None,
        }
    )  # fmt: skip


def _say_luck(found: dict[str, Any]) -> None:
    from fluxfloor.reporting.figures import chance

    deflated, pbo = found["deflated_sharpe"], found["overfitting_probability"]
    if deflated is not None:
        worthless = f"what the best of {found['variants']} worthless ones would show"
        show.console.print(f"Its true Sharpe ratio exceeds {worthless}: {chance(deflated)} likely.")
    if pbo is not None:
        show.console.print(
            f"Chosen on half of the days, it falls below the median on the others: {chance(pbo)} likely."
        )


def _walk_summary(walked: WalkForward) -> dict[str, Any]:
    gained = sum(part.test_return > 0 for part in walked.periods)
    return {
        "periods": len(walked.periods), "gaining": gained, "gaining_share": walked.gaining_share,
        "passed": walked.passed, "total_return": walked.total_return,
        "trades": sum(part.trades for part in walked.periods), "choices": len({part.choice for part in walked.periods}),
    }  # fmt: skip
