"""Each kernel over its own plain Python, on 10,000 bars: what compilation is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fluxfloor import kernels
from fluxfloor.bench.row import Arrays, Outputs, Row, agree, faster

BARS = 10_000

CALLS: dict[str, Callable[[Arrays], Any]] = {
    "sma": lambda a: kernels.sma(a["close"], 20),
    "ema": lambda a: kernels.ema(a["close"], 20),
}


def prices() -> Arrays:
    """A random walk with its bars around it."""
    random = np.random.default_rng(3)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, BARS)))
    open_ = np.r_[close[0], close[:-1]]
    reach = 1.0 + np.abs(random.normal(0.0, 0.005, (2, BARS)))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    return {"open": open_, "high": high, "low": low, "close": close, "volume": random.uniform(1e3, 2e3, BARS)}


def close_enough(ours: Outputs, peers: Outputs) -> None:
    """Compiled code may fuse a multiplication with an addition, and then rounds once instead of twice."""
    agree(ours, peers, rtol=1e-9, atol=1e-12)


ROWS = tuple(
    Row(
        name=f"kernel-{name}",
        work=f"{name}, 10,000 bars",
        prepare=prices,
        ours=call,
        peer="interpreted",
        same=close_enough,
        aims=(faster(10.0),),
        seconds=2.0,
    )
    for name, call in CALLS.items()
)
