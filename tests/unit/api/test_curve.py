"""The equity curve: thinned without losing a peak or a drawdown, on axes that read well."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.reporting.curve import MAX_STRETCHES, Mark, curve, thin, time_ticks, value_ticks
from hypothesis import given
from hypothesis import strategies as st

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
T0 = 1_790_000_000_000 // DAY_MS * DAY_MS


def marks(values: list[float], step_ms: int = HOUR_MS) -> list[Mark]:
    return [Mark(T0 + n * step_ms, Decimal(str(value)), Decimal(0), "") for n, value in enumerate(values)]


def test_the_drawdown_is_measured_from_the_high_water_mark() -> None:
    points = curve(marks([100, 120, 90, 120, 126]), None).points
    assert [point[2] for point in points] == [0, 0, 0.25, 0, 0]
    assert [point[3] for point in points] == [100, 120, 120, 120, 126]


def test_a_deposit_is_no_gain_and_a_withdrawal_no_drawdown() -> None:
    told = [
        Mark(T0, Decimal(1000), Decimal(1000), ""),
        Mark(T0 + 1, Decimal(1500), Decimal(1500), ""),
        Mark(T0 + 2, Decimal(400), Decimal(400), ""),
    ]
    assert [point[2] for point in curve(told, None).points] == [0, 0, 0]


def test_a_short_span_still_knows_the_peak_before_it() -> None:
    told = curve(marks([200, 100, 100, 100]), HOUR_MS)
    assert len(told.points) == 2
    assert told.deepest == 0.5


def test_nothing_makes_an_empty_curve() -> None:
    assert curve([], None).points == ()


@given(st.lists(st.floats(1_000, 100_000).map(lambda value: round(value, 2)), min_size=2, max_size=2_000))
def test_no_extreme_is_lost_and_everything_fits_between_the_ticks(values: list[float]) -> None:
    told = curve(marks(values), None)
    shown = [point[1] for point in told.points]
    assert (min(shown), max(shown)) == (min(values), max(values))
    assert shown[0] == values[0]
    assert shown[-1] == values[-1]
    assert told.low <= min(shown)
    assert max(point[3] for point in told.points) <= told.high
    assert len(shown) <= 2 * MAX_STRETCHES + 4


def test_old_marks_are_kept_by_their_grain() -> None:
    newest = T0 + 100 * DAY_MS
    ages = {"fresh": 1, "hour": 20, "day": 90}
    told = [Mark(newest - age * DAY_MS, Decimal(1), Decimal(0), grain) for grain, age in ages.items()]
    dropped = [
        Mark(newest - 20 * DAY_MS + 1, Decimal(1), Decimal(0), ""),
        Mark(newest - 90 * DAY_MS + 1, Decimal(1), Decimal(0), "hour"),
    ]
    kept = thin([*told, *dropped, Mark(newest, Decimal(2), Decimal(0), "")])
    assert [mark.at_ms for mark in kept] == sorted([mark.at_ms for mark in told] + [newest])


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (9_800, 12_100, ["9,500", "10,000", "10,500", "11,000", "11,500", "12,000", "12,500"]),
        (0.5, 1.9, ["0.50", "0.75", "1.00", "1.25", "1.50", "1.75", "2.00"]),
    ],
)
def test_value_ticks_are_round(low: float, high: float, labels: list[str]) -> None:
    assert [tick.label for tick in value_ticks(low, high)] == labels


@given(st.floats(-1e6, 1e7), st.floats(0, 1e6))
def test_value_ticks_hold_what_they_are_for(low: float, spread: float) -> None:
    ticks = value_ticks(low, low + spread)
    assert ticks[0].at <= low + 1e-6 * max(1, abs(low))
    assert ticks[-1].at >= (low + spread) - 1e-6 * max(1, abs(low + spread))
    assert 2 <= len(ticks) <= 12


@pytest.mark.parametrize(
    ("span_ms", "labels"),
    [
        (8 * HOUR_MS, ["21 Sep", "03:00", "06:00"]),
        (5 * DAY_MS, ["21 Sep", "22 Sep", "23 Sep", "24 Sep", "25 Sep", "26 Sep"]),
        (400 * DAY_MS, ["Oct 2026", "Jan 2027", "Apr 2027", "Jul 2027", "Oct 2027"]),
        (4_000 * DAY_MS, ["2028", "2030", "2032", "2034", "2036"]),
    ],
)
def test_time_ticks_fall_where_people_expect_them(span_ms: int, labels: list[str]) -> None:
    start = 1_789_948_800_000  # 2026-09-21, midnight UTC
    assert [tick.label for tick in time_ticks(start, start + span_ms)] == labels
