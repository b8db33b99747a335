"""Nothing of a training part may be known only in the part that judges it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from fluxfloor.measures.splits import Period, WalkForward, Window, calendar_windows, purged_folds
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 80)), min_size=2, max_size=80)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@given(labels=LABELS, folds=st.integers(2, 8), embargo=st.integers(0, 100))
@settings(max_examples=200, deadline=None)
def test_no_training_label_overlaps_the_test_fold_or_its_embargo(
    labels: list[tuple[int, int]], folds: int, embargo: int
) -> None:
    starts = np.sort(np.array([start for start, _ in labels]))
    ends = starts + np.array([length for _, length in labels])
    folds = min(folds, starts.size)
    found = purged_folds(starts, ends, folds, embargo)
    assert np.concatenate([fold.test for fold in found]).tolist() == list(range(starts.size))
    for fold in found:
        begin, end = starts[fold.test].min(), ends[fold.test].max()
        for label in fold.train:
            assert ends[label] < begin or starts[label] > end + embargo
        kept = set(fold.train) | set(fold.test)
        for label in set(range(starts.size)) - kept:  # nothing is thrown away without need
            assert ends[label] >= begin
            assert starts[label] <= end + embargo


@given(begin=st.integers(0, 2 * 10**12), days=st.integers(0, 800), train=st.integers(1, 6), test=st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_windows_are_whole_months_that_roll_without_a_gap(begin: int, days: int, train: int, test: int) -> None:
    end = begin + days * 86_400_000
    windows = calendar_windows(begin, end, train, test)
    for window in windows:
        assert begin <= window.train_from_ms < window.test_from_ms < window.test_until_ms <= end
        for edge in (window.train_from_ms, window.test_from_ms, window.test_until_ms):
            at = datetime.fromtimestamp(edge / 1000, UTC)
            assert (at.day, at.hour, at.minute, at.second, at.microsecond) == (1, 0, 0, 0, 0)
    for before, after in pairwise(windows):
        assert after.test_from_ms == before.test_until_ms
    if days > 31 * (train + test + 1):
        assert windows


def test_a_year_gives_nine_windows_of_three_months_and_one() -> None:
    windows = calendar_windows(ms("2023-01-01"), ms("2024-01-01"))
    assert len(windows) == 9
    assert windows[0] == Window(ms("2023-01-01"), ms("2023-04-01"), ms("2023-05-01"))
    assert windows[-1].test_until_ms == ms("2024-01-01")
    assert calendar_windows(ms("2023-01-02"), ms("2024-01-01"))[0].train_from_ms == ms("2023-02-01")


def test_walking_forward_passes_when_more_than_sixty_per_cent_of_the_periods_gain() -> None:
    window = Window(0, 1, 2)

    def walked(*returns: float) -> WalkForward:
        periods = tuple(Period(window, "", 0.0, gain, 1) for gain in returns)
        return WalkForward(periods, np.array([], np.int64), np.array([]))

    assert walked(0.1, 0.1, 0.1, -0.1, 0.0).gaining_share == pytest.approx(0.6)
    assert not walked(0.1, 0.1, 0.1, -0.1, 0.0).passed
    assert walked(0.1, 0.1, -0.1).passed
    assert walked(0.1, 0.1, -0.1).total_return == pytest.approx(1.1 * 1.1 * 0.9 - 1)
    assert walked().gaining_share is None
    assert not walked().passed


@pytest.mark.parametrize(("starts", "ends", "folds"), [([2, 1], [3, 3], 2), ([1, 2], [3, 1], 2), ([1, 2], [3, 3], 3)])
def test_labels_that_can_not_be_split_are_refused(starts: list[int], ends: list[int], folds: int) -> None:
    with pytest.raises(ValueError, match="labels"):
        purged_folds(np.array(starts), np.array(ends), folds)
