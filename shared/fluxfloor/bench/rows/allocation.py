"""Equal risk contributions of 500 strategies, from their covariance to the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from fluxfloor.allocation.parity import risk_parity
from fluxfloor.bench.row import Arrays, Outputs, Row, agree, faster

STRATEGIES, DAYS = 500, 1_260
EXACT, SWEEPS = 1e-10, 1_000


def market() -> Arrays:
    """Three factors and what is each strategy's own."""
    random = np.random.default_rng(5)
    shared = random.normal(0, 0.006, (DAYS, 3)) @ random.uniform(0.2, 1.0, (3, STRATEGIES))
    return {"returns": shared + random.normal(0.0004, 0.01, (DAYS, STRATEGIES))}


def ours(given: Arrays) -> Any:
    weights, _ = risk_parity(np.cov(given["returns"].T), np.full(STRATEGIES, 1 / STRATEGIES), EXACT, SWEEPS)
    return weights


def as_weights(ours: Outputs, peers: Outputs) -> None:
    """The peer stops with risk contributions 1e-5 apart."""
    agree(ours, peers, rtol=1e-4)


ROWS = (
    Row(
        name="erc-500",
        work=f"equal risk contributions, {STRATEGIES} strategies × {DAYS:,} days",
        prepare=market,
        ours=ours,
        peer="skfolio_erc",
        packages=("skfolio",),
        same=as_weights,
        aims=(faster(50.0),),
        note="the covariance included on both sides; skfolio's default solver (Clarabel)",
        seconds=30.0,
    ),
)
