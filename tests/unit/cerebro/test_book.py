"""The risk book follows facts that may come late, twice removed from their order, or not at all for a while."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.state import RiskBook

from tests.support.desk import (
    AT_MS,
    BTC,
    DAY_MS,
    ETH,
    PERP,
    RULES,
    account_update,
    book,
    d,
    fill,
    held,
    intent,
    report,
    reserved,
)

ENTRY = intent("in", lots=100, stop_loss_ticks=490_000)
EXIT = intent("out", Side.SELL, lots=100)
OPEN, PART, FILLED = OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.FILLED
CANCELLED = OrderState.CANCELLED


def after(on: RiskBook, *reports) -> RiskBook:
    for told in reports:
        on = books.apply_report(on, told, BTC)
    return on


def position(on: RiskBook):
    return on.positions.get("trend|kraken:BTC/USDT")


def entering() -> RiskBook:
    return books.reserve(book(), ENTRY, BTC, 500_000)


# --- reports -----------------------------------------------------------------------------------------------------


def test_a_fill_moves_lots_from_the_reservation_into_the_position():
    on = after(entering(), report(ENTRY, PART, fill("t1", 30, 50_000), filled=30))
    assert position(on).lots == 30
    assert (on.reservations["in"].lots, on.reservations["in"].notional) == (70, d(350))
    on = after(on, report(ENTRY, FILLED, fill("t2", 70, 50_100), filled=100))
    assert (position(on).lots, position(on).average_price, on.reservations) == (100, d("50070"), {})


def test_the_positions_stop_is_that_of_the_entry():
    assert position(after(entering(), report(ENTRY, FILLED, fill("t", 100)))).stop_price == 49_000


def test_the_rest_of_a_cancelled_order_is_released():
    on = after(entering(), report(ENTRY, PART, fill("t1", 30), filled=30), report(ENTRY, CANCELLED, filled=30))
    assert (position(on).lots, on.reservations) == (30, {})


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.EXPIRED, CANCELLED])
def test_an_order_that_came_to_nothing_gives_everything_back(state):
    assert after(entering(), report(ENTRY, state)).reservations == {}


def test_an_end_that_overtakes_a_fill_keeps_that_fills_room_until_it_comes():
    """Filled 100 in two reports; the one of the end, with the last 70, comes first."""
    end, first = report(ENTRY, FILLED, fill("t2", 70), filled=100), report(ENTRY, PART, fill("t1", 30), filled=30)
    on = after(entering(), end)
    assert (position(on).lots, on.reservations["in"].lots) == (70, 30)
    on = after(on, first)
    assert (position(on).lots, on.reservations) == (100, {})


def test_an_exit_whose_end_came_first_is_still_not_sold_twice():
    on = books.reserve(book(positions=held(100)), EXIT, BTC, 500_000)
    on = after(on, report(EXIT, FILLED, fill("t2", 70), filled=100))
    assert position(on).lots == 30
    assert books.leaving_lots(on, "trend", BTC.instrument_id) == 30


def test_an_open_that_comes_after_the_end_changes_nothing():
    done = after(entering(), report(ENTRY, FILLED, fill("t", 100)))
    assert after(done, report(ENTRY, OPEN)) == done


def test_a_late_fill_after_a_cancel_is_booked():
    on = after(entering(), report(ENTRY, CANCELLED), report(ENTRY, CANCELLED, fill("late", 40), filled=40))
    assert (position(on).lots, on.reservations) == (40, {})


def test_an_exit_that_is_heard_of_before_its_entry_comes_out_even():
    on = after(book(), report(EXIT, FILLED, fill("x", 100)))
    assert position(on).lots == -100
    assert position(after(on, report(ENTRY, FILLED, fill("e", 100)))) is None


def test_a_shrunken_reservation_can_be_stored_and_read_again():
    """A third of a notional has no end; a book with such a number in it could never be read again."""
    order = intent("in", lots=3)
    on = books.reserve(book(), order, BTC, 500_001)
    on = after(on, report(order, PART, fill("t", 1, "50000.1"), filled=1))
    assert RiskBook.decode(on.encode()).reservations == on.reservations


def test_an_averaged_price_can_be_stored_and_read_again():
    on = after(entering(), report(ENTRY, PART, fill("a", 33, "50000.1"), fill("b", 34, "50000.2"), filled=67))
    assert RiskBook.decode(on.encode()) == on


def test_a_position_that_turns_round_starts_a_new_average_and_forgets_the_old_stop():
    on = after(entering(), report(ENTRY, FILLED, fill("t", 100)))
    over = intent("over", Side.SELL, lots=150)
    on = after(on, report(over, FILLED, fill("u", 150, 51_000)))
    assert (position(on).lots, position(on).average_price, position(on).stop_price) == (-50, d(51_000), None)


# --- what it amounts to ------------------------------------------------------------------------------------------


def test_exposure_is_marks_and_entries_but_not_exits():
    on = book(
        positions={**held(100), **held(-200, 3_000, ETH, "short")},
        reservations={**reserved(50, strategy="b"), **reserved(100, Purpose.EXIT, Side.SELL, name="x")},
    )
    assert books.exposure(on, RULES) == 500 + 600 + 250
    assert books.exposure(on, RULES, only=ETH.instrument_id) == 600


def test_a_slot_being_turned_round_counts_once_at_its_greater_side():
    on = book(positions=held(100, rules=PERP), reservations=reserved(160, side=Side.SELL, rules=PERP))
    assert books.exposure(on, RULES) == 800


def test_what_is_reserved_is_told_by_margin_fees_and_slippage():
    found = books.reserved(entering(), RULES)
    assert (found.margin, found.fees, found.slippage) == (d(505), d("1.313"), d(5))


# --- the account -------------------------------------------------------------------------------------------------


def test_the_first_update_opens_the_book():
    on = books.apply_account(None, account_update(10_000, version=1))
    assert (on.equity, on.high_water, on.day_start_equity, on.day) == (10_000, 10_000, 10_000, "2026-09-21")


def test_an_older_update_changes_nothing():
    on = books.apply_account(book(account_version=5), account_update(9_000, version=5))
    assert on.equity == 10_000


def test_marks_reach_every_strategys_part_of_a_position():
    on = book(positions={**held(1), **held(2, strategy="b"), **held(3, rules=ETH)}, account_version=1)
    on = books.apply_account(on, account_update(10_000, marks={BTC.instrument_id: "51000"}))
    assert [item.mark_price for item in on.positions.values()] == [51_000, 51_000, 50_000]


def test_a_day_begins_with_the_equity_last_known_of_the_day_before():
    on = books.apply_account(book(), account_update(9_900, at_ms=AT_MS + 1))
    on = books.apply_account(on, account_update(9_800, version=3, at_ms=AT_MS + DAY_MS))
    assert (on.day, on.day_start_equity) == ("2026-09-22", 9_900)
    assert abs(books.daily_loss(on) - Decimal(100) / 9_900) < Decimal("1e-17")


def test_a_mark_of_midnight_itself_is_the_days_beginning():
    midnight = (AT_MS // DAY_MS + 1) * DAY_MS
    on = books.apply_account(book(), account_update(9_700, at_ms=midnight))
    assert (on.day, on.day_start_equity) == ("2026-09-22", 9_700)


def test_a_day_that_a_decision_has_begun_is_still_set_right_by_the_mark_of_midnight():
    midnight = (AT_MS // DAY_MS + 1) * DAY_MS
    on = books.rolled(book(), midnight + 5)
    assert on.day_start_equity == 10_000
    assert books.apply_account(on, account_update(9_700, at_ms=midnight)).day_start_equity == 9_700


def test_a_deposit_is_neither_a_gain_nor_a_loss():
    on = book(9_000, day_start_equity=d(10_000), high_water=d(12_000), deposits=d(10_000))
    before = (books.daily_loss(on), books.drawdown(on))
    on = books.apply_account(on, account_update(14_000, deposits=15_000))
    assert (on.day_start_equity, on.high_water) == (15_000, 17_000)
    assert on.day_start_equity - on.equity == 1_000
    assert on.high_water - on.equity == 3_000
    assert books.daily_loss(on) < before[0]


def test_a_withdrawal_is_taken_out_too():
    on = books.apply_account(book(), account_update(6_000, deposits=6_000))
    assert (books.daily_loss(on), books.drawdown(on)) == (0, 0)


def test_the_high_water_mark_only_rises():
    on = books.apply_account(book(), account_update(11_000))
    on = books.apply_account(on, account_update(9_900, version=3))
    assert on.high_water == 11_000
    assert books.drawdown(on) == d("0.1")
