"""How large an account may grow before its own orders are too much of what is traded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.market.window import CLOSE, OPEN_MS, VOLUME, Bars
from fluxfloor.measures.records import Floats, Ints, Run
from fluxfloor.measures.trades import select
from fluxfloor.simulation.histories import History

LIMIT, SHARE = 0.10, 0.95


@dataclass(frozen=True, slots=True)
class Capacity:
    """Participation is an order's notional over what was traded in its bar, entry and exit alike.

    `account` is the equity at which `share` of the orders still stay within `limit`, in the account's currency; orders
    are taken to grow with the account. `dry` counts orders in bars in which nothing traded: no size fits those.
    """

    account: float
    limit: float
    share: float
    median: float
    high: float
    worst: float
    orders: int
    dry: int


def capacity(run: Run, history: History, limit: float = LIMIT, share: float = SHARE) -> Capacity | None:
    """From the run's own trades; None without a trade in a bar with volume. Equity is that at the order."""
    parts, scaled, dry = [], [], 0
    for place, symbol in enumerate(run.symbols):
        trades = select(run.trades, run.trades.symbol == place)
        for times, prices in ((trades.entry_ms, trades.entry_price), (trades.exit_ms, trades.exit_price)):
            notional, turned = trades.quantity * prices, _turned_over(history[symbol], times)
            wet = turned > 0.0
            dry += int(np.sum(~wet))
            part = notional[wet] / turned[wet]
            parts.append(part)
            scaled.append(part / _equity_at(run, times[wet]))
    participation, per_money = np.concatenate(parts), np.concatenate(scaled)
    if not participation.size:
        return None
    # dry bars are orders that no size fits: they count against the share
    kept = min(1.0, share * (participation.size + dry) / participation.size)
    edge = float(np.quantile(per_money, kept))
    median, high = np.quantile(participation, [0.5, share]).tolist()
    return Capacity(
        account=limit / edge, limit=limit, share=share, median=median, high=high, worst=float(participation.max()),
        orders=int(participation.size) + dry, dry=dry,
    )  # fmt: skip


def _turned_over(bars: Bars, times_ms: Ints) -> Floats:
    """Volume times close of the bar that each time falls into."""
    place = np.maximum(np.searchsorted(bars[:, OPEN_MS], times_ms, side="right") - 1, 0)
    return np.asarray(bars[place, VOLUME] * bars[place, CLOSE])


def _equity_at(run: Run, times_ms: Ints) -> Floats:
    place = np.searchsorted(run.close_ms, times_ms, side="right") - 1
    return np.where(place >= 0, run.equity[np.maximum(place, 0)], run.opening)
