"""What a stretch of market was, seen afterwards, and what its labels told of it."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.kernels.regimes import DOWN, NEUTRAL, REVERTING, UP
from fluxfloor.measures.stretches import STRETCH, stretches, telling


def drift(n: int, step: float, noise: float, seed: int) -> np.ndarray:
    """Logarithms that go one way, with a wobble that does not add up."""
    return np.exp(4.0 + step * np.arange(n) + np.random.default_rng(seed).normal(0.0, noise, n))


def test_a_steady_rise_is_a_strong_uptrend_and_a_wobble_is_sideways() -> None:
    rise, _ = stretches(drift(300, 0.01, 0.002, 1))
    assert rise[1:].all()  # the first close is only what the first return is from
    up, flat = stretches(drift(300, 0.0, 0.01, 2))
    assert not up.any()
    assert flat.mean() > 0.9


def test_a_fall_is_neither() -> None:
    up, flat = stretches(drift(300, -0.01, 0.002, 3))
    assert not up.any()
    assert not flat.any()


def test_every_bar_of_a_stretch_counts_and_no_other() -> None:
    close = np.concatenate([drift(200, 0.0, 0.01, 4), drift(STRETCH, 0.02, 0.0001, 5), drift(200, 0.0, 0.01, 6)])
    up, _ = stretches(close)
    assert up[205:255].all()
    assert not up[:150].any()
    assert not up[-130:].any()


def test_labels_are_told_by_what_they_called_it() -> None:
    close = drift(301, 0.01, 0.002, 7)
    labels = np.full(301, UP)
    labels[:76] = NEUTRAL
    found = telling(close, labels)
    assert (found.uptrend_bars, found.called_trend) == (300, 0.75)
    assert (found.sideways_bars, found.called_reverting) == (0, None)
    flat = telling(drift(300, 0.0, 0.01, 8), np.full(300, REVERTING))
    assert flat.called_reverting == 1.0


def test_a_change_that_is_soon_taken_back_is_a_whipsaw() -> None:
    labels = np.full(100, UP)
    labels[20:23] = NEUTRAL  # out, and back within five bars
    labels[60:] = DOWN  # and one for good
    found = telling(drift(100, 0.0, 0.01, 9), labels)
    assert found.changes == 3
    assert found.whipsaws == pytest.approx(1 / 3)


def test_bars_without_a_label_are_left_out() -> None:
    labels = np.full(300, UP)
    labels[:100] = np.nan
    assert telling(drift(300, 0.01, 0.002, 10), labels).uptrend_bars == 200


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        telling(np.ones(5), np.ones(4))
