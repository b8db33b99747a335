"""What comes into play first: the better the guess, the fewer rounds."""

from __future__ import annotations

import numpy as np

from fluxfloor.allocation.columns import Columns, Indices
from fluxfloor.allocation.problem import Asked
from fluxfloor.allocation.tails import portfolio_losses

FIRST_COLUMNS = 15
TAILS = 1.5


def first_columns(asked: Asked, columns: Columns) -> Indices:
    """The best earners, the calmest strategies, and the best per unit of volatility."""
    volatility = asked.volatility[columns.strategy]
    orders = [-columns.gain, volatility, -columns.gain / np.maximum(volatility, 1e-12)]
    return np.unique(np.concatenate([np.argsort(order, kind="stable")[:FIRST_COLUMNS] for order in orders]))


def first_scenarios(asked: Asked) -> Indices:
    """The worst days of all strategies together: more than a tail of them, or the master would be unbounded."""
    losses = portfolio_losses(asked.returns_by_strategy, np.full(asked.strategies, 1.0 / asked.strategies))
    count = min(int(np.ceil(TAILS * asked.tail)) + 5, asked.days)
    return np.argsort(-losses, kind="stable")[:count]


__all__ = ["first_columns", "first_scenarios"]
