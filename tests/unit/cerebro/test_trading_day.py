"""A daily loss is counted by the day of the portfolio's exchange, over daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.contracts.days import TradingDay
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local.chaos import house

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import account_update, book, d

NEW_YORK, UTC_DAY = TradingDay.NEW_YORK, TradingDay.UTC


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("moment", "utc", "new_york"),
    [
        ("2026-01-05T04:59", "2026-01-05", "2026-01-04"),  # winter: five hours behind
        ("2026-01-05T05:00", "2026-01-05", "2026-01-05"),
        ("2026-07-06T03:59", "2026-07-06", "2026-07-05"),  # summer: four
        ("2026-07-06T04:00", "2026-07-06", "2026-07-06"),
        ("2026-03-09T04:00", "2026-03-09", "2026-03-09"),  # the clocks went forward the night before
        ("2026-11-02T04:30", "2026-11-02", "2026-11-01"),  # and back
    ],
)
def test_a_moment_has_a_day_of_its_own_in_new_york(moment: str, utc: str, new_york: str) -> None:
    assert (UTC_DAY.of(ms(moment)), NEW_YORK.of(ms(moment))) == (utc, new_york)


def test_midnight_is_a_moment_and_not_a_minute() -> None:
    assert NEW_YORK.begins_at(ms("2026-07-06T04:00"))
    assert not NEW_YORK.begins_at(ms("2026-07-06T04:00") + 1)
    assert not NEW_YORK.begins_at(ms("2026-07-06T00:00"))
    assert UTC_DAY.begins_at(ms("2026-07-06T00:00"))


def on_the_evening_of(day: TradingDay) -> RiskBook:
    """Down to 9,800 at the close of a summer's Monday, and at 9,900 an hour into UTC's Tuesday."""
    on = book(day="2026-07-06", trading_day=day)
    on = books.apply_account(on, account_update(9_800, version=2, at_ms=ms("2026-07-06T20:00")), day)
    return books.apply_account(on, account_update(9_900, version=3, at_ms=ms("2026-07-07T01:00")), day)


def test_the_evening_after_new_yorks_close_still_belongs_to_that_day() -> None:
    at_utc, at_new_york = on_the_evening_of(UTC_DAY), on_the_evening_of(NEW_YORK)
    assert (at_utc.day, at_utc.day_start_equity) == ("2026-07-07", d(9_800))
    assert (at_new_york.day, at_new_york.day_start_equity) == ("2026-07-06", d(10_000))


def test_a_decision_before_new_yorks_midnight_rolls_no_day_and_one_after_it_does() -> None:
    on = on_the_evening_of(NEW_YORK)
    assert books.rolled(on, ms("2026-07-07T03:59")) is on
    rolled = books.rolled(on, ms("2026-07-07T04:01"))
    assert (rolled.day, rolled.day_start_equity) == ("2026-07-07", d(9_900))


def test_a_mark_of_new_yorks_midnight_is_the_days_beginning() -> None:
    on = books.rolled(on_the_evening_of(NEW_YORK), ms("2026-07-07T04:01"))
    on = books.apply_account(on, account_update(9_700, version=4, at_ms=ms("2026-07-07T04:00")), NEW_YORK)
    assert on.day_start_equity == d(9_700)


def test_the_stage_counts_by_the_day_that_the_portfolios_settings_say(tmp_path) -> None:
    usual = house.settings()
    main = usual.portfolios["main"].model_copy(update={"day": NEW_YORK})
    settings = usual.model_copy(update={"portfolios": {**usual.portfolios, "main": main}})
    room = CerebroRoom(tmp_path, settings=settings)
    try:
        room.tell(account_update(9_900, version=2, at_ms=ms("2026-09-22T01:00")), "the evening")
        assert (room.book.day, room.book.trading_day) == ("2026-09-21", NEW_YORK)
        room.tell(account_update(9_800, version=3, at_ms=ms("2026-09-22T04:01")), "past midnight")
        assert (room.book.day, room.book.day_start_equity) == ("2026-09-22", d(9_900))
    finally:
        room.close()
