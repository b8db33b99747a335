"""Warms what a backtest calls: the loop of every plug-in, its features, the short way and a sweep's summary.

For `python -m fluxfloor.kernels.warm fluxfloor.simulation.warm`.
"""

from __future__ import annotations

import numpy as np

from fluxfloor.simulation.running import backtest
from fluxfloor.simulation.settings import Settings, spot
from fluxfloor.simulation.sweep import sweep
from fluxfloor.strategies import Compiled, build
from fluxfloor.strategies.registry import PLUGINS


def warm() -> None:
    at = np.arange(400.0)
    close = 100.0 + 3.0 * np.sin(at / 9.0)
    bars = np.column_stack([at * 60_000, close, close + 0.5, close - 0.5, close, np.ones(400)])
    coin = spot("BTC/USDT")
    for plugin in PLUGINS:
        strategy = build(plugin, {})
        if isinstance(strategy, Compiled):
            backtest(strategy, [bars], [coin])
    in_or_out = Settings(weight=1.0, stops="off", halts="off")
    sweep("ma_cross", [{"fast": 5, "slow": 20, "stop_atr": 0}], [bars], [coin], in_or_out, threads=1)
