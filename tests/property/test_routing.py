"""Parts of an order add up to it, no account has more than it can pay, and nothing depends on an order of accounts."""

from __future__ import annotations

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import routing
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.money import cost
from fluxfloor.contracts.orders import Purpose, Side
from fluxfloor.contracts.policy import TradingAccount
from fluxfloor.contracts.signals import Action, Direction, OrderType
from fluxfloor.contracts.state import RiskBook
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import BTC, RULES, account_update, d, decide, fraction, held, policy, quantity, reserved, signal

names = st.sampled_from(["a", "b", "c", "d", "e"])
lots = st.integers(0, 3_000)


@given(lots, st.dictionaries(names, lots, max_size=5), st.integers(1, 50), st.randoms(use_true_random=False))
def test_shares_add_up_within_what_each_can_take(wanted, takes, least, random):
    parts = routing.shares(wanted, takes, least)
    assert all(least <= count <= takes[name] for name, count in parts.items())
    assert sum(parts.values()) <= wanted
    able = sum(count for count in takes.values() if count >= least)
    if wanted <= able and wanted * min(takes.values(), default=0) >= least * able:
        assert sum(parts.values()) == wanted
    if wanted >= able:
        assert sum(parts.values()) == able
    shuffled = list(takes.items())
    random.shuffle(shuffled)
    assert routing.shares(wanted, dict(shuffled), least) == parts


@given(lots, st.dictionaries(names, st.integers(1, 3_000), max_size=5), st.integers(1, 50))
def test_what_leaves_is_no_less_than_asked_and_no_more_than_is_there(wanted, staying, least):
    parts = routing.leaving(wanted, staying, least)
    assert min(wanted, sum(staying.values())) <= sum(parts.values()) <= sum(staying.values())
    assert all(0 < count <= staying[name] for name, count in parts.items())
    left = {name: staying[name] - count for name, count in parts.items()}
    assert all(count == 0 or count >= least for count in left.values())
    assert routing.leaving(wanted, dict(reversed(staying.items())), least) == parts


@st.composite
def accounts_books(draw) -> RiskBook:
    """Two to four accounts, each with cash, some with positions and orders on their way in and out."""
    book, cash = None, draw(st.lists(st.integers(0, 20_000), min_size=2, max_size=4))
    for number, amount in enumerate(cash):
        update = account_update(amount, 1, deposits=amount).model_copy(update={"account_id": "abcd"[number]})
        book = books.apply_account(book, update)
    assert book is not None
    lying = {name: count for name in book.accounts if (count := draw(st.integers(0, 200)))}
    positions = {}
    if lying:
        positions = held(sum(lying.values()), strategy=draw(st.sampled_from(["trend", "other"])))
        positions = {key: item.model_copy(update={"accounts": lying}) for key, item in positions.items()}
    waiting = {}
    for number, name in enumerate(book.accounts):
        if draw(st.booleans()):
            waiting |= reserved(draw(st.integers(1, 300)), strategy="other", name=f"e{number}", account_id=name)
        if name in lying and draw(st.booleans()):
            out = draw(st.integers(1, lying[name]))
            holder = next(iter(positions.values())).strategy_id
            waiting |= reserved(out, Purpose.EXIT, Side.SELL, strategy=holder, name=f"x{number}", account_id=name)
    return book.model_copy(update={"positions": positions, "reservations": waiting})


wide = policy(position_cap=1, exposure_cap=3, risk_per_trade=1, margin_cap=1, max_open_positions=9, max_leverage=3)
accounts = tuple(TradingAccount(account_id=name, venue="paper") for name in "abcd")
over = wide.model_copy(update={"account_id": "a", "accounts": accounts, "route": "pro_rata"})
sizes = st.none() | st.decimals("0.0001", "0.5", places=4).map(quantity)
entries = st.builds(
    lambda size, limit: signal(
        size=size, adds=True, **({"order_type": OrderType.LIMIT, "limit_price": d(limit)} if limit else {})
    ),
    sizes, st.none() | st.integers(49_500, 50_500),
)  # fmt: skip


@settings(max_examples=200)
@given(accounts_books(), entries, st.permutations("abcd"))
def test_no_account_pays_more_than_it_has_and_the_parts_are_the_decision(book, wish, order):
    decided = decide(wish, book, over)
    by_name = {item.account_id: item for item in accounts}
    other = over.model_copy(update={"accounts": tuple(by_name[name] for name in order)})
    turned = book.model_copy(update={"accounts": dict(reversed(book.accounts.items()))})
    assert decide(wish, turned, other).decision == decided.decision
    if decided.decision.verdict is not Verdict.ACCEPTED:
        return
    assert sum(part.lots for part in decided.intents) == decided.decision.lots
    assert len({part.account_id for part in decided.intents}) == len(decided.intents)
    assert {part.account_id for part in decided.intents} <= set(book.accounts)
    for part in decided.intents:
        on_way = books.reserved(books.of_account(decided.book, part.account_id), RULES)
        assert on_way.margin + on_way.fees <= book.accounts[part.account_id].cash
        assert part.lots >= BTC.min_lots(part.limit_ticks or 500_050)


exits = st.builds(
    lambda share: signal(Action.EXIT, Direction.FLAT, fraction(share)), st.decimals("0.01", "1", places=2)
)


@given(accounts_books(), exits)
def test_no_account_sells_more_than_it_holds(book, wish):
    decided = decide(wish, book, over)
    staying = books.staying_by_account(book, "trend", BTC.instrument_id)
    assert sum(part.lots for part in decided.intents) == decided.decision.lots
    assert all(part.lots <= staying[part.account_id] for part in decided.intents)
    assert bool(decided.intents) is bool(staying)


@given(accounts_books())
def test_the_books_of_all_accounts_are_the_whole_book(book):
    own = [books.of_account(book, name) for name in book.accounts]
    for what in (lambda one: one.cash, lambda one: one.equity, lambda one: books.margin_held(one, RULES)):
        assert sum(map(what, own)) == what(book)
    assert sum(len(one.reservations) for one in own) == len(book.reservations)
    assert sum(cost(d(1), d(item.lots)) for one in own for item in one.positions.values()) == sum(
        item.lots for item in book.positions.values()
    )
