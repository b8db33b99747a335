"""The limits of one entry: each says alone how many lots it would allow, and the smallest binds.

Every function takes an `Entry` and returns one `Limit` of the waterfall. GATES pass or refuse; SIZE_LIMITS allow a
number of lots; FACTORS cut what those leave. Another one is one function and one line in its table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fluxfloor.cerebro import factors, gates, protections, room, routing, sizes, tails
from fluxfloor.cerebro.entry import Entry
from fluxfloor.contracts.decisions import Limit, Tail
from fluxfloor.contracts.money import exact

GATES: tuple[Callable[[Entry], Limit | None], ...] = (
    gates.daily_loss, gates.drawdown, gates.open_positions, protections.cooldown, protections.stop_guard,
    protections.lookback_drawdown, protections.low_profit, protections.self_trade, protections.unfilled_entries,
)  # fmt: skip
SIZE_LIMITS: tuple[Callable[[Entry], Limit | None], ...] = (
    sizes.requested_size, sizes.strategy_budget, sizes.risk_per_trade, sizes.position_cap, sizes.exposure_cap,
    sizes.margin, routing.accounts, room.liquidation, room.liquidity, tails.portfolio_cvar,
)  # fmt: skip
FACTORS: tuple[Callable[[Entry, int], Limit | None], ...] = (
    factors.correlated, factors.volatility, factors.against_trend, factors.drawdown_ladder, factors.asked_share,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sizing:
    """The lots that all limits allow, each limit's word with the binding one marked, and the tail with those lots."""

    lots: int
    steps: tuple[Limit, ...]
    tail: Tail | None


@exact
def waterfall(entry: Entry) -> Sizing:
    limits = [found for limit in (*GATES, *SIZE_LIMITS) if (found := limit(entry)) is not None]
    lots = min(limit.allows_lots for limit in limits if limit.allows_lots is not None)
    for factor in FACTORS:
        cut = factor(entry, lots)
        if cut is not None and cut.allows_lots is not None:
            limits.append(cut)
            lots = min(lots, cut.allows_lots)
    tail = tails.judged(entry, lots)
    if lots and tails.breached(entry, tail):
        limits.append(tails.short_of_it(entry, tail))
        lots = 0
    binding = next(index for index, limit in enumerate(limits) if limit.allows_lots == lots)
    limits[binding] = limits[binding].model_copy(update={"binding": True, "passed": lots > 0})
    return Sizing(lots, tuple(limits), tail)
