"""The limits of one entry: each says alone how many lots it would allow, and the smallest binds.

Every function takes an `Entry` and returns one `Limit` of the waterfall. GATES pass or refuse; SIZE_LIMITS allow a
number of lots; FACTORS cut what those leave. Another one is one function and one line in its table.
"""

from __future__ import annotations

from collections.abc import Callable

from fluxfloor.cerebro import factors, gates, sizes
from fluxfloor.cerebro.entry import Entry
from fluxfloor.contracts.decisions import Limit
from fluxfloor.contracts.money import exact

GATES: tuple[Callable[[Entry], Limit], ...] = (gates.daily_loss, gates.drawdown, gates.open_positions)
SIZE_LIMITS: tuple[Callable[[Entry], Limit], ...] = (
    sizes.requested_size, sizes.strategy_budget, sizes.risk_per_trade, sizes.position_cap, sizes.exposure_cap,
    sizes.margin,
)  # fmt: skip
FACTORS: tuple[Callable[[Entry, int], Limit | None], ...] = (factors.drawdown_ladder, factors.asked_share)


@exact
def waterfall(entry: Entry) -> tuple[int, tuple[Limit, ...]]:
    """The lots that all limits allow, and each limit's word with the binding one marked."""
    limits = [limit(entry) for limit in (*GATES, *SIZE_LIMITS)]
    lots = min(limit.allows_lots for limit in limits if limit.allows_lots is not None)
    for factor in FACTORS:
        cut = factor(entry, lots)
        if cut is not None and cut.allows_lots is not None:
            limits.append(cut)
            lots = min(lots, cut.allows_lots)
    binding = next(index for index, limit in enumerate(limits) if limit.allows_lots == lots)
    limits[binding] = limits[binding].model_copy(update={"binding": True, "passed": lots > 0})
    return lots, tuple(limits)
