"""Warms what allocation compiles: losses and their tail, each strategy's moments and days, the sketch, risk parity.

For `python -m fluxfloor.kernels.warm fluxfloor.allocation.warm`.
"""

from __future__ import annotations

import numpy as np

from fluxfloor.allocation.parity import risk_parity
from fluxfloor.allocation.starting import sketch
from fluxfloor.allocation.tails import means_and_volatilities, portfolio_losses, tail_cvar, tail_shares, weighted_days


def warm() -> None:
    losses = portfolio_losses(np.zeros((2, 40)), np.ones(2))
    tail_cvar(losses, 2.5)
    tail_shares(losses, 2.5)
    means_and_volatilities(np.zeros((2, 40)))
    sketch(np.zeros((2, 40)), np.zeros((40, 2)), np.zeros(2), 0.01, 2.5, 2)
    weighted_days(np.zeros((40, 2)), np.zeros(1, np.int64), np.ones(1))
    risk_parity(np.eye(2), np.full(2, 0.5), 1e-10, 10)
