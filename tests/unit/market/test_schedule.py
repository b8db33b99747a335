from __future__ import annotations

import pytest
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.market.schedule import Ask, Line, due, due_lines, split, tells_stale

from tests.support.bars import HOUR, T0


def test_a_bar_is_due_when_it_has_closed_and_settled() -> None:
    closes_ms = T0 + 2 * HOUR
    assert due(T0, "1h", closes_ms - 1, settle_ms=0) is None
    assert due(T0, "1h", closes_ms, settle_ms=0) == Ask(T0 + HOUR, closes_ms)
    assert due(T0, "1h", closes_ms + 1_999, settle_ms=2_000) is None
    assert due(T0, "1h", closes_ms + 2_000, settle_ms=2_000) == Ask(T0 + HOUR, closes_ms)


def test_after_an_outage_every_bar_since_is_asked_for() -> None:
    assert due(T0, "1h", T0 + 30 * HOUR, settle_ms=0) == Ask(T0 + HOUR, T0 + 30 * HOUR)


def test_after_a_long_outage_only_what_fits_the_window_is() -> None:
    assert due(T0, "1h", T0 + 9_000 * HOUR, settle_ms=0, limit=500) == Ask(T0 + 8_500 * HOUR, T0 + 9_000 * HOUR)


def test_a_cold_line_asks_for_a_whole_window() -> None:
    assert due(0, "1h", T0, settle_ms=0, limit=500) == Ask(T0 - 500 * HOUR, T0)
    assert due(0, "1h", 10 * HOUR, settle_ms=0, limit=500) == Ask(0, 10 * HOUR)


def test_lines_that_are_due_are_listed_in_their_order() -> None:
    hourly, daily = Line("x:A/B", "1h"), Line("x:A/B", "1d")
    day = 24 * HOUR
    windows = {
        hourly.id: CandleWindow(id=hourly.id, last_open_ms=100 * day - HOUR),
        daily.id: CandleWindow(id=daily.id, last_open_ms=99 * day),
    }
    now_ms = 100 * day + HOUR + 2_000
    assert due_lines([daily, hourly], windows, now_ms) == [(hourly, Ask(100 * day, 100 * day + HOUR))]
    assert [line for line, _ in due_lines([daily, hourly], {}, now_ms)] == [daily, hourly]


def test_what_ohlc_still_gives_comes_from_there_and_older_bars_from_trades() -> None:
    now_ms = T0 + 10 * 60_000
    horizon_ms = T0 - 718 * HOUR
    assert split(Ask(horizon_ms, T0), "1h", now_ms, 720) == (None, Ask(horizon_ms, T0))
    assert split(Ask(horizon_ms - HOUR, T0), "1h", now_ms, 720) == (
        Ask(horizon_ms - HOUR, horizon_ms),
        Ask(horizon_ms, T0),
    )
    assert split(Ask(0, horizon_ms), "1h", now_ms, 720) == (Ask(0, horizon_ms), None)


def test_a_venue_without_a_horizon_never_needs_its_trades() -> None:
    assert split(Ask(0, T0), "1h", T0, None) == (None, Ask(0, T0))


def test_stale_is_told_when_it_begins_and_at_each_doubling() -> None:
    told = [overdue for overdue in range(60) if tells_stale(overdue, 3, due_for_ms=0)]
    assert told == [3, 6, 12, 24, 48]


@pytest.mark.parametrize("phase_ms", [0, 1_999, 2_000, 30_000, 59_999])
def test_stale_is_told_by_exactly_one_of_the_minutely_runs(phase_ms: int) -> None:
    settle_ms = 2_000
    runs = [phase_ms + minute * 60_000 - settle_ms for minute in range(15)]
    assert [tells_stale(3, 3, due_for_ms) for due_for_ms in runs if due_for_ms >= 0].count(True) == 1


def test_a_stale_check_that_is_off_tells_nothing() -> None:
    assert not any(tells_stale(overdue, 0, 0) for overdue in range(10))
