"""Backtests: the compiled loop, sweeps over it, and the tools that keep its results honest."""

from __future__ import annotations

from fluxfloor.simulation.running import backtest
from fluxfloor.simulation.settings import FREE, PRESETS, Costs, Settings, preset, spot, us_equity

__all__ = ["FREE", "PRESETS", "Costs", "Settings", "backtest", "preset", "spot", "us_equity"]
