"""What is hoped of dual mode and its regimes, held against bars; measured, and published as it comes out.

Every figure is that of the strategy with its default parameters: nothing is chosen on the bars that judge it. A wish
about a part compares the run with the same run without that part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from fluxfloor.features.definitions import definition
from fluxfloor.market.window import Bars
from fluxfloor.measures.performance import performance
from fluxfloor.measures.records import Run
from fluxfloor.measures.resampling import Interval
from fluxfloor.measures.splits import calendar_windows
from fluxfloor.measures.stretches import Telling, telling
from fluxfloor.measures.trades import trade_figures
from fluxfloor.simulation.ablation import Ablation, ablations
from fluxfloor.simulation.histories import History, span
from fluxfloor.simulation.setups import Setup
from fluxfloor.simulation.walkforward import Candidate, walk_forward

PLUGIN = "dual_mode"
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`measured` is None where the bars can't tell. `against` is the figure without the part; `interval` that of the
    difference in Sharpe ratio or annual return, where the wish is about one of them."""

    wish: str
    measured: float | None
    against: float | None
    met: bool | None
    interval: Interval | None = None
    note: str = ""


def hypotheses(setup: Setup, history: History, rng: Generator) -> tuple[Hypothesis, ...]:
    """Raises Misconfigured where the bars are no market's. `setup` is of dual mode; its parts are switched off in turn,
    and the noise filter on."""
    base = setup(history)
    filtered = replace(setup, settings=replace(setup.settings, noise="on"))(history)
    parts = {name: made(history) for name, made in setup.without().items() if name != "noise filter"}
    told = {item.variant: item for item in ablations(base, parts, rng)}
    return (
        *_of_the_run(base),
        _sharpe_gain("KAMA (a fixed EMA instead)", 0.10, base, told),
        _sharpe_gain("adaptive periods", 0.15, base, told),
        _more_wins(base, filtered),
        _more_return(base, told, parts["regime gate"]),
        _forward(setup, history),
        *_regimes(setup, history),
    )


# --- of the run --------------------------------------------------------------------------------------------------


def _of_the_run(run: Run) -> tuple[Hypothesis, ...]:
    found, trades = performance(run), trade_figures(run.trades)
    note = f"{trades.count} trades"
    return (
        _above("Sharpe ratio above 0.8", found.sharpe, 0.8, note),
        _below("drawdown below 25 %", found.max_drawdown, 0.25, note),
        _above("more than 45 % of the trades win", trades.win_rate, 0.45, note),
        _above("average win above 1.5 average losses", trades.payoff, 1.5, note),
    )


def _above(wish: str, measured: float | None, least: float, note: str = "") -> Hypothesis:
    return Hypothesis(wish, measured, None, None if measured is None else measured > least, note=note)


def _below(wish: str, measured: float | None, most: float, note: str = "") -> Hypothesis:
    return Hypothesis(wish, measured, None, None if measured is None else measured < most, note=note)


# --- of its parts ------------------------------------------------------------------------------------------------


def _sharpe_gain(part: str, share: float, base: Run, told: dict[str, Ablation]) -> Hypothesis:
    without, own = told[part], performance(base).sharpe
    wish = f"{part.split(' (')[0]}: Sharpe ratio {share:.0%} higher"
    return Hypothesis(
        wish, own, without.sharpe, _better(own, without.sharpe, share), without.sharpe_gain, f"{without.trades} trades"
    )


def _more_return(base: Run, told: dict[str, Ablation], without: Run) -> Hypothesis:
    own, other = performance(base).annual_return, performance(without).annual_return
    found = told["regime gate"]
    return Hypothesis(
        "regime gate: annual return 25% higher", own, other, _better(own, other, 0.25), found.return_gain,
        f"{found.trades} trades without it",
    )  # fmt: skip


def _more_wins(base: Run, filtered: Run) -> Hypothesis:
    own, other = trade_figures(filtered.trades), trade_figures(base.trades)
    return Hypothesis(
        "noise filter: win rate 10% higher", own.win_rate, other.win_rate, _better(own.win_rate, other.win_rate, 0.10),
        note=f"{own.count} trades with it, {other.count} without",
    )  # fmt: skip


def _better(own: float | None, other: float | None, share: float) -> bool | None:
    """By that share of the other's size; below zero, less of a loss by as much."""
    return None if own is None or other is None else own >= other + share * abs(other)


def _forward(setup: Setup, history: History) -> Hypothesis:
    begin_ms, end_ms = span(history)
    windows = calendar_windows(begin_ms, end_ms + DAY_MS, 3, 1)
    candidate = Candidate("fixed", setup)
    walked = walk_forward(history, windows, lambda _: candidate, warm_up_bars=setup.warm_up_bars)
    share = walked.gaining_share
    met = None if share is None else walked.passed
    return Hypothesis("more than 60 % of the months gain", share, None, met, note=f"{len(walked.periods)} months")


# --- of the regimes ----------------------------------------------------------------------------------------------


def _regimes(setup: Setup, history: History) -> tuple[Hypothesis, ...]:
    found = [_told(bars, setup.settings.features) for bars in history.values()]
    up, flat, changes = (
        sum(getattr(item, name) for item in found) for name in ("uptrend_bars", "sideways_bars", "changes")
    )
    return (
        _above("more than 85 % of a strong uptrend is called one", _mean(found, "called_trend", "uptrend_bars"), 0.85,
               f"{up} bars"),
        _above("more than 80 % of a sideways market is called reverting",
               _mean(found, "called_reverting", "sideways_bars"), 0.80, f"{flat} bars"),
        _below("less than 10 % of the changes are whipsaws", _mean(found, "whipsaws", "changes"), 0.10,
               f"{changes} changes"),
    )  # fmt: skip


def _told(bars: Bars, version: str) -> Telling:
    open_, high, low, close, volume = (np.ascontiguousarray(column) for column in bars[:, 1:].T)
    regime = definition(version).batch(open_, high, low, close, volume, ("regime",))[:, 0]
    return telling(close, np.ascontiguousarray(regime))


def _mean(found: list[Telling], share: str, weight: str) -> float | None:
    """Over all symbols, each by its number of bars or changes."""
    known = [(getattr(item, share), getattr(item, weight)) for item in found if getattr(item, share) is not None]
    total = sum(count for _, count in known)
    return sum(value * count for value, count in known) / total if total else None
