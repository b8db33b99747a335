"""The modes of a strategy on trial: one that trails over its last trades loses weight, judged once a month.

The rule stands here alone, for the backtest's loop and for the floor, and its state is a sum of facts: the returns of
the last TRIAL_TRADES closed trades of each mode, its weight, and the month it was last judged in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRIAL_TRADES = 20
LEAST_WEIGHT = 0.25
DAY_MS = 86_400_000


@kernel
def month_of(ts_ms: int) -> int:
    """Months since year 0 of the proleptic Gregorian calendar, UTC (days to civil date, H. Hinnant 2013)."""
    days = ts_ms // DAY_MS + 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153  # 0 is March
    month = shifted + 3 if shifted < 10 else shifted - 9
    return (year + era * 400 + (1 if month <= 2 else 0)) * 12 + month - 1


@kernel
def judged(weights: Floats, counts: Ints, returns: Floats) -> Floats:
    """The weights of the month that begins: halved, down to LEAST_WEIGHT, for a mode that trails; doubled, up to 1,
    for any other.

    weights: (modes,), in (0, 1]. counts: (modes,) closed trades so far. returns: (modes, TRIAL_TRADES) of the last of
    them, a fraction of the entry's notional each. A mode trails when it has closed TRIAL_TRADES or more, and the mean
    of the last is below zero or below the mean of all other modes that have closed as many. Returns (modes,).
    """
    after = weights.copy()
    for mode in range(weights.size):
        own, others, peers = returns[mode].mean(), 0.0, 0
        for other in range(weights.size):
            if other != mode and counts[other] >= TRIAL_TRADES:
                others += returns[other].mean()
                peers += 1
        trails = counts[mode] >= TRIAL_TRADES and (own < 0.0 or (peers > 0 and own < others / max(peers, 1)))
        after[mode] = max(weights[mode] / 2.0, LEAST_WEIGHT) if trails else min(weights[mode] * 2.0, 1.0)
    return after
