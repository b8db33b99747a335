"""The days of several instruments beside each other: what a book would have made on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.weights import MAX_DAYS, InstrumentDays
from fluxfloor.kernels.tail import Edge, largest_size, tail_edge

Floats = NDArray[np.float64]


def edge_of(base: Floats, own: Floats, lots: int, alpha: float) -> Edge:
    """The CVaR of losses (days,) with so many lots of a trade that loses `own` a lot, and what one more adds."""
    return Edge(*tail_edge(base + lots * own, own, alpha))


def most_lots(base: Floats, own: Floats, alpha: float, limit: float, most: int) -> int:
    """The most lots, up to `most`, whose CVaR beside `base` stays within `limit`; negative if there are none."""
    return int(largest_size(base, own, alpha, limit, most))


@dataclass(frozen=True, eq=False, slots=True)
class Scenarios:
    """returns: (instruments, days) fractions, close to close, of the days that all of `places` have in common, oldest
    first. correlations: (instruments, instruments), of an instrument that never moved 0. Nothing here is writeable.
    """

    places: Mapping[str, int]
    returns: Floats
    correlations: Floats
    least: int

    @property
    def count(self) -> int:
        return int(self.returns.shape[1])

    def losses(self, notionals: Mapping[str, float]) -> Floats:
        """(days,) what these signed notionals would have lost on each day; all of them must be among `places`."""
        lost: Floats = -self._placed(notionals) @ self.returns
        return lost

    def _placed(self, values: Mapping[str, float]) -> Floats:
        placed = np.zeros(len(self.places))
        for name, value in values.items():
            placed[self.places[name]] = value
        return placed

    def correlation(self, one: str, other: str) -> float | None:
        """None where the days of either are not known."""
        if one not in self.places or other not in self.places:
            return None
        return float(self.correlations[self.places[one], self.places[other]])

    def mean_correlation(self, signs: Mapping[str, int]) -> float | None:
        """Of all pairs, each with the product of its signs; None where fewer than two of them are known."""
        known = {name: float(sign) for name, sign in signs.items() if name in self.places}
        if len(known) < 2:
            return None
        held = self._placed(known)
        every, own = held @ self.correlations @ held, (held * held) @ np.diagonal(self.correlations)
        return float((every - own) / (len(known) * (len(known) - 1)))


def aligned(days: Mapping[str, InstrumentDays], first: str, least: int) -> Scenarios | None:
    """The instruments' common days, `MAX_DAYS` of the newest at most.

    `first` comes first, then who has the most days; whoever would leave fewer than `least` in common stays out, and is
    not among `places`. None where nobody has so many.
    """
    order = sorted(days, key=lambda name: (name != first, -len(days[name].days), name))
    common: NDArray[np.int64] | None = None
    chosen: list[str] = []
    for name in order:
        own = np.array(days[name].days, np.int64)
        left = own if common is None else np.intersect1d(common, own, assume_unique=True)
        if len(left) >= least:
            common, chosen = left, [*chosen, name]
    if common is None:
        return None
    common = common[-MAX_DAYS:]
    rows = [_on(days[name], common) for name in chosen]
    returns = np.ascontiguousarray(rows)
    found = Scenarios({name: at for at, name in enumerate(chosen)}, returns, _correlations(returns), least)
    for array in (found.returns, found.correlations):
        array.flags.writeable = False
    return found


def _on(item: InstrumentDays, common: NDArray[np.int64]) -> Floats:
    places = np.searchsorted(np.array(item.days, np.int64), common)
    found: Floats = np.array(item.returns, np.float64)[places]
    return found


def _correlations(returns: Floats) -> Floats:
    moved = returns - returns.mean(axis=1, keepdims=True)
    lengths = np.sqrt((moved * moved).sum(axis=1))
    still = lengths <= 1e-12 * np.sqrt(returns.shape[1])
    unit = moved / np.where(still, 1.0, lengths)[:, None]
    unit[still] = 0.0
    found: Floats = np.clip(unit @ unit.T, -1.0, 1.0)
    return found
