"""The regimes that trades were made in: of the last bar closed by the fill, and never a later one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fluxfloor.features.definitions import definition
from fluxfloor.simulation.baselines import cross
from fluxfloor.simulation.explaining import with_regimes
from fluxfloor.simulation.following import Costs, follow

from tests.support.histories import HOUR, random_bars

BARS = random_bars(24 * 60, 5, drift=0.0005)
RUN = follow("BTC/USDT", BARS, cross(BARS), Costs(0.0, 0.0))
HISTORY = {"BTC/USDT": BARS}


def test_a_fill_at_an_open_has_the_regime_of_the_bar_before() -> None:
    open_, high, low, close, volume = BARS[:, 1:].T
    regimes = definition().batch(open_, high, low, close, volume, ("regime",))[:, 0]
    made = with_regimes(RUN, HISTORY).trades
    rows = np.searchsorted(BARS[:, 0], made.entry_ms)
    np.testing.assert_array_equal(made.entry_regime, regimes[rows - 1])
    rows = np.searchsorted(BARS[:, 0], made.exit_ms)
    np.testing.assert_array_equal(made.exit_regime, regimes[rows - 1])
    assert len(set(made.entry_regime[np.isfinite(made.entry_regime)])) > 1


def test_bars_after_the_exit_change_nothing() -> None:
    until = int(np.searchsorted(BARS[:, 0], RUN.trades.exit_ms[-1] + HOUR))
    early = with_regimes(RUN, {"BTC/USDT": BARS[:until]}).trades
    np.testing.assert_array_equal(early.exit_regime, with_regimes(RUN, HISTORY).trades.exit_regime)


def test_what_is_known_stays_and_without_bars_nothing_is() -> None:
    known = replace(RUN.trades, entry_regime=np.full(len(RUN.trades), 2.0))
    assert (with_regimes(replace(RUN, trades=known), HISTORY).trades.entry_regime == 2.0).all()
    assert np.isnan(with_regimes(RUN, {}).trades.entry_regime).all()
