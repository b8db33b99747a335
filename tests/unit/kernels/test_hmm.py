"""The Markov model's promises: it climbs, it is repeatable, it never looks ahead, and it says what it can't do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fluxfloor import kernels
from fluxfloor.kernels._build import KERNELS
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = np.array([0.004, 0.01, 0.03])


def market(count: int = 1_200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 1) returns of calm, usual and wild spells, and which spell each bar is of."""
    rng = np.random.default_rng(seed)
    state = np.repeat(rng.integers(0, 3, count // 60 + 1), 60)[:count]
    return (KINDS[state] * rng.normal(size=count))[:, None].copy(), state


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("states", [1, 2, 3, 4])
def test_the_likelihood_never_falls(states: int, full: bool) -> None:
    x = np.column_stack([market()[0][:, 0], np.abs(market(seed=1)[0][:, 0])])
    model = kernels.hmm_fit(x, states, full, 3, 60, 1e-6)
    assert (np.diff(model.log_likelihood) > -1e-7 * np.abs(model.log_likelihood[0])).all()
    assert model.transition.sum(axis=1) == pytest.approx(1)
    assert model.start.sum() == pytest.approx(1)


def test_spells_are_found_and_come_calmest_first() -> None:
    x, state = market(3_000)
    model = kernels.hmm_fit(x, 3, False, 0, 200, 1e-3)
    assert model.converged
    assert np.sqrt(model.covariance[:, 0, 0]) == pytest.approx(KINDS, rel=0.15)
    probabilities, _ = kernels.hmm_filter(x, model, False)
    assert (probabilities.argmax(axis=1) == state).mean() > 0.85
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_the_same_seed_gives_the_same_model_and_another_begins_elsewhere() -> None:
    x, _ = market()
    first, again = (kernels.hmm_fit(x, 3, False, 5, 20, 1e-2) for _ in range(2))
    for left, right in zip(first[:5], again[:5], strict=True):
        np.testing.assert_array_equal(left, right)
    begun = {tuple(kernels.hmm_begin(x, 3, False, seed).mean[:, 0].round(9)) for seed in range(20)}
    assert len(begun) > 1


@given(end=st.integers(1, 600))
@settings(max_examples=40, deadline=None)
def test_a_filtered_probability_knows_nothing_of_later_bars(end: int) -> None:
    x, _ = market()
    model = fitted()
    np.testing.assert_array_equal(kernels.hmm_filter(x[:end], model, False)[0], WHOLE[0][:end])


def fitted() -> kernels.Hmm:
    return kernels.hmm_fit(market()[0], 3, False, 0, 20, 1e-2)


WHOLE = kernels.hmm_filter(market()[0], fitted(), False)


@given(end=st.integers(301, 1_200))
@settings(max_examples=15, deadline=None)
def test_a_walk_over_a_history_never_looks_ahead(end: int) -> None:
    x, _ = market()
    part = kernels.hmm_walk(x[:end].copy(), 2, False, 0, 300, 100)
    np.testing.assert_array_equal(part, kernels.hmm_walk(x, 2, False, 0, 300, 100)[:end])
    assert np.isnan(part[:300]).all()
    assert part[300:].sum(axis=1) == pytest.approx(1)


def test_a_stretch_of_a_walk_is_the_model_of_the_bars_before_it() -> None:
    x, _ = market()
    model = kernels.hmm_fit(x[100:400].copy(), 2, False, 0, 100, 1e-2)
    seen, _ = kernels.hmm_filter(x[100:500].copy(), model, False)
    np.testing.assert_array_equal(kernels.hmm_walk(x, 2, False, 0, 300, 100)[400:500], seen[300:])


def test_a_long_unlikely_stretch_is_scaled_and_not_lost() -> None:
    x = np.full((5_000, 1), 0.2)
    probabilities, likelihood = kernels.hmm_filter(x, fitted(), False)
    assert np.isfinite(likelihood)
    assert probabilities[-1].max() > 0.99


def test_steps_and_tolerance_end_the_climb() -> None:
    x, _ = market()
    assert kernels.hmm_fit(x, 3, False, 0, 4, 0.0).log_likelihood.size == 4
    quick, long = (kernels.hmm_fit(x, 3, False, 0, 500, tolerance) for tolerance in (1.0, 1e-4))
    assert quick.converged
    assert long.converged
    assert quick.log_likelihood.size < long.log_likelihood.size


def test_a_model_that_was_handed_in_stays_as_it_was() -> None:
    x, _ = market()
    begun = kernels.hmm_begin(x, 3, False, 0)
    before = [np.array(part) for part in begun[:4]]
    kernels.hmm_improve(x, begun, False, 5, 0.0)
    for left, right in zip(before, begun[:4], strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("full", [False, True])
def test_compiled_equals_interpreted(full: bool) -> None:
    x = np.column_stack([market(120)[0][:, 0], market(120, 4)[0][:, 0]])
    begun = kernels.hmm_begin(x, 2, full, 1)
    compiled = kernels.hmm_improve(x, begun, full, 3, 0.0)
    interpreted = KERNELS["hmm_improve"].py_func(x, begun, full, 3, 0.0)
    for left, right in zip(compiled[:5], interpreted[:5], strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-15)


def test_the_exponential_is_exact_to_the_last_places() -> None:
    x = np.r_[-np.random.default_rng(0).exponential(60, 20_000), 0.0, -1e-300, -699.9]
    got = x.copy()
    KERNELS["_exp"](got)
    inside = x > -700
    np.testing.assert_allclose(got[inside], np.exp(x[inside]), rtol=4e-16)
    assert (got[~inside] < 1e-300).all()


def spoiled() -> np.ndarray:
    x, _ = market(100)
    x[50] = np.nan
    return x


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: kernels.hmm_fit(np.ones((100, 1)), 2), "never changes"),
        (lambda: kernels.hmm_fit(market(100)[0], 60), "two bars a state"),
        (lambda: kernels.hmm_fit(market(100)[0], 0), "one state"),
        (lambda: kernels.hmm_fit(spoiled(), 2), "no number"),
        (lambda: kernels.hmm_fit(np.repeat(market(100)[0], 2, axis=1).copy(), 2, True), "say the same"),
        (lambda: kernels.hmm_filter(np.ones((9, 2)), fitted(), False), "another number of features"),
        (lambda: kernels.hmm_filter(spoiled(), fitted(), False), "no number"),
    ],
)
def test_what_no_model_can_be_told_from_is_refused_with_the_reason(call: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        call()
