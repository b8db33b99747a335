"""The hidden Markov model beside the rule: of the past alone, the same live and replayed, and said when it differs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fluxfloor.contracts.state import RegimeModel
from fluxfloor.features.second_opinion import Asked, compared, fitted, opinion, told, trends

STEP_MS = 900_000
DAY_BARS = 96
T0 = 20_000 * DAY_BARS * STEP_MS  # a midnight
ASKED = Asked()


def bars(count: int = 500, seed: int = 3) -> np.ndarray:
    """Stretches of 60 bars that rise, fall or go nowhere."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.permuted(np.tile([0.002, -0.002, 0.0], count // 180 + 1)), 60)[:count]
    close = 100 * np.exp(np.cumsum(drift + 0.004 * rng.standard_normal(count)))
    open_ms = T0 + STEP_MS * np.arange(count)
    return np.column_stack([open_ms, close, close * 1.001, close * 0.999, close, np.ones(count)])


def at(table: np.ndarray, place: int) -> int:
    return int(table[place, 0])


def test_probabilities_sum_to_one_and_follow_the_trend() -> None:
    """A steep rise that has lasted for the whole span is called one."""
    table = bars()
    table[420:, 4] *= np.exp(0.01 * np.arange(1, 81))
    said = opinion("x", table, at(table, 499), STEP_MS, None, ASKED).features
    assert set(said) == {"hmm_down", "hmm_sideways", "hmm_up"}
    assert sum(said.values()) == pytest.approx(1.0)
    assert said["hmm_up"] > 0.9


def test_states_go_from_the_deepest_fall_to_the_steepest_rise() -> None:
    model = fitted("x", bars(), T0 + 480 * STEP_MS, ASKED)
    assert model is not None
    assert list(model.mean) == sorted(model.mean)
    rows = np.reshape(model.transition, (3, 3))
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)
    assert (np.diag(rows) > 0.5).all(), "regimes last"
    assert (model.fitted_bars, model.last_open_ms, model.converged) == (300, T0 + 479 * STEP_MS, True)


def test_nothing_after_the_bar_is_seen() -> None:
    table = bars()
    later = table.copy()
    later[485:, 4] *= 3.0
    seen = at(table, 484)
    assert opinion("x", later, seen, STEP_MS, None, ASKED) == opinion("x", table, seen, STEP_MS, None, ASKED)


def test_a_late_reader_whose_window_has_moved_on_says_the_same() -> None:
    """50 bars late, and the model was lost besides."""
    table = bars(550)
    seen = at(table, 490)
    live = opinion("x", table[:491], seen, STEP_MS, None, ASKED)
    assert live.features
    assert opinion("x", table[50:], seen, STEP_MS, None, ASKED) == live


def test_a_stored_model_serves_its_epoch_and_is_fitted_again_in_the_next() -> None:
    table = bars(600)
    first = opinion("x", table, at(table, 480), STEP_MS, None, ASKED)
    last_of_the_day = opinion("x", table, at(table, 575), STEP_MS, first.model, ASKED)
    next_day = opinion("x", table, at(table, 576), STEP_MS, first.model, ASKED)
    assert last_of_the_day.model is first.model
    assert next_day.model is not None
    assert first.model is not None
    assert next_day.model.epoch_ms - first.model.epoch_ms == DAY_BARS * STEP_MS
    assert next_day.model.fitted_on != first.model.fitted_on


def test_a_model_of_another_asking_is_fitted_again() -> None:
    table = bars()
    old = opinion("x", table, at(table, 499), STEP_MS, None, replace(ASKED, fit_bars=200)).model
    new = opinion("x", table, at(table, 499), STEP_MS, old, ASKED).model
    assert new is not None
    assert new.fitted_bars == 300


def test_a_model_outlives_the_store_to_the_last_digit() -> None:
    table = bars()
    fresh = opinion("x", table, at(table, 499), STEP_MS, None, ASKED)
    assert fresh.model is not None
    stored = RegimeModel.decode(fresh.model.encode())
    assert opinion("x", table, at(table, 499), STEP_MS, stored, ASKED).features == fresh.features


@pytest.mark.parametrize("asked", [replace(ASKED, states=0), replace(ASKED, fit_bars=460)])
def test_without_states_or_bars_there_is_no_opinion(asked: Asked) -> None:
    table = bars()
    said = opinion("x", table, at(table, 499), STEP_MS, None, asked)
    assert (said.features, said.model) == ({}, None)


def test_a_market_that_never_moves_has_no_opinion() -> None:
    table = bars()
    table[:, 4] = 100.0
    assert opinion("x", table, at(table, 499), STEP_MS, None, ASKED).model is None


def test_a_bar_that_is_no_price_silences_it() -> None:
    table = bars()
    table[450, 4] = np.nan
    assert opinion("x", table, at(table, 499), STEP_MS, None, ASKED).features == {}


def test_trends_are_in_deviations_of_a_walk() -> None:
    """Bars that rise by 1 % and fall by 1 % in turns have a deviation of 1 %, and 50 of them lead nowhere."""
    table = bars(51)
    table[:, 4] = np.exp(0.01 * (np.arange(51) % 2))
    assert trends(table, 1) == pytest.approx(0.0)
    table[-1, 4] = np.exp(0.02)
    found = trends(table, 1)
    assert found is not None
    assert found[0, 0] == pytest.approx(0.02 / (np.diff(np.log(table[:, 4])).std() * np.sqrt(50)))


@pytest.mark.parametrize(
    ("regime", "sure", "contradicts"),
    [(1.0, "hmm_up", 0.0), (1.0, "hmm_down", 1.0), (1.0, "hmm_sideways", 1.0), (-1.0, "hmm_up", 1.0),
     (-1.0, "hmm_down", 0.0), (2.0, "hmm_sideways", 0.0), (2.0, "hmm_up", 1.0), (0.0, "hmm_up", 0.0)],
)  # fmt: skip
def test_the_model_contradicts_a_rule_that_says_something_else(regime: float, sure: str, contradicts: float) -> None:
    said = {"hmm_down": 0.1, "hmm_sideways": 0.1, "hmm_up": 0.1, "regime": regime, sure: 0.8}
    assert compared(said) == {"hmm_contradicts": contradicts}
    assert bool(told({**said, **compared(said)})) is bool(contradicts)


def test_a_model_that_is_not_sure_contradicts_nobody() -> None:
    said = {"hmm_down": 0.4, "hmm_sideways": 0.6, "hmm_up": 0.0, "regime": 1.0}
    assert compared(said) == {"hmm_contradicts": 0.0}
    assert compared({"regime": 1.0}) == {}


def test_it_is_said_in_words() -> None:
    said = {"hmm_down": 0.1, "hmm_sideways": 0.83, "hmm_up": 0.07, "regime": 1.0, "hmm_contradicts": 1.0}
    assert told(said) == "sideways 83%, the rule says up"
