"""What happens at the venue past the floor: a cold start, a warm one, and every look in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.accounts.compare import IN_FLIGHT_MS
from fluxfloor.accounts.ledger import VENUE, balanced, sums
from fluxfloor.accounts.reconcile import MOST, OURS_MS, STRAY_MS
from fluxfloor.contracts.books import Adjustment, AdjustmentState, CashMove, TreatAs
from fluxfloor.contracts.events import AdjustmentConfirmed, ExecutionReported, OrderChanged
from fluxfloor.contracts.orders import ChangeKind, OrderState, Side
from fluxfloor.contracts.state import Account
from fluxfloor.local import audit
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.runner import Outcome

from tests.support.away import Away, moved, ordered, resting, traded
from tests.support.books_room import MINUTE_MS, Books
from tests.support.desk import AT_MS, BTC, d, fill, intent, report

DAY_MS = 86_400_000


class Visited(Books):
    """With a venue that other hands are in."""

    def __init__(self, directory: Path, overrides: dict[str, Any] | None = None, **before: Any) -> None:
        def around(inner: Any) -> Away:
            away = Away(inner)
            for name, value in before.items():
                setattr(away, name, value)
            return away

        super().__init__(directory, overrides, around)

    @property
    def away(self) -> Away:
        return self._venue(None, "paper-main")

    def look(self, times: int = 1, every_ms: int = 5 * MINUTE_MS) -> None:
        for _ in range(times):
            self.later(every_ms)
            assert self.sweep() is Outcome.ACK

    def changes(self) -> list[OrderChanged]:
        found = [fact for fact in audit.facts(self.floor.store) if fact["type"] == OrderChanged.type]
        return [OrderChanged.model_validate(fact["data"]) for fact in found]

    def adjustment(self) -> Adjustment:
        (row,) = [row for row in audit.rows(self.floor.store, "adjustments") if row["id"] == self.account.proposed]
        return Adjustment.decode(row)

    def adjustments(self) -> list[str]:
        return sorted(row["state"] for row in audit.rows(self.floor.store, "adjustments"))

    def confirm(self, adjustment: Adjustment, treat_as: TreatAs = TreatAs.RESULT) -> Outcome:
        return self.tell(
            AdjustmentConfirmed(
                account_id="paper-main", adjustment_id=adjustment.id, treat_as=treat_as, confirmed_by="ann",
                reason="seen there",
            )
        )  # fmt: skip

    def whole(self) -> bool:
        """Ledger, account and venue say the same."""
        totals = sums(self.entries())
        ledger = {name: amount for (where, name), amount in totals.items() if where == VENUE and amount}
        ours = {name: amount for name, amount in self.account.balances.items() if amount}
        there = {name: amount for name, amount in self.away.books(0).balances.items() if amount}
        return balanced(self.entries()) and ledger == ours == there


@pytest.fixture
def books(tmp_path) -> Iterator[Visited]:
    opened = Visited(tmp_path)
    yield opened
    opened.floor.close()


# --- cold start --------------------------------------------------------------------------------------------------


def test_a_cold_start_takes_coins_for_capital_old_trades_for_done_and_names_the_orders_it_finds(tmp_path):
    books = Visited(
        tmp_path, None, more={"BTC": d("0.5")}, fills=[traded("old", at_ms=AT_MS - 1_000)],
        transfers=[moved("D0", "7", at_ms=AT_MS - 1_000)], orders=[resting(venue="V-7")],
    )  # fmt: skip
    try:
        assert books.account.deposits == d(10_000) - 50 + 7 + d("0.501") * 50_000
        (opened,) = books.updates()
        assert [(view.currency, view.value) for view in opened.holdings] == [("BTC", d("0.501") * 50_000)]
        books.look(3)
        assert books.account.mismatches == 0
        assert [entry.kind for entry in books.entries()] == ["deposit", "deposit"]
        assert books.risks() == ["order_unknown_at_venue"]
        assert books.whole()
    finally:
        books.floor.close()


# --- warm start --------------------------------------------------------------------------------------------------


def test_a_warm_start_books_all_that_happened_meanwhile_and_blocks_nothing(books):
    own = books.trade("a", tell=False)
    books.order(own, OrderState.OPEN)
    books.away.fills += [
        traded("x1", Side.BUY, 10, at_ms=AT_MS + 1_000),
        traded("x2", Side.SELL, 4, at_ms=AT_MS + 2_000),
    ]
    books.away.transfers += [
        moved("D1", "500", at_ms=AT_MS + 3_000),
        moved("R1", "2", kind="reward", at_ms=AT_MS + 4_000),
    ]
    books.later(DAY_MS)
    books.tell(own)  # execution has found its own at once
    assert books.sweep() is Outcome.ACK
    assert (books.halt(), books.account.mismatches) == (None, 0)
    kinds = sorted(entry.kind for entry in books.entries())
    assert kinds == ["deposit", "deposit", "external", "external", "fill", "reward"]
    assert books.whole()
    lots = {lot.strategy_id: lot.lots for lot in books.account.positions[BTC.instrument_id].open_lots}
    assert lots == {"trend": 100, "external": 6}
    assert books.account.deposits == 10_500
    assert sorted(books.risks()) == ["capital_moved", "external_trade", "external_trade"]
    books.look(2)
    assert len(books.entries()) == 6, "nothing is booked twice"


def test_more_than_one_commit_takes_is_booked_by_several(books):
    books.away.fills += [traded(f"x{number}", lots=1, at_ms=AT_MS + number) for number in range(2 * MOST + 3)]
    books.look()
    assert books.whole()
    assert len(books.entries()) == 1 + 2 * MOST + 3


def test_an_external_round_trip_is_a_trade_of_its_own(books):
    books.away.fills += [traded("x1", at_ms=AT_MS + 1), traded("x2", Side.SELL, price=51_000, at_ms=AT_MS + 2)]
    books.look()
    (row,) = audit.rows(books.floor.store, "trades")
    assert (row["trade"]["strategy_id"], row["trade"]["profit"]) == ("external", "1")
    (update,) = [item for item in books.updates() if item.cause == "external"]
    assert (len(update.trades), update.account_version) == (1, 2)


# --- a fill of ours that nobody booked ---------------------------------------------------------------------------


def test_a_fill_of_ours_is_handed_to_execution_and_blocks_entries_while_it_is_missing(books):
    own = books.trade("a", tell=False)
    books.order(own, OrderState.OPEN)
    books.later(IN_FLIGHT_MS + 1)
    books.sweep()
    (asked,) = books.changes()
    assert (asked.change.kind, asked.change.intent_id, asked.change.asked_by) == (
        ChangeKind.LOOK,
        "a",
        "reconciliation",
    )
    books.look()
    assert "is not booked" in books.halt().reason
    assert books.adjustments() == [], "what a trade will explain is no adjustment"
    books.tell(own)
    books.look()
    assert books.whole()
    assert sorted(books.risks()) == ["books_agree", "books_differ"]


def test_what_execution_can_never_place_is_adopted_and_goes_to_its_strategy_if_it_is_told_of_after_all(books):
    own = books.trade("a", tell=False)
    books.order(own, OrderState.UNKNOWN)
    books.look(8)
    assert books.clock.now_ms() > AT_MS + OURS_MS
    position = books.account.positions[BTC.instrument_id]
    assert [lot.strategy_id for lot in position.open_lots] == ["external"]
    assert books.whole()
    for name in ("once", "and again"):
        assert books.tell(own, name) is Outcome.ACK
    position = books.account.positions[BTC.instrument_id]
    assert [(lot.strategy_id, lot.lots) for lot in position.open_lots] == [("trend", 100)]
    assert sorted(entry.kind for entry in books.entries()) == ["deposit", "external", "moved"]
    assert books.whole()


def test_an_order_that_execution_took_for_ended_is_looked_at_again_and_told_once(books):
    ended = ordered("i9", "c-9", OrderState.CANCELLED)
    books.put(ended)
    books.away.orders.append(resting("c-9", "V-9"))
    books.look(4, STRAY_MS)
    assert books.risks() == ["order_open_at_venue"]
    assert {change.change.intent_id for change in books.changes()} == {"i9"}


# --- an answer that is older than its commit ---------------------------------------------------------------------


def test_books_agree_as_of_when_the_venue_was_asked(books):
    """Whoever asked was held up for so long that the next comparison would not look back as far; another hand has
    traded meanwhile."""

    def meanwhile() -> None:
        books.away.fills.append(traded("x", at_ms=books.clock.now_ms() + MINUTE_MS))
        books.later(20 * MINUTE_MS)

    books.away.held_up = meanwhile
    books.look()
    assert (books.account.mismatches, books.account.agreed_ms) == (0, AT_MS + 5 * MINUTE_MS)
    books.look(2)
    assert books.whole()
    assert (books.halt(), books.risks()) == (None, ["external_trade"])


def test_a_cancel_that_was_on_its_way_when_the_venue_was_asked_revives_nothing(books):
    books.put(ordered("i9", "c-9", OrderState.CANCELLED, at_ms=AT_MS + 5 * MINUTE_MS - 1_000))
    books.away.orders.append(resting("c-9", "V-9"))

    def meanwhile() -> None:
        books.away.orders.clear()
        books.later(2 * STRAY_MS)

    books.away.held_up = meanwhile
    books.look(2)
    assert (books.changes(), books.risks()) == ([], [])


# --- money between our accounts ----------------------------------------------------------------------------------


def test_money_from_one_account_to_another_is_one_move_and_changes_both_capitals(tmp_path):
    two = {"accounts": {"paper-main": {}, "paper-two": {"portfolio": "two"}},
           "portfolios": {"main": {}, "two": {"account": "paper-two"}}}  # fmt: skip
    books = Visited(tmp_path, two)
    try:
        books._venue(None, "paper-two").transfers.append(moved("D", "100", at_ms=AT_MS + 60_000))
        books.away.transfers.append(moved("W", "-101", kind="withdrawal", fee="1", at_ms=AT_MS + 1))
        books.look()
        (move,) = [CashMove.decode(row) for row in audit.rows(books.floor.store, "cash_moves")]
        assert (move.sent.account_id, move.received.account_id, move.fee) == ("paper-main", "paper-two", 0)
        other = books.floor.context("reconciliation").read(Account.key("paper-two"))
        assert (books.account.deposits, books.account.realised, other.deposits) == (9_900, -1, 10_100)
        assert sorted(books.risks()) == ["capital_moved", "cash_moved"]
    finally:
        books.floor.close()


# --- differences -------------------------------------------------------------------------------------------------


def test_a_difference_is_proposed_with_its_evidence_and_booked_when_a_person_agrees(books):
    books.away.more = {"USDT": d(500), "BTC": d("0.01")}
    books.look(3)
    proposal = books.adjustment()
    assert (proposal.state, proposal.differences) == (AdjustmentState.PROPOSED, {"USDT": 500, "BTC": d("0.01")})
    assert (proposal.ours, proposal.venues) == ({"USDT": 10_000, "BTC": 0}, {"USDT": 10_500, "BTC": d("0.01")})
    assert (proposal.value, proposal.agreed_ms) == (1_000, AT_MS)
    assert proposal.id in books.halt().reason
    assert len(books.entries()) == 1, "nothing is taken over in silence"
    assert books.confirm(proposal, TreatAs.CAPITAL) is Outcome.ACK
    assert books.whole()
    assert (books.account.deposits, books.account.realised, books.account.mismatches) == (11_000, 0, 0)
    assert {entry.reference for entry in books.entries() if entry.kind == "adjustment"} == {proposal.id}
    assert books.adjustments() == ["booked"]
    assert sorted(books.risks()) == ["books_adjusted", "books_agree", "books_differ"]
    assert books.halt() is not None, "entries wait for a person"
    books.confirm(proposal)
    books.look(2)
    assert len(books.entries()) == 3


def test_an_adjustment_agreed_to_is_not_booked_when_the_venue_says_something_else_by_then(books):
    books.away.more = {"USDT": d(500)}
    books.look(2)
    first = books.adjustment()
    books.away.more = {"USDT": d(400)}
    books.confirm(first)
    assert books.adjustments() == ["proposed", "withdrawn"]
    assert len(books.entries()) == 1
    books.away.more = {}
    books.look()
    assert books.adjustments() == ["withdrawn", "withdrawn"]
    assert books.account.proposed == ""


@pytest.mark.parametrize(("limit", "adjusted"), [("0.5", True), ("0.1", False)])
def test_small_differences_are_booked_by_the_settings_where_they_say_so(tmp_path, limit, adjusted):
    books = Visited(tmp_path, {"reconciliation": {"adjust": "auto", "adjust_limit": limit}})
    try:
        books.away.more = {"USDT": d("-0.2"), "BTC": d("0.000001")}
        books.look()
        assert books.adjustments() == [], "never at the first look"
        books.look()
        assert books.adjustments() == (["booked"] if adjusted else ["proposed"])
        assert books.whole() is adjusted
        assert books.halt() is not None, "entries are halted all the same"
        assert books.account.realised == (d("-0.15") if adjusted else 0)
    finally:
        books.floor.close()


@pytest.mark.parametrize(("crumb", "rounding"), [("-0.00000003", True), ("0.01", True), ("0.02", False)])
def test_a_venues_rounding_is_booked_at_once_and_stops_nothing(tmp_path, crumb, rounding):
    books = Visited(tmp_path, {})
    try:
        books.trade("a")
        books.away.more = {"USDT": d(crumb)}
        books.look(2)
        assert books.adjustments() == (["booked"] if rounding else ["proposed"])
        assert (books.halt() is None, books.whole()) == (rounding, rounding)
        assert (books.risks() == []) is rounding
    finally:
        books.floor.close()


def test_a_cent_that_goes_where_nothing_was_booked_is_a_difference_like_any_other(books):
    books.trade("a")
    books.away.more = {"USDT": d("-0.01")}
    books.look()
    assert (books.adjustments(), books.halt()) == (["booked"], None)
    books.look(2)
    books.away.more = {"USDT": d("-0.02")}
    books.look(2)
    assert books.adjustments() == ["booked", "proposed"]
    assert books.halt() is not None


def test_what_nobody_can_value_is_never_booked_by_the_settings(tmp_path):
    books = Visited(tmp_path, {"reconciliation": {"adjust": "auto", "adjust_limit": "1000000"}})
    try:
        books.away.more = {"SHIB": d(1)}
        books.look(2)
        assert (books.adjustment().state, books.adjustment().value) == (AdjustmentState.PROPOSED, None)
    finally:
        books.floor.close()


# --- watching ----------------------------------------------------------------------------------------------------


AT_A_VENUE = {"accounts": {"paper-main": {"venue": "kraken", "sandbox": True}}}


def watched(books: Visited) -> int:
    """How often the venue was asked by one run."""
    before = len(books.away.asked)
    assert books.floor.tick("reconciliation", "watch") is Outcome.ACK
    return len(books.away.asked) - before


def test_paper_is_not_watched(books):
    books.trade("a")
    assert watched(books) == 0


def test_an_account_at_a_venue_is_watched_only_while_something_of_it_is_open(tmp_path, monkeypatch):
    monkeypatch.setattr("fluxfloor.wiring._open_venue", paper_instead)
    books = Visited(tmp_path, AT_A_VENUE)
    try:
        assert watched(books) == 0
        order = ordered("i1", "c-1", OrderState.OPEN)
        books.put(order)
        assert watched(books) == 1
        books.put(order.model_copy(update={"state": OrderState.FILLED, "open": False}))
        books.later(MINUTE_MS)
        assert watched(books) == 0
        books.away.fills.append(traded("t", at_ms=books.clock.now_ms(), client="c-1"))
        told = report(intent("i1"), OrderState.FILLED, fill("t", at_ms=books.clock.now_ms()))
        books.tell(ExecutionReported(report=told))
        books.later(MINUTE_MS)
        assert watched(books) == 1, "a position is open"
    finally:
        books.floor.close()


def paper_instead(settings, account_id, store, clock, *more):
    from fluxfloor.adapters.venues.paper import PaperVenue

    return PaperVenue(account_id, store, clock, {"USDT": d(10_000)})


# --- crashes -----------------------------------------------------------------------------------------------------


def test_a_stage_that_died_before_its_commit_adopts_once(books, monkeypatch):
    """The same look again after the process ended: the commit is all of it or nothing."""
    books.away.fills.append(traded("x", at_ms=AT_MS + 1))
    commit, killed = books.floor.store.commit, []

    class Killed(BaseException):
        pass

    def dies(wanted: Commit) -> None:
        if not killed and any(ref == Ref("ledger", ref.id) for ref in wanted.creates):
            killed.append(True)
            raise Killed
        commit(wanted)

    monkeypatch.setattr(books.floor.store, "commit", dies)
    books.later(5 * MINUTE_MS)
    with pytest.raises(Killed):
        books.sweep()
    assert [entry.kind for entry in books.entries()] == ["deposit"]
    books.look(2)
    assert [entry.kind for entry in books.entries()].count("external") == 1
    assert books.whole()
