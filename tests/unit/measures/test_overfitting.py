"""Whether luck is told from skill."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from fluxfloor.measures.overfitting import (
    deflated_sharpe,
    expected_best_sharpe,
    minimum_track_record,
    moments,
    overfitting_probability,
    probabilistic_sharpe,
)


def test_moments_are_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(1).gamma(2.0, 1.0, 300)
    found = moments(values)
    assert found.skew == pytest.approx(stats.skew(values))
    assert found.kurtosis == pytest.approx(stats.kurtosis(values, fisher=False))
    assert found.sharpe == pytest.approx(values.mean() / values.std(ddof=1))
    assert moments(np.ones(9)).sharpe == 0.0


def test_probabilistic_sharpe_says_as_much_as_it_covers() -> None:
    """Of many histories without skill, a tenth shows a probability above 0.9."""
    rng = np.random.default_rng(7)
    found = [moments(rng.normal(0, 0.01, 250)) for _ in range(1_500)]
    sure = np.array([probabilistic_sharpe(m.sharpe, m.count, m.skew, m.kurtosis) for m in found], np.float64)
    assert np.mean(sure > 0.9) == pytest.approx(0.1, abs=0.025)


def test_the_track_record_is_just_long_enough() -> None:
    needed = minimum_track_record(0.1, 0.02, -0.5, 6.0)
    assert needed is not None
    assert probabilistic_sharpe(0.1, round(needed), -0.5, 6.0, 0.02) == pytest.approx(0.95, abs=1e-3)
    assert minimum_track_record(0.1, 0.1) is None


def test_the_best_of_many_worthless_variants_looks_as_good_as_expected() -> None:
    rng = np.random.default_rng(3)
    best = np.mean(rng.normal(0.0, 0.1, (4_000, 50)).max(axis=1))
    assert expected_best_sharpe(50, 0.01) == pytest.approx(best, rel=0.02)
    assert expected_best_sharpe(1, 0.01) == 0.0


def test_deflation_rejects_the_best_of_many_and_keeps_the_skilled() -> None:
    rng = np.random.default_rng(9)
    lucky = []
    for _ in range(30):
        worthless = rng.normal(0.0, 0.01, (500, 100))
        ratios = np.array([moments(column).sharpe for column in worthless.T])
        found = deflated_sharpe(worthless[:, ratios.argmax()], ratios)
        assert found is not None
        lucky.append(found.probability)
    assert np.mean(lucky) == pytest.approx(0.5, abs=0.1)
    skilled = rng.normal(0.003, 0.01, 500)
    earned = deflated_sharpe(skilled, np.append(ratios, moments(skilled).sharpe))
    assert earned is not None
    assert earned.probability > 0.99
    assert (earned.trials, earned.count) == (101, 500)


def plain_pbo(returns: np.ndarray, groups: int) -> float:
    """CSCV as the paper tells it, one partition after the other."""
    parts = np.split(returns, groups)
    bad = []
    for chosen in combinations(range(groups), groups // 2):
        halves = [
            np.concatenate([parts[g] for g in range(groups) if (g in chosen) is inside]) for inside in (True, False)
        ]
        inside, outside = (half.mean(axis=0) / half.std(axis=0, ddof=1) for half in halves)
        rank = (outside <= outside[inside.argmax()]).sum() / (returns.shape[1] + 1)
        bad.append(np.log(rank / (1 - rank)) <= 0)
    return float(np.mean(bad))


def test_pbo_is_the_papers_procedure() -> None:
    returns = np.random.default_rng(5).normal(0, 0.01, (96, 7))
    found = overfitting_probability(returns, groups=6)
    assert found is not None
    assert found.probability == plain_pbo(returns, 6)
    assert found.logits.size == 20


def test_pbo_is_a_half_for_noise_and_nothing_for_skill() -> None:
    rng = np.random.default_rng(6)
    noise = np.mean([overfitting_probability(rng.normal(0, 0.01, (480, 20)), 8).probability for _ in range(20)])  # type: ignore[union-attr]
    assert noise == pytest.approx(0.5, abs=0.15)
    returns = rng.normal(0, 0.01, (480, 20))
    returns[:, 3] += 0.005
    skilled = overfitting_probability(returns)
    assert skilled is not None
    assert skilled.probability < 0.01
    assert skilled.loses < 0.01


def test_pbo_needs_variants_and_history() -> None:
    assert overfitting_probability(np.zeros((100, 1))) is None
    assert overfitting_probability(np.zeros((31, 5))) is None
    same = overfitting_probability(np.zeros((64, 5)))
    assert same is not None
    assert np.isfinite(same.logits).all()
    with pytest.raises(ValueError, match="even"):
        overfitting_probability(np.zeros((100, 3)), groups=5)
