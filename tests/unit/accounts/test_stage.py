"""The reconciliation stage on the embedded floor, against the paper venue's own books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fluxfloor.accounts.compare import APART_MS, IN_FLIGHT_MS, LOOK_BACK_MS
from fluxfloor.accounts.ledger import balanced
from fluxfloor.contracts.events import ExecutionReported
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import Account
from fluxfloor.errors import Throttled
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.runner import Outcome

from tests.support.books_room import MINUTE_MS, Books
from tests.support.desk import AT_MS, BTC, ETH, d, fill

TWO = {"accounts": {"paper-main": {}, "paper-two": {"portfolio": "two"}},
       "portfolios": {"main": {}, "two": {"account": "paper-two"}}}  # fmt: skip


@pytest.fixture
def books(tmp_path) -> Iterator[Books]:
    opened = Books(tmp_path)
    yield opened
    opened.floor.close()


# --- booking -----------------------------------------------------------------------------------------------------


def test_an_account_opens_with_what_the_venue_holds_and_says_so(books):
    assert books.account.balances == {"USDT": 10_000}
    (opened,) = books.updates()
    assert (opened.cause, opened.equity, opened.account_version) == ("opened", 10_000, books.account.version)


def test_a_report_is_booked_once_however_often_it_comes(books):
    told = books.trade("a")
    books.tell(told)
    books.tell(told, "another fact with the same fills")
    assert len([entry for entry in books.entries() if entry.kind == "fill"]) == 1
    assert balanced(books.entries())
    assert books.account.balances == books.floor.ports.venue("paper-main").books(0).balances


def test_a_fill_that_is_booked_keeps_the_others_of_its_report_from_nothing(books):
    first = books.trade("a")
    more = fill("new", 100, 50_000)
    both = first.report.model_copy(update={"new_fills": (*first.report.new_fills, more)})
    assert books.tell(ExecutionReported(report=both)) is Outcome.ACK
    assert {entry.reference for entry in books.entries() if entry.kind == "fill"} == {
        first.report.new_fills[0].trade_id, "new",
    }  # fmt: skip


def test_the_version_that_is_told_is_the_one_that_is_stored(books):
    books.trade("a")
    assert books.updates()[-1].account_version == books.account.version


# --- marking -----------------------------------------------------------------------------------------------------


def test_a_position_is_marked_to_mid_where_there_is_a_quote_of_the_close_and_else_to_the_close(books):
    books.trade("a")
    close_ms = AT_MS + 900_000
    books.clock.advance_to(close_ms + 2_000)
    books.quote(BTC, 51_000, 51_010)
    books.close_bar(BTC, 50_900.0, close_ms)
    assert books.account.positions[BTC.instrument_id].mark_price == 51_005
    books.close_bar(BTC, 50_950.0, close_ms + 900_000)
    assert books.account.positions[BTC.instrument_id].mark_price == 50_950


def test_a_mark_is_told_as_of_its_bars_close(books):
    books.trade("a")
    books.clock.advance_to(AT_MS + 902_000)
    books.close_bar(BTC, 50_900.0, AT_MS + 900_000)
    assert (books.updates()[-1].cause, books.updates()[-1].ts_event_ms) == ("mark", AT_MS + 900_000)


def test_bars_of_two_instruments_that_close_together_both_mark(books):
    books.trade("a")
    books.trade("b", quantity="0.1", rules=ETH)
    books.clock.advance_to(AT_MS + 1_800_000)
    for rules, price in ((BTC, 51_000.0), (ETH, 3_100.0)):
        books.close_bar(rules, price, AT_MS + 900_000)
    marks = {name: item.mark_price for name, item in books.account.positions.items()}
    assert marks == {BTC.instrument_id: 51_000, ETH.instrument_id: 3_100}


def test_a_bar_that_is_only_watched_marks_nothing(books):
    books.trade("a")
    before = books.account.version
    books.close_bar(BTC, 51_000.0, AT_MS + 900_000, traded=False)
    books.close_bar(ETH, 3_100.0, AT_MS + 900_000)
    assert books.account.version == before


# --- comparing ---------------------------------------------------------------------------------------------------


def test_books_that_agree_say_nothing(books):
    books.trade("a")
    for _ in range(3):
        books.later(15 * MINUTE_MS)
        assert books.sweep() is Outcome.ACK
    assert books.risks() == []
    assert books.account.agreed_ms == books.clock.now_ms()


def test_a_deposit_past_the_floor_blocks_entries_at_the_second_look_and_is_told_once(books):
    books.trade("a")
    books.deposit("500")
    books.later(15 * MINUTE_MS)
    books.sweep()
    assert (books.halt(), books.account.mismatches) == (None, 1)
    for _ in range(3):
        books.later(15 * MINUTE_MS)
        books.sweep()
    assert "500 USDT more than our books" in books.halt().reason
    assert books.risks() == ["books_differ"]
    assert books.account.deposits == 10_000, "nothing is taken over in silence"


def test_two_looks_so_close_that_the_balances_may_only_lag_block_nothing(books):
    books.trade("a")
    books.deposit("500")
    books.sweep()
    for _ in range(2):
        books.later(APART_MS // 2 - 1)
        books.sweep()
        assert (books.halt(), books.account.mismatches) == (None, 1)
    books.later(2)
    books.sweep()
    assert (books.halt() is not None, books.account.mismatches) == (True, 2)
    books.later(1)
    books.sweep()
    assert books.account.mismatches == 3, "once it blocks, every look counts"


def test_a_difference_that_goes_away_blocks_nothing(books):
    books.trade("a")
    books.deposit("500")
    books.sweep()
    books.deposit("-500")
    books.later(MINUTE_MS)
    books.sweep()
    assert (books.account.mismatches, books.halt(), books.risks()) == (0, None, [])


def test_a_mismatch_is_told_even_where_entries_are_halted_for_something_else(books):
    books.put(Halt(id="main", reason="daily loss", raised_by="cerebro", ts_event_ms=AT_MS))
    books.trade("a")
    books.deposit("500")
    for _ in range(3):
        books.later(MINUTE_MS)
        books.sweep()
    assert books.halt().reason == "daily loss"
    assert books.risks() == ["books_differ"]


def test_who_resumes_while_it_stands_is_told_again_and_who_waits_hears_that_it_is_over(books):
    books.trade("a")
    books.deposit("500")
    for _ in range(2):
        books.later(MINUTE_MS)
        books.sweep()
    (known,) = books.floor.store.read([Ref("halts", "main")])
    books.floor.store.commit(Commit(deletes={known.ref: known.token}))
    books.later(MINUTE_MS)
    books.sweep()
    assert books.halt() is not None
    books.deposit("-500")
    books.later(MINUTE_MS)
    books.sweep()
    assert sorted(books.risks()) == ["books_agree", "books_differ", "books_differ"]
    assert books.halt() is not None, "only a person lifts it"


def test_a_fill_on_its_way_is_no_mismatch_until_it_is_overdue(books):
    told = books.trade("a", tell=False)
    books.order(told)
    books.later(IN_FLIGHT_MS)
    books.sweep()
    assert books.account.mismatches == 0
    for _ in range(2):
        books.later(MINUTE_MS)
        books.sweep()
    assert "is not booked" in books.halt().reason
    books.tell(told)
    books.later(MINUTE_MS)
    books.sweep()
    assert books.account.mismatches == 0


def test_a_fill_that_is_booked_after_the_venue_was_asked_is_no_mismatch(books):
    """The venue's answer is from before the fill, our books from after it: neither is wrong."""
    inner, late = books.floor.ports.venue, ["a"]

    class Slow:
        def __init__(self, venue):
            self.venue = venue

        def books(self, since_ms):
            seen = self.venue.books(since_ms)
            if late:
                books.trade(late.pop())
            return seen

    runner = books.floor.runners["reconciliation"]
    runner.ports = replace(runner.ports, venue=lambda name: Slow(inner(name)))
    books.sweep()
    assert books.account.balances["BTC"] == d("0.01")
    assert (books.account.mismatches, books.risks()) == (0, [])


def test_fills_are_asked_for_only_as_far_back_as_they_can_be_missing(books):
    asked = []
    inner = books.floor.ports.venue

    class Listening:
        def __init__(self, venue):
            self.venue = venue

        def books(self, since_ms):
            asked.append(since_ms)
            return self.venue.books(since_ms)

    runner = books.floor.runners["reconciliation"]
    runner.ports = replace(runner.ports, venue=lambda name: Listening(inner(name)))
    books.sweep()
    books.later(24 * 60 * MINUTE_MS)
    books.sweep()
    books.sweep()
    assert asked == [AT_MS - LOOK_BACK_MS, AT_MS - LOOK_BACK_MS, books.clock.now_ms() - LOOK_BACK_MS]


def test_a_finished_order_is_the_moment_to_compare_but_not_more_than_once_a_minute(books):
    books.later(5 * MINUTE_MS)
    books.trade("a")
    agreed_ms = books.account.agreed_ms
    assert agreed_ms == books.clock.now_ms()
    books.trade("b")
    assert books.account.agreed_ms == agreed_ms
    books.later(MINUTE_MS)
    books.trade("c")
    assert books.account.agreed_ms == books.clock.now_ms()


def test_an_account_whose_venue_is_down_keeps_no_other_from_being_compared(tmp_path):
    books = Books(tmp_path, TWO)
    books.trouble["paper-main"] = Throttled("busy")
    books.later(15 * MINUTE_MS)
    assert books.sweep() is Outcome.NACK
    second = books.floor.context("reconciliation").read(Account.key("paper-two"))
    assert second.agreed_ms == books.clock.now_ms()
    books.floor.close()


# --- margin ------------------------------------------------------------------------------------------------------


def test_the_venues_margin_is_kept_and_told_when_it_has_moved_or_turned(books):
    inner, lends = books.floor.ports.venue, {"used": d(100), "free": d(900)}

    class Lending:
        def __init__(self, venue):
            self.venue = venue

        def books(self, since_ms):
            seen = self.venue.books(since_ms)
            return replace(seen, margin_used=lends["used"], margin_free=lends["free"])

    runner = books.floor.runners["reconciliation"]
    runner.ports = replace(runner.ports, venue=lambda name: Lending(inner(name)))
    for free in (900, 900, 895, "0.5", "-0.5"):
        lends["free"] = d(free)
        books.later(MINUTE_MS)
        books.sweep()
    told = [update for update in books.updates() if update.cause == "margin"]
    assert [(update.margin_used, update.margin_free) for update in told] == [
        (100, 900), (100, d("0.5")), (100, d("-0.5")),
    ]  # fmt: skip
    assert told[-1].account_version <= books.account.version
    assert (books.account.margin_used, books.account.margin_free) == (100, d("-0.5"))
