"""Limits by the market and the venue, factors by their own names, and the style that the regime picks."""

from __future__ import annotations

import pytest
from fluxfloor.cerebro.decide import decide as raw
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Quote
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Direction, OrderType

from tests.support.desk import AT_MS, PERP, book, bound, d, decide, held, limit, policy, quantity, quote, signal

WIDE = {"position_cap": "5", "exposure_cap": "5", "margin_cap": "1", "max_open_positions": 50, "max_leverage": "10"}
GEARED = PERP.model_copy(update={"margin_rate": d("0.1")})
OUTSIDE = {"sender_id": "tradingview", "strategy_id": "alerts"}


def geared(stop: str, direction: Direction = Direction.LONG, on=None, **limits):
    wish = signal(rules=GEARED, direction=direction, stop_loss=d(stop))
    under = policy(**{**WIDE, "risk_per_trade": "1", **limits})
    scored = SignalScored(signal=wish, quote=quote(50_000, 50_000, GEARED))
    return raw(scored, on or book(10_000), under, (), {GEARED.instrument_id: GEARED}, AT_MS)


def test_an_entry_takes_no_more_than_a_share_of_what_trades():
    decided = decide(signal(), features={"volume_mean_20": 0.1})
    assert decided.decision.lots == 100  # 10 % of 0.1 BTC
    assert bound(decided) == "liquidity"
    assert limit(decided, "liquidity").note == "at most 10% of the 0.1 BTC that trade in a bar on average"


def test_what_is_offered_at_the_touch_limits_where_the_policy_says_so():
    thin = Quote(instrument_id="kraken:BTC/USDT", bid=d(49_995), ask=d(50_005), ts_event_ms=AT_MS, bid_size=d(9),
                 ask_size=d("0.002"))  # fmt: skip
    assert limit(decide(signal(), at=thin), "liquidity").allows_lots is None
    decided = decide(signal(), under=policy(touch_multiple=3), at=thin)
    assert decided.decision.lots == 60
    assert "3 times the 0.002 BTC offered at the touch" in decided.decision.text


@pytest.mark.parametrize(("direction", "stop"), [(Direction.LONG, "40000"), (Direction.SHORT, "60000")])
def test_with_leverage_the_account_outlasts_the_stop_half_as_far_again(direction, stop):
    decided = geared(stop, direction)
    assert bound(decided) == "liquidation"
    size = decided.decision.lots * GEARED.lot_size
    left = [10_000 - count * (d("1.5") * 10_000 + d("0.05") * 50_000) for count in (size, size + GEARED.lot_size)]
    assert left[0] >= 0 > left[1]


def test_what_is_held_of_it_already_falls_with_it():
    on = book(10_000, positions=held(1_000, rules=GEARED, strategy="other"))
    alone, beside = geared("40000"), geared("40000", on=on)
    # 0.1 more is held: 15,000 × 0.1 of loss and 5 % of 5,000 to maintain
    assert limit(alone, "liquidation").allows_lots - limit(beside, "liquidation").allows_lots == 1_000


def test_where_everything_is_paid_in_full_nobody_liquidates():
    assert "liquidation" not in [step.name for step in decide(signal()).decision.waterfall]


# --- factors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "features", [{"spike": 1.0}, {"volatility_ratio": 2.5}, {"spike": 1.0, "volatility_ratio": 1.0}]
)
def test_an_outside_signal_is_smaller_while_volatility_spikes(features):
    decided = decide(signal(size=quantity("0.01"), **OUTSIDE), features=features)
    assert decided.decision.lots == 70
    assert bound(decided) == "volatility"
    assert "limited by a spike of volatility: volatility spikes" in decided.decision.text
    assert decide(signal(size=quantity("0.01")), features=features).decision.lots == 100


def test_an_outside_signal_against_a_confirmed_trend_is_smaller():
    down = decide(signal(size=quantity("0.01"), **OUTSIDE), features={"regime": -1.0})
    assert (down.decision.lots, bound(down)) == (70, "regime")
    assert decide(signal(size=quantity("0.01"), **OUTSIDE), features={"regime": 1.0}).decision.lots == 100
    both = decide(signal(size=quantity("0.01"), **OUTSIDE), features={"regime": -1.0, "spike": 1.0})
    assert both.decision.lots == 49


def test_a_strategys_own_word_for_less_stands_in_the_waterfall():
    wish = signal(size_factor=d("0.7"), explanation={"spike": "ATR above its 50-bar mean × 2"})
    assert "70% of what the limits leave (ATR above its 50-bar mean × 2)" in decide(wish).decision.text


def test_while_sizes_are_halved_stops_are_tighter_by_the_stated_share():
    calm, deep = (decide(signal(), book(8_400, high_water=d(mark))) for mark in (8_400, 10_000))
    (before,), (after,) = calm.intents, deep.intents
    assert (500_050 - before.stop_loss_ticks, 500_050 - after.stop_loss_ticks) == (10_050, 7_537)
    assert "the stop at 75% of its distance" in deep.decision.text
    untouched = decide(signal(), book(8_400, high_water=d(10_000)), policy(drawdown_stop=1))
    assert untouched.intents[0].stop_loss_ticks == before.stop_loss_ticks


# --- style -------------------------------------------------------------------------------------------------------


def test_where_the_market_reverts_and_the_policy_picks_an_entry_waits_behind_the_touch():
    picks = policy(entry_style="by_regime", limit_offset="0.001")
    decided = decide(signal(), under=picks, features={"regime": 2.0})
    (order,) = decided.intents
    assert (order.order_type, order.limit_ticks) == (OrderType.LIMIT, 499_450)  # 49,995 − 0.1 %, on the tick below
    assert "BTC at 49,945 USDT or better" in decided.decision.text
    short = decide(signal(direction=Direction.SHORT, rules=PERP), under=picks, features={"regime": 2.0})
    assert (short.intents[0].side, short.intents[0].limit_ticks) == (Side.SELL, 500_551)


@pytest.mark.parametrize(("style", "regime"), [("as_sent", 2.0), ("by_regime", 1.0), ("by_regime", 0.0)])
def test_in_any_other_case_it_goes_as_it_was_sent(style, regime):
    (order,) = decide(signal(), under=policy(entry_style=style), features={"regime": regime}).intents
    assert order.order_type is OrderType.MARKET


def test_a_limit_that_was_sent_stays_that():
    wish = signal(order_type=OrderType.LIMIT, limit_price=d(49_000), stop_loss=d(48_000))
    decided = decide(wish, under=policy(entry_style="by_regime"), features={"regime": 2.0})
    assert decided.intents[0].limit_ticks == 490_000
    assert (decided.decision.verdict, decided.decision.reason) == (Verdict.ACCEPTED, Reason.OK)
