"""Whatever is bought and sold, in whatever order it is heard of: the books add up, to the last digit."""

from __future__ import annotations

from decimal import Decimal, localcontext

from fluxfloor.accounts import book as books
from fluxfloor.accounts.ledger import VENUE, balanced, sums
from fluxfloor.contracts.money import EXACT, split
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import AT_MS, BTC, fill, intent, report

FINE = BTC.model_copy(update={"tick_size": Decimal("0.00000001"), "lot_size": Decimal("0.00000001")})
RULES = {FINE.instrument_id: FINE}


@st.composite
def trades(draw):
    """(side, strategy, lots, ticks, fee, trade id); the same trade may come several times."""
    one = st.tuples(
        st.sampled_from(Side), st.sampled_from("abc"), st.integers(1, 10**12), st.integers(1, 10**13),
        st.decimals(0, 1_000, places=18), st.integers(0, 40),
    )  # fmt: skip
    return draw(st.lists(one, min_size=1, max_size=25))


def opened() -> Account:
    cash = Decimal("12345.678901234567890123")
    return books.open_account("a", "main", "paper", "USDT", {"USDT": cash}, AT_MS).account


def play(happened):
    """The account after all of it, every entry, every trade; stored and read again after each."""
    account, entries, closed, known = opened(), [], [], set()
    for side, strategy, lots, ticks, fee, trade_id in happened:
        order = intent(f"i{trade_id}", side, lots=lots, rules=FINE, strategy=strategy)
        seen = fill(f"t{trade_id}", lots, FINE.price(ticks), fee, FINE)
        booked = books.book_report(account, report(order, OrderState.FILLED, seen, rules=FINE), RULES, frozenset(known))
        known.add(f"t{trade_id}")
        account = Account.decode(booked.account.encode())
        assert account == booked.account
        entries += booked.entries
        closed += booked.trades
    return account, entries, closed


@settings(max_examples=150, deadline=None)
@given(trades())
def test_the_ledger_sums_to_zero_and_the_account_is_the_sum_of_its_ledger(happened):
    account, entries, _ = play(happened)
    assert balanced(entries)
    with localcontext(EXACT):
        for currency, amount in account.balances.items():
            opening = opened().balances.get(currency, Decimal(0))
            assert amount == opening + sums(entries).get((VENUE, currency), Decimal(0))


@settings(max_examples=150, deadline=None)
@given(trades(), st.integers(1, 10**13))
def test_equity_is_exactly_deposits_and_realised_and_unrealised_at_any_mark(happened, mark_ticks):
    account, _, _ = play(happened)
    account = books.mark(account, RULES, FINE, FINE.price(mark_ticks), AT_MS + 1)
    with localcontext(EXACT):
        parts = account.deposits + account.realised + books.unrealised(account, RULES)
        assert books.equity(account, RULES) == parts


@settings(max_examples=150, deadline=None)
@given(trades())
def test_lots_positions_and_balances_are_the_same_thing_three_times(happened):
    account, _, _ = play(happened)
    for position in account.positions.values():
        assert sum(lot.lots for lot in position.open_lots) == position.lots
        assert FINE.quantity(position.lots) == account.balances.get("BTC", 0)
        for strategy in "abc":
            signs = {lot.lots > 0 for lot in position.open_lots if lot.strategy_id == strategy}
            assert len(signs) <= 1, "a strategy holds against itself"


@settings(max_examples=150, deadline=None)
@given(trades())
def test_the_profits_of_trades_and_the_fees_still_open_are_what_was_realised(happened):
    account, _, closed = play(happened)
    with localcontext(EXACT):
        position = account.positions[FINE.instrument_id]
        waiting = sum((lot.fees for lot in position.open_lots), Decimal(0))
        assert sum((trade.profit for trade in closed), Decimal(0)) - waiting == account.realised


@settings(max_examples=100, deadline=None)
@given(trades(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_neither_balances_nor_the_position_nor_equity(happened, chance):
    by_id = {item[5]: item for item in happened}
    shuffled = list(by_id.values()) + chance.choices(list(by_id.values()), k=5)
    chance.shuffle(shuffled)
    (one, _, _), (other, _, _) = play(by_id.values()), play(shuffled)
    assert one.balances == other.balances
    assert one.positions[FINE.instrument_id].lots == other.positions[FINE.instrument_id].lots
    marked = [books.mark(account, RULES, FINE, Decimal(7), AT_MS + 1) for account in (one, other)]
    assert books.equity(marked[0], RULES) == books.equity(marked[1], RULES)


@given(st.decimals(-(10**18), 10**18, places=18), st.lists(st.integers(0, 10**15), min_size=1, max_size=30).filter(any))
def test_a_split_never_loses_or_makes_money(amount, weights):
    shares = split(amount, weights)
    with localcontext(EXACT):
        assert sum(shares, Decimal(0)) == amount
    assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if not weight)
    assert all(share * amount >= 0 for share in shares)
