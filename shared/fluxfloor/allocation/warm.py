"""Warms what allocation compiles: a portfolio's losses and their tail.

For `python -m fluxfloor.kernels.warm fluxfloor.allocation.warm`.
"""

from __future__ import annotations

import numpy as np

from fluxfloor.allocation.tails import portfolio_losses, tail_cvar, tail_shares


def warm() -> None:
    losses = portfolio_losses(np.zeros((2, 40)), np.ones(2))
    tail_cvar(losses, 2.5)
    tail_shares(losses, 2.5)
