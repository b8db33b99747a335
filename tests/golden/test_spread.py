"""Corwin and Schultz's estimate, worked by hand from the formulas of their paper (Journal of Finance 67, 2012)."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor import kernels

# Bars 10.2/9.8 and 10.3/9.9, with 20-digit logarithms:
#   beta = ln(10.2/9.8)² + ln(10.3/9.9)² = 0.0031693106181865    gamma = ln(10.3/9.8)² = 0.0024762078335968
#   alpha = (√(2·beta) - √beta) / (3 - 2√2) - √(gamma / (3 - 2√2)) = 0.0157771778760861
#   spread = 2·(e^alpha - 1) / (1 + e^alpha) = 0.0157768506138380
HIGH, LOW, CLOSE = np.array([10.2, 10.3]), np.array([9.8, 9.9]), np.array([9.9, 10.1])
SPREAD = 0.0157768506138380


def test_two_bars_worked_by_hand() -> None:
    got = kernels.corwin_schultz(HIGH, LOW, CLOSE)
    assert np.isnan(got[0])
    assert got[1] == pytest.approx(SPREAD, rel=1e-13)


@pytest.mark.parametrize(("last", "shift"), [(9.9, 1.0), (10.3, -1.0)])
def test_a_gap_overnight_is_taken_out_before_the_ranges_are_compared(last: float, shift: float) -> None:
    """A close below the next bar's low, or above its high, moves that bar to it."""
    moved = np.array([0.0, shift])
    got = kernels.corwin_schultz(HIGH + moved, LOW + moved, np.array([last, 10.1]))
    assert got[1] == pytest.approx(SPREAD, rel=1e-13)


def test_a_negative_estimate_counts_as_nothing() -> None:
    """Two narrow bars far apart, the second opening inside the first: all movement, no spread."""
    got = kernels.corwin_schultz(np.array([10.0, 11.0]), np.array([9.9, 10.0]), np.array([10.0, 11.0]))
    assert got[1] == 0.0


def test_of_many_made_up_days_the_mean_is_near_the_spread_that_was_put_in() -> None:
    """The paper's simulation: 390 trades a day at bid or ask around a random walk of 3 % a day, spread 3 %."""
    rng = np.random.default_rng(5)
    steps = rng.normal(0, 0.03 / np.sqrt(390), (2_000, 390))
    price = np.exp(np.cumsum(steps).reshape(steps.shape)) * (1 + 0.015 * rng.choice([-1.0, 1.0], steps.shape))
    high, low, close = price.max(axis=1), price.min(axis=1), price[:, -1].copy()
    assert np.nanmean(kernels.corwin_schultz(high, low, close)) == pytest.approx(0.03, rel=0.1)
