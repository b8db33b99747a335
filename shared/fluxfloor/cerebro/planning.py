"""How an entry is to be worked at the venue: as it is, re-priced while it does not fill, or in slices.

A plan is execution's to follow; what is decided here is which one, and how far it may go. A chase never goes beyond
what was reserved for the entry, so that none of its limits has to be asked again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ONE, ZERO, Entry
from fluxfloor.cerebro.room import VOLUME
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.plans import Plan, PlanStyle
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.signals import Leg, OrderType, PlanWish, Signal, TimeInForce

SLICED_TYPES = (OrderType.MARKET, OrderType.LIMIT)
SHARE_PLACES = Decimal("0.000001")


def chased(leg: Leg, signal: Signal, limits: Limits) -> bool:
    """May it be re-priced while it does not fill? Not where the sender says himself how long or how it is to rest."""
    if leg.post_only or leg.time_in_force is not None or leg.order_type not in SLICED_TYPES:
        return False
    if leg.plan is not None:
        return leg.plan.style is PlanStyle.CHASE
    rests = leg.order_type is OrderType.LIMIT and signal.expires_ms is not None
    return limits.entry_plan == "chase" and limits.max_chases > 0 and not rests


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan is made from, beside the entry. `seen_ticks`: the price that the sender saw, else mid.
    `release_by_ms`: of an order that is only prepared, when it is dropped; 0 of any other."""

    leg: Leg
    entry: Entry
    alpha: Decimal
    seen_ticks: int
    release_by_ms: int = 0


def plan(on: Ground, lots: int, whole: int) -> Plan | None:
    """Of `lots`, one account's part of `whole`. None: in one placement, as it is."""
    if on.release_by_ms:
        return Plan(style=PlanStyle.PREPARED, release_by_ms=on.release_by_ms)
    leg, limits, wish = on.leg, on.entry.limits, on.leg.plan
    sliceable = leg.order_type in SLICED_TYPES and leg.time_in_force in (None, TimeInForce.GTC)
    if sliceable and wish is not None and wish.style is PlanStyle.TWAP:
        return _twap(on, lots, wish.over_ms or limits.large_over_ms, wish.slices or limits.large_slices)
    if sliceable and wish is not None and wish.style is PlanStyle.ICEBERG:
        return _iceberg(on, lots, _shown(on, wish))
    most = unsliced(on.entry)
    if sliceable and wish is None and limits.large_plan != "once" and most is not None and whole > most:
        if limits.large_plan == "iceberg":
            return _iceberg(on, lots, most * lots // whole)
        slices = min(limits.large_slices, -(-whole // max(1, most)))
        return _twap(on, lots, limits.large_over_ms, slices)
    return _chase(on) if on.entry.chased else None


def unsliced(entry: Entry) -> int | None:
    """The most that goes in one piece; None where the policy says nothing, or nothing is known of the market."""
    limits, known = entry.limits, []
    traded = words.from_float(entry.features.get(VOLUME, 0.0))
    if limits.large_touch_multiple is not None and entry.offered is not None:
        known.append(entry.rules.lots(limits.large_touch_multiple * entry.offered))
    if limits.large_volume_share is not None and traded > 0:
        known.append(entry.rules.lots(limits.large_volume_share * traded))
    return min(known, default=None)


def _twap(on: Ground, lots: int, over_ms: int, slices: int) -> Plan | None:
    """No slice below the venue's smallest order."""
    slices = min(slices, lots // on.entry.rules.min_lots(on.entry.prices.low))
    if slices < 2:
        return _chase(on) if on.entry.chased else None
    return Plan(style=PlanStyle.TWAP, over_ms=over_ms, slices=slices, patience_ms=on.entry.limits.chase_patience_ms)


def _iceberg(on: Ground, lots: int, shown: int) -> Plan | None:
    shown = max(shown, on.entry.rules.min_lots(on.entry.prices.low))
    if shown >= lots:
        return _chase(on) if on.entry.chased else None
    return Plan(style=PlanStyle.ICEBERG, show_lots=shown)


def _shown(on: Ground, wish: PlanWish) -> int:
    if wish.show is not None:
        return on.entry.rules.lots(wish.show)
    return unsliced(on.entry) or 0


@exact
def _chase(on: Ground) -> Plan | None:
    """Under the 30 % rule, and within what was reserved: mid is never beyond the worst price that the limits have
    counted with."""
    entry, limits = on.entry, on.entry.limits
    seen = entry.rules.price(on.seen_ticks)
    worst = entry.price * (ONE + books.WORST_MOVE if entry.long else ONE - books.WORST_MOVE)
    room = (worst - seen if entry.long else seen - worst) / seen
    share = min(limits.slippage_share, (room / on.alpha).quantize(SHARE_PLACES, ROUND_FLOOR))
    if share <= ZERO:
        return None
    return Plan(
        style=PlanStyle.CHASE, patience_ms=limits.chase_patience_ms, max_chases=limits.max_chases,
        expected_alpha=on.alpha, slippage_share=share, reference_ticks=on.seen_ticks,
    )  # fmt: skip


def told(made: Plan | None) -> str:
    """Of what is not simply ordered: "in 10 slices over 15 min"; empty of the rest."""
    if made is None or made.style not in (PlanStyle.TWAP, PlanStyle.ICEBERG):
        return ""
    if made.style is PlanStyle.TWAP:
        return f"in {made.slices} slices over {words.duration(made.over_ms)}"
    return "never showing more than a part of it"
