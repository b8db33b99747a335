"""An order's transitions: forward only, fills once each, and an end that is an end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fluxfloor.contracts.execution import Amended, Order, Terms
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.errors import InvariantBroken, VenueRefused
from fluxfloor.execution import lifecycle
from fluxfloor.execution.missing import BURN_TRIES, MIN_LOOKUPS, Next, next_of_missing, settled_ms
from fluxfloor.execution.placement import placement_of
from fluxfloor.execution.plans import AMEND, ASKED, ENOUGH, takes_back
from fluxfloor.execution.refusals import refused
from fluxfloor.ports import VenueOrder

from functions.execution.recording import settled
from tests.support.desk import AT_MS, BTC, fill, intent

S = OrderState
PAPER = CAPABILITIES["paper"]
KEEPS_IDS = replace(PAPER, placement_expiry_ms=0, read_lag_ms=40_000, clock_error_ms=2_000)
PROMISES_NOTHING = replace(PAPER, placement_expiry_ms=0, permanent_client_ids=False)


def sent(lots: int = 10, side: Side = Side.BUY, capabilities=PAPER, **more) -> Order:
    order = lifecycle.accept(intent(side=side, lots=lots, **more), capabilities, AT_MS)
    return lifecycle.submit(order, capabilities, AT_MS)


def seen(state: OrderState, *fills, reason: str = "") -> VenueOrder:
    return VenueOrder("c", "V-1", state, fills, reason)


def observe(order: Order, state: OrderState, *fills) -> lifecycle.Observed:
    """With what follows on the end of its placement."""
    return settled(lifecycle.observe(order, seen(state, *fills), BTC, AT_MS + 100), PAPER, AT_MS + 100)


# --- observing ---------------------------------------------------------------------------------------------------


def test_the_usual_life():
    opened = observe(sent(), S.OPEN)
    part = observe(opened.order, S.OPEN, fill("a", 4))
    done = observe(part.order, S.FILLED, fill("a", 4), fill("b", 6))
    assert [one.report.state for one in (opened, part, done)] == [S.OPEN, S.PARTIALLY_FILLED, S.FILLED]
    assert [len(one.report.new_fills) for one in (opened, part, done)] == [0, 1, 1]
    assert (done.order.filled_lots, done.order.open) == (10, False)


def test_filled_may_be_the_first_that_is_seen():
    done = observe(sent(), S.FILLED, fill("a", 10, 50_010))
    assert (done.report.state, done.report.average_price) == (S.FILLED, 50_010)


@pytest.mark.parametrize("why", ["", AMEND, f"{ASKED} ann"])
def test_what_was_amended_to_less_than_has_filled_by_then_is_filled_once_its_placement_has_ended(why: str):
    """The rest of it lives at the venue until the cancel is seen there."""
    asked = sent().model_copy(update={"amended": Amended(lots=3), "terms": Terms(lots=10, order_type=OrderType.MARKET)})
    leaving = lifecycle.take_back(asked, why, AT_MS)
    part = observe(leaving, S.OPEN, fill("a", 5))
    assert (part.order.state, part.order.open, part.order.left) == (S.PARTIALLY_FILLED, True, 0)
    more = observe(part.order, S.PARTIALLY_FILLED, fill("a", 5), fill("b", 1))
    assert more.order.state is S.PARTIALLY_FILLED
    done = observe(more.order, S.CANCELLED, fill("a", 5), fill("b", 1))
    assert (done.report.state, done.order.filled_lots, done.order.open) == (S.FILLED, 6, False)


def test_what_has_filled_is_filled_though_the_venue_still_calls_it_open():
    placed = sent().model_copy(update={"terms": Terms(lots=10, order_type=OrderType.MARKET)})
    assert observe(placed, S.OPEN, fill("a", 4), fill("b", 6)).order.state is S.FILLED


def test_a_placement_that_a_late_fill_of_an_earlier_one_has_overtaken_is_taken_back_and_its_end_awaited():
    placed = sent(side=Side.SELL).model_copy(update={"terms": Terms(lots=10, order_type=OrderType.MARKET)})
    opened = observe(placed, S.OPEN).order
    assert takes_back(opened, AT_MS) == ""
    overtaken = lifecycle.observe_past(opened, seen(S.CANCELLED, fill("early", 10)), BTC, AT_MS).order
    assert (overtaken.state, overtaken.left, takes_back(overtaken, AT_MS)) == (S.OPEN, 0, ENOUGH)
    part = observe(overtaken, S.OPEN, fill("a", 4)).order
    assert part.open
    assert observe(part, S.CANCELLED, fill("a", 4)).order.state is S.FILLED


def test_a_venues_own_id_is_kept_where_a_later_answer_leaves_it_out():
    opened = observe(sent(), S.OPEN).order
    later = replace(seen(S.OPEN, fill("a", 4)), venue_order_id=None)
    assert lifecycle.observe(opened, later, BTC, AT_MS + 200).order.venue_order_id == "V-1"


def test_an_order_is_known_by_every_name_that_it_ever_had_each_once():
    """By its ids and by the venue's: whoever finds one of them there knows whose it is."""
    order = sent(side=Side.SELL)
    first = order.client_order_id
    for _ in range(2):
        order = observe(order, S.OPEN).order
    assert order.names == (first, "V-1")
    second = observe(order, S.CANCELLED).order
    assert second.names == (first, "V-1", second.client_order_id)


def test_nothing_new_is_nothing_to_say():
    opened = observe(sent(), S.OPEN).order
    assert observe(opened, S.OPEN).report is None


def test_a_state_that_lies_behind_is_ignored():
    part = observe(sent(), S.OPEN, fill("a", 4)).order
    assert observe(part, S.OPEN).report is None
    done = observe(part, S.CANCELLED).order
    assert observe(done, S.OPEN).report is None


def test_a_fill_that_is_shown_twice_counts_once():
    part = observe(sent(), S.OPEN, fill("a", 4), fill("a", 4)).order
    assert part.filled_lots == 4
    assert observe(part, S.OPEN, fill("a", 4)).report is None


def test_a_fill_that_is_shown_twice_does_not_stand_for_one_that_is_hidden():
    order = lifecycle.accept(intent(side=Side.BUY, lots=10), PAPER, AT_MS)
    order = lifecycle.submit(order, PAPER, AT_MS, Terms(lots=10, order_type=order.intent.order_type))
    early = observe(order, S.FILLED, fill("a", 6), fill("a", 6))
    assert (early.order.state, early.order.attempt, early.order.filled_lots) == (S.PARTIALLY_FILLED, 1, 6)
    assert observe(early.order, S.FILLED, fill("a", 6), fill("b", 4)).order.state is S.FILLED


def test_a_late_fill_after_the_end_is_booked_and_the_end_stays():
    ended = observe(sent(), S.CANCELLED).order
    late = observe(ended, S.CANCELLED, fill("a", 4))
    assert (late.order.state, late.report.late, len(late.report.new_fills)) == (S.CANCELLED, True, 1)


def test_filled_is_believed_once_the_fills_are_shown():
    early = observe(sent(), S.FILLED, fill("a", 4))
    assert (early.order.state, early.order.open) == (S.PARTIALLY_FILLED, True)
    none_yet = observe(sent(), S.FILLED)
    assert none_yet.order.state is S.OPEN
    assert observe(early.order, S.FILLED, fill("a", 4), fill("b", 6)).order.state is S.FILLED


def test_more_than_was_asked_for_is_booked_and_raises_an_alarm():
    over = observe(sent(), S.FILLED, fill("a", 11))
    assert over.overfilled
    assert (over.order.state, over.order.filled_lots) == (S.FILLED, 11)
    assert not observe(sent(), S.FILLED, fill("a", 10)).overfilled


def test_an_order_can_be_stored_and_read_again_whatever_its_average():
    order = observe(sent(3), S.FILLED, fill("a", 1, "50000.1"), fill("b", 2, "50000.2"))
    assert Order.decode(order.order.encode()) == order.order
    assert str(order.report.average_price) == "50000.166666666667"


@pytest.mark.parametrize("state", [S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED])
def test_no_end_is_left_again(state):
    ended = sent().model_copy(update={"state": state, "open": False})
    assert lifecycle.lost(ended, "?", AT_MS).order is ended
    assert lifecycle.end(ended, S.REJECTED, "?", AT_MS).order is ended
    with pytest.raises(InvariantBroken):
        lifecycle.submit(ended, PAPER, AT_MS)


def test_no_answer_is_unknown_and_not_failed():
    lost = lifecycle.lost(sent(), "timed out", AT_MS)
    assert (lost.order.state, lost.order.open, lost.report.state) == (S.UNKNOWN, True, S.UNKNOWN)
    assert observe(lost.order, S.FILLED, fill("a", 10)).order.state is S.FILLED


# --- too late to send --------------------------------------------------------------------------------------------


def test_an_entry_that_waited_too_long_or_expired_is_not_sent_any_more():
    waiting = lifecycle.accept(intent(), PAPER, AT_MS)
    assert not lifecycle.too_late(waiting, AT_MS + lifecycle.STALE_ENTRY_MS)
    assert "waited" in lifecycle.too_late(waiting, AT_MS + lifecycle.STALE_ENTRY_MS + 1)
    expiring = lifecycle.accept(intent(expires_ms=AT_MS + 5), PAPER, AT_MS)
    assert "expired" in lifecycle.too_late(expiring, AT_MS + 5)


def test_what_closes_a_position_is_never_too_late():
    for purpose in (Purpose.EXIT, Purpose.FLATTEN):
        order = lifecycle.accept(intent(side=Side.SELL, purpose=purpose, expires_ms=AT_MS), PAPER, AT_MS)
        assert not lifecycle.too_late(order, AT_MS + 10**9)


# --- not to be seen ----------------------------------------------------------------------------------------------


def missing(order: Order, capabilities=PAPER, looked_up: int = MIN_LOOKUPS, after_ms: int = 0) -> Next:
    order = lifecycle.lost(order, "?", AT_MS).order.model_copy(update={"looked_up": looked_up})
    return next_of_missing(order, capabilities, settled_ms(order, capabilities) + after_ms)


def test_nothing_is_concluded_before_the_placement_can_not_arrive_any_more():
    assert missing(sent(), after_ms=-1) is Next.WAIT
    assert missing(sent(), looked_up=MIN_LOOKUPS - 1) is Next.WAIT
    assert missing(sent()) is Next.GIVE_UP


def test_the_grace_is_expiry_and_clock_error_and_read_lag():
    order = sent(capabilities=KEEPS_IDS)
    assert settled_ms(order, KEEPS_IDS) == AT_MS + lifecycle.LEASE_MS + 2_000 + 40_000


@pytest.mark.parametrize(
    ("capabilities", "entry", "closing"),
    [(PAPER, Next.GIVE_UP, Next.RESEND), (KEEPS_IDS, Next.ASK_A_PERSON, Next.RESEND),
     (PROMISES_NOTHING, Next.ASK_A_PERSON, Next.ASK_A_PERSON)],
)  # fmt: skip
def test_what_is_done_depends_on_what_the_venue_promises(capabilities, entry, closing):
    assert missing(sent(capabilities=capabilities), capabilities) is entry
    assert missing(sent(side=Side.SELL, capabilities=capabilities), capabilities) is closing


def test_a_new_attempt_has_a_new_id_where_the_old_has_expired_and_the_same_where_ids_are_taken_once():
    order = lifecycle.lost(sent(side=Side.SELL), "?", AT_MS).order
    fresh, same = (lifecycle.next_attempt(order, found, AT_MS) for found in (PAPER, KEEPS_IDS))
    assert (fresh.attempt, same.attempt) == (2, 2)
    assert fresh.client_order_id != order.client_order_id == same.client_order_id


def test_what_closes_a_position_is_tried_however_often_unless_it_is_to_be_cancelled():
    late = sent(side=Side.SELL).model_copy(update={"attempt": 50, "tries": 49})
    assert missing(late) is Next.RESEND
    assert missing(late, KEEPS_IDS) is Next.RESEND
    assert missing(late.model_copy(update={"cancelling": "cancelled by ann"})) is Next.GIVE_UP


def test_an_order_that_was_seen_once_is_never_taken_for_one_that_never_arrived():
    opened = observe(sent(side=Side.SELL), S.OPEN).order
    vanished = opened.model_copy(update={"looked_up": 50})
    assert next_of_missing(vanished, PAPER, AT_MS + 10**9) is Next.ASK_A_PERSON
    assert next_of_missing(opened, PAPER, AT_MS + 10**9) is Next.WAIT


def test_another_attempt_asks_only_for_what_is_still_to_be_filled():
    part = observe(sent(side=Side.SELL), S.OPEN, fill("a", 4)).order
    assert placement_of(part, BTC, PAPER).quantity == BTC.quantity(6)


# --- the same intent again ---------------------------------------------------------------------------------------


def test_a_repeated_intent_is_told_that_nothing_more_is_coming_once_it_has_ended():
    assert lifecycle.repeated(sent(), intent(), AT_MS) is None
    ended = observe(sent(), S.FILLED, fill("a", 10)).order
    told = lifecycle.repeated(ended, intent(), AT_MS)
    assert (told.state, told.attempt, told.filled_lots, told.new_fills) == (S.REJECTED, 0, 0, ())


# --- a no of a placement that was sent again ---------------------------------------------------------------------


def sent_again() -> Order:
    """The first was lost, at a venue that only never takes an id twice."""
    lost = lifecycle.lost(sent(side=Side.SELL, capabilities=KEEPS_IDS), "no answer", AT_MS).order
    return lifecycle.submit(lifecycle.next_attempt(lost, KEEPS_IDS, AT_MS), KEEPS_IDS, AT_MS, lost.terms)


@pytest.mark.parametrize("code", ["expired", "insufficient_funds"])
def test_a_no_of_the_second_placement_says_nothing_of_the_first(code: str):
    second = sent_again()
    third = refused(second, VenueRefused("no", code=code), KEEPS_IDS, 10, AT_MS).order
    assert (third.state, third.attempt, third.burning) == (S.REQUESTED, 3, True)
    assert third.client_order_id == second.client_order_id


def test_it_does_not_end_while_the_first_may_still_come():
    second = sent_again()
    too_small = refused(second, VenueRefused("no", code="min_quantity"), KEEPS_IDS, 10, AT_MS).order
    assert (too_small.state, too_small.open, too_small.client_order_id) == (S.UNKNOWN, True, second.client_order_id)


@pytest.mark.parametrize(("tries", "move"), [(BURN_TRIES - 1, Next.RESEND), (BURN_TRIES, Next.ASK_A_PERSON)])
def test_a_person_is_asked_when_the_venue_takes_it_under_no_circumstances(tries: int, move: Next):
    lost = lifecycle.lost(sent_again(), "no answer", AT_MS).order
    order = lost.model_copy(update={"tries": tries, "looked_up": MIN_LOOKUPS})
    assert next_of_missing(order, KEEPS_IDS, settled_ms(order, KEEPS_IDS)) is move


def test_of_a_lost_placement_that_was_overtaken_nothing_is_filled_given_up_or_sent_again():
    """It may still come: only its end, or a person, tells."""
    lost = lifecycle.lost(sent(side=Side.SELL, capabilities=KEEPS_IDS), "no answer", AT_MS).order
    again = lifecycle.next_attempt(lost, KEEPS_IDS, AT_MS)
    overtaken = lifecycle.observe_past(again, seen(S.CANCELLED, fill("early", 10)), BTC, AT_MS).order
    assert (overtaken.state, overtaken.left) == (S.REQUESTED, 0)
    awaited = lifecycle.lost(overtaken, ENOUGH, AT_MS).order
    assert (awaited.state, missing(awaited, KEEPS_IDS), missing(awaited)) == (
        S.UNKNOWN,
        Next.ASK_A_PERSON,
        Next.GIVE_UP,
    )
    fresh = lifecycle.next_attempt(lost, PAPER, AT_MS)
    assert lifecycle.observe_past(fresh, seen(S.CANCELLED, fill("early", 10)), BTC, AT_MS).order.state is S.FILLED
    assert lifecycle.lost(fresh, ENOUGH, AT_MS).order.state is S.REQUESTED


def test_a_no_of_the_first_frees_its_id():
    first = sent(side=Side.SELL, capabilities=KEEPS_IDS)
    again = refused(first, VenueRefused("no", code="expired"), KEEPS_IDS, 10, AT_MS).order
    assert (again.state, again.burning) == (S.REQUESTED, False)
    assert again.client_order_id != first.client_order_id
