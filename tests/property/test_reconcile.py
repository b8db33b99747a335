"""Whatever the venue shows, in whatever order and however often we look: the invariants that accounts/reconcile.py
lists, each proved by the test of its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from fluxfloor.accounts import adopting
from fluxfloor.accounts import book as books
from fluxfloor.accounts.compare import IN_FLIGHT_MS, compare
from fluxfloor.accounts.ledger import VENUE, balanced, sums
from fluxfloor.accounts.reconcile import OURS_MS, STRAY_MS, Known, Plan, plan
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.state import Account, Rate
from fluxfloor.ports import VenueBooks
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.away import moved, ordered, resting, traded
from tests.support.desk import AT_MS, BTC, RULES

RATES = {"BTC": Rate(rate=Decimal(50_000), at_ms=AT_MS)}
OPENING = {"USDT": Decimal(10_000), "BTC": Decimal("0.3")}
MINUTE_MS = 60_000
CLIENTS = st.sampled_from(["", "c-1", "c-2", "c-9"])
KINDS = st.sampled_from(["deposit", "withdrawal", "reward", "fee"])
ORDERS = {"c-1": ordered("i1", "c-1", OrderState.UNKNOWN), "c-2": ordered("i2", "c-2", OrderState.CANCELLED)}


@dataclass
class Life:
    """An account, and all that its venue has to show by now."""

    account: Account
    now_ms: int = AT_MS
    fills: list = field(default_factory=list)
    transfers: list = field(default_factory=list)
    orders: tuple = ()
    entries: list = field(default_factory=list)
    plans: list[tuple[int, Known, Plan]] = field(default_factory=list)
    unexplained: dict = field(default_factory=dict)
    listed: int = 1  # so often in one answer

    def shown(self) -> VenueBooks:
        with localcontext(EXACT):
            balances = dict(OPENING)
            moves = [item.moves for item in self.fills] + [{item.currency: item.amount} for item in self.transfers]
            for each in [*moves, self.unexplained]:
                for currency, amount in each.items():
                    balances[currency] = balances.get(currency, Decimal(0)) + amount
        return VenueBooks(balances, self.listed * tuple(self.fills), self.listed * tuple(self.transfers), self.orders)

    def known(self) -> Known:
        done = {entry.reference for entry in self.entries}
        work = tuple(order for order in ORDERS.values() if not order.state.terminal)
        return Known(frozenset(done), frozenset(done), ORDERS, work)

    def look(self) -> None:
        known = self.known()
        found = plan(self.account, self.shown(), known, self.now_ms)
        assert found == plan(self.account, self.shown(), known, self.now_ms), "the same again"
        self.plans.append((self.now_ms, known, found))
        for item in found.transfers:
            self._keep(adopting.book_transfer(self.account, item, RULES, RATES))
        for item in found.adopt:
            self._keep(adopting.adopt(self.account, item, BTC, RULES, RATES))
        self.account = self.account.model_copy(update={"strays": dict(found.strays)})

    def _keep(self, booked: books.Booked) -> None:
        self.account = Account.decode(booked.account.encode())
        self.entries += booked.entries


@st.composite
def lives(draw):
    """Happenings: a fill of somebody, a transfer, orders that come or go, what nothing explains, time, a look."""
    one = st.one_of(
        st.tuples(st.just("fill"), st.sampled_from(Side), st.integers(1, 500), CLIENTS, st.integers(0, 5)),
        st.tuples(st.just("transfer"), KINDS, st.integers(1, 900)),
        st.tuples(st.just("orders"), st.lists(st.sampled_from(["c-1", "c-2", "c-8", "c-9"]), unique=True, max_size=4)),
        st.tuples(st.just("unexplained"), st.sampled_from(["USDT", "DOGE"]), st.integers(-9, 9)),
        st.tuples(st.just("listed"), st.integers(1, 2)),
        st.tuples(st.just("time"), st.integers(1, OURS_MS)),
        st.tuples(st.just("look")),
    )  # fmt: skip
    return draw(st.lists(one, min_size=3, max_size=25))


def play(happened) -> Life:
    opened = books.open_account("paper-main", "main", "paper", "USDT", OPENING, AT_MS, RATES)
    life = Life(opened.account)
    for number, (kind, *what) in enumerate(happened):
        if kind == "fill":
            side, lots, client, late = what
            at_ms = life.now_ms - late * MINUTE_MS
            life.fills.append(traded(f"t{number}", side, lots, at_ms=at_ms, client=client))
        elif kind == "transfer":
            sign = -1 if what[0] in ("withdrawal", "fee") else 1
            life.transfers.append(moved(f"m{number}", str(sign * what[1]), kind=what[0], at_ms=life.now_ms))
        elif kind == "orders":
            life.orders = tuple(resting(client, f"V-{client}") for client in what[0])
        elif kind == "unexplained":
            life.unexplained = {what[0]: Decimal(what[1])}
        elif kind == "listed":
            life.listed = what[0]
        elif kind == "time":
            life.now_ms += what[0]
        else:
            life.look()
    life.look()
    return life


@settings(max_examples=150, deadline=None)
@given(lives())
def test_once(happened):
    life = play(happened)
    assert len({entry.id for entry in life.entries}) == len(life.entries)
    assert len({entry.reference for entry in life.entries}) == len(life.entries)
    assert balanced(life.entries)


@settings(max_examples=150, deadline=None)
@given(lives())
def test_ours_first_and_nobodys_after_its_time(happened):
    for now_ms, known, found in play(happened).plans:
        looked_at = {order.client_order_id for order, _ in found.look}
        for item in found.adopt:
            age = now_ms - item.fill.ts_event_ms
            assert age > (OURS_MS if item.client_order_id in known.orders else IN_FLIGHT_MS)
            could_be = item.side is Side.BUY  # order c-1 is one, and nobody knows what became of it
            assert not could_be or age > OURS_MS
            assert item.client_order_id not in known.orders or item.client_order_id in looked_at


@settings(max_examples=150, deadline=None)
@given(lives())
def test_complete(happened):
    life = play(happened)
    found = compare(life.account, life.shown(), life.known().trades, life.now_ms)
    assert found.differences == {name: amount for name, amount in life.unexplained.items() if amount}
    waiting = {item.fill.trade_id for item in life.fills} - {entry.reference for entry in life.entries}
    assert found.in_flight == len(waiting)
    with localcontext(EXACT):
        for name in life.account.balances:
            assert life.account.balances[name] == OPENING.get(name, 0) + sums(life.entries).get((VENUE, name), 0)


@settings(max_examples=150, deadline=None)
@given(lives())
def test_after_long_enough_nothing_waits(happened):
    life = play(happened)
    life.now_ms += OURS_MS + 1
    life.look()
    assert {item.fill.trade_id for item in life.fills} <= {entry.reference for entry in life.entries}
    assert compare(life.account, life.shown(), life.known().trades, life.now_ms).overdue == ()


@settings(max_examples=150, deadline=None)
@given(lives())
def test_told_once_while_it_stands(happened):
    standing: set[str] = set()
    for _, _, found in play(happened).plans:
        told = {item.client_order_id for item in found.unknown} | {item.client_order_id for item, _ in found.ended}
        assert not told & standing
        standing = {name.removeprefix("V-") for name, stray in found.strays.items() if stray.told}
        assert told <= standing
        assert "c-1" not in told, "an order of ours that is at work is no stranger"
    assert STRAY_MS > 0


@settings(max_examples=150, deadline=None)
@given(lives())
def test_capital_is_what_came_and_equity_is_capital_and_results(happened):
    life = play(happened)
    with localcontext(EXACT):
        parts = life.account.deposits + life.account.realised + books.unrealised(life.account, RULES)
        assert books.equity(life.account, RULES) == parts
        brought = sum((item.amount for item in life.transfers if item.kind in ("deposit", "withdrawal")), Decimal(0))
        assert life.account.deposits == Decimal(25_000) + brought
