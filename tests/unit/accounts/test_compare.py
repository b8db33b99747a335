"""Our books against the venue's: what is on its way is no difference, and what is no trade of ours always is."""

from __future__ import annotations

from fluxfloor.accounts import book as books
from fluxfloor.accounts.compare import IN_FLIGHT_MS, LOOK_BACK_MS, compare, describe, since_ms
from fluxfloor.contracts.state import Account
from fluxfloor.ports import VenueBooks, VenueFill

from tests.support.desk import AT_MS, d, fill


def account(**more) -> Account:
    opened = books.open_account("paper-main", "main", "paper", "USDT", {"USDT": d(10_000)}, AT_MS).account
    return opened.model_copy(update=more)


def seen(trade_id: str, moves: dict[str, str], at_ms: int = AT_MS) -> VenueFill:
    return VenueFill(fill(trade_id, at_ms=at_ms), "c-1", {name: d(amount) for name, amount in moves.items()})


BOUGHT = {"BTC": "0.001", "USDT": "-50"}
AFTER = {"BTC": d("0.001"), "USDT": d(9_950)}


def test_equal_books_agree():
    assert compare(account(), VenueBooks({"USDT": d(10_000)}), set(), AT_MS).agrees


def test_a_fill_on_its_way_to_us_is_no_difference():
    found = compare(account(), VenueBooks(AFTER, (seen("t", BOUGHT),)), set(), AT_MS + IN_FLIGHT_MS)
    assert found.agrees
    assert found.in_flight == 1


def test_a_fill_that_never_came_is_overdue():
    found = compare(account(), VenueBooks(AFTER, (seen("t", BOUGHT),)), set(), AT_MS + IN_FLIGHT_MS + 1)
    assert (found.agrees, found.overdue, found.differences) == (False, ("t",), {})


def test_a_booked_fill_is_not_taken_off_twice():
    booked = account(balances=AFTER)
    assert compare(booked, VenueBooks(AFTER, (seen("t", BOUGHT),)), {"t"}, AT_MS).agrees


def test_a_deposit_at_the_venue_is_a_difference_and_is_not_taken_over():
    found = compare(account(), VenueBooks({"USDT": d(10_500)}), set(), AT_MS)
    assert found.differences == {"USDT": d(500)}


def test_a_currency_that_only_one_of_both_has_is_compared():
    assert compare(account(), VenueBooks({"USDT": d(10_000), "DOGE": d(1)}), set(), AT_MS).differences == {"DOGE": d(1)}
    assert compare(account(), VenueBooks({}), set(), AT_MS).differences == {"USDT": d(-10_000)}
    assert compare(account(), VenueBooks({"USDT": d(10_000), "DOGE": d(0)}), set(), AT_MS).agrees


def test_the_smallest_difference_of_a_great_balance_is_seen():
    great = account(balances={"USDT": d("999999999999999999")})
    found = compare(great, VenueBooks({"USDT": d("999999999999999999.000000000000000001")}), set(), AT_MS)
    assert found.differences == {"USDT": d("0.000000000000000001")}


def test_it_is_told_which_way_the_difference_is():
    trades = tuple(seen(f"t{number}", {}, AT_MS - IN_FLIGHT_MS) for number in range(7))
    found = compare(account(), VenueBooks({"USDT": d(9_999), "BTC": d("0.5")}, trades), set(), AT_MS + 1)
    assert describe(found) == (
        "the venue has 0.5 BTC more than our books; the venue has 1 USDT less than our books; trade t0 is not booked; "
        "trade t1 is not booked; trade t2 is not booked; trade t3 is not booked; trade t4 is not booked; nor are 2 more"
    )


def test_fills_are_looked_at_from_well_before_the_last_agreement():
    day_ms = 86_400_000
    assert since_ms(None, AT_MS) == AT_MS - LOOK_BACK_MS
    assert since_ms(account(), AT_MS + day_ms) == AT_MS - LOOK_BACK_MS
    assert since_ms(account(agreed_ms=AT_MS + day_ms), AT_MS + day_ms) == AT_MS + day_ms - LOOK_BACK_MS
    assert LOOK_BACK_MS > IN_FLIGHT_MS
