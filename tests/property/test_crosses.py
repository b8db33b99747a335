"""Where averages cross: one pair, many at once, and the plain definition, bar for bar."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.kernels.crosses import SAME, ma_cross_switches, ma_cross_switches_of_all
from fluxfloor.kernels.windows import sma
from hypothesis import given, settings
from hypothesis import strategies as st

PAIRS = st.tuples(st.integers(1, 200), st.integers(1, 900)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def closes(seed: int, count: int) -> np.ndarray:
    """On a coarse grid, so that means are often equal."""
    random = np.random.default_rng(seed)
    return np.round(100 * np.exp(np.cumsum(random.normal(0, 0.002, count))), 1)


def by_the_book(close: np.ndarray, fast: int, slow: int) -> list[int]:
    quick, steady = sma(close, fast), sma(close, slow)
    above, found = False, []
    for i in range(slow - 1, len(close)):
        apart, least = quick[i] - steady[i], SAME * steady[i]
        now = apart > least or (above and apart >= -least)
        if now != above:
            found.append(i)
        above = now
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3_000), PAIRS)
def test_a_pair_crosses_where_the_averages_say(seed: int, count: int, pair: tuple[int, int]) -> None:
    close = closes(seed, count)
    assert ma_cross_switches(close, *pair).tolist() == by_the_book(close, *pair)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3_000), st.lists(PAIRS, min_size=1, max_size=12))
def test_many_pairs_at_once_are_each_alone(seed: int, count: int, pairs: list[tuple[int, int]]) -> None:
    close = closes(seed, count)
    fast, slow = (np.array(side) for side in zip(*pairs, strict=True))
    switches, counted = ma_cross_switches_of_all(close, fast, slow)
    for place, pair in enumerate(pairs):
        assert switches[place, : counted[place]].tolist() == ma_cross_switches(close, *pair).tolist()


def test_bars_that_come_later_move_no_cross() -> None:
    close = closes(3, 2_000)
    whole = ma_cross_switches(close, 5, 30)
    for end in (1, 29, 30, 541, 1_500):
        assert ma_cross_switches(close[:end], 5, 30).tolist() == whole[whole < end].tolist()


def test_a_pair_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="slow above"):
        ma_cross_switches(closes(1, 50), 20, 20)
