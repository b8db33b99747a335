"""Limits that let an entry pass or refuse it."""

from __future__ import annotations

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ZERO, Entry
from fluxfloor.contracts.decisions import Limit, Reason


def daily_loss(entry: Entry) -> Limit:
    """Where losses flatten sooner than they halt, nothing is opened that would be closed at once."""
    flattens = entry.limits.daily_loss_flattens
    lost, halts = books.daily_loss(entry.book), entry.limits.daily_loss_halts
    most = halts if flattens is None else min(halts, flattens)
    today = f"{words.percent(lost)} lost" if lost > 0 else f"{words.percent(-lost)} made" if lost else "nothing lost"
    return gate(Reason.DAILY_LOSS, lost < most, f"{today} today, entries stop at a loss of {words.percent(most)}")


def drawdown(entry: Entry) -> Limit:
    """A resumed floor that is still so far down would have to close again what it opens: it opens nothing."""
    down, most = max(books.drawdown(entry.book), ZERO), entry.limits.drawdown_flattens
    note = f"{words.percent(down)} below the highest equity, entries stop at {words.percent(most)}"
    return gate(Reason.DRAWDOWN, down < most, note)


def open_positions(entry: Entry) -> Limit:
    slots, most = books.open_slots(entry.book), entry.limits.max_open_positions
    crowd = _crowded(entry)
    if crowd is not None:
        most -= entry.limits.crowded_fewer_positions
    adds = entry.slot in slots
    note = f"{len(slots)} of at most {most} positions are open"
    if crowd is not None:
        note += f": {entry.limits.crowded_fewer_positions} fewer, for the book moves as one ({crowd:.2f})"
    return gate(Reason.OPEN_POSITIONS, adds or len(slots) < most, note)


def _crowded(entry: Entry) -> float | None:
    """The mean correlation of all pairs that the book would have with this entry, where it is beyond what the policy
    lets stand without giving up positions. Opposite sides of what moves together count as its opposite."""
    scenarios, others = entry.knowledge.scenarios, entry.others
    if scenarios is None or not entry.limits.crowded_fewer_positions:
        return None
    signs = {name: 1 if notional > 0 else -1 for name, notional in others.items()}
    signs[entry.rules.instrument_id] = 1 if entry.long else -1
    mean = scenarios.mean_correlation(signs)
    return mean if mean is not None and mean > entry.limits.correlation_crowds else None


def gate(reason: Reason, passed: bool, note: str) -> Limit:
    """A step that passes, or leaves nothing."""
    return Limit(name=reason, passed=passed, allows_lots=None if passed else 0, note=note)
