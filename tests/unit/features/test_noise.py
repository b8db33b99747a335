"""The noise filter: each limit at its edge, what stands in for what is not there, one verdict by two ways."""

from __future__ import annotations

from dataclasses import replace
from math import nan, sqrt

import numpy as np
import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.features.definitions import definition
from fluxfloor.features.noise import COLUMNS, Moment, Moments, Noise, NoiseFilter, judge, judge_all, moment, moments
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.features.test_sessions import BAR_MS, at

DEFAULT = NoiseFilter()
EQUITIES = NoiseFilter(sessions="us-equities")
QUIET = Moment(at("2024-03-11T10:30"), BAR_MS, spread=0.05, deviation=1.0, volume_ratio=0.51, gap=0.02)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, Noise(0)),
        ({"spread": 0.0501}, Noise.SPREAD),
        ({"volume_ratio": 0.5}, Noise.VOLUME),
        ({"gap": 0.0201}, Noise.GAP),
        ({"gap": -0.0201}, Noise.GAP),
        ({"close_ms": at("2024-03-11T15:45"), "spread": 0.0}, Noise.CLOSING),
        ({"close_ms": at("2024-03-11T12:30"), "spread": 0.025}, Noise(0)),
        ({"close_ms": at("2024-03-11T12:30"), "spread": 0.0251}, Noise.SPREAD),
        ({"close_ms": at("2024-03-11T09:29"), "spread": 0.0251}, Noise.SPREAD),
        ({"spread": nan}, Noise.UNKNOWN),
        ({"deviation": nan}, Noise.UNKNOWN),
        ({"deviation": 0.0}, Noise.SPREAD),
        ({"spread": 9.0, "volume_ratio": 0.1, "gap": 0.5}, Noise.SPREAD | Noise.VOLUME | Noise.GAP),
    ],
)
def test_each_limit_holds_at_its_edge(change: dict[str, float], reason: Noise) -> None:
    assert judge(EQUITIES, replace(QUIET, **change)) == reason


def test_a_breakout_needs_more_volume() -> None:
    assert judge(DEFAULT, replace(QUIET, volume_ratio=1.5), breakout=True) == Noise.VOLUME
    assert judge(DEFAULT, replace(QUIET, volume_ratio=1.51), breakout=True) == Noise(0)


def test_a_crypto_venue_knows_no_thin_hours_unless_told() -> None:
    night = replace(QUIET, close_ms=at("2024-03-11T03:00"))
    assert judge(DEFAULT, night) == Noise(0)
    assert judge(EQUITIES, night) == Noise.SPREAD


def test_hours_nobody_has_defined_are_refused() -> None:
    with pytest.raises(Misconfigured):
        NoiseFilter(sessions="tokyo")


ROW = {
    "close": 200.0, "bollinger_middle_20": 199.0, "bollinger_upper_20": 203.0, "spread_estimate_20": 0.001,
    "volume_ratio_20": 1.2, "gap": 0.001,
}  # fmt: skip


def test_without_five_minute_bars_the_traded_timeframes_deviation_is_scaled() -> None:
    got = moment(ROW, 1, BAR_MS, spread=None)
    assert got.deviation == pytest.approx(2.0 * sqrt(5 / 15))
    assert got.spread == pytest.approx(0.2)
    assert moment(ROW, 1, 300_000, None).deviation == pytest.approx(2.0)


def test_five_minute_bars_and_a_quote_go_before_what_stands_in_for_them() -> None:
    got = moment({**ROW, "deviation_5m_20": 0.7}, 1, BAR_MS, spread=0.03)
    assert (got.deviation, got.spread) == (0.7, 0.03)


def test_a_row_that_lacks_a_column_does_not_pass() -> None:
    assert Noise.UNKNOWN in judge(DEFAULT, moment({"close": 1.0}, 1, BAR_MS, None))


numbers = st.one_of(st.floats(0, 3), st.sampled_from([0.0, 0.02, 0.025, 0.05, 0.5, 1.5, nan]))


@given(
    rows=st.lists(
        st.tuples(
            st.integers(at("2019-01-01T00:00"), at("2026-01-01T00:00")), numbers, numbers, numbers,
            st.floats(-0.1, 0.1), st.booleans(),
        ),
        min_size=1, max_size=30,
    ),
    name=st.sampled_from(["always", "us-equities"]), minutes=st.integers(0, 60),
)  # fmt: skip
def test_a_whole_history_is_judged_as_each_bar_is(
    rows: list[tuple[int, float, float, float, float, bool]], name: str, minutes: int
) -> None:
    noise = NoiseFilter(sessions=name, closing_minutes=minutes)
    close_ms, spread, deviation, volume, gap, breakout = (np.array(column) for column in zip(*rows, strict=True))
    got = judge_all(noise, Moments(close_ms, BAR_MS, spread, deviation, volume, gap), breakout)
    each = [judge(noise, Moment(row[0], BAR_MS, *row[1:5]), row[5]) for row in rows]
    assert got.tolist() == [int(reason) for reason in each]


@pytest.mark.parametrize("step_ms", [60_000, 300_000, BAR_MS, 86_400_000])
def test_moments_of_a_batch_are_those_of_its_rows(step_ms: int) -> None:
    rng = np.random.default_rng(2)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))
    open_, high, low, volume = close * 1.001, close * 1.01, close * 0.99, rng.uniform(1, 9, 300)
    version = definition()
    columns = version.batch(open_, high, low, close, volume, COLUMNS)
    close_ms = at("2024-03-11T00:00") + step_ms * np.arange(300)
    together = moments(columns, close_ms, step_ms)
    for i in (113, 200, 299):
        alone = moment(dict(zip(COLUMNS, columns[i].tolist(), strict=True)), int(close_ms[i]), step_ms, None)
        assert (alone.spread, alone.deviation) == pytest.approx((together.spread[i], together.deviation[i]))
        assert judge(DEFAULT, alone) == judge_all(DEFAULT, together)[i]
    assert (judge_all(DEFAULT, together)[:113] == Noise.UNKNOWN).all()


def test_reasons_have_words() -> None:
    assert (Noise.SPREAD | Noise.GAP).words() == ("spread", "gap")
    assert Noise(0).words() == ()
