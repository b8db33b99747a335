"""Whole histories as tables: what of them can be used, how they lie in time, and several files of one market as one.

The gate (`quality`) judges deliveries bar by bar as they come; a history of years is judged here in one go, by the same
rules for what a broken bar is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.market.quality import HIGHEST_PRICE, LOWEST_PRICE
from fluxfloor.market.window import CLOSE, HIGH, LOW, OPEN, OPEN_MS, VOLUME, Bars, unique


@dataclass(frozen=True, slots=True, eq=False)
class Usable:
    """`bars`: sorted, one per open time, none broken. `left_out`: how many rows went, by reason. `conflicts`: how many
    of the repeated ones said something else than the row that stayed."""

    bars: Bars
    left_out: dict[str, int]
    conflicts: int


@dataclass(frozen=True, slots=True)
class Gap:
    """`missing` bars between two that are there."""

    after_ms: int
    before_ms: int
    missing: int


def usable(bars: Bars) -> Usable:
    """What a backtest can be run on. Of several rows with one open time the last stays."""
    left_out: dict[str, int] = {}
    low, high, prices = bars[:, LOW], bars[:, HIGH], bars[:, OPEN : CLOSE + 1]
    with np.errstate(invalid="ignore"):
        no_price = ~((prices >= LOWEST_PRICE) & (prices <= HIGHEST_PRICE)).all(axis=1)
        bad_volume = ~(np.isfinite(bars[:, VOLUME]) & (bars[:, VOLUME] >= 0))
        ends = bars[:, [OPEN, CLOSE]]
        outside = (ends.max(axis=1) > high) | (ends.min(axis=1) < low)
    kept = np.ones(len(bars), np.bool_)
    faults = (("not_a_price", no_price), ("bad_volume", bad_volume), ("high_below_low", high < low),
              ("outside_range", outside))  # fmt: skip
    for reason, fault in faults:
        _count(left_out, reason, int(np.sum(fault & kept)))
        kept &= ~fault
    good = bars[kept]
    single = np.ascontiguousarray(unique(good))
    _count(left_out, "repeated", len(good) - len(single))
    stayed = single[np.searchsorted(single[:, OPEN_MS], good[:, OPEN_MS])]
    return Usable(single, left_out, int((stayed != good).any(axis=1).sum()))


def joined(tables: Sequence[Bars]) -> Bars:
    """Files of one market as one, in the order given; of one open time the later file's bar counts."""
    return np.concatenate(tables)


def timeframe_of(bars: Bars) -> str:
    """The name of the distance that most bars keep from the one before; "" where it has none."""
    if len(bars) < 2:
        return ""
    steps, counts = np.unique(np.diff(bars[:, OPEN_MS]), return_counts=True)
    usual = int(steps[counts.argmax()])
    return next((name for name, step in TIMEFRAME_MS.items() if step == usual), "")


def gaps(bars: Bars, step_ms: int) -> list[Gap]:
    """Where bars of this length are missing, longest first; nights and weekends of an exchange count as well."""
    steps = np.diff(bars[:, OPEN_MS])
    places = np.flatnonzero(steps > step_ms)
    found = [Gap(int(bars[at, OPEN_MS]), int(bars[at + 1, OPEN_MS]), int(steps[at] // step_ms) - 1) for at in places]
    return sorted((gap for gap in found if gap.missing > 0), key=lambda gap: -gap.missing)


def _count(left_out: dict[str, int], reason: str, rows: int) -> None:
    if rows:
        left_out[reason] = rows
