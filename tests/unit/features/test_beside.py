"""What the timeframes beside the traded one add: only bars that were surely there, and the same to a late reader."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.features.beside import beside
from fluxfloor.kernels import atr

CLOSE_MS = 1_700_000_100_000 // 3_600_000 * 3_600_000  # on the hour
FIVE, HOUR = 300_000, 3_600_000


def bars(step_ms: int, count: int = 500, upto_ms: int = CLOSE_MS, reach: float = 0.5, seed: int = 1) -> np.ndarray:
    """Bars up to the one that closes at `upto_ms`."""
    close = 100 + np.cumsum(np.random.default_rng(seed).normal(0, 0.1, count))
    open_ms = upto_ms - step_ms * np.arange(count, 0, -1)
    return np.column_stack([open_ms, close, close + reach, close - reach, close, np.ones(count)])


def test_the_deviation_is_of_the_twenty_closes_up_to_five_minutes_before() -> None:
    five = bars(FIVE)
    got = beside(five, None, CLOSE_MS)
    assert got == {"deviation_5m_20": pytest.approx(five[-21:-1, 4].std())}


def test_a_five_minute_range_beyond_twice_the_hours_is_a_spike() -> None:
    assert beside(bars(FIVE, reach=2.0), bars(HOUR, reach=0.9), CLOSE_MS)["spike"] == 1.0
    assert beside(bars(FIVE, reach=2.0), bars(HOUR, reach=1.2), CLOSE_MS)["spike"] == 0.0


def test_the_ranges_are_those_of_wilders_average() -> None:
    five, hourly = bars(FIVE, seed=3), bars(HOUR, seed=4)
    quick = atr(*(np.ascontiguousarray(five[:-1, k]) for k in (2, 3, 4)), 14)[-1]
    slow = atr(*(np.ascontiguousarray(hourly[:-1, k]) for k in (2, 3, 4)), 14)[-1]
    five[:, 2:4] += np.array([1.0, -1.0]) * (2 * slow - quick) / 2 * 1.001
    assert beside(five, hourly, CLOSE_MS)["spike"] == 1.0
    five[:, 2:4] -= np.array([1.0, -1.0]) * slow * 0.01
    assert beside(five, hourly, CLOSE_MS)["spike"] == 0.0


@pytest.mark.parametrize("late_bars", [0, 1, 7, 100])
def test_whether_the_newest_bars_have_come_makes_no_difference(late_bars: int) -> None:
    five, hourly = bars(FIVE, 600), bars(HOUR, 600)
    seen = beside(five[:500], hourly[:500], int(five[500, 0]))
    assert set(seen) == {"deviation_5m_20"}  # the hourly bars end elsewhere
    cut = beside(five[: 500 + late_bars], hourly[: 500 + late_bars], int(five[499, 0]) + FIVE)
    assert cut["deviation_5m_20"] == seen["deviation_5m_20"]
    whole = beside(bars(FIVE, 520), bars(HOUR, 520), CLOSE_MS)
    assert beside(bars(FIVE, 520)[:-1], bars(HOUR, 520)[:-1], CLOSE_MS) == whole
    assert set(whole) == {"deviation_5m_20", "spike"}


def test_a_window_that_is_missing_short_or_behind_adds_nothing() -> None:
    assert beside(None, None, CLOSE_MS) == {}
    assert beside(bars(FIVE, 20), None, CLOSE_MS) == {}
    assert beside(bars(FIVE, upto_ms=CLOSE_MS - 2 * FIVE), bars(HOUR), CLOSE_MS) == {}
    assert set(beside(bars(FIVE), bars(HOUR, 150), CLOSE_MS)) == {"deviation_5m_20"}


def test_what_is_no_number_is_left_out() -> None:
    five = bars(FIVE)
    five[-3, 4] = np.nan
    assert beside(five, bars(HOUR), CLOSE_MS) == {"spike": 0.0} or beside(five, bars(HOUR), CLOSE_MS) == {}
