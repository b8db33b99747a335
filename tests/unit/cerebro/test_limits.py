"""Every limit of a preset, alone: what it allows, what it says, and that it binds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.cerebro.decide import decide as raw
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.orders import Purpose, Side
from fluxfloor.contracts.signals import Direction, OrderType

from tests.support.desk import (
    BTC,
    ETH,
    PERP,
    RULES,
    book,
    bound,
    d,
    decide,
    held,
    limit,
    policy,
    quantity,
    quote,
    reserved,
    signal,
)

WIDE = {"position_cap": "1", "exposure_cap": "1", "margin_cap": "1", "max_open_positions": 50}


def test_risk_per_trade_is_a_share_of_equity_over_the_distance_to_the_stop():
    decided = decide(signal(stop_loss=d("45005")), under=policy(**WIDE))
    assert decided.decision.lots == 200  # 100 USDT / 5,000 a unit = 0.02 BTC
    assert bound(decided) == "risk_per_trade"


def test_the_position_cap_counts_what_is_held_and_what_is_on_its_way():
    on = book(8_500, 10_000, positions=held(100, strategy="other"), reservations=reserved(50, strategy="third"))
    decided = decide(signal(), on, policy(max_open_positions=9))
    room = (d("1500") - 500 - 250) / (d("50005") * BTC.lot_size)
    assert limit(decided, "position_cap").allows_lots == int(room)
    assert "750 USDT are in use" in limit(decided, "position_cap").note


def test_the_exposure_cap_counts_every_instrument():
    on = book(7_500, 10_000, positions=held(833, price=3_000, rules=ETH, strategy="other"))
    decided = decide(signal(), on)
    assert limit(decided, "exposure_cap").allows_lots == int((3_000 - d("2499")) / (d("50005") * BTC.lot_size))
    assert bound(decided) == "exposure_cap"


def test_open_positions_counts_entries_on_their_way_and_refuses_the_next():
    on = book(positions=held(1, strategy="a"), reservations=reserved(1, strategy="b"))
    decided = decide(signal(), on)
    assert decided.decision.reason is Reason.OPEN_POSITIONS
    assert decided.decision.text.endswith("2 of at most 2 positions are open")
    assert decide(signal(), book(positions=held(1, strategy="a"))).decision.verdict is Verdict.ACCEPTED


def test_adding_to_a_position_takes_no_second_slot():
    on = book(positions={**held(1), **held(1, strategy="other")})
    decided = decide(signal(adds=True), on)
    assert decided.decision.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(("lost", "reason"), [("199.99", Reason.OK), ("200", Reason.DAILY_LOSS)])
def test_a_daily_loss_of_two_percent_stops_entries(lost, reason):
    on = book(10_000 - d(lost), day_start_equity=d(10_000))
    assert decide(signal(), on).decision.reason is reason


def test_nothing_is_opened_that_a_sooner_flattening_would_close_at_once():
    on = book(9_890, day_start_equity=d(10_000))
    assert decide(signal(), on, policy(daily_loss_flattens="0.011")).decision.reason is Reason.DAILY_LOSS


def test_yesterdays_loss_does_not_stop_today():
    on = book(9_000, day="2026-09-20", day_start_equity=d(10_000))
    decided = decide(signal(), on)
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert (decided.book.day, decided.book.day_start_equity) == ("2026-09-21", d(9_000))


@pytest.mark.parametrize(
    ("equity", "share"), [("8500.01", Decimal(1)), ("8500", Decimal("0.5")), ("8000.01", Decimal("0.5"))]
)
def test_a_drawdown_of_fifteen_percent_halves_whatever_the_other_limits_leave(equity, share):
    calm = decide(signal(), book(equity, high_water=d(equity)))
    deep = decide(signal(), book(equity, high_water=d(10_000)))
    assert deep.decision.lots == int(calm.decision.lots * share)
    assert bound(calm) == "position_cap"


def test_the_size_that_was_asked_for_is_halved_too():
    decided = decide(signal(size=quantity("0.01")), book(8_400, high_water=d(10_000)))
    assert decided.decision.lots == 50
    assert "half of what the limits leave" in decided.decision.text


def test_from_twenty_percent_on_nothing_is_opened_even_if_a_person_has_resumed():
    decided = decide(signal(), book(8_000, high_water=d(10_000)))
    assert decided.decision.reason is Reason.DRAWDOWN


def test_what_is_asked_for_is_never_exceeded():
    decided = decide(signal(size=quantity("0.00129")))
    assert decided.decision.lots == 12
    assert bound(decided) == "requested_size"


def test_below_the_venues_minimum_there_is_no_order_and_the_limit_that_made_it_so_small_is_named():
    decided = decide(signal(), book(40), at=quote(49_000, 49_010))
    assert decided.decision.reason is Reason.MIN_NOTIONAL
    assert "the position cap leaves only 0.0001 BTC, and kraken takes 0.0002 BTC or more" in decided.decision.text
    assert not limit(decided, "min_notional").passed


def test_what_could_not_leave_at_its_stop_does_not_come_in():
    """One lot is worth 5 USDT here, the least that the venue takes, and less at the stop."""
    decided = decide(signal(size=quantity("0.0001")))
    assert decided.decision.reason is Reason.MIN_NOTIONAL
    assert decide(signal(size=quantity("0.0002"))).decision.lots == 2


def test_a_stop_in_name_only_keeps_nothing_out():
    far = signal(size=quantity("0.0002"), stop_loss=d(1))
    assert decide(far).decision.lots == 2
    assert decide(signal(size=quantity("0.0001"), stop_loss=d(1))).decision.reason is Reason.MIN_NOTIONAL


def test_a_limit_that_leaves_nothing_is_the_reason_itself():
    decided = decide(signal(), book(30))
    assert decided.decision.reason is Reason.POSITION_CAP
    assert "the position cap leaves no room" in decided.decision.text


def test_no_equity_means_no_order():
    assert decide(signal(), book(0)).decision.verdict is Verdict.REFUSED
    assert decide(signal(), book(-100)).decision.verdict is Verdict.REFUSED


# --- margin: the hard one ----------------------------------------------------------------------------------------


def test_cash_covers_the_worst_price_and_the_fee():
    decided = decide(signal(), book(1_000, 100_000), policy(**WIDE, risk_per_trade="0.5"))
    worst = d("50005") * d("1.01") * (1 + BTC.taker_fee) * BTC.lot_size
    assert limit(decided, "margin").allows_lots == int(1_000 / worst)
    assert bound(decided) == "margin"


def test_cash_that_orders_on_their_way_may_take_is_not_free():
    on = book(10_000, 100_000, reservations=reserved(1_000, strategy="other", price="50500"))
    decided = decide(signal(), on, policy(**WIDE, risk_per_trade="0.5"))
    free = 10_000 - d("50500") * d("0.1") * (1 + BTC.taker_fee)
    assert limit(decided, "margin").allows_lots == int(
        free / (d("50005") * d("1.01") * (1 + BTC.taker_fee) * BTC.lot_size)
    )


def test_cash_that_a_fill_has_spent_is_not_free_before_the_account_says_so():
    """The report of a fill may come before the account's update: then the book's cash is too high."""
    on = book(10_000, positions=held(1_900, strategy="other"))
    decided = decide(signal(), on, policy(**WIDE, risk_per_trade="0.5"))
    assert 0 < decided.decision.lots <= 500 / (d("50005") * d("1.01") * (1 + BTC.taker_fee) * BTC.lot_size)


@pytest.mark.parametrize(("plan", "worst"), [("once", 50_000), ("chase", 50_500)])
def test_a_limit_order_needs_no_more_than_its_limit_unless_it_is_chased(plan, worst):
    wish = signal(order_type=OrderType.LIMIT, limit_price=d("50000"))
    decided = decide(wish, book(1_000, 100_000), policy(**WIDE, risk_per_trade="0.5", entry_plan=plan))
    assert limit(decided, "margin").allows_lots == int(1_000 / (worst * (1 + BTC.taker_fee) * BTC.lot_size))
    (reserved,) = decided.book.reservations.values()
    assert reserved.worst_price == worst


def test_margin_in_use_stays_under_its_cap_at_the_worst_price_after_all_costs():
    geared = PERP.model_copy(update={"margin_rate": d("0.2")})
    rules = {**RULES, PERP.instrument_id: geared}
    under = policy(**{**WIDE, "margin_cap": "0.8", "max_leverage": "10", "position_cap": "10", "exposure_cap": "10"},
                   risk_per_trade="1")  # fmt: skip
    wish = signal(rules=PERP)
    decided = raw(SignalScored(signal=wish, quote=quote(rules=PERP)), book(), under, (), rules, wish.ts_event_ms)
    lots = decided.decision.lots
    assert bound(decided) == "margin"
    worst = d("50005") * d("1.01") * lots * PERP.lot_size
    loss = worst - d("50005") * lots * PERP.lot_size + worst * PERP.taker_fee
    one_more = worst / lots
    assert worst * d("0.2") <= d("0.8") * (10_000 - loss)
    assert (worst + one_more) * d("0.2") > d("0.8") * (10_000 - loss * (lots + 1) / lots)


def test_leverage_is_one_unless_it_is_set():
    geared = {**RULES, PERP.instrument_id: PERP.model_copy(update={"margin_rate": d("0.1")})}
    wish = signal(rules=PERP)
    fact = SignalScored(signal=wish, quote=quote(rules=PERP))
    for leverage, lots in (("1", 1_999), ("2", 3_999)):
        wide = {**WIDE, "position_cap": "10", "exposure_cap": "10", "risk_per_trade": "1"}
        under = policy(**wide, max_leverage=leverage)
        decided = raw(fact, book(), under, (), geared, wish.ts_event_ms)
        assert decided.decision.lots == lots


# --- positions that grow or turn ---------------------------------------------------------------------------------


def test_an_add_shares_the_risk_of_the_trade_it_adds_to():
    """Held 0.02 BTC marked at 50,000: at the add's stop of 49,000 it would lose 20 of the 100 that may be lost."""
    on = book(9_000, 10_000, positions=held(200))
    decided = decide(signal(adds=True), on, policy(**WIDE))
    assert limit(decided, "risk_per_trade").allows_lots == int(80 / (d("1005") * BTC.lot_size))
    assert "of which 20 USDT are at risk already" in limit(decided, "risk_per_trade").note


def test_a_stop_beyond_the_market_leaves_what_is_held_without_risk():
    on = book(9_000, 10_000, positions=held(200, price=40_000))
    decided = decide(signal(adds=True), on, policy(**WIDE))
    assert "already" not in limit(decided, "risk_per_trade").note


def test_a_reversal_has_the_room_of_the_side_it_leaves():
    """0.03 BTC long on their way out: the short that follows may be as large as if they were gone."""
    leaving = reserved(300, Purpose.EXIT, Side.SELL, PERP, name="out")
    turning = book(8_500, 10_000, positions=held(300, rules=PERP), reservations=leaving)
    short = signal(direction=Direction.SHORT, rules=PERP)
    turned, fresh = decide(short, turning), decide(short)
    assert turned.decision.lots == fresh.decision.lots
    used = books.exposure(turned.book, RULES, only=PERP.instrument_id)
    assert used <= d("0.15") * 10_000


def test_what_is_on_its_way_out_still_counts_for_everybody_else():
    leaving = reserved(300, Purpose.EXIT, Side.SELL, strategy="other", name="out")
    on = book(8_500, 10_000, positions=held(300, strategy="other"), reservations=leaving)
    assert decide(signal(), on).decision.reason is Reason.POSITION_CAP
