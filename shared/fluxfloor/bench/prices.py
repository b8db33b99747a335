"""Seeded bars for the bench: random walks with a range around them."""

from __future__ import annotations

import numpy as np

from fluxfloor.bench.row import Arrays


def many_bars(symbols: int, n: int, seed: int = 3, volatility: float = 0.01) -> Arrays:
    """open, high, low, close and volume of (symbols, n), oldest first; each bar opens at the last close."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, volatility, (symbols, n)), axis=1))
    # Long walks are folded back, so that a million bars do not end at prices nobody has seen.
    close = 100.0 * np.exp(np.arcsin(np.sin(np.log(close / 100.0))))
    open_ = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    reach = 1.0 + np.abs(random.normal(0.0, volatility / 2, (2, symbols, n)))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    return {"open": open_, "high": high, "low": low, "close": close, "volume": random.uniform(1e3, 2e3, (symbols, n))}


def bars(n: int, seed: int = 3, volatility: float = 0.01) -> Arrays:
    """The same of one symbol: (n,)."""
    return {name: column[0] for name, column in many_bars(1, n, seed, volatility).items()}
