"""What an intent does next, by its plan: slices, chases, icebergs, and the market for what must get out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.execution import Amended, Order, Terms
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.plans import Plan, PlanStyle
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.execution import lifecycle, plans
from fluxfloor.execution.plans import Later, Over, goes_on, next_placement, takes_back
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.desk import AT_MS, BTC, d, intent, quote

PAPER = CAPABILITIES["paper"]
HOUR_MS = 3_600_000
COARSE = BTC.model_copy(update={"min_quantity": d("0.001")})  # ten lots


def order(plan: Plan | None = None, side: Side = Side.BUY, lots: int = 1_000, **more) -> Order:
    wanted = intent(side=side, lots=lots, purpose=Purpose.ENTRY if side is Side.BUY else Purpose.EXIT, plan=plan)
    return lifecycle.accept(wanted, PAPER, AT_MS).model_copy(update=more)


def limit_order(plan: Plan, **more) -> Order:
    wanted = intent(lots=1_000, plan=plan, order_type=OrderType.LIMIT, limit_ticks=500_000)
    return lifecycle.accept(wanted, PAPER, AT_MS).model_copy(update=more)


def after(item: Order, ms: int = 0, closable: int | None = None, at=None, rules=BTC):
    return next_placement(item, rules, at, closable, AT_MS + ms)


# --- once, iceberg, prepared -------------------------------------------------------------------------------------


def test_without_a_plan_all_that_is_left_goes_as_the_intent_says():
    assert after(order(filled_lots=400)) == Terms(lots=600, order_type=OrderType.MARKET)


def test_an_iceberg_shows_a_part_and_never_leaves_a_part_too_small_for_the_venue():
    plan = Plan(style=PlanStyle.ICEBERG, show_lots=300)
    assert after(limit_order(plan)).lots == 300
    assert after(limit_order(plan, filled_lots=900)).lots == 100
    nearly = Plan(style=PlanStyle.ICEBERG, show_lots=995)
    assert (after(limit_order(nearly)).lots, after(limit_order(nearly), rules=COARSE).lots) == (995, 1_000)


def test_a_prepared_intent_waits_for_its_release_and_not_for_ever():
    plan = Plan(style=PlanStyle.PREPARED, release_by_ms=AT_MS + 60_000)
    assert after(order(plan)) == Later(AT_MS + 60_000)
    assert after(order(plan, released=True)).lots == 1_000
    gone = after(order(plan), 60_000)
    assert isinstance(gone, Over)
    assert gone.state is OrderState.EXPIRED


# --- slices ------------------------------------------------------------------------------------------------------


TWAP = Plan(style=PlanStyle.TWAP, slices=4, over_ms=HOUR_MS)


def test_a_twap_slice_brings_it_up_to_its_share_of_the_time_and_has_until_the_next():
    first = after(order(TWAP))
    assert (first.lots, first.until_ms) == (250, AT_MS + HOUR_MS // 4)
    assert after(order(TWAP, filled_lots=100), HOUR_MS // 4).lots == 400, "what a slice left the next one has"
    last = after(order(TWAP, filled_lots=100), HOUR_MS - 1)
    assert (last.lots, last.until_ms) == (900, AT_MS + HOUR_MS + TWAP.patience_ms)


def test_a_slice_that_is_filled_already_waits_for_the_next():
    assert after(order(TWAP, filled_lots=250)) == Later(AT_MS + HOUR_MS // 4)


def test_a_vwap_slice_follows_its_weights():
    plan = Plan(style=PlanStyle.VWAP, slices=3, over_ms=HOUR_MS, weights=(d(1), d(3), d(1)))
    assert after(order(plan)).lots == 200
    assert after(order(plan, filled_lots=200), HOUR_MS // 3).lots == 600


def test_slices_go_on_after_one_is_taken_back_and_end_with_their_time():
    item = order(TWAP, cancelling=plans.SLICE)
    assert goes_on(item, OrderState.CANCELLED, AT_MS + HOUR_MS // 4) is None
    over = goes_on(item, OrderState.CANCELLED, AT_MS + HOUR_MS + TWAP.patience_ms)
    assert isinstance(over, Over)
    assert over.reason == "the time of its slices is over"


@given(
    lots=st.integers(2, 50_000), slices=st.integers(1, 40), fills=st.lists(st.floats(0, 1), min_size=40, max_size=40),
    weights=st.lists(st.integers(0, 9), min_size=40, max_size=40),
)  # fmt: skip
def test_slices_never_take_more_than_the_intent_and_take_all_of_it_where_they_fill(lots, slices, fills, weights):
    given_weights = tuple(d(weight) for weight in weights[:slices])
    even = not sum(given_weights)
    plan = Plan(
        style=PlanStyle.TWAP if even else PlanStyle.VWAP, slices=slices, over_ms=HOUR_MS,
        weights=() if even else given_weights,
    )  # fmt: skip
    item, whole = order(plan, lots=lots), order(plan, lots=lots)
    for index in range(slices):
        ms = -(-index * HOUR_MS // slices)
        for kept, share in ((item, fills[index]), (whole, 1.0)):
            following = after(kept, ms)
            if isinstance(following, Terms):
                assert 0 < following.lots <= kept.left
                filled = kept.filled_lots + int(following.lots * share)
                kept = kept.model_copy(update={"filled_lots": filled})
            if share == 1.0 and kept.filled_lots >= whole.filled_lots:
                whole = kept
            else:
                item = kept
    assert item.filled_lots <= lots
    assert whole.filled_lots == lots or lots < BTC.min_lots(500_000)


# --- chases ------------------------------------------------------------------------------------------------------


CHASE = Plan(style=PlanStyle.CHASE, expected_alpha=d("0.02"))


def test_a_chase_is_at_mid_on_the_tick_that_is_no_worse():
    following = after(limit_order(CHASE, chases=1), at=quote("50010", "50020.3"))
    assert (following.order_type, following.limit_ticks) == (OrderType.LIMIT, 500_151)


def test_a_chase_ends_where_the_market_has_eaten_its_share_of_what_was_expected():
    """2 % were expected, 30 % of it may go: 0.6 %, of which the fee takes 0.26 and half the spread 0.01."""
    item = limit_order(CHASE, chases=1)
    assert isinstance(after(item, at=quote("50150", "50160")), Terms)
    over = after(item, at=quote("50170", "50180"))
    assert isinstance(over, Over)
    assert over.state is OrderState.CANCELLED
    assert "not chased" in over.reason


def test_nothing_is_chased_without_a_quote_or_an_expectation():
    assert isinstance(after(limit_order(CHASE, chases=1)), Later)
    blind = CHASE.model_copy(update={"expected_alpha": None})
    assert isinstance(after(limit_order(blind, chases=1), at=quote()), Over)


def test_an_unfilled_placement_is_chased_after_its_patience_three_times_and_then_given_up():
    item = limit_order(CHASE, submitted_ms=AT_MS)
    assert takes_back(item, AT_MS + 59_999) == ""
    assert takes_back(item, AT_MS + 60_000) == plans.CHASE
    chased = item.model_copy(update={"cancelling": plans.CHASE})
    *goes, over = (goes_on(chased.model_copy(update={"chases": n}), OrderState.CANCELLED, AT_MS) for n in range(4))
    assert goes == [None] * 3
    assert isinstance(over, Over)
    assert over.reason == "not filled after 3 chases"


# --- what must get out -------------------------------------------------------------------------------------------


def test_an_exit_takes_no_more_than_is_held():
    leaving = order(side=Side.SELL, lots=500)
    assert after(leaving, closable=300).lots == 300
    nothing = after(leaving, closable=0)
    assert isinstance(nothing, Over)
    assert nothing.reason == "nothing is left to close"


def test_an_exit_in_slices_takes_no_more_than_is_held_and_all_of_it_at_the_market_once_their_time_is_over():
    leaving = order(TWAP, Side.SELL)
    assert (after(leaving).lots, after(leaving, closable=100).lots) == (250, 100)
    assert after(leaving, HOUR_MS // 2).lots == 750
    assert after(leaving.model_copy(update={"filled_lots": 250})) == Later(AT_MS + HOUR_MS // 4)
    late = leaving.model_copy(update={"filled_lots": 750, "tries": 1})
    assert after(late, HOUR_MS - 1).until_ms > AT_MS + HOUR_MS
    assert after(late, HOUR_MS, closable=200) == Terms(lots=200, order_type=OrderType.MARKET)


def test_an_exit_that_came_to_nothing_goes_on_at_the_market_at_longer_and_longer_intervals():
    limited = intent(side=Side.SELL, lots=500, purpose=Purpose.EXIT, order_type=OrderType.LIMIT, limit_ticks=510_000)
    item = lifecycle.accept(limited, PAPER, AT_MS)
    assert after(item).order_type is OrderType.LIMIT
    tried = item.model_copy(update={"tries": 2})
    assert after(tried) == Terms(lots=500, order_type=OrderType.MARKET)
    tries = [goes_on(item.model_copy(update={"tries": n}), OrderState.CANCELLED, AT_MS) for n in range(9)]
    waits_ms = [following.due_ms - AT_MS for following in tries]
    assert waits_ms == sorted(waits_ms)
    assert waits_ms[-1] == 60_000


def test_a_rest_that_the_venue_takes_no_order_for_is_called_dust():
    over = after(order(side=Side.SELL, lots=500), closable=9, rules=COARSE)
    assert isinstance(over, Over)
    assert over.reason.startswith("dust")


def test_what_a_person_cancels_ends_also_where_it_closes_a_position():
    leaving = order(side=Side.SELL, cancelling=f"{plans.ASKED} ann")
    over = goes_on(leaving, OrderState.CANCELLED, AT_MS)
    assert isinstance(over, Over)
    assert over.reason == "cancelled by ann"


def test_new_terms_take_the_place_of_the_intents():
    item = limit_order(Plan(), amended=Amended(lots=400, limit_ticks=499_000), filled_lots=100)
    following = after(item)
    assert (following.lots, following.limit_ticks) == (300, 499_000)
    assert goes_on(item.model_copy(update={"cancelling": plans.AMEND}), OrderState.CANCELLED, AT_MS) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"style": "twap"},
        {"style": "vwap", "over_ms": 1_000, "slices": 2, "weights": (Decimal(1),)},
        {"style": "vwap", "over_ms": 1_000, "slices": 2, "weights": (Decimal(2), Decimal(-1))},
        {"style": "iceberg"},
        {"style": "prepared"},
    ],
)
def test_a_plan_that_lacks_what_it_needs_is_refused(wrong):
    with pytest.raises(ValidationError):
        Plan(**wrong)


def test_an_exit_at_the_market_that_rests_is_placed_again_after_a_minute():
    item = order(side=Side.SELL, submitted_ms=AT_MS, terms=Terms(lots=1_000, order_type=OrderType.MARKET))
    assert takes_back(item, AT_MS + 59_999) == ""
    assert takes_back(item, AT_MS + 60_000) == plans.CHASE
    assert isinstance(goes_on(item.model_copy(update={"cancelling": plans.CHASE}), OrderState.CANCELLED, AT_MS), Later)
