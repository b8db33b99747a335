"""The regimes that a run's trades were made in, put beside them where the bars are at hand.

The compiled loop computes what its strategy reads and nothing else; a report that lists trades asks for the regime of
every one. It is that of the last bar that had closed by the fill, as the floor's own rule confirms it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fluxfloor.features import definitions
from fluxfloor.market.window import OPEN_MS, Bars
from fluxfloor.measures.records import Floats, Ints, Run
from fluxfloor.simulation.histories import History, step_ms

REGIME = "regime"


def with_regimes(run: Run, history: History, version: str = definitions.VERSION) -> Run:
    """The run, its trades with `entry_regime` and `exit_regime`: of symbols with bars, after their warm-up.

    What a trade knows already stays. Raises Misconfigured for a version that nobody has defined.
    """
    trades = run.trades
    into, out = trades.entry_regime.copy(), trades.exit_regime.copy()
    for place, symbol in enumerate(run.symbols):
        bars, own = history.get(symbol), np.flatnonzero(trades.symbol == place)
        if bars is None or not own.size or not len(bars):
            continue
        for found, fills_ms in ((into, trades.entry_ms), (out, trades.exit_ms)):
            found[own] = np.where(np.isnan(found[own]), _regimes(bars, fills_ms[own], version), found[own])
    return replace(run, trades=replace(trades, entry_regime=into, exit_regime=out))


def _regimes(bars: Bars, at_ms: Ints, version: str) -> Floats:
    """(k,) of the last bar closed at or before each moment; NaN where there is none."""
    open_, high, low, close, volume = bars[:, 1:6].T
    regimes = definitions.definition(version).batch(open_, high, low, close, volume, (REGIME,))[:, 0]
    place = np.searchsorted(bars[:, OPEN_MS] + step_ms(bars), at_ms, side="right") - 1
    return np.where(place >= 0, regimes[np.maximum(place, 0)], np.nan)


__all__ = ["with_regimes"]
