"""Backtests: the compiled loop, sweeps over it, and the tools that keep its results honest."""

from __future__ import annotations

from fluxfloor.simulation.running import Prepared, backtest
from fluxfloor.simulation.settings import FREE, PRESETS, Costs, Settings, preset, spot, us_equity
from fluxfloor.simulation.sweep import Sweep, grid, sweep

__all__ = [
    "FREE", "PRESETS", "Costs", "Prepared", "Settings", "Sweep", "backtest", "grid", "preset", "spot", "sweep",
    "us_equity",
]  # fmt: skip
