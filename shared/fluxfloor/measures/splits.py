"""Parts of a history: windows that walk forward, and folds from which nothing leaks into the part that judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from fluxfloor.measures.records import Floats, Ints

PASSING_SHARE = 0.60  # of the test periods have to gain
_MONTH = "datetime64[M]"


@dataclass(frozen=True, slots=True)
class Window:
    """Trained on [train_from_ms, test_from_ms), tested on [test_from_ms, test_until_ms)."""

    train_from_ms: int
    test_from_ms: int
    test_until_ms: int


@dataclass(frozen=True, slots=True)
class Period:
    """What one window brought: `choice` names what training chose; returns are fractions of the period."""

    window: Window
    choice: str
    train_return: float
    test_return: float
    trades: int


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """The periods in order, and the bar returns of all test periods end to end with their close times."""

    periods: tuple[Period, ...]
    close_ms: Ints
    returns: Floats
    passing_share: float = PASSING_SHARE

    @property
    def gaining_share(self) -> float | None:
        """The share of the test periods that gained; None without periods. A period without a trade gained nothing."""
        return sum(part.test_return > 0.0 for part in self.periods) / len(self.periods) if self.periods else None

    @property
    def passed(self) -> bool:
        share = self.gaining_share
        return share is not None and share > self.passing_share

    @property
    def total_return(self) -> float:
        """Of the test periods, one after the other."""
        return prod(1.0 + part.test_return for part in self.periods) - 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Indexes of labels, ascending."""

    train: Ints
    test: Ints


def calendar_windows(begin_ms: int, end_ms: int, train_months: int = 3, test_months: int = 1) -> tuple[Window, ...]:
    """Windows of whole UTC months within [begin_ms, end_ms), each a test period later than the one before.

    Raises ValueError for a length below one month.
    """
    if train_months < 1 or test_months < 1:
        raise ValueError("windows are at least one month long")
    begin, end = np.datetime64(begin_ms, "ms"), np.datetime64(end_ms, "ms")
    first = begin.astype(_MONTH)
    if first.astype("datetime64[ms]") < begin:
        first += 1
    return tuple(_windows(first, end, train_months, test_months))


def _windows(first: np.datetime64, end: np.datetime64, train_months: int, test_months: int) -> Iterator[Window]:
    while (until := first + (train_months + test_months)).astype("datetime64[ms]") <= end:
        yield Window(_ms(first), _ms(first + train_months), _ms(until))
        first += test_months


def _ms(month: np.datetime64) -> int:
    return int(month.astype("datetime64[ms]").astype(np.int64))


def purged_folds(starts_ms: Ints, ends_ms: Ints, folds: int = 5, embargo_ms: int = 0) -> tuple[Fold, ...]:
    """K-fold over labels that span time: a training label that overlaps the test fold is purged, and so is one that
    begins within `embargo_ms` after the fold's last label ended.

    starts_ms, ends_ms: (n,), starts ascending, each label known at its end. Both ends belong to a label.
    López de Prado (2018), Advances in Financial Machine Learning, ch. 7. Raises ValueError for labels out of order or
    that end before they begin, fewer than two folds, or more folds than labels.
    """
    if starts_ms.shape != ends_ms.shape or (np.diff(starts_ms) < 0).any() or (ends_ms < starts_ms).any():
        raise ValueError("labels must come in order of their starts, and end no earlier than they start")
    if not 2 <= folds <= starts_ms.size or embargo_ms < 0:
        raise ValueError(f"{starts_ms.size} labels can't make {folds} folds with an embargo of {embargo_ms} ms")
    parts = np.array_split(np.arange(starts_ms.size), folds)
    return tuple(Fold(np.flatnonzero(_clear(starts_ms, ends_ms, part, embargo_ms)), part) for part in parts)


def _clear(starts_ms: Ints, ends_ms: Ints, test: Ints, embargo_ms: int) -> NDArray[np.bool_]:
    """Which labels end before the test fold begins, or begin after it ended and the embargo is over."""
    begins, ends = int(starts_ms[test[0]]), int(ends_ms[test].max())
    clear: NDArray[np.bool_] = (ends_ms < begins) | (starts_ms > ends + embargo_ms)
    return clear
