"""Order types, times in force, trailing stops, plans and cancels, as the formats say them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.plans import PlanStyle
from fluxfloor.contracts.signals import Action, Direction, Leg, OrderType, PlanWish, TimeInForce

from tests.support.webhooks import TIME, refused, send, signal

STANDARD: dict[str, Any] = {"action": "ENTRY", "instrument": "BTC/USDT", "direction": "LONG"}
ALERT: dict[str, Any] = {"symbol": "BTCUSDT", "action": "buy"}
POST: dict[str, Any] = {"ticker": "BTCUSDT", "action": "buy", "signalPrice": 65000, "time": TIME}


def leg(body: dict[str, Any], **more: Any) -> Leg:
    return signal({**body, **more}).leg


# --- order types and how they stand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {**STANDARD, "order_type": "TAKE_PROFIT", "trigger_price": 60_000},
        {**ALERT, "order_type": "take profit", "trigger_price": 60_000},
        {**POST, "orderType": "take_profit", "stopPrice": 60_000},
    ],
)
def test_a_take_profit_order_has_its_trigger(body: dict[str, Any]) -> None:
    one = leg(body)
    assert (one.order_type, one.trigger_price, one.stop_loss) == (OrderType.TAKE_PROFIT, 60_000, None)


@pytest.mark.parametrize(
    "body",
    [
        {**STANDARD, "order_type": "TRAILING_STOP", "trail_amount": "250"},
        {**ALERT, "order_type": "trailing_stop", "trail_amount": 250},
        {**POST, "orderType": "trailing_stop", "trailPrice": 250},
    ],
)
def test_a_trailing_order_says_by_how_much(body: dict[str, Any]) -> None:
    one = leg(body)
    assert (one.order_type, one.trail, one.trail_share) == (OrderType.TRAILING_STOP, 250, None)


@pytest.mark.parametrize(
    "body",
    [
        {**STANDARD, "trail_percent": "2.5"},
        {**ALERT, "trail_percent": 2.5},
        {**POST, "stopLoss": {"type": "trailing_stop", "trailPercent": 2.5}},
        {**POST, "stopLoss": {"trailPercent": 2.5}},
    ],
)
def test_a_trail_beside_another_order_is_its_protection(body: dict[str, Any]) -> None:
    one = leg(body)
    assert (one.order_type, one.trail, one.trail_share) == (OrderType.MARKET, None, Decimal("0.025"))


@pytest.mark.parametrize("body", [STANDARD, ALERT, POST])
@pytest.mark.parametrize(("word", "meaning"), [("gtc", "GTC"), ("IOC", "IOC"), ("fill_or_kill", "FOK"), ("day", "DAY")])
def test_a_time_in_force_is_taken_as_said(body: dict[str, Any], word: str, meaning: str) -> None:
    name = "timeInForce" if body is POST else "time_in_force"
    assert leg({**body, name: word}).time_in_force is TimeInForce(meaning)
    assert leg(body).time_in_force is None


def test_post_only_goes_with_a_limit_and_with_nothing_else() -> None:
    limit = {"order_type": "limit", "price": 64_000}
    assert leg({**STANDARD, **limit, "post_only": True}).post_only
    assert leg({**ALERT, **limit, "post_only": "yes"}).post_only
    told = refused({**STANDARD, "post_only": True})
    assert (told.code, told.field) == ("contradiction", "post_only")


# --- plans -------------------------------------------------------------------------------------------------------


def test_a_plan_is_a_word_or_says_how() -> None:
    assert leg({**STANDARD, "plan": "chase"}).plan == PlanWish(style=PlanStyle.CHASE)
    sliced = {"style": "twap", "over_s": 600, "slices": 6}
    assert leg({**STANDARD, "plan": sliced}).plan == PlanWish(style=PlanStyle.TWAP, over_ms=600_000, slices=6)
    shown = leg({**ALERT, "execution_plan": "iceberg", "execution_plan_show": "0.01"}).plan
    assert shown == PlanWish(style=PlanStyle.ICEBERG, show=Decimal("0.01"))
    assert leg({**POST, "extras": {"plan": "once"}}).plan == PlanWish(style=PlanStyle.ONCE)


def test_what_an_alert_calls_its_plan_is_its_own_business() -> None:
    one = signal({**ALERT, "plan": "swing"})
    assert one.leg.plan is None
    assert one.explanation["plan"] == "swing"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({**STANDARD, "plan": "vwap"}, "unsupported_field", "plan"),
        ({**STANDARD, "plan": {"style": "twap", "slices": 0}}, "invalid_field", "plan.slices"),
        ({**STANDARD, "plan": {"style": "twap", "pieces": 3}}, "unknown_field", "plan.pieces"),
        ({**STANDARD, "order_type": "TRAILING_STOP"}, "missing_field", "trailamount"),
        ({**STANDARD, "order_type": "TAKE_PROFIT"}, "missing_field", "stopprice"),
        ({**STANDARD, "trail_amount": 5, "trail_percent": 1}, "contradiction", "trail_percent"),
        ({**STANDARD, "time_in_force": "gtd"}, "unsupported_field", "time_in_force"),
        ({**ALERT, "trailing_stop": True}, "unsupported_field", "trailing_stop"),
        ({**ALERT, "trail_points": 5}, "unsupported_field", "trail_points"),
    ],
)
def test_what_does_not_say_enough_is_refused(body: dict[str, Any], code: str, field: str) -> None:
    told = refused(body)
    assert (told.code, told.field) == (code, field)


def test_an_exit_leaves_at_once_whatever_it_says_of_working() -> None:
    one = leg({**STANDARD, "action": "EXIT", "time_in_force": "ioc", "plan": "twap", "trail_percent": 1})
    assert (one.time_in_force, one.plan, one.trail_share) == (None, None, None)


# --- cancels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"action": "CANCEL", "instrument": "BTC/USDT", "strategy_id": "m"},
        {"signal_type": "cancel", "instrument": "BTC/USDT", "direction": "LONG", "order_type": "LIMIT", "price": 5},
        {"symbol": "BTCUSDT", "action": "cancel", "order_type": "limit"},
        {"symbol": "BTCUSDT", "action": "cancel_all", "direction": "long"},
        {"ticker": "BTCUSDT", "action": "cancel", "sentiment": "bullish"},
        "SYMBOL=BTCUSDT;SIGNAL=CANCEL;TAG=exit1",
    ],
)
def test_a_cancel_takes_entries_back(body: Any) -> None:
    how = {"content_type": "text/plain"} if isinstance(body, str) else {}
    accepted = send(body, **how)
    (one,) = accepted.signals
    assert (one.action, one.leg.direction, one.leg.size) == (Action.CANCEL, Direction.FLAT, None)
    assert accepted.answer()["signals"][0]["action"] == "CANCEL"
    assert "direction" not in accepted.answer()["signals"][0]


def test_a_cancel_of_a_part_is_refused() -> None:
    told = refused({"action": "CANCEL", "instrument": "BTC/USDT", "quantity": 1})
    assert (told.code, told.field) == ("contradiction", "quantity")
