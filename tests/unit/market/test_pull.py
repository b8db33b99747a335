from __future__ import annotations

from math import nan

import numpy as np
from fluxfloor.contracts.events import CandleClosed, RiskRaised
from fluxfloor.contracts.facts import Fact, decode
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.market import pull, window
from fluxfloor.market.pull import Taken, quarantined_bars, take
from fluxfloor.market.quality import Thresholds
from fluxfloor.market.schedule import Ask, Line, due

from tests.support.bars import BTC, HOUR, T0, bar, calm, places, table

LINE = Line(BTC.instrument_id, "1h")
KNOWN = window.extend(None, LINE.id, calm(120))


def pulled(
    candles: list[Candle], before: CandleWindow | None = KNOWN, at: int = 121, late_ms: int = 0, sparse: bool = False
) -> Taken:
    """One pull `late_ms` after the bar before T0 + `at` hours closed."""
    now_ms = T0 + at * HOUR + late_ms
    ask = due(before.last_open_ms if before else 0, "1h", now_ms, settle_ms=0)
    assert ask is not None
    thresholds = Thresholds(sparse=sparse)
    return take(before, LINE, candles, ask, now_ms, traded=True, thresholds=thresholds, settle_ms=0)


def closed(taken: Taken) -> list[Candle]:
    return [fact.candle for fact in taken.facts if isinstance(fact, CandleClosed)]


def risks(taken: Taken) -> list[RiskRaised]:
    return [fact for fact in taken.facts if isinstance(fact, RiskRaised)]


def test_a_closed_bar_becomes_a_fact_and_a_longer_window() -> None:
    taken = pulled([bar(120)])
    assert taken.facts == (CandleClosed(candle=bar(120), close_ms=T0 + 121 * HOUR, traded=True),)
    assert taken.window is not None
    assert (taken.window.count, taken.window.last_open_ms) == (121, T0 + 120 * HOUR)


def test_what_is_stated_can_be_read_back_from_the_bus() -> None:
    for event in pulled([bar(120, nan), bar(121, 103.0)], at=122).facts:
        fact = Fact.first("cause", event, T0)
        assert decode(fact.data(), fact.attributes()).event == event


def test_a_cold_line_warms_its_window_and_states_only_the_newest_bar() -> None:
    taken = pulled(calm(120), before=None, at=120)
    assert places(closed(taken)) == [119]
    assert taken.window is not None
    assert taken.window.count == 120


def test_bars_that_are_caught_up_with_are_marked_late() -> None:
    taken = pulled([bar(120), bar(121), bar(122)], at=123)
    assert [candle.marks for candle in closed(taken)] == [("late",), (), ()]


def test_the_window_keeps_no_marks_and_facts_are_bounded() -> None:
    taken = pulled(calm(300, start=120), at=420)
    assert len(closed(taken)) == pull.MAX_STATED
    assert taken.window is not None
    assert np.array_equal(window.decode(taken.window.bars), table(calm(420)))


def test_a_bar_that_is_left_out_is_told_with_its_reason() -> None:
    taken = pulled([bar(120, nan)])
    (risk,) = risks(taken)
    assert (risk.kind, risk.scope, risk.details["reason"]) == (pull.QUARANTINED, BTC.instrument_id, "not_a_price")
    assert risk.details["bar"] == "nan nan nan nan 1.0"
    assert "2023-11-19 22:00" in risk.message
    assert quarantined_bars(taken.facts) == 1


def test_a_bar_that_is_left_out_is_told_once_however_often_it_is_delivered() -> None:
    first = pulled([bar(120, nan)])
    assert first.window is not None
    again = pulled([bar(120, nan)], before=first.window)
    assert not again.facts
    assert again.window == first.window


def test_a_bar_that_the_venue_mends_is_taken() -> None:
    first = pulled([bar(120, nan)])
    mended = pulled([bar(120)], before=first.window)
    assert places(closed(mended)) == [120]


def test_a_real_crash_is_taken_once_the_level_is_confirmed() -> None:
    before: CandleWindow | None = KNOWN
    seen = []
    for at in range(121, 126):
        crashed = [bar(place, 40.0) for place in range(120, at)]
        due_ms = before.last_open_ms if before else 0
        taken = pulled([candle for candle in crashed if candle.open_ms > due_ms], before=before, at=at)
        before = taken.window
        seen.append((places(closed(taken)), quarantined_bars(taken.facts)))
    assert seen == [([], 1), ([], 1), ([], 1), ([120, 121, 122, 123], 0), ([124], 0)]


def test_another_bar_for_a_time_already_taken_is_told() -> None:
    taken = pulled([bar(120), bar(120, 100.05)])
    assert [risk.details["reason"] for risk in risks(taken)] == ["conflict"]
    assert places(closed(taken)) == [120]


def test_many_bad_bars_are_summed_up() -> None:
    taken = pulled([bar(place, nan) for place in range(120, 180)], at=180)
    bad = [risk for risk in risks(taken) if risk.kind == pull.QUARANTINED]
    assert len(bad) == pull.MAX_COMPLAINTS + 1
    assert quarantined_bars(taken.facts) == 60


def test_missing_bars_are_told_when_a_later_one_has_come() -> None:
    taken = pulled([bar(120), bar(123)], at=125)
    missing = [risk for risk in risks(taken) if risk.kind == pull.MISSING]
    assert [risk.details["count"] for risk in missing] == ["2"]
    assert not risks(pulled([], at=121))


def test_on_a_sparse_venue_missing_bars_are_no_risk() -> None:
    assert not risks(pulled([bar(120), bar(123)], at=124, sparse=True))


def test_bars_that_stay_away_are_told_once_per_doubling() -> None:
    told = [at for at in range(121, 145) for minute in range(60) if risks(pulled([], at=at, late_ms=minute * 60_000))]
    assert told == [123, 126, 132, 144]


def test_a_first_answer_without_a_good_bar_still_leaves_the_line_cold() -> None:
    first = pulled([bar(118, nan), bar(119, nan)], before=None, at=120)
    assert first.window is not None
    assert first.window.count == 0
    second = pulled(calm(121), before=first.window, at=121)
    assert places(closed(second)) == [120]


def test_no_answer_leaves_no_window() -> None:
    assert pulled([], before=None, at=120).window is None


def test_an_open_time_beyond_all_calendars_is_told_like_any_other() -> None:
    wild = bar(0).model_copy(update={"open_ms": 10**18})
    taken = take(KNOWN, LINE, [wild], Ask(T0 + 120 * HOUR, T0 + 121 * HOUR), T0, traded=True)
    assert [risk.details["reason"] for risk in risks(taken) if risk.kind == pull.QUARANTINED] == ["misaligned"]
    assert taken.window is not None
    assert taken.window.judged_open_ms == 0
