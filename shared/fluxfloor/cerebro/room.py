"""Limits by the market and the venue: what trades, what is offered, and how far away a liquidation stays."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ONE, ZERO, Entry
from fluxfloor.contracts.decisions import Limit, Reason

VOLUME = "volume_mean_20"
"""The feature: mean volume of the last 20 closed bars, in the base asset."""


def liquidity(entry: Entry) -> Limit:
    """A share of what trades in a bar on average, and a multiple of what the quote offers; what is not known limits
    nothing, and is said."""
    limits, offered = entry.limits, entry.offered
    traded = words.from_float(entry.features.get(VOLUME, 0.0))
    known = []
    if traded > 0:
        note = f"{words.percent(limits.volume_share)} of the {_some(entry, traded)} that trade in a bar on average"
        known.append((entry.rules.lots(limits.volume_share * traded), note))
    if limits.touch_multiple is not None and offered is not None:
        note = f"{words.grouped(limits.touch_multiple)} times the {_some(entry, offered)} offered at the touch"
        known.append((entry.rules.lots(limits.touch_multiple * offered), note))
    if not known:
        return Limit(
            name=Reason.LIQUIDITY, note="not known: no volume of the bars, and no depth that the policy asks for"
        )
    lots, note = min(known)
    return Limit(name=Reason.LIQUIDITY, allows_lots=lots, note=f"at most {note}")


def _some(entry: Entry, quantity: Decimal) -> str:
    return words.quantity(max(1, entry.rules.lots(quantity)), entry.rules)


def liquidation(entry: Entry) -> Limit | None:
    """With leverage, all that the account has stands for every position (cross margin). Should the price go the stated
    number of stop distances against this entry, with what is held of the same instrument, then what is left must still
    cover the maintenance of all. Nothing where the instrument is paid in full."""
    rules, limits = entry.rules, entry.limits
    if rules.margin_rate >= ONE:
        return None
    away = limits.liquidation_stops * entry.distance
    bound = sum(
        (max(both) * entry.instruments[_instrument(slot)].maintenance for slot, both in entry.sides.items()), ZERO
    )
    net = entry.others.get(rules.instrument_id, ZERO) * (1 if entry.long else -1)
    free = entry.book.equity - bound - max(net, ZERO) / entry.price * away
    lots = entry.lots_for(free, away + rules.maintenance * entry.price)
    note = (
        f"a liquidation must stay {words.grouped(limits.liquidation_stops)} stops away: "
        f"{entry.money(max(free, ZERO))} are free for it"
    )
    return Limit(name=Reason.LIQUIDATION, allows_lots=lots, note=note)


def _instrument(slot: str) -> str:
    return slot.partition("|")[2]
