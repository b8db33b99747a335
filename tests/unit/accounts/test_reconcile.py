"""What of a difference explains itself: whose a fill is, when it is taken over, and what people are told of orders."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fluxfloor.accounts import adopting, moves, reconcile
from fluxfloor.accounts import book as books
from fluxfloor.accounts.compare import IN_FLIGHT_MS, compare
from fluxfloor.accounts.ledger import balanced
from fluxfloor.accounts.reconcile import MOST, OURS_MS, STRAY_MS, Known, plan
from fluxfloor.contracts.books import OpenFlows, Stray
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account, Rate
from fluxfloor.ports import VenueBooks

from tests.support.away import moved, ordered, resting, traded
from tests.support.desk import AT_MS, BTC, RULES, d, fill, intent, report

LATE_MS = AT_MS + IN_FLIGHT_MS + 1
CASH = {"USDT": d(10_000)}


def account(**more) -> Account:
    opened = books.open_account("paper-main", "main", "paper", "USDT", CASH, AT_MS).account
    return opened.model_copy(update=more)


def seen(*fills, transfers=(), orders=()) -> VenueBooks:
    return VenueBooks(CASH, fills, transfers, orders)


# --- whose fill is it --------------------------------------------------------------------------------------------


def test_a_fill_of_nobodys_is_adopted_once_it_can_no_longer_be_on_its_way():
    stranger = seen(traded("t"))
    assert not plan(account(), stranger, Known(), LATE_MS - 1).adopt
    assert plan(account(), stranger, Known(), LATE_MS).adopt == stranger.fills
    assert not plan(account(), stranger, Known(trades=frozenset({"t"})), LATE_MS).books
    assert not plan(account(in_opening=("t",)), stranger, Known(), LATE_MS).books


@pytest.mark.parametrize("named", [{"client": "c-1"}, {"venue": "V-1"}])
def test_a_fill_of_an_order_of_ours_is_handed_to_execution_and_adopted_only_much_later(named):
    ours, order = seen(traded("t", **named)), ordered(venue="V-1", state=OrderState.CANCELLED)
    known = Known(orders={"c-1": order, "V-1": order})
    found = plan(account(), ours, known, LATE_MS)
    assert (found.adopt, found.look) == ((), ((order, "trade t of it is not booked"),))
    assert plan(account(), ours, known, AT_MS + OURS_MS + 1).adopt == ours.fills


def test_a_fill_that_its_order_has_in_its_own_books_is_never_adopted_for_what_was_stated_of_it_is_on_its_way():
    own = traded("t", venue="V-1")
    order = ordered(venue="V-1", fills={"t": own.fill})
    found = plan(account(), seen(own), Known(orders={"V-1": order}, at_work=(order,)), LATE_MS + 10 * OURS_MS)
    assert not found.books
    assert not found.look


@pytest.mark.parametrize(
    ("order", "waits"),
    [
        (ordered(state=OrderState.UNKNOWN), True),
        (ordered(state=OrderState.UNKNOWN, side=Side.SELL), False),
        (ordered(venue="V-1"), False),
        (ordered(venue="V-1", attempt=2), True),
    ],
)
def test_a_fill_that_an_order_at_work_could_have_made_waits_for_it(order, waits):
    stranger = seen(traded("t", venue="V-9"))
    found = plan(account(), stranger, Known(at_work=(order,)), LATE_MS)
    assert bool(found.adopt) is not waits
    assert plan(account(), stranger, Known(at_work=(order,)), AT_MS + OURS_MS + 1).adopt


def test_transfers_are_booked_at_once_and_once():
    deposit = seen(transfers=(moved("D1", "500"),))
    assert plan(account(), deposit, Known(), AT_MS).transfers == deposit.transfers
    assert not plan(account(), deposit, Known(transfers=frozenset({"D1"})), AT_MS).books
    assert not plan(account(in_opening=("D1",)), deposit, Known(), AT_MS).books


def test_no_commit_takes_more_than_it_can_and_the_oldest_go_first():
    many = seen(*(traded(f"t{number:03}", at_ms=AT_MS - number) for number in range(MOST + 5)))
    found = plan(account(), many, Known(), LATE_MS)
    assert (len(found.adopt), found.more, found.adopt[0].fill.trade_id) == (MOST, True, f"t{MOST + 4:03}")


# --- orders at the venue -----------------------------------------------------------------------------------------


def test_an_order_that_nobody_knows_is_told_once_it_had_time_to_be_known_and_once():
    stands, told = account(), []
    for at_ms in (AT_MS, AT_MS + STRAY_MS - 1, AT_MS + STRAY_MS, AT_MS + 2 * STRAY_MS):
        found = plan(stands, seen(orders=(resting(venue="V-1"),)), Known(), at_ms)
        stands = stands.model_copy(update={"strays": dict(found.strays)})
        told.append(len(found.unknown))
    assert told == [0, 0, 1, 0]
    assert plan(stands, seen(), Known(), at_ms).strays == {}, "one that is gone is forgotten"
    assert plan(stands, VenueBooks(CASH), Known(), at_ms).strays == stands.strays, (
        "a venue that was not asked says nothing"
    )


def test_an_order_of_ours_at_the_venue_is_no_stranger():
    known = Known(orders={"c-1": ordered()})
    assert plan(account(), seen(orders=(resting("c-1"),)), known, AT_MS + STRAY_MS).strays == {}


def test_an_order_that_execution_took_for_ended_is_told_and_looked_at_again():
    order = ordered(state=OrderState.CANCELLED, at_ms=AT_MS)
    known, there = Known(orders={"c-1": order}), seen(orders=(resting("c-1", "V-1"),))
    assert not plan(account(), there, known, AT_MS + STRAY_MS).look, "the cancel may still be on its way"
    told = account(strays={"V-1": Stray(since_ms=AT_MS)})
    found = plan(told, there, known, AT_MS + STRAY_MS + 1)
    assert (found.ended, found.unknown) == (((there.orders[0], order),), ())
    assert found.look == ((order, "it is open at the venue"),)


def test_only_what_needs_an_order_to_be_looked_for_is_asked_for():
    told = account(strays={"V-2": Stray(since_ms=AT_MS, told=True)})
    there = seen(
        traded("old", venue="V-1"), traded("young", at_ms=LATE_MS), orders=(resting(venue="V-2"), resting("c-3"))
    )
    assert reconcile.asked_for(told, there, frozenset(), LATE_MS) == [("", "V-1"), ("c-3", "")]
    assert reconcile.asked_for(told, there, frozenset({"old"}), LATE_MS) == [("c-3", "")]


# --- adopting ----------------------------------------------------------------------------------------------------


def test_an_adopted_trade_is_lots_of_the_strategy_external_and_the_books_are_the_venues():
    there = traded("t", fee="0.1")
    booked = adopting.adopt(account(), there, BTC, RULES, {})
    (entry,), (lot,) = booked.entries, booked.account.positions[BTC.instrument_id].open_lots
    assert (entry.kind, entry.reference, balanced(booked.entries)) == ("external", "t", True)
    assert (lot.strategy_id, lot.sender_id, lot.lots) == ("external", "external", 10)
    after = VenueBooks({"BTC": d("0.001"), "USDT": d("9949.9")}, (there,))
    assert compare(booked.account, after, {"t"}, LATE_MS).agrees
    assert books.equity(booked.account, RULES) == d("9999.9")


def test_a_fee_that_is_stated_in_the_quote_and_taken_from_the_base_makes_the_position_smaller():
    there = traded("t", lots=100, fee="5")
    there = replace(there, moves={"BTC": d("0.0099"), "USDT": d(-500)})
    booked = adopting.adopt(account(), there, BTC, RULES, {}).account
    assert (booked.positions[BTC.instrument_id].lots, booked.balances["BTC"]) == (99, d("0.0099"))
    assert (booked.realised, books.equity(booked, RULES)) == (-5, 9_995)


def test_a_trade_by_hand_does_not_close_what_a_strategy_holds_and_the_position_is_still_the_venues():
    told = report(intent("i"), OrderState.FILLED, fill("own"))
    held = books.book_report(account(), told, RULES).account
    sold = adopting.adopt(held, traded("t", Side.SELL, price=51_000), BTC, RULES, {})
    position = sold.account.positions[BTC.instrument_id]
    assert (position.lots, [lot.lots for lot in position.open_lots], sold.trades) == (0, [10, -10], ())
    assert books.equity(sold.account, RULES) == 10_001


def test_a_trade_in_what_nobody_lists_moves_balances_alone():
    there = traded("t")
    booked = adopting.adopt(account(), there, None, RULES, {"BTC": Rate(rate=d(50_000), at_ms=AT_MS)})
    assert (booked.account.positions, booked.account.balances["BTC"]) == ({}, d("0.001"))
    assert (books.equity(booked.account, RULES), booked.account.realised) == (10_000, 0)


def test_a_trade_that_its_order_tells_of_after_all_goes_to_its_strategy():
    told = report(intent("i"), OrderState.FILLED, fill("own"))
    held = books.book_report(account(), told, RULES).account
    adopted = adopting.adopt(held, traded("t", Side.SELL, price=51_000, fee="0.1"), BTC, RULES, {}).account
    before = books.equity(adopted, RULES)
    order = intent("x", Side.SELL)
    back = adopting.hand_back(adopted, fill("t", 10, 51_000, "0.1"), order, RULES, AT_MS)
    (trade,), (entry,) = back.trades, back.entries
    assert (trade.strategy_id, trade.profit, trade.exit_signal_id) == ("trend", d("0.9"), "sig-x")
    assert (entry.kind, entry.reference, entry.intent_id) == ("moved", "t", "x")
    assert back.account.positions[BTC.instrument_id].open_lots == ()
    assert books.equity(back.account, RULES) == before
    assert back.account.balances == adopted.balances


# --- transfers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transfer", "deposits", "realised"),
    [
        (moved("1", "500"), 10_500, 0),
        (moved("2", "-101", kind="withdrawal", fee="1"), 9_900, -1),
        (moved("3", "-50", kind="transfer"), 9_950, 0),
        (moved("4", "3", kind="reward"), 10_000, 3),
        (moved("5", "2", kind="interest"), 10_000, 2),
        (moved("6", "-4", kind="fee"), 10_000, -4),
    ],
)
def test_capital_changes_deposits_and_income_and_fees_are_result(transfer, deposits, realised):
    booked = adopting.book_transfer(account(), transfer, RULES, {})
    assert (booked.account.deposits, booked.account.realised) == (deposits, realised)
    assert balanced(booked.entries)
    assert booked.account.balances["USDT"] == 10_000 + transfer.amount


def test_a_withdrawal_here_and_a_deposit_there_are_one_move():
    sent = moves.flow_of("one", moved("W", "-101", kind="withdrawal", fee="1"))
    came = moves.flow_of("two", moved("D", "100", at_ms=AT_MS + 60_000))
    waiting, none = moves.matched(OpenFlows(id="floor"), sent)
    left, move = moves.matched(waiting, came)
    assert (none, left.flows) == (None, ())
    assert (move.sent, move.received, move.fee) == (sent, came, 0)
    other_way_round, early = moves.matched(moves.matched(OpenFlows(id="floor"), came)[0], sent)
    assert (early, other_way_round.flows) == (move, ())


@pytest.mark.parametrize(
    ("other", "one_move"),
    [
        (moved("D", "99.5", reference="0xabc"), True),
        (moved("D", "99.5"), False),
        (moved("D", "100", currency="USD"), False),
        (moved("D", "100", at_ms=AT_MS + moves.LATEST_MS + 1), False),
        (moved("D", "-100", kind="withdrawal"), False),
    ],
)
def test_only_what_can_be_the_other_end_is(other, one_move):
    sent = moves.flow_of("one", moved("W", "-100", kind="withdrawal", reference="0xabc"))
    waiting, _ = moves.matched(OpenFlows(id="floor"), sent)
    _, move = moves.matched(waiting, moves.flow_of("two", other))
    assert (move is not None) is one_move
    if move is not None:
        assert move.fee == d("0.5")


def test_two_flows_of_one_account_are_never_one_move():
    waiting, _ = moves.matched(OpenFlows(id="floor"), moves.flow_of("one", moved("W", "-100", kind="withdrawal")))
    assert moves.matched(waiting, moves.flow_of("one", moved("D", "100")))[1] is None
