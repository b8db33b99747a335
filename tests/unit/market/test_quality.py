from __future__ import annotations

from itertools import pairwise
from math import inf, nan

import numpy as np
import pytest
from fluxfloor.contracts.instruments import Candle
from fluxfloor.market.quality import LOOKBACK, Gate, Thresholds, inspect, thresholds_for, usual_move

from tests.support.bars import HOUR, T0, bar, calm, places, table

KNOWN = calm(120)  # the bars 0 to 119; the next due is 120


def gate(candles: list[Candle], *, bars: int = 1, known: list[Candle] = KNOWN, **thresholds: float) -> Gate:
    since_ms = T0 + len(known) * HOUR
    return inspect(
        candles, recent=table(known), timeframe="1h", since_ms=since_ms, until_ms=since_ms + bars * HOUR,
        thresholds=Thresholds(**thresholds),  # type: ignore[arg-type]
    )  # fmt: skip


def reasons(found: Gate) -> list[str]:
    return [reason for _, reason in found.quarantined]


def marks(found: Gate) -> list[tuple[str, ...]]:
    return [candle.marks for candle in found.passed]


def test_a_good_bar_passes_unmarked() -> None:
    found = gate([bar(120)])
    assert found == Gate(passed=(bar(120),))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (bar(120, nan), "not_a_price"),
        (bar(120, inf), "not_a_price"),
        (bar(120, 0.0), "not_a_price"),
        (bar(120, 5e-324, high=1e308), "not_a_price"),
        (bar(120, 100.0, low=-1.0), "not_a_price"),
        (bar(120, open=nan), "not_a_price"),
        (bar(120, volume=-1.0), "bad_volume"),
        (bar(120, volume=nan), "bad_volume"),
        (bar(120, high=99.0, low=101.0), "high_below_low"),
        (bar(120, 100.0, high=99.5, low=99.0), "outside_range"),
        (bar(120, 100.0, open=98.0, low=99.0), "outside_range"),
    ],
)
def test_a_bar_that_is_broken_in_itself_is_left_out(broken: Candle, reason: str) -> None:
    found = gate([broken])
    assert reasons(found) == [reason]
    assert not found.passed
    assert not found.missing


def test_a_bar_off_the_grid_is_left_out() -> None:
    assert reasons(gate([bar(120).model_copy(update={"open_ms": T0 + 120 * HOUR + 1})])) == ["misaligned"]


def test_a_bar_that_has_not_closed_is_left_out() -> None:
    found = gate([bar(120), bar(121)])
    assert reasons(found) == ["not_closed"]
    assert places(found.passed) == [120]


def test_the_same_bar_again_is_dropped_and_counted() -> None:
    found = gate([bar(119, 100.1), bar(120), bar(120)])
    assert found.repeats == (T0 + 119 * HOUR, T0 + 120 * HOUR)
    assert not found.quarantined
    assert places(found.passed) == [120]


@pytest.mark.parametrize("change", [{"close": 100.0001}, {"volume": 2.0}])
def test_another_bar_for_a_known_time_is_left_out(change: dict[str, float]) -> None:
    again = bar(120, 100.0, high=101.0).model_copy(update=change)
    found = gate([bar(120, 100.0, high=101.0), again, bar(7, 100.5)])
    assert reasons(found) == ["conflict", "conflict"]
    assert places(found.passed) == [120]


def test_bars_out_of_order_pass_sorted_and_marked() -> None:
    found = gate([bar(120), bar(122), bar(121)], bars=3)
    assert places(found.passed) == [120, 121, 122]
    assert marks(found) == [(), ("out_of_order",), ()]


def test_a_late_bar_for_a_hole_in_the_window_passes() -> None:
    with_hole = [*calm(50), *calm(69, start=51)]
    found = gate([bar(50)], known=with_hole)
    assert places(found.passed) == [50]
    assert marks(found) == [("out_of_order",)]


def test_a_bar_older_than_all_that_is_known_is_left_out() -> None:
    assert reasons(gate([bar(-1)])) == ["too_old"]


def test_an_absurd_late_bar_is_left_out() -> None:
    with_hole = [*calm(50), *calm(69, start=51)]
    assert reasons(gate([bar(50, 1_000.0)], known=with_hole)) == ["absurd_jump"]


def test_missing_bars_are_named_and_the_next_one_is_marked() -> None:
    found = gate([bar(120), bar(123)], bars=4)
    assert found.missing == (T0 + 121 * HOUR, T0 + 122 * HOUR)
    assert marks(found) == [(), ("gap",)]


def test_a_bar_that_was_left_out_leaves_a_gap_but_is_not_missing() -> None:
    found = gate([bar(120, nan), bar(121)], bars=2)
    assert found.missing == ()
    assert marks(found) == [("gap",)]


def test_a_gap_after_the_window_is_seen() -> None:
    assert marks(gate([bar(121)], bars=2)) == [("gap",)]


def test_a_bar_in_which_nobody_traded_is_marked() -> None:
    assert marks(gate([bar(120, volume=0.0)])) == [("zero_volume",)]


def test_a_move_far_beyond_the_usual_is_marked() -> None:
    assert marks(gate([bar(120, 103.0)])) == [("jump",)]
    assert marks(gate([bar(120, 100.1, open=104.0)])) == [("jump",)]


def test_a_move_within_the_usual_or_below_the_floor_is_not() -> None:
    assert marks(gate([bar(120, 100.9)])) == [()]
    assert marks(gate([bar(120, 103.0)], jump_sigmas=50)) == [()]
    assert marks(gate([bar(120, 103.0)], jump_floor=0.05)) == [()]


def test_after_a_gap_more_is_usual() -> None:
    """Root of time: 4 % is a jump over one hour of 0.1 % moves, and none over a weekend."""
    assert marks(gate([bar(120, 104.0)])) == [("jump",)]
    assert marks(gate([bar(169, 104.0)], bars=50)) == [("gap",)]


def test_too_few_bars_to_tell_a_usual_move_fall_back_on_a_plain_one() -> None:
    assert marks(gate([bar(3, 105.0)], known=calm(3))) == [()]
    assert marks(gate([bar(3, 115.0)], known=calm(3))) == [("jump",)]


@pytest.mark.parametrize("close", [1_000.0, 151.0, 49.0, 10.0])
def test_an_absurd_bar_is_left_out(close: float) -> None:
    assert reasons(gate([bar(120, close)])) == ["absurd_jump"]


def test_an_absurd_wick_is_enough() -> None:
    assert reasons(gate([bar(120, 100.0, high=1_000.0)])) == ["absurd_jump"]


def test_after_an_absurd_bar_the_old_level_goes_on() -> None:
    found = gate([bar(120, 1_000.0), bar(121, 100.0)], bars=2)
    assert reasons(found) == ["absurd_jump"]
    assert places(found.passed) == [121]


def test_a_level_that_later_bars_share_is_a_fact() -> None:
    found = gate([bar(120 + at, 40.0) for at in range(4)], bars=4)
    assert not found.quarantined
    assert places(found.passed) == [120, 121, 122, 123]
    assert marks(found) == [("jump",), (), (), ()]


def test_a_level_that_too_few_bars_share_is_not() -> None:
    found = gate([bar(120 + at, 40.0) for at in range(3)], bars=3)
    assert reasons(found) == ["absurd_jump"] * 3


def test_bars_that_are_each_absurd_in_another_way_confirm_nothing() -> None:
    found = gate([bar(120, 1_000.0), bar(121, 10.0), bar(122, 1_000.0), bar(123, 10.0)], bars=4)
    assert reasons(found) == ["absurd_jump"] * 4


def test_a_repeated_absurd_bar_does_not_confirm_itself() -> None:
    found = gate([bar(120, 40.0)] * 5)
    assert reasons(found) == ["absurd_jump"]
    assert len(found.repeats) == 4


def test_the_first_bars_ever_are_taken_at_their_word() -> None:
    found = gate(calm(5), bars=5, known=[])
    assert len(found.passed) == 5
    assert marks(found) == [()] * 5


def test_bars_are_stale_once_enough_of_them_are_overdue() -> None:
    assert [gate([], bars=n).stale for n in (1, 2, 3, 4)] == [False, False, True, True]
    assert gate([], bars=4).overdue == 4
    assert not gate([bar(121)], bars=4).stale
    assert gate([bar(120)], bars=4).stale
    assert not gate([], bars=40, stale_bars=0).stale


def test_nothing_at_all_is_stale_too() -> None:
    assert gate([], bars=500, known=[]).overdue == 500


def test_the_usual_move_is_the_median_of_the_newest_returns() -> None:
    assert usual_move(table(KNOWN)) == pytest.approx(1.4826 * np.log(1.001))
    assert usual_move(table(calm(20))) is None
    wild = [bar(at, 100.0 * (2 if at % 2 else 1)) for at in range(50)]
    assert usual_move(table([*wild, *calm(LOOKBACK, start=50)])) == pytest.approx(1.4826 * np.log(1.001))


def test_a_venue_that_prints_only_where_somebody_traded_is_sparse() -> None:
    assert thresholds_for("kraken").sparse
    assert not thresholds_for("binance").sparse


def test_disorder_over_a_long_delivery_stays_correct() -> None:
    shuffled = [bar(at) for at in [*range(120, 620, 2), *range(619, 120, -2)]]
    found = gate(shuffled, bars=500)
    assert places(found.passed) == list(range(120, 620))
    assert all(later.open_ms - earlier.open_ms == HOUR for earlier, later in pairwise(found.passed))
    assert not any("gap" in candle.marks for candle in found.passed)
