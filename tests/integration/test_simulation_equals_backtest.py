"""One strategy over the same bars, through the real stages at zero latency and the compiled loop: one record."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.contracts.policy import PRESETS, Limits
from fluxfloor.local.simulating import simulate
from fluxfloor.simulation import Costs, Settings, backtest
from fluxfloor.simulation.explaining import with_regimes
from fluxfloor.strategies import PLUGINS, build

from tests.support.playground import RULES, spec, walk

BARS = 420
ROUNDED = 1e-6  # the floor's money is in decimals of its currency, the loop's in floats


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_stages_leave_the_record_that_the_loop_leaves(plugin: str) -> None:
    bars = walk(BARS)
    asked = spec(BARS, strategies=[{"plugin": plugin}], latency_min_ms=0, latency_max_ms=0)
    slow = simulate(asked, RULES, bars).run
    limits = Limits.model_validate({**PRESETS[asked.preset].model_dump(), **asked.limits})
    costs = Costs(half_spread=0.0001, slippage=0.0001, fee=0.0002)
    settings = Settings(opening=10_000.0, limits=limits, halts="final", costs=costs)
    fast = backtest(build(plugin, {}), [bars], [RULES], settings)  # type: ignore[arg-type]
    fast = with_regimes(fast, {RULES.symbol: bars})
    assert len(slow.trades) >= 2
    assert slow.close_ms.tolist() == fast.close_ms.tolist()
    for name in ("side", "lots"):
        assert getattr(slow.trades, name).tolist() == getattr(fast.trades, name).tolist()
    for name in ("entry_price", "exit_price", "fees", "profit"):
        np.testing.assert_allclose(getattr(slow.trades, name), getattr(fast.trades, name), rtol=0, atol=ROUNDED)
    for name in ("entered_on", "left_on"):
        told = [[run.trades.triggers[place] for place in getattr(run.trades, name)] for run in (slow, fast)]
        assert told[0] == told[1]
    for name in ("entry_stop", "entry_regime", "exit_regime"):
        np.testing.assert_allclose(getattr(slow.trades, name), getattr(fast.trades, name), rtol=1e-12)
    told_of = np.isfinite(slow.trades.exit_stop)
    np.testing.assert_allclose(slow.trades.exit_stop[told_of], fast.trades.exit_stop[told_of], rtol=1e-9)
    assert slow.positions.tolist() == fast.positions.tolist()
    for name in ("equity", "cash", "exposure", "traded"):
        np.testing.assert_allclose(getattr(slow, name), getattr(fast, name), rtol=0, atol=ROUNDED)
