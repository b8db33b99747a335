"""Which accounts an order goes to, and what a book of several accounts amounts to."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import guard, routing
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.policy import Policy, TradingAccount
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import BookPosition, RiskBook

from tests.support.desk import (
    AT_MS,
    BTC,
    PERP,
    RULES,
    account_update,
    book,
    d,
    decide,
    fill,
    fraction,
    held,
    intent,
    limit,
    policy,
    quantity,
    report,
    reserved,
    signal,
)

DAY_MS = 86_400_000
WIDE = {"position_cap": 1, "exposure_cap": 1, "risk_per_trade": 1, "margin_cap": 1}
SLOT = f"trend|{BTC.instrument_id}"


def told(account: str, cash: int, version: int = 1, **more: Any) -> AccountUpdated:
    update = account_update(more.pop("equity", cash), version, deposits=more.pop("deposits", cash), cash=cash)
    return update.model_copy(update={"account_id": account, **more})


def of(**cash: int) -> RiskBook:
    """With so much in each account, the first its own."""
    made = None
    for account, amount in cash.items():
        made = books.apply_account(made, told(account, amount))
    assert made is not None
    return made


def over(*names: str, route: str = "pro_rata", venues: dict[str, str] | None = None, **limits: Any) -> Policy:
    accounts = tuple(TradingAccount(account_id=name, venue=(venues or {}).get(name, "paper")) for name in names)
    return policy(**{**WIDE, **limits}).model_copy(
        update={"account_id": names[0], "accounts": accounts, "route": route}
    )


def lying(**lots: int) -> dict[str, BookPosition]:
    known = held(sum(lots.values()))
    return {key: item.model_copy(update={"accounts": dict(lots)}) for key, item in known.items()}


def parts(decided) -> dict[str, int]:
    return {order.account_id: order.lots for order in decided.intents}


# --- entries -----------------------------------------------------------------------------------------------------


def test_an_entry_is_split_by_what_each_account_can_take_and_says_so():
    wish = signal(size=quantity("0.1"))
    decided = decide(wish, of(a=6_000, b=2_000, c=2_000), over("a", "b", "c"))
    assert sum(parts(decided).values()) == decided.decision.lots == 1_000
    assert parts(decided) == {"a": 600, "b": 200, "c": 200}
    assert limit(decided, "accounts").note == "a can take 0.1173 BTC, b can take 0.0391 BTC and c can take 0.0391 BTC"
    assert limit(decided, "route").note == (
        "0.06 BTC at a, 0.02 BTC at b and 0.02 BTC at c, pro rata by what each can take"
    )
    assert "; of it 0.06 BTC at a, 0.02 BTC at b and 0.02 BTC at c; limited by the size" in decided.decision.text


def test_every_part_has_an_id_of_its_own_and_a_single_order_the_one_that_it_always_had():
    wish = signal(size=quantity("0.05"), adds=True)
    decided = decide(wish, of(a=6_000, b=2_000), over("a", "b"))
    whole = ids.intent_id("s1", 0, Purpose.ENTRY)
    assert decided.decision.intent_ids == tuple(order.intent_id for order in decided.intents)
    assert len({whole, *decided.decision.intent_ids}) == 3
    assert set(decided.book.reservations) == set(decided.decision.intent_ids)
    alone = decide(signal(), of(a=6_000, b=2), over("a", "b"))
    assert alone.decision.intent_ids == (whole,)
    again = decide(wish, decided.book, over("a", "b"))
    assert again.decision.reason is Reason.DUPLICATE_INTENT


def test_the_first_account_that_can_trade_it_has_all_unless_told_otherwise():
    decided = decide(signal(), of(a=3_000, b=9_000), over("b", "a", route="primary"))
    assert set(parts(decided)) == {"b"}
    poor = decide(signal(), of(a=30, b=9_000), over("a", "b", route="primary"))
    assert limit(poor, "accounts").binding
    assert poor.decision.notional < 30


def test_only_accounts_of_the_instruments_venue_are_asked():
    venues = {"a": "alpaca", "b": "kraken"}
    decided = decide(signal(), of(a=9_000, b=1_000), over("a", "b", route="primary", venues=venues))
    assert set(parts(decided)) == {"b"}
    assert decided.decision.notional < 1_000
    nowhere = decide(signal(), of(a=9_000, b=1_000), over("a", "b", venues={"a": "alpaca", "b": "binance"}))
    assert nowhere.decision.reason is Reason.UNSUPPORTED
    assert "no account of main trades at kraken, where BTC/USDT is" in nowhere.decision.text
    unheard = decide(signal(), of(a=9_000), over("b", "a", route="primary"))
    assert "nothing is known yet of b" in unheard.decision.text


def test_what_is_on_its_way_in_one_account_takes_from_that_one_alone():
    on = of(a=5_000, b=5_000)
    on = on.model_copy(update={"reservations": reserved(900, strategy="other", account_id="b")})
    decided = decide(signal(), on, over("a", "b"))
    assert parts(decided)["a"] > 8 * parts(decided)["b"] > 0


def test_a_venue_that_says_how_much_margin_is_free_is_believed():
    rules = {**RULES, PERP.instrument_id: PERP.model_copy(update={"margin_rate": d("0.2")})}
    from fluxfloor.cerebro.decide import decide as cerebro_decide
    from fluxfloor.contracts.events import SignalScored

    from tests.support.desk import quote

    on = books.apply_account(of(a=5_000), told("b", 5_000, margin_free=d(100)))
    under = over("a", "b", max_leverage=5, position_cap=5, exposure_cap=5)
    fact = SignalScored(signal=signal(rules=PERP), quote=quote(rules=PERP))
    decided = cerebro_decide(fact, on, under, (), rules, AT_MS)
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert parts(decided)["b"] * d("0.0001") * 50_005 * d("0.2") < 100


def test_a_share_below_the_venues_smallest_order_goes_to_the_others():
    assert routing.shares(10, {"a": 9, "b": 3}, 3) == {"a": 9}
    assert routing.shares(8, {"a": 100, "b": 40}, 3) == {"a": 8}
    assert routing.shares(12, {"a": 9, "b": 3}, 3) == {"a": 9, "b": 3}
    assert routing.shares(12, {"a": 2, "b": 2}, 3) == {}


# --- exits -------------------------------------------------------------------------------------------------------


def test_an_exit_goes_where_the_lots_are():
    on = of(a=5_000, b=5_000).model_copy(update={"positions": lying(a=30, b=70)})
    decided = decide(signal(Action.EXIT, Direction.FLAT), on, over("a", "b"))
    assert parts(decided) == {"a": 30, "b": 70}
    assert decided.decision.text.startswith("SELL 0.01 BTC at about 50,000 USDT")
    assert "of it 0.003 BTC at a and 0.007 BTC at b" in decided.decision.text
    after = decided.book
    for order in decided.intents:
        after = books.apply_report(after, report(order, OrderState.FILLED, fill(order.intent_id, order.lots)), BTC)
    assert (after.positions, after.reservations) == ({}, {})


def test_a_part_is_taken_from_the_fullest_account_and_leaves_no_dust_in_any():
    on = of(a=5_000, b=5_000).model_copy(update={"positions": lying(a=30, b=70)})
    half = decide(signal(Action.EXIT, Direction.FLAT, fraction("0.5")), on, over("a", "b"))
    assert parts(half) == {"b": 50}
    assert half.decision.intent_ids == (ids.intent_id("s1", 0, Purpose.EXIT),)
    assert routing.leaving(8, {"a": 5, "b": 4}, 3) == {"a": 5, "b": 4}
    assert routing.leaving(3, {"a": 5, "b": 4}, 3) == {"a": 5}


def test_what_is_on_its_way_out_of_an_account_is_not_sold_twice():
    on = of(a=5_000, b=5_000).model_copy(
        update={
            "positions": lying(a=30, b=70),
            "reservations": reserved(70, Purpose.EXIT, Side.SELL, name="x", account_id="b"),
        }
    )
    assert parts(decide(signal(Action.EXIT, Direction.FLAT), on, over("a", "b"))) == {"a": 30}


def test_flattening_goes_account_by_account():
    on = of(a=5_000, b=5_000).model_copy(update={"positions": lying(a=30, b=70)})
    after, intents = guard.flatten(on, RULES, "cause", AT_MS)
    assert {order.account_id: order.lots for order in intents} == {"a": 30, "b": 70}
    assert len({order.intent_id for order in intents}) == 2
    assert guard.flatten(after, RULES, "again", AT_MS)[1] == ()


# --- the book ----------------------------------------------------------------------------------------------------


def test_accounts_add_up_and_one_that_joins_is_neither_gain_nor_loss():
    on = of(a=5_000)
    on = books.apply_account(on, told("a", 4_900, 2, deposits=5_000))
    joined = books.apply_account(on, told("b", 3_000, 7))
    assert (joined.cash, joined.equity, joined.deposits) == (7_900, 7_900, 8_000)
    assert (joined.day_start_equity, joined.high_water) == (8_000, 8_000)
    assert books.daily_loss(joined) == d("0.0125")
    assert books.apply_account(joined, told("b", 1, 7)) is joined
    lost = books.apply_account(joined, told("b", 2_800, 8, deposits=3_000))
    assert (lost.equity, lost.day_start_equity, lost.high_water) == (7_700, 8_000, 8_000)


def test_a_book_from_before_it_knew_of_several_accounts_has_one():
    old = book(4_000, account_id="a").encode()
    for name in ("accounts", "trading_day"):
        old.pop(name, None)
    known = RiskBook.decode(old)
    assert {name: item.equity for name, item in books.funds_of(known).items()} == {"a": 4_000}
    joined = books.apply_account(known, told("b", 1_000))
    assert joined.equity == 5_000
    assert books.apply_account(joined, told("a", 4_100, 2, deposits=4_000)).equity == 5_100
    assert books.apply_account(joined, told("a", 9, 1)) is joined


def test_the_day_begins_with_each_accounts_own_midnight():
    midnight = AT_MS - AT_MS % DAY_MS + DAY_MS
    on = of(a=5_000, b=3_000)
    on = books.apply_account(on, told("a", 5_100, 2, deposits=5_000, ts_event_ms=midnight))
    on = books.apply_account(on, told("a", 4_000, 3, deposits=5_000, ts_event_ms=midnight + 1))
    on = books.apply_account(on, told("b", 3_050, 2, deposits=3_000, ts_event_ms=midnight))
    assert on.day_start_equity == 5_100 + 3_050
    assert on.equity == 7_050


def test_a_mark_is_as_old_as_that_of_the_oldest_account_that_holds_something():
    on = of(a=5_000, b=3_000).model_copy(update={"positions": lying(b=10)})
    on = books.apply_account(on, told("a", 5_000, 2, ts_event_ms=AT_MS + 50))
    assert on.marked_ms == AT_MS
    on = books.apply_account(on, told("b", 3_000, 2, ts_event_ms=AT_MS + 60))
    assert on.marked_ms == AT_MS + 60


def test_fills_lie_where_they_were_made():
    on = of(a=5_000, b=5_000)
    for number, account in enumerate(("a", "b", "b")):
        order = intent(f"i{number}", account_id=account)
        on = books.apply_report(on, report(order, OrderState.FILLED, fill(f"t{number}", 10)), BTC)
    assert (on.positions[SLOT].lots, on.positions[SLOT].accounts) == (30, {"a": 10, "b": 20})
    out = intent("o", Side.SELL, 20, account_id="b")
    on = books.apply_report(on, report(out, OrderState.FILLED, fill("t9", 20)), BTC)
    assert (on.positions[SLOT].lots, on.positions[SLOT].accounts) == (10, {})


@pytest.mark.parametrize("account", ["a", "b"])
def test_what_an_entry_fills_after_its_exit_leaves_the_account_that_it_came_into(account):
    order = intent("in", lots=10, account_id=account)
    before = books.reserve(of(a=5_000, b=5_000), order, BTC, 500_000)
    before = books.leave_when_filled(before, ("in",), "exit")
    filled = report(order, OrderState.FILLED, fill("t", 10))
    after = books.apply_report(before, filled, BTC)
    _, intents = guard.leave_filled(before.reservations["in"], filled, after, BTC, "cause", AT_MS)
    assert [(out.account_id, out.lots, out.side) for out in intents] == [(account, 10, Side.SELL)]
