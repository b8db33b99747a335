"""Bars made up for tests: a random walk with ranges and volume, or closes that are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.runs import T0

HOUR = 3_600_000


def bars_of(close: Any, *, step_ms: int = HOUR, begin_ms: int = T0, volume: Any = 1_000.0, reach: float = 0.001) -> Any:
    """(n, 6) bars; each opens where the one before closed."""
    closes = np.asarray(close, np.float64)
    n = closes.size
    opens = np.concatenate((closes[:1], closes[:-1]))
    top, bottom = np.maximum(opens, closes) * (1 + reach), np.minimum(opens, closes) * (1 - reach)
    times = begin_ms + np.arange(n) * step_ms
    return np.column_stack([times, opens, top, bottom, closes, np.broadcast_to(volume, n)]).astype(np.float64)


def random_bars(n: int, seed: int = 0, drift: float = 0.0, risk: float = 0.01, **more: Any) -> Any:
    rng = np.random.default_rng(seed)
    return bars_of(100.0 * np.exp(np.cumsum(rng.normal(drift, risk, n))), volume=rng.gamma(2.0, 500.0, n), **more)
