"""What the tail of one entry is made of: the days of what is held and wanted; what is assumed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fluxfloor.cerebro.entry import Entry
    from fluxfloor.cerebro.scenarios import Floats


@dataclass(frozen=True, eq=False, slots=True)
class Stake:
    """Money of the book's currency. base: (days,) what the book would have lost, as far as its days are known; own: the
    same of one lot of the trade. `rest` is assumed of what else is held, `assumed` of one lot of the trade: 0 where its
    own days are known. CVaR is subadditive: what is assumed may simply be added."""

    base: Floats
    own: Floats
    rest: float
    assumed: float
    each: float
    alpha: float
    limit: float
    without_days: tuple[str, ...]

    def with_lots(self, lots: int) -> tuple[float, float]:
        """(CVaR with so many lots of the trade, what one more adds)."""
        from fluxfloor.cerebro.scenarios import edge_of

        edge = edge_of(self.base, self.own, lots, self.alpha)
        return edge.cvar + self.rest + lots * self.assumed, edge.slope + self.assumed

    def largest(self, most: int) -> int:
        """The most lots, up to `most`, that keep the CVaR within its limit; negative if there are none."""
        from fluxfloor.cerebro.scenarios import most_lots

        if self.assumed:
            return min(most, int((self.limit - self.with_lots(0)[0]) // self.assumed))
        return most_lots(self.base, self.own, self.alpha, self.limit - self.rest, most)


def stake_of(entry: Entry) -> Stake | None:
    """None where nobody's days are known."""
    scenarios, name, limits = entry.knowledge.scenarios, entry.rules.instrument_id, entry.limits
    if scenarios is None:
        return None
    share, known = float(limits.assumed_cvar), scenarios.places
    others = {other: float(notional) for other, notional in entry.others.items()}
    held = {other: worth for other, worth in others.items() if other in known}
    rest = {other: share * abs(worth) for other, worth in others.items() if other not in known}
    each = float(entry.price * entry.rules.lot_size)
    own = {name: each if entry.long else -each} if name in known else {}
    return Stake(
        base=scenarios.losses(held), own=scenarios.losses(own),
        rest=sum(rest.values()), assumed=0.0 if name in known else share * each, each=each,
        alpha=float(limits.cvar_alpha), limit=float(limits.cvar_cap * entry.book.equity),
        without_days=tuple(sorted({*rest, *(() if name in known else (name,))})),
    )  # fmt: skip
