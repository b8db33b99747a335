"""The simulated venue's own books, whatever it is asked."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.orders import Kind, Terms
from fluxfloor.venuesim.refusals import Refused
from fluxfloor.venuesim.rules import FeeIn, Rules
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.venue_core import SYMBOL, Core

D = Decimal
PRICES = st.integers(590_000, 610_000).map(lambda tenths: D(tenths) / 10)
QUANTITIES = st.integers(5, 2_000).map(lambda lots: D(lots) / 10_000)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Of every type, mostly such as a venue takes."""
    kind = draw(st.sampled_from(list(Kind)))
    spends = kind is Kind.MARKET and draw(st.booleans())
    offset = D(draw(st.integers(-50, 50))) / 10
    return Terms(
        SYMBOL,
        draw(st.sampled_from(list(Side))),
        kind,
        quantity=D(0) if spends else draw(QUANTITIES),
        spend=D(draw(st.integers(1, 5_000))) if spends else D(0),
        limit=(offset if kind.trails else draw(PRICES)) if kind.limited else None,
        trigger=draw(PRICES) if kind.waits and (not kind.trails or draw(st.booleans())) else None,
        trail=D(draw(st.integers(1, 3_000))) / 10 if kind.trails else None,
        time_in_force=draw(st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])),
        post_only=kind is Kind.LIMIT and draw(st.booleans()),
        fee_in=draw(st.sampled_from(["", "base", "quote"])),
        client_id=draw(st.sampled_from(["", "", "a", "b"])),
    )


PLACEMENTS = st.tuples(st.just("place"), terms())
QUOTES = st.tuples(st.just("quote"), st.tuples(PRICES, st.integers(0, 50), st.none() | st.integers(1, 900)))
ACTS = st.one_of(
    PLACEMENTS,
    PLACEMENTS,
    QUOTES,
    st.tuples(st.just("cancel"), st.integers(1, 8)),
    st.tuples(st.just("transfer"), st.tuples(st.sampled_from(["USDT", "BTC"]), st.integers(-2_000, 2_000))),
    st.tuples(st.just("wait"), st.integers(1, 5_000)),
)


def act(core: Core, name: str, what: Any) -> None:
    if name == "place":
        core.venue.place("main", what)
    elif name == "quote":
        bid, spread, size = what
        core.venue.quote(SYMBOL, bid, bid + D(spread) / 10, D(size) / 1_000 if size else None)
    elif name == "cancel":
        core.venue.cancel("main", what)
    elif name == "transfer":
        core.venue.transfer("main", what[0], D(what[1]) / 100, fee=D("0.01") if what[1] < 0 else D(0))
    else:
        core.now_ms += what


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ACTS, min_size=8, max_size=40),
    st.sampled_from(list(FeeIn)),
    st.booleans(),
    st.sampled_from([0, 2, 8, 18]),
)
def test_books_are_sound_after_whatever_was_asked(
    acts: list[tuple[str, Any]], fee_in: FeeIn, partial: bool, decimals: int
) -> None:
    """Nothing below zero, nothing bound that is not there, and ledger, fills and balances are one and the same."""
    core = Core(Rules(fee_in=fee_in, decimals={"USDT": decimals, "BTC": 10}))
    if partial:
        core.faults.add(Fault(FaultKind.PARTIAL_FILL, count=None, probability=0.5))
    for name, what in acts:
        with suppress(Refused):
            act(core, name, what)
        assert core.account.faults() == []
        for order in core.venue.orders:
            assert sum((fill.quantity for fill in order.fills), D(0)) == order.filled <= order.quantity
            assert order.open == (order.number in core.account.open)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTS, min_size=8, max_size=30))
def test_the_same_questions_get_the_same_answers(acts: list[tuple[str, Any]]) -> None:
    played = []
    for _ in range(2):
        core = Core(seed=3)
        core.faults.add(Fault(FaultKind.PARTIAL_FILL, count=None, probability=0.5))
        told: list[str] = []
        for name, what in acts:
            try:
                act(core, name, what)
            except Refused as refusal:
                told.append(str(refusal))
        played.append((told, repr(core.account)))
    assert played[0] == played[1]


def test_a_contradiction_in_the_books_is_told() -> None:
    core = Core()
    core.place("buy", "0.01", Kind.LIMIT, limit="59000")
    core.account.balances["USDT"] += 1
    core.account.bound["USDT"] -= 1
    assert len(core.account.faults()) == 3


def test_money_that_is_bound_cannot_leave() -> None:
    core = Core()
    core.place("buy", "0.16", Kind.LIMIT, limit="59000")
    with pytest.raises(Refused, match="insufficient_funds"):
        core.venue.transfer("main", "USDT", D(-1_000))
    core.venue.transfer("main", "USDT", D(-100), fee=D(1))
    assert core.account.balances["USDT"] == D(9_899)
