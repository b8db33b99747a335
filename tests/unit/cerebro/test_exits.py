"""Exits: never refused while there is something to leave, never more than that, and nothing left that can't be sold."""

from __future__ import annotations

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import guard
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.signals import Action, Direction, OrderType, Size, SizeKind

from tests.support.desk import (
    AT_MS,
    BTC,
    PERP,
    book,
    d,
    decide,
    fill,
    fraction,
    held,
    intent,
    policy,
    quantity,
    quote,
    report,
    reserved,
    signal,
)

LONG, SHORT, FLAT = Direction.LONG, Direction.SHORT, Direction.FLAT


def leave(on, size=None, direction=LONG, name="out", **more):
    return decide(signal(Action.EXIT, direction, size, name=name, **more.pop("wish", {})), on, **more)


def lots(decided) -> int:
    assert decided.decision.verdict is Verdict.ACCEPTED, decided.decision.text
    return decided.decision.lots


@pytest.mark.parametrize(
    "circumstances",
    [
        {"halts": (Halt(id=FLOOR, reason="kill switch", raised_by="admin", ts_event_ms=AT_MS),)},
        {"now_ms": AT_MS + 86_400_000},
        {"no_quote": True},
        {"at": quote(at_ms=AT_MS - 3_600_000)},
        {"at": quote(50_010, 50_000)},
        {"wish": {"expires_ms": AT_MS - 1}},
        {"wish": {"expected_alpha": None}},
        {"under": policy(risk_per_trade="0", daily_loss_halts="0", drawdown_halves="0", drawdown_flattens="0")},
    ],
    ids=["halted", "an old signal", "no quote", "an old quote", "a crossed quote", "expired", "no alpha", "no limits"],
)
def test_nothing_refuses_an_exit(circumstances):
    assert lots(leave(book(positions=held(100)), **circumstances)) == 100


def test_a_ruined_book_can_still_leave():
    assert lots(leave(book(cash=-5_000, positions=held(100)))) == 100


def test_an_exit_is_at_the_market_and_wanted_until_it_is_done():
    wish = signal(Action.EXIT, order_type=OrderType.LIMIT, limit_price=d(60_000), expires_ms=AT_MS + 1)
    (intent,) = decide(wish, book(positions=held(100))).intents
    assert (intent.order_type, intent.limit_ticks, intent.expires_ms) == (OrderType.MARKET, None, None)
    assert (intent.side, intent.purpose) == (Side.SELL, Purpose.EXIT)


def test_a_short_is_left_by_buying():
    decided = decide(signal(Action.EXIT, SHORT, rules=PERP), book(positions=held(-100, rules=PERP)))
    assert (decided.decision.side, lots(decided)) == (Side.BUY, 100)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, 1_000), (fraction("0.5"), 500), (fraction("0.3333"), 334), (fraction("1"), 1_000),
        (quantity("0.01"), 100), (quantity("0.01001"), 101), (quantity("5"), 1_000),
        (Size(kind=SizeKind.NOTIONAL, value=d(2_500)), 500), (Size(kind=SizeKind.WEIGHT, value=d("0.25")), 500),
    ],
)  # fmt: skip
def test_a_partial_exit_is_rounded_toward_less_exposure(size, expected):
    assert lots(leave(book(positions=held(1_000)), size)) == expected


def test_too_small_a_part_is_brought_up_to_what_the_venue_takes():
    assert lots(leave(book(positions=held(1_000)), quantity("0.0001"))) == BTC.min_lots(500_000)


def test_no_dust_is_left_behind():
    """0.0101 less 0.01 would leave 5 USDT's worth minus a tick: too small to sell, so all of it goes."""
    assert BTC.min_lots(499_000) == 2
    assert lots(leave(book(positions=held(101)), quantity("0.01"), at=quote(49_890, 49_910))) == 101


def test_all_of_too_small_a_position_may_be_tried_all_the_same():
    assert lots(leave(book(positions=held(1)), fraction("0.5"))) == 1


def test_what_is_on_its_way_out_is_not_sold_twice():
    on = book(positions=held(100), reservations=reserved(60, Purpose.EXIT, Side.SELL))
    first = leave(on)
    assert lots(first) == 40
    second = leave(first.book, name="again")
    assert second.decision.reason is Reason.NOTHING_TO_EXIT
    assert "on its way out already" in second.decision.text


@pytest.mark.parametrize(("direction", "held_lots"), [(LONG, -5), (SHORT, 5)])
def test_an_exit_of_the_side_that_is_not_held_leaves_nothing(direction, held_lots):
    decided = decide(signal(Action.EXIT, direction, rules=PERP), book(positions=held(held_lots, rules=PERP)))
    assert decided.decision.reason is Reason.NOTHING_TO_EXIT
    assert lots(decide(signal(Action.EXIT, FLAT, rules=PERP), book(positions=held(held_lots, rules=PERP)))) == 5


def test_an_exit_touches_only_its_own_strategys_position():
    assert leave(book(positions=held(100, strategy="other"))).decision.reason is Reason.NOTHING_TO_EXIT


def test_to_leave_nothing_is_no_order():
    assert leave(book(positions=held(100)), quantity("0")).decision.reason is Reason.NOTHING_TO_EXIT


# --- what is still on its way in ---------------------------------------------------------------------------------


def filled(on, name, shares, state=OrderState.FILLED, trade="t1"):
    """The book and the exits after the entry's report."""
    entry = intent(name, lots=on.reservations[name].lots)
    told = report(entry, state, *([fill(trade, shares)] if shares else []))
    after = books.apply_report(on, told, BTC)
    return guard.leave_filled(on.reservations[name], told, after, BTC, f"cause-{trade}", AT_MS)


def test_an_exit_that_overtakes_its_entrys_fill_takes_it_out_when_it_comes():
    on = book(reservations=reserved(100, name="in"))
    decided = leave(on)
    assert decided.intents == ()
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert "as soon as they are in" in decided.decision.text
    after, (out,) = filled(decided.book, "in", 100)
    assert (out.lots, out.side, out.purpose, out.signal_id) == (100, Side.SELL, Purpose.EXIT, "out")
    assert books.leaving_lots(after, "trend", BTC.instrument_id) == 100


def test_each_part_that_fills_goes_out_with_an_order_of_its_own():
    marked = leave(book(reservations=reserved(100, name="in"))).book
    after, (first,) = filled(marked, "in", 30, OrderState.PARTIALLY_FILLED, "t1")
    final, (second,) = filled(after, "in", 70, OrderState.FILLED, "t2")
    assert (first.lots, second.lots) == (30, 70)
    assert first.intent_id != second.intent_id
    assert books.leaving_lots(final, "trend", BTC.instrument_id) == 100


def test_what_is_held_goes_now_and_what_is_coming_goes_when_it_is_in():
    on = book(positions=held(50), reservations=reserved(100, name="in"))
    decided = leave(on)
    assert lots(decided) == 50
    assert decided.book.reservations["in"].exit_signal == "out"


def test_a_part_that_is_held_leaves_what_is_coming_alone():
    on = book(positions=held(100), reservations=reserved(100, name="in"))
    decided = leave(on, quantity("0.005"))
    assert lots(decided) == 50
    assert not decided.book.reservations["in"].exit_signal


def test_an_exit_is_asked_for_once():
    marked = leave(book(reservations=reserved(100, name="in"))).book
    assert leave(marked, name="again").decision.reason is Reason.NOTHING_TO_EXIT


def test_an_exit_without_any_price_to_be_had_still_marks_what_is_coming():
    assert leave(book(reservations=reserved(100, name="in")), no_quote=True).decision.verdict is Verdict.ACCEPTED


# --- targets -----------------------------------------------------------------------------------------------------


def target(value, on, direction=LONG, rules=BTC, **more):
    size = None if value is None else quantity(value)
    return decide(signal(Action.TARGET, direction, size, rules=rules), on, **more)


def test_a_target_above_what_is_held_buys_the_difference():
    decided = target("0.02", book(9_500, 10_000, positions=held(100)))
    assert (decided.decision.purpose, decided.decision.side, lots(decided)) == (Purpose.ENTRY, Side.BUY, 100)


def test_a_target_below_what_is_held_sells_the_difference():
    decided = target("0.004", book(positions=held(100)))
    assert (decided.decision.purpose, decided.decision.side, lots(decided)) == (Purpose.EXIT, Side.SELL, 60)


def test_a_target_counts_what_is_on_its_way_in_and_out():
    coming = reserved(100, name="in")
    assert target("0.01", book(reservations=coming)).decision.reason is Reason.AT_TARGET
    leaving = reserved(100, Purpose.EXIT, Side.SELL, name="out")
    assert lots(target("0.01", book(9_500, 10_000, positions=held(100), reservations=leaving))) == 100


def test_the_same_target_twice_is_reached_once():
    first = target("0.01", book())
    assert lots(first) == 100
    again = decide(signal(Action.TARGET, LONG, quantity("0.01"), name="s2"), first.book)
    assert again.decision.reason is Reason.AT_TARGET


@pytest.mark.parametrize(("value", "direction"), [(None, FLAT), ("0", LONG)])
def test_a_target_of_nothing_is_an_exit_of_everything(value, direction):
    assert lots(target(value, book(positions=held(100)), direction, halts=())) == 100
    assert target(value, book(), direction).decision.reason is Reason.AT_TARGET


def test_a_target_on_the_other_side_first_leaves_this_one():
    decided = target("0.01", book(positions=held(100, rules=PERP)), SHORT, PERP)
    assert (decided.decision.purpose, decided.decision.side, lots(decided)) == (Purpose.EXIT, Side.SELL, 100)


def test_a_target_of_a_side_without_a_size_is_sized_by_the_floor_and_reached_by_holding_any():
    decided = target(None, book())
    assert decided.decision.purpose is Purpose.ENTRY
    assert decided.decision.lots > 0
    assert target(None, book(positions=held(1))).decision.reason is Reason.AT_TARGET


def test_a_difference_too_small_to_trade_is_the_target():
    assert target("0.0099", book(positions=held(100)), at=quote(49_890, 49_910)).decision.reason is Reason.AT_TARGET


def test_a_reducing_target_is_an_exit_and_meets_no_limit():
    halt = Halt(id="main", reason="drawdown", raised_by="cerebro", ts_event_ms=AT_MS)
    assert lots(target("0.004", book(positions=held(100)), halts=(halt,), no_quote=True)) == 60
