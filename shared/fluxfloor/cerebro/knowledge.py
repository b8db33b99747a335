"""What is known beside the signal, the book and the policy: how capital is shared, and how instruments move."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from fluxfloor.contracts.recent import RecentTrading
from fluxfloor.contracts.weights import Allocation

if TYPE_CHECKING:
    from fluxfloor.cerebro.scenarios import Scenarios


FEWEST_DAYS = 60
IN_THE_TAIL = 3  # days that a tail is made of, or it is an anecdote


def fewest_days(alpha: float) -> int:
    """How many common days a CVaR at `alpha` is told from at the least: 120 at 0.975."""
    return max(FEWEST_DAYS, ceil(round(IN_THE_TAIL / (1.0 - alpha), 9)))


@dataclass(frozen=True, slots=True)
class Knowledge:
    """`scenarios` are the days of the instruments in the book and of the signal's own, as far as they are kept; None
    where none are. `recent` is what protections look back at. What is not known sets no limit, and the waterfall says
    so of days and weights."""

    allocation: Allocation | None = None
    scenarios: Scenarios | None = None
    recent: RecentTrading | None = None


NOTHING_KNOWN = Knowledge()
