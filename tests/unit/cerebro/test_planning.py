"""How an entry is to be worked, what its new order types may cost, and how it is taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.cerebro.decide import decide as cerebro_decide
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import ExecutionReported, SignalScored
from fluxfloor.contracts.orders import ChangeKind, OrderState, Purpose, Side
from fluxfloor.contracts.plans import Plan, PlanStyle
from fluxfloor.contracts.signals import Action, Direction, OrderType, PlanWish, TimeInForce
from fluxfloor.execution import plans as followed
from fluxfloor.execution.lifecycle import accept

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import (
    AT_MS,
    BTC,
    ETH,
    PERP,
    RULES,
    book,
    d,
    decide,
    policy,
    quantity,
    quote,
    report,
    reserved,
    signal,
)

WIDE = {"position_cap": 1, "exposure_cap": 1, "risk_per_trade": 1, "margin_cap": 1, "max_leverage": 3}


def entered(wish, at=None, on=None, features=None, **limits):
    fact = SignalScored(signal=wish, quote=at or quote(rules=RULES[wish.leg.instrument_id]), features=features or {})
    return cerebro_decide(fact, on or book(), policy(**{**WIDE, **limits}), (), RULES, AT_MS)


def planned(wish, **more) -> Plan | None:
    (order,) = entered(wish, **more).intents
    return order.plan


def limited(price: int = 50_000, **more):
    return signal(order_type=OrderType.LIMIT, limit_price=d(price), **more)


# --- chases ------------------------------------------------------------------------------------------------------


def test_an_entry_is_chased_under_the_thirty_percent_rule_from_what_its_sender_saw():
    assert planned(signal(expected_alpha=d("0.02"), reference_price=d(49_990))) == Plan(
        style=PlanStyle.CHASE, patience_ms=60_000, max_chases=3, expected_alpha=d("0.02"),
        slippage_share=d("0.3"), reference_ticks=499_900,
    )  # fmt: skip
    assert planned(limited()).style is PlanStyle.CHASE
    assert planned(limited()).reference_ticks == 500_000
    assert planned(limited(), chase_patience_ms=5_000, max_chases=1).patience_ms == 5_000


@pytest.mark.parametrize(
    "wish",
    [
        limited(expires_ms=AT_MS + 1_000), limited(time_in_force=TimeInForce.GTC),
        signal(time_in_force=TimeInForce.IOC), limited(post_only=True),
        signal(plan=PlanWish(style=PlanStyle.ONCE)),
        signal(order_type=OrderType.STOP, trigger_price=d(50_500)),
    ],
)  # fmt: skip
def test_who_says_how_long_or_how_it_is_to_rest_is_not_chased(wish):
    assert planned(wish) is None
    assert planned(signal(), entry_plan="once") is None
    assert planned(signal(), max_chases=0) is None


def test_an_exit_has_executions_own_plan():
    from tests.support.desk import held

    (out,) = entered(signal(Action.EXIT, Direction.FLAT), on=book(positions=held(10))).intents
    assert out.plan is None


@pytest.mark.parametrize("rules", [BTC, PERP])
@pytest.mark.parametrize("alpha", ["0.01", "0.05", "0.4"])
@pytest.mark.parametrize("direction", [Direction.LONG, Direction.SHORT])
def test_no_chase_leads_beyond_what_was_reserved(alpha, direction, rules):
    if direction is Direction.SHORT and rules is BTC:
        return
    wish = signal(direction=direction, rules=rules, expected_alpha=d(alpha))
    decided = entered(wish)
    (order,) = decided.intents
    (item,) = decided.book.reservations.values()
    working = accept(order, _paper(), AT_MS).model_copy(update={"chases": 1})
    seen = None
    for step in range(0, 4_000, 25):
        mid = 50_000 + (step if direction is Direction.LONG else -step)
        terms = followed.next_placement(working, rules, quote(mid - 5, mid + 5, rules), None, AT_MS)
        if isinstance(terms, followed.Over):
            break
        seen = rules.price(terms.limit_ticks)
        assert seen <= item.worst_price
    assert seen is not None
    assert isinstance(terms, followed.Over)


def _paper():
    from fluxfloor.contracts.venues import CAPABILITIES

    return CAPABILITIES["paper"]


# --- large entries -----------------------------------------------------------------------------------------------


def offering(size: str):
    return quote().model_copy(update={"ask_size": d(size)})


def test_what_is_larger_than_the_touch_offers_goes_in_slices():
    wish = signal(size=quantity("0.1"))
    under = {"large_plan": "twap", "large_touch_multiple": 2, "touch_multiple": 1_000}
    decided = entered(wish, at=offering("0.01"), **under)
    (order,) = decided.intents
    assert order.plan == Plan(style=PlanStyle.TWAP, over_ms=900_000, slices=5)
    assert "in 5 slices over 15 min" in decided.decision.text
    assert planned(wish, at=offering("0.05"), **under).style is PlanStyle.CHASE
    assert planned(wish, at=offering("0.001"), **under).slices == 10
    assert planned(signal(size=quantity("0.0003")), at=offering("0.0001"), **under).slices == 2
    assert planned(wish, **under).style is PlanStyle.CHASE


def test_what_is_larger_than_a_share_of_a_bars_volume_shows_only_that_share():
    under = {"large_plan": "iceberg", "large_volume_share": "0.05", "volume_share": 1}
    volume = {"volume_mean_20": 0.4}
    assert planned(signal(size=quantity("0.1")), features=volume, **under) == Plan(
        style=PlanStyle.ICEBERG, show_lots=200
    )
    assert planned(signal(size=quantity("0.01")), features=volume, **under).style is PlanStyle.CHASE


def test_a_sender_may_ask_for_slices_or_for_a_part_on_display():
    wish = PlanWish(style=PlanStyle.TWAP, over_ms=60_000, slices=4)
    made = planned(signal(size=quantity("0.1"), plan=wish))
    assert (made.style, made.over_ms, made.slices) == (PlanStyle.TWAP, 60_000, 4)
    shown = planned(signal(size=quantity("0.1"), plan=PlanWish(style=PlanStyle.ICEBERG, show=d("0.02"))))
    assert (shown.style, shown.show_lots) == (PlanStyle.ICEBERG, 200)
    assert planned(limited(expires_ms=AT_MS + 1, plan=PlanWish(style=PlanStyle.CHASE))).style is PlanStyle.CHASE


def test_each_accounts_part_is_sliced_by_its_own_size():
    from tests.unit.cerebro.test_routing import of, over

    under = over("a", "b", large_plan="iceberg", large_touch_multiple=1, touch_multiple=1_000)
    decided = decide(signal(size=quantity("0.1")), of(a=6_000, b=2_000), under, at=offering("0.04"))
    assert {order.account_id: order.plan.show_lots for order in decided.intents} == {"a": 300, "b": 100}


# --- order types -------------------------------------------------------------------------------------------------


def test_a_take_profit_entry_waits_on_the_better_side_and_is_measured_at_the_touch():
    wish = signal(order_type=OrderType.TAKE_PROFIT, trigger_price=d("49500.06"))
    decided = entered(wish)
    (order,) = decided.intents
    assert (order.order_type, order.trigger_ticks, order.limit_ticks) == (OrderType.TAKE_PROFIT, 495_000, None)
    assert decided.book.reservations[order.intent_id].worst_price == d("50005") * d("1.01")
    assert "once 49,500 is reached" in decided.decision.text
    short = signal(
        direction=Direction.SHORT, rules=PERP, order_type=OrderType.TAKE_PROFIT, trigger_price=d("50500"),
        stop_loss=d(52_000),
    )  # fmt: skip
    (sold,) = entered(short).intents
    assert (sold.side, sold.trigger_ticks) == (Side.SELL, 505_000)


def test_a_trailing_entry_is_measured_where_it_may_start_at_once():
    wish = signal(order_type=OrderType.TRAILING_STOP, trail=d("250.04"))
    decided = entered(wish)
    (order,) = decided.intents
    assert (order.order_type, order.trail_ticks, order.plan) == (OrderType.TRAILING_STOP, 2_501, None)
    assert decided.decision.price == d("50255.1")
    share = signal(order_type=OrderType.TRAILING_STOP, trail_share=d("0.01"))
    assert entered(share).intents[0].trail_ticks == 5_001
    bare = entered(signal(order_type=OrderType.TRAILING_STOP))
    assert bare.decision.reason is Reason.UNSUPPORTED


def test_a_distance_beside_another_order_is_that_of_the_protective_stop():
    wish = signal(trail=d(500), stop_loss=None)
    (order,) = entered(wish).intents
    assert (order.order_type, order.trail_ticks, order.stop_loss_ticks) == (OrderType.MARKET, 5_000, 495_050)
    both = entered(signal(trail=d(500), stop_loss=d(49_000))).intents[0]
    assert (both.trail_ticks, both.stop_loss_ticks) == (5_000, 490_000)


def test_how_it_is_to_stand_in_the_venues_book_goes_with_the_order():
    (order,) = entered(limited(time_in_force=TimeInForce.FOK, post_only=True)).intents
    assert (order.time_in_force, order.post_only) == (TimeInForce.FOK, True)


def test_an_order_for_the_day_needs_a_market_that_has_days():
    told = entered(limited(time_in_force=TimeInForce.DAY))
    assert told.decision.reason is Reason.UNSUPPORTED
    assert "kraken has no sessions" in told.decision.text
    (order,) = entered(signal(time_in_force=TimeInForce.DAY)).intents
    assert order.time_in_force is TimeInForce.GTC


# --- taken back --------------------------------------------------------------------------------------------------


def withdrawn(**more):
    return signal(Action.CANCEL, Direction.FLAT, name="c1", **more)


def test_a_cancel_takes_back_every_entry_of_its_strategy_and_instrument_and_nothing_else():
    on = book(
        reservations={
            **reserved(10, name="mine"), **reserved(10, name="other", strategy="other"),
            **reserved(10, name="eth", rules=ETH), **reserved(10, Purpose.EXIT, Side.SELL, name="out"),
        }
    )  # fmt: skip
    decided = decide(withdrawn(), on)
    assert [(item.intent_id, item.kind, item.account_id) for item in decided.changes] == [
        ("mine", ChangeKind.CANCEL, "paper-main")
    ]
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert decided.decision.text == "CANCEL 1 order for BTC/USDT of trend; what is held stays as it is"
    assert (decided.intents, decided.book) == ((), on)


def test_where_nothing_is_on_its_way_there_is_nothing_to_cancel():
    decided = decide(withdrawn())
    assert decided.decision.reason is Reason.NOTHING_TO_CANCEL
    assert "trend has no entry of BTC/USDT on its way" in decided.decision.text


def test_the_stage_states_the_change_and_frees_the_room_when_the_order_has_ended(tmp_path):
    room = CerebroRoom(tmp_path)
    room.score(limited(49_900, name="in"))
    (order,) = room.orders()
    room.score(withdrawn())
    (changed,) = room.stated("orders.changed.v1")
    assert changed["change"]["intent_id"] == order.intent_id
    assert order.intent_id in room.book.reservations
    room.tell(ExecutionReported(report=report(order, OrderState.CANCELLED)))
    assert room.book.reservations == {}
    assert [item.reason for item in room.decisions()] == [Reason.OK, Reason.OK]
    room.close()


def test_an_entry_that_still_waits_for_others_is_called_off_by_it(tmp_path):
    room = CerebroRoom(tmp_path, under=policy(joint_window_takes="all"))
    room.score(signal(name="in"))
    later = room.clock.now_ms() + 1
    room.score(withdrawn(ts_event_ms=later, ts_received_ms=later))
    assert {item.signal_id: item.reason for item in room.decisions()} == {
        "in": Reason.WITHDRAWN, "c1": Reason.NOTHING_TO_CANCEL,
    }  # fmt: skip
    room.close()


def test_the_share_that_a_chase_may_take_is_whole_in_six_places():
    made = planned(signal(expected_alpha=d("0.07")))
    assert made.slippage_share == made.slippage_share.quantize(Decimal("0.000001")) < d("0.3")
