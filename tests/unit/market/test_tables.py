"""Whole histories: what of them can be used, and how they lie in time."""

from __future__ import annotations

import numpy as np
from fluxfloor.market.tables import gaps, joined, timeframe_of, usable
from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories import HOUR, random_bars
from tests.support.runs import T0


def test_a_clean_history_stays_as_it_is() -> None:
    bars = random_bars(50, 1)
    found = usable(bars)
    np.testing.assert_array_equal(found.bars, bars)
    assert (found.left_out, found.conflicts) == ({}, 0)


def test_every_kind_of_broken_row_is_counted_once_under_its_reason() -> None:
    bars = random_bars(50, 1)
    bars[3, 4] = np.nan
    bars[4, 2], bars[4, 5] = -1.0, -1.0  # both; the first reason counts
    bars[5, 5] = np.inf
    bars[6, 2], bars[6, 3] = bars[6, 3], bars[6, 2]
    bars[7, 1] = bars[7, 2] * 1.5
    found = usable(bars)
    assert found.left_out == {"not_a_price": 2, "bad_volume": 1, "high_below_low": 1, "outside_range": 1}
    assert len(found.bars) == 45


@given(order=st.permutations(range(20)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    bars = random_bars(20, 2)
    np.testing.assert_array_equal(usable(bars[order]).bars, bars)


def test_a_row_that_comes_again_is_no_conflict_unless_it_says_something_else() -> None:
    bars = random_bars(20, 2)
    again = usable(np.vstack([bars, bars[:5]]))
    assert (again.left_out, again.conflicts) == ({"repeated": 5}, 0)
    other = bars[:5].copy()
    other[:, 5] += 1.0
    changed = usable(np.vstack([bars, other]))
    assert (changed.left_out, changed.conflicts) == ({"repeated": 5}, 5)
    np.testing.assert_array_equal(changed.bars[:5], other)


def test_nothing_is_usable_of_nothing() -> None:
    assert len(usable(np.empty((0, 6))).bars) == 0
    assert timeframe_of(np.empty((0, 6))) == ""


def test_the_timeframe_is_what_most_bars_are_apart() -> None:
    bars = random_bars(30, 3)
    assert timeframe_of(np.delete(bars, [5, 6, 20], axis=0)) == "1h"
    assert timeframe_of(random_bars(30, 3, step_ms=7 * 60_000)) == ""


def test_gaps_are_told_longest_first() -> None:
    bars = np.delete(random_bars(30, 3), [5, 10, 11, 12], axis=0)
    longest, shortest = gaps(bars, HOUR)
    assert (longest.missing, shortest.missing) == (3, 1)
    assert (shortest.after_ms, shortest.before_ms) == (T0 + 4 * HOUR, T0 + 6 * HOUR)
    assert gaps(random_bars(30, 3), HOUR) == []


def test_files_of_one_market_are_one_table() -> None:
    bars = random_bars(30, 3)
    np.testing.assert_array_equal(usable(joined([bars[15:], bars[:18]])).bars, bars)
