"""Factors: each cuts what the limits leave."""

from __future__ import annotations

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ONE, Entry
from fluxfloor.contracts.decisions import Limit, Reason


def drawdown_ladder(entry: Entry, lots: int) -> Limit | None:
    """Half of what the limits leave while the drawdown is beyond its first step."""
    down = books.drawdown(entry.book)
    if down < entry.limits.drawdown_halves:
        return None
    note = f"{words.percent(down)} below the highest equity: half of what the limits leave"
    return Limit(name=Reason.DRAWDOWN, allows_lots=lots // 2, note=note)


def asked_share(entry: Entry, lots: int) -> Limit | None:
    """What the signal asks for of it: a strategy that is less sure, or in wilder markets."""
    if entry.size_factor == ONE:
        return None
    note = f"the signal asks for {words.percent(entry.size_factor)} of what the limits leave"
    return Limit(name=Reason.REQUESTED_SIZE, allows_lots=int(lots * entry.size_factor), note=note)
