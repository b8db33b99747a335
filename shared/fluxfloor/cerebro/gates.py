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
    return _gate(Reason.DAILY_LOSS, lost < most, f"{today} today, entries stop at a loss of {words.percent(most)}")


def drawdown(entry: Entry) -> Limit:
    """A resumed floor that is still so far down would have to close again what it opens: it opens nothing."""
    down, most = max(books.drawdown(entry.book), ZERO), entry.limits.drawdown_flattens
    note = f"{words.percent(down)} below the highest equity, entries stop at {words.percent(most)}"
    return _gate(Reason.DRAWDOWN, down < most, note)


def open_positions(entry: Entry) -> Limit:
    slots, most = books.open_slots(entry.book), entry.limits.max_open_positions
    adds = entry.slot in slots
    return _gate(Reason.OPEN_POSITIONS, adds or len(slots) < most, f"{len(slots)} of at most {most} positions are open")


def _gate(reason: Reason, passed: bool, note: str) -> Limit:
    return Limit(name=reason, passed=passed, allows_lots=None if passed else 0, note=note)
