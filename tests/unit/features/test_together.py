"""The mean correlation of the market's instruments: as of full hours, told once, and old ones left out."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.contracts.state import AssetCorrelation
from fluxfloor.features.together import STALE_HOURS, at, correlated, due, kept, turned

HOUR = 3_600_000
QUARTER = 900_000
T0 = 500_000 * HOUR


def window(close: np.ndarray, begin_ms: int = T0) -> np.ndarray:
    n = len(close)
    return np.column_stack([begin_ms + HOUR * np.arange(n), close, close, close, close, np.ones(n)])


def walks(count: int, together: float, n: int = 120) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    common, own = rng.standard_normal(n), rng.standard_normal((count, n))
    return [window(np.exp(np.cumsum(0.01 * (together * common + (1 - together) * each)))) for each in own]


def test_it_is_the_mean_of_all_pairs() -> None:
    windows = walks(4, 0.6)
    returns = np.diff(np.log([bars[59:110, 4] for bars in windows]))
    pairs = np.corrcoef(returns)[np.triu_indices(4, 1)]
    assert correlated(windows, T0 + 110 * HOUR, 50) == pytest.approx(pairs.mean())


def test_later_hours_are_not_seen() -> None:
    windows = walks(3, 0.6)
    cut = [bars[:100] for bars in windows]
    assert correlated(windows, T0 + 100 * HOUR, 50) == correlated(cut, T0 + 100 * HOUR, 50)


def test_one_that_lacks_the_last_hour_is_left_out_and_fewer_than_two_say_nothing() -> None:
    windows = walks(3, 0.6)
    stopped = [*windows[:2], windows[2][:90]]
    assert correlated(stopped, T0 + 120 * HOUR, 50) == correlated(windows[:2], T0 + 120 * HOUR, 50)
    assert correlated([windows[0], None, windows[2][:90]], T0 + 120 * HOUR, 50) is None


def test_hours_that_one_of_them_lacks_are_left_out_for_all() -> None:
    windows = walks(2, 0.6)
    holed = [windows[0], np.delete(windows[1], 100, axis=0)]
    both = [np.delete(bars, 100, axis=0) for bars in windows]
    assert correlated(holed, T0 + 120 * HOUR, 50) == correlated(both, T0 + 120 * HOUR, 50)


@pytest.mark.parametrize(("minutes", "hour"), [(0, None), (15, 0), (30, None), (45, None), (60, None), (75, 1)])
def test_the_first_quarter_of_an_hour_knows_the_hour_before(minutes: int, hour: int | None) -> None:
    found = due(T0 + minutes * 60_000, QUARTER)
    assert found == (None if hour is None else T0 + hour * HOUR)


def test_hourly_and_longer_bars_know_one_each() -> None:
    assert due(T0, HOUR) == T0 - HOUR
    assert due(T0, 4 * HOUR) == T0 - HOUR


def test_a_signal_carries_what_was_known_one_bar_before_its_own() -> None:
    known = AssetCorrelation(id="kraken", as_of_ms=(T0 - HOUR, T0), means=(0.5, 0.9))
    assert at(known, T0 + QUARTER, QUARTER) == {"mean_correlation": 0.5}
    assert at(known, T0 + 2 * QUARTER, QUARTER) == {"mean_correlation": 0.9}


def test_what_is_old_or_unknown_is_left_out() -> None:
    known = AssetCorrelation(id="kraken", as_of_ms=(T0,), means=(0.9,))
    late_ms = T0 + (STALE_HOURS + 1) * HOUR + 2 * QUARTER
    assert at(known, late_ms - HOUR, QUARTER) == {"mean_correlation": 0.9}
    assert at(known, late_ms, QUARTER) == {}
    assert at(known, T0 - HOUR, QUARTER) == {}
    assert at(None, T0, QUARTER) == {}


def test_an_hour_is_kept_once_and_the_oldest_go() -> None:
    known = AssetCorrelation(id="kraken")
    for hour in range(60):
        known = kept(known, T0 + hour * HOUR, hour / 100)
    assert (len(known.means), known.means[-1], known.as_of_ms[-1]) == (48, 0.59, T0 + 59 * HOUR)
    assert kept(known, T0 + 59 * HOUR, 0.0) is known


@pytest.mark.parametrize(
    ("means", "told"),
    [((0.9, 0.9), False), ((0.9, 0.9, 0.9), True), ((0.7, 0.9, 0.9, 0.9), True), ((0.9, 0.9, 0.9, 0.9), False),
     ((0.9, 0.7, 0.9), False)],
)  # fmt: skip
def test_moving_as_one_is_told_when_three_hours_confirm_it_and_once(means: tuple[float, ...], told: bool) -> None:
    known = AssetCorrelation(id="kraken", as_of_ms=tuple(range(len(means))), means=means)
    raised = turned(known, 5, 7)
    assert (raised is not None) is told
    if raised is not None:
        assert raised.message == "kraken moves as one: the mean correlation of 5 instruments is 0.90"
