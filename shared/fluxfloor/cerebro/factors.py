"""Factors: each cuts what the limits leave."""

from __future__ import annotations

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ONE, Entry
from fluxfloor.contracts.decisions import Limit, Reason


def correlated(entry: Entry, lots: int) -> Limit | None:
    """Half, where an open position moves with the entry: held on its side, or against it on the other. More of the same
    instrument is the position cap's matter."""
    closest = max(_moving_with(entry), default=None)
    if closest is None or closest[0] <= entry.limits.correlation_halves:
        return None
    beyond = words.grouped(entry.limits.correlation_halves)
    how = f"{closest[0]:.3f}, beyond {beyond}"
    note = f"it moves with {closest[1]} that is open ({how}): half of what the limits leave"
    return Limit(name=Reason.CORRELATION, allows_lots=lots // 2, note=note)


def _moving_with(entry: Entry) -> list[tuple[float, str]]:
    """(correlation of profits, symbol) of everything open whose days are known."""
    scenarios, own, side = entry.knowledge.scenarios, entry.rules.instrument_id, 1 if entry.long else -1
    if scenarios is None:
        return []
    found = {name: scenarios.correlation(own, name) for name in entry.others if name != own}
    return [
        (value * side * (1 if entry.others[name] > 0 else -1), entry.instruments[name].symbol)
        for name, value in found.items()
        if value is not None
    ]


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
