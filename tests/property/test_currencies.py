"""Whatever is bought, sold, paid, brought and taken in whatever currency, at whatever rates: the invariants that
accounts/holdings.py lists."""

from __future__ import annotations

from decimal import Decimal, localcontext

from fluxfloor.accounts import book as books
from fluxfloor.accounts.holdings import holdings, settled
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account, Rate
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import AT_MS, BTC, fill, intent, report

FINE = Decimal("0.00000001")


def market(base: str, quote: str):
    name = f"kraken:{base}/{quote}"
    return BTC.model_copy(
        update={"instrument_id": name, "symbol": f"{base}/{quote}", "base": base, "quote": quote, "tick_size": FINE,
                "lot_size": Decimal("0.0001")}
    )  # fmt: skip


MARKETS = (market("BTC", "USDT"), market("ETH", "BTC"), market("USDT", "EUR"))
RULES = {item.instrument_id: item for item in MARKETS}
CURRENCIES = ("USDT", "BTC", "ETH", "EUR", "BNB")
AMOUNT = st.decimals(-(10**6), 10**6, places=12)
PRICE = st.integers(1, 10**12).map(lambda ticks: ticks * FINE)


@st.composite
def happenings(draw):
    """Trades, transfers, rates and marks, in any order."""
    trade = st.tuples(
        st.just("trade"), st.sampled_from(MARKETS), st.sampled_from(Side), st.integers(1, 10**6), PRICE,
        st.decimals(0, 100, places=10), st.sampled_from(CURRENCIES), st.sampled_from("ab"),
    )  # fmt: skip
    transfer = st.tuples(st.just("transfer"), st.sampled_from(CURRENCIES), AMOUNT, st.booleans())
    rate = st.tuples(st.just("rate"), st.sampled_from(CURRENCIES[1:]), PRICE)
    mark = st.tuples(st.just("mark"), st.sampled_from(MARKETS), PRICE)
    return draw(st.lists(st.one_of(trade, transfer, rate, mark), min_size=1, max_size=20))


def play(happened) -> tuple[Account, dict[str, Rate]]:
    opening = {"USDT": Decimal(1_000), "BTC": Decimal("0.5")}
    account, known = books.open_account("a", "main", "paper", "USDT", opening, AT_MS).account, {}
    for number, (kind, *what) in enumerate(happened):
        at_ms = AT_MS + number
        if kind == "trade":
            account = _trade(account, number, *what, known)
        elif kind == "transfer":
            account = _transfer(account, *what)
        elif kind == "rate":
            known[what[0]] = Rate(rate=what[1], at_ms=at_ms)
            account = books.valued(account, RULES, known)
        else:
            account = books.mark(account, RULES, what[0], what[1], at_ms)
        account = Account.decode(account.encode())
        yield account


def _trade(account, number, rules, side, lots, price, fee, currency, strategy, known):
    order = intent(f"i{number}", side, lots=lots, rules=rules, strategy=strategy)
    seen = fill(f"t{number}", lots, price, fee, rules, AT_MS + number, currency)
    told = report(order, OrderState.FILLED, seen, rules=rules)
    return books.book_report(account, told, RULES, frozenset(), known).account


def _transfer(account, currency, amount, own):
    with localcontext(EXACT):
        balances = {**account.balances, currency: account.balances.get(currency, Decimal(0)) + amount}
    return settled(account, account.model_copy(update={"balances": balances}), RULES, {currency: amount} if own else {})


@settings(max_examples=200, deadline=None)
@given(happenings())
def test_capital_is_what_came_and_what_was_made_at_every_step(happened):
    for account in play(happened):
        with localcontext(EXACT):
            own = holdings(account, RULES).get("USDT", Decimal(0))
            assert own + sum(account.basis.values(), Decimal(0)) == account.deposits + account.realised


@settings(max_examples=200, deadline=None)
@given(happenings())
def test_equity_is_deposits_and_realised_and_unrealised_and_all_that_is_valued_is_in_it(happened):
    for account in play(happened):
        with localcontext(EXACT):
            equity = books.equity(account, RULES)
            assert equity == account.deposits + account.realised + books.unrealised(account, RULES)
            held = sum(
                (amount * account.rates[name].rate for name, amount in holdings(account, RULES).items()
                 if name in account.rates), Decimal(0),
            )  # fmt: skip
            own = holdings(account, RULES).get("USDT", Decimal(0))
            results = sum(
                ((item.mark_price * item.lots * RULES[name].lot_size - item.cost)
                 * (account.rates[RULES[name].quote].rate if RULES[name].quote != "USDT" else 1)
                 for name, item in account.positions.items()
                 if RULES[name].quote == "USDT" or RULES[name].quote in account.rates), Decimal(0),
            )  # fmt: skip
            assert abs(equity - own - held - results) < Decimal("1e-8"), "rounding to the 18th place is all it may be"


@settings(max_examples=200, deadline=None)
@given(happenings())
def test_what_has_no_rate_is_named_and_nothing_else_is(happened):
    for account in play(happened):
        told = books.told(account, RULES, "mark", AT_MS)
        needed = set(holdings(account, RULES)) | {
            RULES[name].quote for name, item in account.positions.items() if item.open_lots
        }
        assert set(told.unvalued) == needed - {"USDT"} - account.rates.keys()
        assert set(account.basis) <= set(account.rates)
