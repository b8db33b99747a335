"""A strategy with its instruments and its account: what a backtest, a sweep and the honesty tools run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.errors import Misconfigured
from fluxfloor.features import definitions
from fluxfloor.measures.overfitting import Deflated, Overfitting, chosen_from
from fluxfloor.measures.performance import RISK_FREE, daily_returns, every_day, excess, performance
from fluxfloor.measures.records import Floats, Run
from fluxfloor.simulation.following import Costs
from fluxfloor.simulation.histories import History
from fluxfloor.simulation.results import run_of
from fluxfloor.simulation.running import Prepared
from fluxfloor.simulation.settings import Settings
from fluxfloor.simulation.sweep import grid
from fluxfloor.strategies import build

RANKS = ("sharpe", "total_return", "calmar", "sortino")
MAX_VARIANTS = 20_000
SWITCHES: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "dual_mode": {
        "KAMA (a fixed EMA instead)": ("kama", 0.0),
        "regime gate": ("regime_gate", 0.0),
        "adaptive periods": ("adaptive", 0.0),
        "short side": ("shorts", 0.0),
        "trial of modes": ("trial", 0.0),
    },
}
"""What a strategy can do without, and the parameter that takes it away."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A plug-in by name with its parameters, one instrument a symbol, and the account. Called with bars it backtests
    them; symbols that have none are left out."""

    plugin: str
    params: Mapping[str, float]
    instruments: Mapping[str, Instrument]
    settings: Settings

    def __call__(self, history: History) -> Run:
        strategy: Any = build(self.plugin, self.params)
        return self.prepared(history).run(strategy)

    def prepared(self, history: History) -> Prepared:
        """The bars made ready for any strategy on this account."""
        symbols = [symbol for symbol in self.instruments if symbol in history]
        return Prepared(
            [history[symbol] for symbol in symbols], [self.instruments[symbol] for symbol in symbols], self.settings
        )

    def having(self, **params: float) -> Setup:
        return replace(self, params={**self.params, **params})

    @property
    def name(self) -> str:
        told = ", ".join(f"{name} {value:g}" for name, value in self.params.items())
        return f"{self.plugin} ({told})" if told else self.plugin

    @property
    def plain_costs(self) -> Costs:
        """What the baselines pay: the spread is crossed and slipped on, impact and borrow are left out."""
        costs = self.settings.costs
        return Costs(costs.fee, costs.half_spread + costs.slippage, costs.fee_per_unit)

    @property
    def warm_up_bars(self) -> int:
        return definitions.definition(self.settings.features).warm_up_bars

    def without(self) -> dict[str, Setup]:
        """The setup without each part that its strategy can do without and has switched on."""
        found = {}
        for part, (param, off) in SWITCHES.get(self.plugin, {}).items():
            if float(getattr(build(self.plugin, self.params), param)) != off:
                found[part] = self.having(**{param: off})
        if self.settings.noise != "off":
            found["noise filter"] = replace(self, settings=replace(self.settings, noise="off"))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One point of a sweep; `rank` is NaN where the figure it is ranked by is undefined. `daily`: (days,) returns."""

    params: Mapping[str, float]
    rank: float
    total_return: float
    sharpe: float | None
    max_drawdown: float
    trades: int
    daily: Floats


def points(ranges: Mapping[str, Sequence[float]]) -> tuple[dict[str, float], ...]:
    """Every combination; without ranges the one point that changes nothing. Raises Misconfigured for too many."""
    found = grid(**ranges) if ranges else ({},)
    if len(found) > MAX_VARIANTS:
        raise Misconfigured(f"the grid has {len(found):,} points; at most {MAX_VARIANTS:,} can be held side by side")
    return found


def possible(setup: Setup, points: Sequence[Mapping[str, float]]) -> list[Setup]:
    """The setups of the points that the strategy accepts (a fast average below the slow one, say). Raises
    Misconfigured, with the last reason, where it accepts none."""
    found: list[Setup] = []
    why: Misconfigured | None = None
    for point in points:
        made = setup.having(**point)
        try:
            build(made.plugin, made.params)
        except Misconfigured as problem:
            why = problem
        else:
            found.append(made)
    if not found and why is not None:
        raise why
    return found


def try_all(
    setups: Sequence[Setup], history: History, rank: str = "sharpe", *, risk_free: float = RISK_FREE, threads: int = 2
) -> Iterator[Variant]:
    """Backtests all of them in threads (the compiled loop holds no lock), and yields them in their order.

    They differ in their parameters alone: the bars are prepared, and features that several read computed, once.
    """
    if rank not in RANKS:
        raise Misconfigured(f"a sweep is ranked by one of {', '.join(RANKS)}, not by {rank!r}")
    prepared = setups[0].prepared(history)
    market = lru_cache(maxsize=2)(prepared.market)

    def tried(setup: Setup) -> Variant:
        strategy: Any = build(setup.plugin, setup.params)
        if prepared.short(strategy):
            return _variant(setup, prepared.run(strategy), rank, risk_free)
        ledger = prepared.ledger(strategy, market(strategy.columns))
        run = run_of(
            ledger, prepared.bare, prepared.rules, strategy, prepared.instruments, prepared.settings, prepared.step_ms
        )
        return _variant(setup, run, rank, risk_free)

    yield tried(setups[0])  # alone, so that compiling or loading happens once
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(tried, setups[1:])


def _variant(setup: Setup, run: Run, rank: str, risk_free: float) -> Variant:
    found = performance(run, risk_free)
    by = getattr(found, rank)
    return Variant(
        params=setup.params, rank=float("nan") if by is None else float(by), total_return=found.total_return,
        sharpe=found.sharpe, max_drawdown=found.max_drawdown, trades=len(run.trades), daily=every_day(run),
    )  # fmt: skip


def best(variants: Sequence[Variant]) -> int:
    """The place of the highest rank; the first where none has one."""
    ranks = np.array([variant.rank for variant in variants])
    return int(np.nanargmax(ranks)) if np.isfinite(ranks).any() else 0


def luck_of(
    variants: Sequence[Variant], chosen: Run, risk_free: float = RISK_FREE
) -> tuple[Deflated | None, Overfitting | None]:
    """How likely the chosen run is more than the best of the variants' luck, and that choosing among them overfits."""
    _, per_year = daily_returns(chosen)
    trials = excess(np.column_stack([variant.daily for variant in variants]), per_year, risk_free)
    return chosen_from(excess(every_day(chosen), per_year, risk_free), trials)
