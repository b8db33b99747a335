"""What has lately happened pauses entries for a while, each with its own reason and a moment at which it is over."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.cerebro import recent as recents
from fluxfloor.cerebro.knowledge import Knowledge
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import AccountUpdated, ExecutionReported, TradeClosed
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.recent import MOST, EndedTrade, Happened, RecentTrading
from fluxfloor.contracts.signals import Action, Direction, OrderType

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import (
    AT_MS,
    BTC,
    ETH,
    PERP,
    account_update,
    book,
    d,
    decide,
    fill,
    held,
    intent,
    limit,
    policy,
    report,
    reserved,
    signal,
)  # fmt: skip

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BTC_SLOT = f"trend|{BTC.instrument_id}"


def happened(name: str, ago_ms: int, strategy: str = "trend", rules=BTC) -> Happened:
    return Happened(intent_id=name, strategy_id=strategy, instrument_id=rules.instrument_id, ts_event_ms=AT_MS - ago_ms)


def ended(name: str, profit: str | int, ago_ms: int, rules=BTC, notional: int = 1_000, trade: str = "") -> EndedTrade:
    return EndedTrade(
        trade_id=name, signal_id=trade or name, strategy_id="trend", instrument_id=rules.instrument_id,
        profit=d(profit), notional=d(notional), exit_ms=AT_MS - ago_ms,
    )  # fmt: skip


def entered(seen: RecentTrading | None = None, on: Any = None, wish: Any = None, now_ms: int = AT_MS, **limits: Any):
    return decide(
        wish or signal(), on, policy(**limits), knowledge=Knowledge(recent=seen), now_ms=now_ms
    )  # fmt: skip


def recent(**more: Any) -> RecentTrading:
    return RecentTrading(id="main", **more)


def refused(decided, reason: Reason) -> str:
    assert decided.decision.reason is reason
    assert decided.intents == ()
    return limit(decided, reason).note


def test_without_settings_only_the_two_guards_are_on_and_a_quiet_book_hears_nothing_of_them():
    names = {step.name for step in entered(recent(exits={BTC_SLOT: AT_MS})).decision.waterfall}
    told = {Reason.COOLDOWN, Reason.STOP_GUARD, Reason.LOOKBACK_DRAWDOWN, Reason.LOW_PROFIT, Reason.SELF_TRADE}
    assert not names & {*told, Reason.UNFILLED_ENTRIES}


# --- cooldown ----------------------------------------------------------------------------------------------------


def test_an_entry_waits_out_the_cooldown_of_its_slot_and_is_told_until_when():
    seen = recent(exits={BTC_SLOT: AT_MS - 10 * MINUTE})
    note = refused(entered(seen, cooldown_ms=15 * MINUTE), Reason.COOLDOWN)
    assert note == (
        "trend in BTC/USDT left a position at 2026-09-21 14:03:20 UTC: no entry until 2026-09-21 14:18:20 UTC"
    )
    assert entered(seen, cooldown_ms=10 * MINUTE).decision.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("scope", "slot", "stops"),
    [
        ("slot", f"other|{BTC.instrument_id}", False), ("instrument", f"other|{BTC.instrument_id}", True),
        ("instrument", f"trend|{ETH.instrument_id}", False), ("strategy", f"trend|{ETH.instrument_id}", True),
        ("strategy", f"other|{BTC.instrument_id}", False), ("portfolio", f"other|{ETH.instrument_id}", True),
    ],
)  # fmt: skip
def test_a_scope_says_whose_exits_count(scope, slot, stops):
    seen = recent(exits={slot: AT_MS - MINUTE})
    decided = entered(seen, cooldown_ms=HOUR, cooldown_scope=scope)
    assert (decided.decision.reason is Reason.COOLDOWN) is stops


def test_an_exit_is_refused_by_no_protection():
    seen = recent(
        exits={BTC_SLOT: AT_MS}, stops=(happened("a", 1),), trades=(ended("t", -5_000, 1),),
        unfilled=tuple(happened(str(n), n) for n in range(50, 0, -1)),
    )  # fmt: skip
    decided = entered(
        seen, book(positions=held(100)), signal(Action.EXIT, Direction.LONG), cooldown_ms=HOUR, stop_guard_stops=1,
        lookback_drawdown="0.01", low_profit=1, low_profit_trades=1,
    )  # fmt: skip
    assert decided.decision.verdict is Verdict.ACCEPTED


# --- stops -------------------------------------------------------------------------------------------------------


def test_so_many_stops_within_the_window_pause_entries_from_the_one_that_completed_them():
    seen = recent(stops=(happened("a", 5 * HOUR), happened("b", 3 * HOUR), happened("c", HOUR, "other", ETH)))
    note = refused(entered(seen, stop_guard_stops=3), Reason.STOP_GUARD)
    assert note == (
        "the portfolio left at its stop with a loss 3 times within 24 h: no entry until 2026-09-21 17:13:20 UTC"
    )
    assert entered(seen, stop_guard_stops=4).decision.verdict is Verdict.ACCEPTED
    assert entered(seen, stop_guard_stops=3, stop_guard_window_ms=HOUR).decision.verdict is Verdict.ACCEPTED
    assert entered(seen, stop_guard_stops=3, stop_guard_pause_ms=HOUR).decision.verdict is Verdict.ACCEPTED


def test_a_pause_outlives_its_window():
    seen = recent(stops=(happened("a", 3 * HOUR + MINUTE), happened("b", 3 * HOUR)))
    refused(entered(seen, stop_guard_stops=2, stop_guard_window_ms=5 * MINUTE), Reason.STOP_GUARD)


def test_stops_elsewhere_pause_nothing_where_the_instrument_is_the_scope():
    seen = recent(stops=(happened("a", HOUR, rules=ETH), happened("b", MINUTE)))
    decided = entered(seen, stop_guard_stops=2, stop_guard_scope="instrument")
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert limit(decided, "stop_guard").note == "1 stops within 24 h in BTC/USDT, entries pause after 2"


# --- closed trades -----------------------------------------------------------------------------------------------


def test_losses_from_the_best_sum_of_the_window_pause_the_portfolio():
    seen = recent(trades=(ended("a", 300, 5 * HOUR), ended("b", -400, 4 * HOUR, ETH), ended("c", -150, 3 * HOUR)))
    note = refused(entered(seen, lookback_drawdown="0.05"), Reason.LOOKBACK_DRAWDOWN)
    assert note == (
        "closed trades lost 550 USDT within 48 h, and 5% of equity may go: no entry until 2026-09-21 23:13:20 UTC"
    )
    assert entered(seen, lookback_drawdown="0.06").decision.verdict is Verdict.ACCEPTED
    assert entered(seen, lookback_drawdown="0.05", lookback_pause_ms=3 * HOUR).decision.verdict is Verdict.ACCEPTED
    short = entered(seen, lookback_drawdown="0.05", lookback_window_ms=30 * MINUTE)
    assert short.decision.verdict is Verdict.ACCEPTED


def test_a_later_gain_does_not_end_a_pause():
    seen = recent(trades=(ended("a", -600, 3 * HOUR), ended("b", 500, HOUR)))
    refused(entered(seen, lookback_drawdown="0.05"), Reason.LOOKBACK_DRAWDOWN)


def test_an_instrument_that_earned_too_little_is_left_alone():
    trades = (ended("a", -20, 3 * HOUR), ended("b", 5, 2 * HOUR), ended("c", -10, HOUR))
    note = refused(entered(recent(trades=trades), low_profit="0"), Reason.LOW_PROFIT)
    assert note == (
        "3 trades in BTC/USDT made −2.5% within 168 h, and 0% is wanted: no entry until 2026-09-22 13:13:20 UTC"
    )
    assert entered(recent(trades=trades), low_profit="-0.03").decision.verdict is Verdict.ACCEPTED
    assert entered(recent(trades=trades[1:]), low_profit="0").decision.verdict is Verdict.ACCEPTED


def test_shares_of_one_trade_are_one_trade():
    trades = (ended("a", -20, 3 * HOUR, trade="x"), ended("b", -5, 2 * HOUR, trade="x"), ended("c", -1, HOUR))
    assert entered(recent(trades=trades), low_profit="0").decision.verdict is Verdict.ACCEPTED
    refused(entered(recent(trades=trades), low_profit="0", low_profit_trades=2), Reason.LOW_PROFIT)


# --- our own orders ----------------------------------------------------------------------------------------------


def resting(price: int, side: Side, rules=PERP, **more: Any):
    return reserved(10, side=side, rules=rules, strategy="other", limit_price=d(price), **more)


@pytest.mark.parametrize(
    ("direction", "side", "price", "crosses"),
    [
        (Direction.LONG, Side.SELL, 50_005, True), (Direction.LONG, Side.SELL, 50_006, False),
        (Direction.SHORT, Side.BUY, 49_995, True), (Direction.SHORT, Side.BUY, 49_994, False),
        (Direction.LONG, Side.BUY, 50_005, False), (Direction.SHORT, Side.SELL, 49_000, False),
    ],
)  # fmt: skip
def test_no_entry_trades_with_an_order_of_our_own(direction, side, price, crosses):
    on = book(reservations=resting(price, side))
    decided = entered(on=on, wish=signal(direction=direction, rules=PERP))
    assert (decided.decision.reason is Reason.SELF_TRADE) is crosses


def test_a_limit_crosses_where_it_is_marketable_and_another_instrument_never_does():
    on = book(reservations=resting(50_500, Side.SELL))
    wish = signal(rules=PERP, order_type=OrderType.LIMIT, limit_price=d(50_500))
    note = refused(entered(on=on, wish=wish), Reason.SELF_TRADE)
    assert note == (
        "other has an order to SELL BTC/USDT:USDT resting at 50,500, and this entry would trade with it: no entry "
        "until it is gone"
    )
    assert entered(on=on, wish=wish, self_trade_guard=False).decision.verdict is Verdict.ACCEPTED
    elsewhere = book(reservations=resting(49_000, Side.SELL, ETH))
    assert entered(on=elsewhere, wish=wish).decision.verdict is Verdict.ACCEPTED


def test_a_market_order_on_its_way_rests_nowhere():
    on = book(reservations=reserved(10, side=Side.SELL, rules=PERP, strategy="other", price=50_000))
    assert entered(on=on, wish=signal(rules=PERP)).decision.verdict is Verdict.ACCEPTED


def test_entries_put_up_and_taken_away_over_and_over_end_in_a_refusal_until_enough_of_them_are_old():
    unfilled = tuple(happened(f"u{minute}", minute * MINUTE) for minute in range(21, 0, -1))
    note = refused(entered(recent(unfilled=unfilled)), Reason.UNFILLED_ENTRIES)
    assert note == (
        "21 entries of BTC/USDT came to nothing within 60 min, and 20 may: no entry until 2026-09-21 14:52:20 UTC"
    )
    decided = entered(recent(unfilled=unfilled[1:]))
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert limit(decided, "unfilled_entries").passed
    other = entered(recent(unfilled=unfilled), wish=signal(rules=ETH, stop_loss=d(2_900)), max_unfilled_entries=1)
    assert other.decision.reason is not Reason.UNFILLED_ENTRIES


# --- what is kept ------------------------------------------------------------------------------------------------


def test_a_position_that_left_at_or_beyond_its_stop_with_a_loss_was_stopped_out():
    known = held(100)
    known = {key: item.model_copy(update={"stop_price": d(49_000)}) for key, item in known.items()}
    before, after = book(positions=known), book()
    out = intent("out", Side.SELL, lots=100)
    for price, stopped in ((48_990, True), (49_000, True), (49_001, False), (50_500, False)):
        told = report(out, OrderState.FILLED, fill("t", 100, price))
        seen = recents.after_report(recent(), told, before, after)
        assert bool(seen.stops) is stopped
        assert seen.exits == {BTC_SLOT: AT_MS}


def test_what_the_signal_or_the_venue_calls_a_stop_is_one_whatever_the_price_became():
    before, after = book(positions=held(100)), book()
    out = intent("out", Side.SELL, lots=100)
    reserving = before.model_copy(
        update={"reservations": reserved(100, Purpose.EXIT, Side.SELL, name="out", stopped=True)}
    )
    told = report(out, OrderState.FILLED, fill("t", 100, 49_500))
    assert recents.after_report(recent(), told, before, after).stops == ()
    assert recents.after_report(recent(), told, reserving, after).stops
    venue = intent("out", Side.SELL, lots=100, protects=BTC_SLOT, order_type=OrderType.STOP, trigger_ticks=490_000)
    assert recents.after_report(recent(), report(venue, OrderState.FILLED, *told.new_fills), before, after).stops
    floor = intent("out", Side.SELL, lots=100, tag="stop")
    assert recents.after_report(recent(), report(floor, OrderState.FILLED, *told.new_fills), before, after).stops


def test_a_partial_exit_is_no_exit_and_an_entry_that_filled_came_to_something():
    before = book(positions=held(100))
    told = report(intent("out", Side.SELL, lots=50), OrderState.FILLED, fill("t", 50, 50_100))
    assert recents.after_report(recent(), told, before, book(positions=held(50))) == recent()
    inbound = intent("in", lots=10)
    assert recents.touches(report(inbound, OrderState.CANCELLED))
    assert not recents.touches(report(inbound, OrderState.REJECTED))
    assert not recents.touches(report(inbound, OrderState.CANCELLED, filled=3))
    assert not recents.touches(report(inbound, OrderState.FILLED, fill("t", 10)))


def test_no_more_is_kept_than_the_newest():
    seen = recent()
    for number in range(MOST + 20):
        told = report(intent(f"i{number:03}"), OrderState.EXPIRED).model_copy(update={"ts_event_ms": AT_MS + number})
        seen = recents.after_report(seen, told, book(), book())
    assert len(seen.unfilled) == MOST
    assert seen.unfilled[0].intent_id == "i020"


# --- on the stage ------------------------------------------------------------------------------------------------


def closed(profit: int, version: int) -> AccountUpdated:
    trade = TradeClosed(
        trade_id=f"t{version}", account_id="paper-main", instrument_id=BTC.instrument_id, strategy_id="trend",
        sender_id="floor", direction="LONG", quantity=d("0.01"), entry_price=d(50_000), exit_price=d(49_000),
        entry_ms=AT_MS, exit_ms=AT_MS + version, fees=d(0), profit=d(profit), return_fraction=d("-0.02"),
        entry_signal_id=f"s{version}", exit_signal_id="x",
    )  # fmt: skip
    return account_update(9_950, version).model_copy(update={"trades": (trade,)})


def test_the_stage_keeps_what_it_hears_and_refuses_by_it(tmp_path):
    room = CerebroRoom(tmp_path, under=policy(stop_guard_stops=1, low_profit=0, low_profit_trades=2))
    entry = intent("in", lots=100, stop_loss_ticks=490_000)
    room.tell(ExecutionReported(report=report(entry, OrderState.FILLED, fill("t1", 100))), "in")
    assert room.read(RecentTrading.key("main")) is None
    left = report(intent("out", Side.SELL, lots=100), OrderState.FILLED, fill("t2", 100, 48_900))
    room.tell(ExecutionReported(report=left), "out")
    room.tell(closed(-10, 3), "three")
    room.tell(closed(-10, 2), "two")
    seen = room.read(RecentTrading.key("main"))
    assert [item.intent_id for item in seen.stops] == ["out"]
    assert [item.trade_id for item in seen.trades] == ["t2", "t3"]
    assert room.book.account_version == 3
    room.score(signal(name="again"))
    (decision,) = room.decisions()
    assert decision.reason is Reason.STOP_GUARD
    assert "low_profit" in {step.name for step in decision.waterfall if not step.passed}
    room.close()
