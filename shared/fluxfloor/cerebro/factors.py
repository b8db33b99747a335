"""Factors: each cuts what the limits leave."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ONE, Entry
from fluxfloor.contracts.decisions import Limit, Reason

SPIKE_RATIO = 2.0  # of the ATR to its mean of 50 bars, where five-minute bars don't say it better
DOWNTREND, UPTREND, REVERTS = -1.0, 1.0, 2.0  # the feature `regime`


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


def volatility(entry: Entry, lots: int) -> Limit | None:
    """Less of what an outside sender wants while volatility spikes. The floor's own strategies see it themselves,
    and ask for less (see `asked_share`)."""
    spike, ratio = entry.features.get("spike"), entry.features.get("volatility_ratio", 0.0)
    if not entry.outside or entry.limits.spike_size == ONE or not (ratio > SPIKE_RATIO if spike is None else spike > 0):
        return None
    seen = f"ATR at {ratio:.2f} times its mean" if spike is None else "5-minute ATR above twice the hourly"
    return _part(Reason.VOLATILITY, entry.limits.spike_size, lots, f"volatility spikes ({seen})")


def against_trend(entry: Entry, lots: int) -> Limit | None:
    """Less of what an outside sender wants against a confirmed trend."""
    against = DOWNTREND if entry.long else UPTREND
    if not entry.outside or entry.limits.against_trend_size == ONE or entry.features.get("regime") != against:
        return None
    return _part(Reason.REGIME, entry.limits.against_trend_size, lots, "against a confirmed trend")


def _part(reason: Reason, share: Decimal, lots: int, why: str) -> Limit:
    return Limit(name=reason, allows_lots=int(lots * share), note=f"{why}: {words.percent(share)} of what is left")


def drawdown_ladder(entry: Entry, lots: int) -> Limit | None:
    """Half of what the limits leave while the drawdown is beyond its first step."""
    down = books.drawdown(entry.book)
    if down < entry.limits.drawdown_halves:
        return None
    note = f"{words.percent(down)} below the highest equity: half of what the limits leave"
    if entry.limits.drawdown_stop != ONE:
        note += f", and the stop at {words.percent(entry.limits.drawdown_stop)} of its distance"
    return Limit(name=Reason.DRAWDOWN, allows_lots=lots // 2, note=note)


def asked_share(entry: Entry, lots: int) -> Limit | None:
    """What the signal asks for of it: a strategy that is less sure, or in wilder markets."""
    if entry.size_factor == ONE:
        return None
    note = f"the signal asks for {words.percent(entry.size_factor)} of what the limits leave"
    if entry.why_less:
        note += f" ({entry.why_less})"
    return Limit(name=Reason.REQUESTED_SIZE, allows_lots=int(lots * entry.size_factor), note=note)
