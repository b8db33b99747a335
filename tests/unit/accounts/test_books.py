"""The books of an account: what a fill does to the ledger, to lots, to trades, and to what the account is worth."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.accounts import book as books
from fluxfloor.accounts.ledger import FEES, TRADING, VENUE, balanced, fill_entry, sums, transfer_entry
from fluxfloor.contracts.money import cost, rounded, split
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account

from tests.support.desk import AT_MS, BTC, ETH, PERP, RULES, d, fill, intent, report

FILLED = OrderState.FILLED


def opened(cash: str | int = 10_000) -> Account:
    return books.open_account("paper-main", "main", "paper", "USDT", {"USDT": d(cash)}, AT_MS).account


def booked(account, side, *fills, rules=BTC, strategy="trend", name=None):
    order = intent(name or f"{side}-{fills[0].trade_id}", side, lots=1_000, rules=rules, strategy=strategy)
    return books.book_report(account, report(order, FILLED, *fills, rules=rules), RULES)


def bought(account, *fills, **more):
    return booked(account, Side.BUY, *fills, **more).account


def worth(account) -> Decimal:
    return books.equity(account, RULES)


def identity(account) -> Decimal:
    return account.deposits + account.realised + books.unrealised(account, RULES)


# --- the ledger --------------------------------------------------------------------------------------------------


def test_a_buy_moves_base_against_quote_and_its_fee():
    entry = fill_entry(fill("t", 10, 50_000, "0.13"), intent(), BTC)
    totals = sums([entry])
    assert totals[VENUE, "BTC"] == d("0.001")
    assert totals[VENUE, "USDT"] == d("-50.13")
    assert totals[TRADING, "USDT"] == 50
    assert totals[FEES, "USDT"] == d("0.13")
    assert balanced([entry])


def test_a_sell_is_its_mirror():
    totals = sums([fill_entry(fill("t", 10, 50_000), intent(side=Side.SELL), BTC)])
    assert (totals[VENUE, "BTC"], totals[VENUE, "USDT"]) == (d("-0.001"), 50)


def test_a_fee_in_another_currency_is_paid_in_it():
    totals = sums([fill_entry(fill("t", 10, 50_000, "0.5", currency="KFEE"), intent(), BTC)])
    assert (totals[VENUE, "KFEE"], totals[FEES, "KFEE"], totals[VENUE, "USDT"]) == (d("-0.5"), d("0.5"), -50)


def test_a_ledger_of_long_numbers_is_exact_where_ordinary_decimals_would_round():
    huge, tiny = d("999999999999999999"), d("0.000000000000000001")
    entries = [transfer_entry("a", "deposit", "USDT", amount, str(amount), AT_MS) for amount in (huge, tiny)]
    assert sums(entries)[VENUE, "USDT"] == Decimal("999999999999999999.000000000000000001")
    assert balanced(entries)


def test_an_entry_of_a_venues_trade_always_has_the_same_id():
    one, other = fill_entry(fill("t"), intent(), BTC), fill_entry(fill("t"), intent("i2"), BTC)
    assert one.id == other.id


def test_a_trade_that_stands_in_the_ledger_is_left_out_and_the_rest_is_booked():
    account = opened()
    told = report(intent(lots=20), FILLED, fill("t1"), fill("t2"))
    again = books.book_report(account, told, RULES, frozenset({"t1"}))
    assert [entry.reference for entry in again.entries] == ["t2"]
    assert again.account.balances["BTC"] == d("0.001")


def test_a_trade_told_twice_in_one_report_is_booked_once():
    once = books.book_report(opened(), report(intent(lots=20), FILLED, fill("t1"), fill("t1")), RULES)
    assert len(once.entries) == 1


# --- money -------------------------------------------------------------------------------------------------------


def test_shares_of_an_amount_add_up_to_it():
    shares = split(d("0.1"), (1, 1, 1))
    assert sum(shares) == d("0.1")
    assert shares[0] == Decimal("0.033333333333333333")


def test_what_fits_is_never_rounded_and_what_does_not_is_to_the_18th_place():
    assert str(rounded(d("1.50"))) == "1.50"
    assert rounded(Decimal("0.1234567890123456785")) == Decimal("0.123456789012345678")
    assert cost(d("0.0000000001"), d("0.0000000001")) == 0


# --- lots and trades ---------------------------------------------------------------------------------------------


def test_lots_close_first_in_first_out_and_every_entry_makes_a_trade_of_its_own():
    account = bought(opened(), fill("a", 10, 50_000), name="first")
    account = bought(account, fill("b", 10, 52_000), name="second")
    sold = booked(account, Side.SELL, fill("c", 15, 53_000))
    assert [(t.entry_price, t.quantity, t.profit) for t in sold.trades] == [
        (50_000, d("0.001"), 3), (52_000, d("0.0005"), d("0.5")),
    ]  # fmt: skip
    assert [lot.lots for lot in sold.account.positions[BTC.instrument_id].open_lots] == [5]


def test_a_short_profits_from_a_fall():
    account = booked(opened(), Side.SELL, fill("a", 10, 50_000, rules=PERP), rules=PERP).account
    position = account.positions[PERP.instrument_id]
    assert (position.lots, position.cost) == (-10, -50)
    bought_back = booked(account, Side.BUY, fill("b", 10, 49_000, rules=PERP), rules=PERP)
    (trade,) = bought_back.trades
    assert (trade.direction, trade.profit, trade.return_fraction) == ("SHORT", 1, d("0.02"))
    assert bought_back.account.realised == 1


def test_a_strategys_sale_does_not_close_anothers_lots():
    account = bought(opened(), fill("a", 10, 50_000), strategy="one", name="one")
    account = bought(account, fill("b", 10, 51_000), strategy="two", name="two")
    sold = booked(account, Side.SELL, fill("c", 10, 52_000), strategy="two")
    assert [(t.strategy_id, t.entry_price) for t in sold.trades] == [("two", 51_000)]


def test_an_exit_heard_of_before_its_entry_still_makes_the_profit_it_made():
    account = booked(opened(), Side.SELL, fill("x", 10, 51_000)).account
    late = booked(account, Side.BUY, fill("e", 10, 50_000))
    assert sum(t.profit for t in late.trades) == 1
    assert late.account.positions[BTC.instrument_id].lots == 0


def test_fees_are_shared_by_lots_and_none_is_lost():
    account = bought(opened(), fill("a", 3, 50_000, "0.1"))
    profits = []
    for number in range(3):
        sold = booked(account, Side.SELL, fill(f"x{number}", 1, 50_000, "0.01"))
        account = sold.account
        profits += [trade.profit for trade in sold.trades]
    assert sum(profits) == d("-0.13")
    assert account.realised == d("-0.13")


def test_a_third_of_a_position_leaves_books_that_can_be_read_again():
    """A fee's third has no end; stored as it is, the account could never be read again."""
    account = bought(opened(), fill("a", 3, 50_000, "0.1"))
    account = booked(account, Side.SELL, fill("b", 1, 50_000, "0.07")).account
    assert Account.decode(account.encode()) == account


# --- what it is worth --------------------------------------------------------------------------------------------


def test_equity_is_deposits_and_results():
    account = bought(opened(), fill("a", 10, 50_000, "0.13"))
    assert (worth(account), account.realised) == (d("9999.87"), d("-0.13"))
    account = books.mark(account, RULES, BTC, d(51_000), AT_MS + 1)
    assert worth(account) == d("10000.87") == identity(account)


def test_strategies_that_hold_against_each_other_keep_the_account_whole():
    account = bought(opened(), fill("a", 10, 50_000, rules=PERP), rules=PERP, strategy="long")
    account = booked(
        account, Side.SELL, fill("b", 10, 51_000, rules=PERP), rules=PERP, strategy="short", name="b"
    ).account
    assert account.positions[PERP.instrument_id].lots == 0
    assert worth(account) == 10_001 == identity(account)
    (view,) = books.told(account, RULES, "fill", AT_MS).positions
    assert (view.lots, view.unrealised) == (0, 1)


def test_the_average_is_that_of_the_side_the_account_is_on():
    account = bought(opened(), fill("a", 10, 50_000, rules=PERP), rules=PERP, strategy="long")
    account = booked(account, Side.SELL, fill("b", 4, 90_000, rules=PERP), rules=PERP, strategy="short").account
    (view,) = books.told(account, RULES, "fill", AT_MS).positions
    assert (view.lots, view.average_price) == (6, 50_000)


def test_a_quantity_that_is_no_whole_lot_is_in_the_ledger_and_its_crumb_is_spent():
    odd = fill("a", 10, 50_000).model_copy(update={"quantity": d("0.00105")})
    account = bought(opened(), odd)
    assert account.balances == {"USDT": d("9947.5"), "BTC": d("0.00105")}
    assert account.positions[BTC.instrument_id].lots == 10
    assert worth(account) == identity(account)


# --- marks -------------------------------------------------------------------------------------------------------


def test_each_instrument_is_marked_at_its_own_time():
    """Bars of two instruments close together: marking the one must not keep the other from it."""
    account = bought(opened(), fill("a", 10, 50_000))
    account = bought(account, fill("b", 10, 3_000, rules=ETH), rules=ETH)
    account = books.mark(account, RULES, BTC, d(51_000), AT_MS + 900_000)
    account = books.mark(account, RULES, ETH, d(3_100), AT_MS + 900_000)
    marks = [account.positions[item.instrument_id].mark_price for item in (BTC, ETH)]
    assert marks == [51_000, 3_100]


def test_an_older_mark_changes_nothing_and_neither_does_one_of_nothing():
    account = books.mark(bought(opened(), fill("a", 10)), RULES, BTC, d(51_000), AT_MS + 10)
    assert books.mark(account, RULES, BTC, d(49_000), AT_MS + 10) is account
    assert books.mark(account, RULES, ETH, d(49_000), AT_MS + 20) is account


def test_a_late_fill_does_not_turn_the_mark_back():
    account = books.mark(bought(opened(), fill("a", 10)), RULES, BTC, d(51_000), AT_MS + 1_000)
    account = bought(account, fill("b", 10, 48_000, at_ms=AT_MS + 500), name="late")
    assert account.positions[BTC.instrument_id].mark_price == 51_000


def test_a_close_of_seventeen_digits_is_marked_on_the_grid():
    account = books.mark(bought(opened(), fill("a", 10)), RULES, BTC, Decimal(repr(50000.30000000001)), AT_MS + 1)
    assert account.positions[BTC.instrument_id].mark_price == d("50000.3")
    books.told(account, RULES, "mark", AT_MS)


@pytest.mark.parametrize("balances", [{}, {"USDT": Decimal(0)}, {"USDT": Decimal(5), "BTC": Decimal(1)}])
def test_what_the_venue_holds_at_first_sight_is_the_capital(balances):
    opened_with = books.open_account("a", "main", "paper", "USDT", balances, AT_MS)
    assert opened_with.account.balances == balances
    assert opened_with.account.deposits == balances.get("USDT", 0)
    assert {entry.postings[0].currency: entry.postings[0].amount for entry in opened_with.entries} == {
        name: amount for name, amount in balances.items() if amount
    }
