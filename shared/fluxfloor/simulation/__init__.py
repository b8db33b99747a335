"""Backtests: the compiled loop, sweeps over it, and the tools that keep its results honest.

The loop sizes as Cerebro does. With one strategy on one account these of its rules can bind, and are the loop's as
well: the measured mean edge after 20 trades, the 30 % rule against it, the stop on the losing side, daily loss and
drawdown (halt, half, flatten), places for positions, risk per trade over the distance to the stop, position cap,
exposure cap, cash, margin and leverage at 1 % dearer with the fee, the share a signal asks for, the smallest order.
What can't bind is left out: nothing is ever reserved, added to or turned round, no signal is late and no quote is old.
At zero latency the real stages make the same trades of the same bars (tests/integration/test_parity.py).
"""

from __future__ import annotations

from fluxfloor.simulation.running import Prepared, backtest
from fluxfloor.simulation.settings import FREE, PRESETS, Costs, Settings, preset, spot, us_equity
from fluxfloor.simulation.sweep import Sweep, grid, sweep

__all__ = [
    "FREE", "PRESETS", "Costs", "Prepared", "Settings", "Sweep", "backtest", "grid", "preset", "spot", "sweep",
    "us_equity",
]  # fmt: skip
