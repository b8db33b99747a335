"""Many parameters over the same bars, in parallel: threads over kernels that run without the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby, product

import numpy as np

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.errors import Misconfigured
from fluxfloor.kernels.desk import Market
from fluxfloor.kernels.summary import summary
from fluxfloor.kernels.switching import summaries
from fluxfloor.market.window import Bars
from fluxfloor.measures.records import Floats, Ints
from fluxfloor.simulation.results import bars_a_year
from fluxfloor.simulation.running import Prepared
from fluxfloor.simulation.settings import KRAKEN_MVP, Settings
from fluxfloor.strategies import Compiled, build

MAX_POINTS = 1_000_000
BLOCK = 25
"""Points that share what they can: a thread's turn, and a step of progress."""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """`points` are the parameters tried; every array is (points,). returns, drawdown: fractions, drawdown positive.

    sharpe: mean over deviation of the returns a bar, a year's worth, with no risk-free rate.
    """

    points: tuple[Mapping[str, float], ...]
    equity: Floats
    returns: Floats
    drawdown: Floats
    sharpe: Floats
    trades: Ints

    def best(self, figure: str = "sharpe") -> int:
        """The place of the point with the highest figure; what is no number is never the best."""
        return int(np.nanargmax(getattr(self, figure)))


def grid(**values: Sequence[float]) -> tuple[dict[str, float], ...]:
    """Every combination, the last name changing fastest. Raises Misconfigured for an empty or a boundless grid."""
    count = int(np.prod([len(tried) for tried in values.values()], dtype=np.float64)) if values else 0
    if not 0 < count <= MAX_POINTS:
        raise Misconfigured(f"a grid has 1 to {MAX_POINTS:,} points, this one {count:,}")
    return tuple(dict(zip(values, point, strict=True)) for point in product(*values.values()))


def sweep(
    plugin: str,
    points: Sequence[Mapping[str, float]],
    bars: Sequence[Bars],
    instruments: Sequence[Instrument],
    settings: Settings = KRAKEN_MVP,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sweep:
    """Backtests the plug-in with each point's parameters. threads: None takes every core.

    Features are computed once for all points that read the same. Raises Misconfigured as `backtest` and `build` do.
    """
    if not points:
        raise Misconfigured("a sweep needs at least one point")
    prepared = Prepared(bars, instruments, settings)
    strategies = [build(plugin, point) for point in points]
    if not all(isinstance(strategy, Compiled) for strategy in strategies):
        raise Misconfigured(f"strategy plug-in {plugin!r} has no compiled rule to sweep")
    rows = np.empty((len(points), 5))
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for done, (place, row) in enumerate(_played(prepared, strategies, pool), 1):  # type: ignore[arg-type]
            rows[place] = row
            progress(done, len(points))
    return _sweep(points, rows, prepared)


def _played(
    prepared: Prepared, strategies: Sequence[Compiled], pool: ThreadPoolExecutor
) -> Iterator[tuple[int, Sequence[float]]]:
    """The short way block by block; else group by group, so that only one group's features are ever held."""
    order = sorted(range(len(strategies)), key=lambda place: _needs(prepared, strategies[place]))
    for (long, needs), members in groupby(order, key=lambda place: _needs(prepared, strategies[place])):
        places = list(members)
        if long:
            market = prepared.market(needs)
            rows = pool.map(lambda place: _played_one(prepared, strategies[place], market), places)  # noqa: B023
            yield from zip(places, rows, strict=True)
        else:
            blocks = [places[first : first + BLOCK] for first in range(0, len(places), BLOCK)]
            tables = pool.map(lambda block: _played_short(prepared, [strategies[place] for place in block]), blocks)
            yield from zip(places, chain.from_iterable(tables), strict=True)


def _needs(prepared: Prepared, strategy: Compiled) -> tuple[bool, tuple[str, ...]]:
    """Does it go the long way, and the columns that it reads there."""
    return (False, ()) if prepared.short(strategy) else (True, strategy.columns)


def _played_short(prepared: Prepared, strategies: Sequence[Compiled]) -> Floats:
    bare = prepared.bare
    switches, count = type(strategies[0]).switches_of_all(strategies, bare.close)
    return summaries(switches, count, bare.open, bare.close, bare.volume, prepared.rules, prepared.terms)


def _played_one(prepared: Prepared, strategy: Compiled, market: Market) -> Sequence[float]:
    ledger = prepared.ledger(strategy, market)
    return (*summary(ledger.equity, prepared.settings.opening), float(len(ledger.trade_ints)))


def _sweep(points: Sequence[Mapping[str, float]], rows: Floats, prepared: Prepared) -> Sweep:
    final, drawdown, mean, deviation, trades = rows.T
    settings = prepared.settings
    a_year = settings.periods_per_year or bars_a_year(prepared.bare.open_ms, prepared.step_ms)
    with np.errstate(invalid="ignore", divide="ignore"):
        sharpe = np.where(deviation > 0.0, mean / deviation, np.nan) * np.sqrt(a_year)
    return Sweep(
        tuple(points), final.copy(), final / settings.opening - 1.0, drawdown.copy(), sharpe, trades.astype(np.int64)
    )
