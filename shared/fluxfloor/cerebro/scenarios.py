"""The days of several instruments beside each other: what a book would have made on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.weights import MAX_DAYS, InstrumentDays
from fluxfloor.kernels.tail import Edge, cvar, largest_size, tail_edge

Floats = NDArray[np.float64]


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
        if not notionals:
            return np.zeros(self.count)
        rows = [self.places[name] for name in notionals]
        lost: Floats = -(np.array(list(notionals.values())) @ self.returns[rows])
        return lost

    def cvar(self, held: Mapping[str, float], alpha: float) -> float:
        return float(cvar(self.losses(held), alpha)) if held else 0.0

    def largest(self, held: Mapping[str, float], name: str, each: float, alpha: float, limit: float, most: int) -> int:
        """The most lots of `name`, up to `most`, whose CVaR beside `held` stays within `limit`; negative if none."""
        return int(largest_size(self.losses(held), self.losses({name: each}), alpha, limit, most))

    def edge(self, held: Mapping[str, float], name: str, each: float, alpha: float, lots: int) -> Edge:
        """The CVaR beside `held` with so many lots of `name`, and what one more adds."""
        own = self.losses({name: each})
        return Edge(*tail_edge(self.losses(held) + lots * own, own, alpha))

    def correlation(self, one: str, other: str) -> float | None:
        """None where the days of either are not known."""
        if one not in self.places or other not in self.places:
            return None
        return float(self.correlations[self.places[one], self.places[other]])

    def mean_correlation(self, signs: Mapping[str, int]) -> float | None:
        """Of all pairs, each with the product of its signs; None where fewer than two of them are known."""
        known = [name for name in signs if name in self.places]
        if len(known) < 2:
            return None
        rows, held = [self.places[name] for name in known], np.array([signs[name] for name in known], np.float64)
        pairs = self.correlations[np.ix_(rows, rows)] * np.outer(held, held)
        return float((pairs.sum() - np.trace(pairs)) / (len(known) * (len(known) - 1)))


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
