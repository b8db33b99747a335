"""What senders are due, and what clients' units are worth."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from fluxfloor.accounts import payouts, units
from fluxfloor.contracts.capital import PayoutBook, UnitBook
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.results import Made, Pnl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import d

RATE = Decimal("0.2")
MONTHS = ("2026-10", "2026-11", "2026-12", "2027-01", "2027-02", "2027-03")
PROFIT = st.decimals(-(10**6), 10**6, places=4)


def through(totals, rate=RATE):
    """The payouts of months whose all-time totals were these."""
    book, made = PayoutBook(id="desk"), []
    for month, total in zip(MONTHS, totals, strict=False):
        closed = payouts.closed(book, month, {"USDT": d(total)}, rate, "paper")
        assert closed is not None
        book, payout = closed
        made.append(payout)
    return book, made


# --- senders -----------------------------------------------------------------------------------------------------


def test_a_payout_is_of_profit_above_the_high_water_mark_and_a_loss_is_made_good_first():
    book, made = through(["1000", "400", "900", "1500"])
    assert [item.parts["USDT"].due for item in made] == [200, 0, 0, 100]
    assert [item.parts["USDT"].profit for item in made] == [1000, -600, 500, 600]
    assert (book.high_water, book.months) == ({"USDT": 1500}, MONTHS[:4])


def test_a_payout_is_due_on_the_first_of_the_next_month():
    _, made = through(["1", "2", "3"])
    assert [payouts.month_of(item.due_ms) for item in made] == ["2026-11", "2026-12", "2027-01"]
    assert made[0].due_ms == payouts.start_ms("2026-11") == 1_793_491_200_000


def test_a_month_is_closed_once_and_not_before_the_first_trade():
    book, _ = through(["1000"])
    assert payouts.closed(book, "2026-10", {"USDT": d(5)}, RATE, "paper") is None
    assert payouts.closed(PayoutBook(id="new"), "2026-10", {"USDT": d(0)}, RATE, "paper") is None


def test_only_days_of_ended_months_count_and_only_senders_that_somebody_stands_behind():
    def pnl(day, **profits):
        sender = {name: Made(profit=d(profit)) for name, profit in profits.items()}
        return Pnl(
            id=f"a|{day}", account_id="a", portfolio_id="main", currency="USDT", mode="paper", day=day, sender=sender
        )

    whole = [pnl("all", desk="10", floor="99", external="5", fresh="3")]
    later = [pnl("2026-12-01", desk="4"), pnl("2026-12-02", desk="1", fresh="3")]
    assert payouts.totals(whole, later) == {"desk": {"USDT": 5}, "fresh": {"USDT": 0}}


def test_days_and_months_of_the_calendar():
    assert (payouts.month_before("2026-01"), payouts.month_after("2026-12")) == ("2025-12", "2027-01")
    assert (payouts.last_day("2028-02"), payouts.last_day("2026-12")) == ("2028-02-29", "2026-12-31")
    assert payouts.days_since("2026-11", "2026-11-03") == ["2026-11-01", "2026-11-02", "2026-11-03"]


@given(st.lists(PROFIT, min_size=1, max_size=6))
def test_all_that_was_ever_due_is_the_rate_of_the_highest_total(changes):
    totals, total = [], Decimal(0)
    for change in changes:
        total += change
        totals.append(total)
    _, made = through([*totals]) if any(totals) and totals[0] else (None, [])
    if made:
        with localcontext(EXACT):
            assert sum(item.parts["USDT"].due for item in made) == max(Decimal(0), *totals) * RATE
            assert sum(item.parts["USDT"].profit for item in made) == totals[-1]


# --- clients -----------------------------------------------------------------------------------------------------


def book() -> UnitBook:
    return UnitBook(id="main", currency="USDT")


def test_units_are_bought_at_what_one_is_worth():
    """Anna has 100; the portfolio makes 50; Bob brings 150 and has as many units as she."""
    first, _ = units.moved(book(), "anna", d(100), d(7))
    assert (first.units, units.nav_of(first, d(7))) == (100, 1)
    assert units.nav_of(first, d(57)) == d("1.5")
    both, bought = units.moved(first, "bob", d(150), d(57))
    assert (bought, both.units) == (100, 200)
    assert units.nav_of(both, d(57)) == d("1.5")
    assert [units.worth(both, name, d(97)) for name in ("anna", "bob")] == [170, 170]
    left, given = units.moved(both, "anna", d(-170), d(97))
    assert (given, left.clients["anna"].units, left.clients["anna"].paid_in) == (-100, 0, -70)
    assert units.worth(left, "bob", d(97)) == 170


def test_nobody_takes_more_than_he_has_and_worthless_units_buy_nothing():
    first, _ = units.moved(book(), "anna", d(100), d(0))
    for made, amount, client in ((0, -101, "anna"), (0, -1, "bob"), (-100, 5, "bob"), (-150, 5, "bob")):
        with pytest.raises(units.NoSuchUnits):
            units.moved(first, client, d(amount), d(made))


def test_what_is_made_while_nobody_holds_a_unit_is_nobodys():
    first, _ = units.moved(book(), "anna", d(100), d(0))
    empty, _ = units.moved(first, "anna", d(-120), d(20))
    assert empty.units == 0
    again, _ = units.moved(empty, "bob", d(50), d(500))
    assert (again.units, units.worth(again, "bob", d(500)), units.nav_of(again, d(510))) == (50, 50, d("1.2"))


MONEY = st.decimals("0.01", 10**7, places=8)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from("abc"), MONEY, st.booleans(), st.decimals(-50, 50, places=6)), max_size=15))
def test_a_flow_changes_nobody_elses_value_and_units_add_up(happened):
    now, made = units.moved(book(), "a", d(1_000), d(0))[0], Decimal(0)
    for client, amount, takes, change in happened:
        made += change
        before = {name: units.worth(now, name, made) for name in now.clients}
        try:
            now, _ = units.moved(now, client, -amount if takes else amount, made)
        except units.NoSuchUnits:
            continue
        with localcontext(EXACT):
            assert sum((item.units for item in now.clients.values()), Decimal(0)) == now.units
            assert all(item.units >= 0 for item in now.clients.values())
            if now.units > 1:  # a unit's last digit times what it is worth
                for name in before.keys() - {client}:
                    assert abs(units.worth(now, name, made) - before[name]) < Decimal("1e-6")


def test_a_return_needs_both_ends():
    assert units.returned(d("1.1"), d(1)) == d("0.1")
    assert units.returned(None, d(1)) is units.returned(d(1), None) is units.returned(d(1), d(0)) is None
