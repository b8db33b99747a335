"""What a real adapter owes beside the port: its venue's own terms, books that are complete, each key for its use."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import Misconfigured, VenueRefused
from fluxfloor.venuesim.orders import Terms

from tests.support.simulated_venue import LOOKING, TRADING, VenueRoom, an_id
from tests.support.venue_door import Door, placed_at_venue

D = Decimal


def generous(room: VenueRoom) -> Any:
    return replace(room.venue.capabilities, requests_per_minute=6_000, burst=0, orders_per_minute=6_000)


def test_what_ioc_leaves_over_is_no_longer_open(room: VenueRoom, at: Door) -> None:
    if room.name == "alpaca":
        pytest.skip("there a fraction of a share is for the day: test_alpaca_venue has it with whole ones")
    room.quote("60000", "60000.1", size="0.004")
    at.limit(an_id(1), "60000.1", time_in_force=TimeInForce.IOC)
    order = at.found(an_id(1))
    assert order.state.terminal
    assert order.filled == D("0.004")


def test_post_only_never_takes(room: VenueRoom, at: Door) -> None:
    if not room.venue.capabilities.post_only:
        pytest.skip("this venue has no such orders")
    with pytest.raises(VenueRefused) as refusal:
        at.limit(an_id(1), "60001", post_only=True)
    assert refusal.value.code == "post_only"
    at.limit(an_id(2), "59000", post_only=True)
    assert at.found(an_id(2)).state is OrderState.OPEN


def test_cancelling_what_is_gone_is_refused(room: VenueRoom, at: Door) -> None:
    at.limit(an_id(1), "50000")
    order = at.found(an_id(1))
    at.venue.cancel(order, at.rules)
    with pytest.raises(VenueRefused) as refusal:
        at.venue.cancel(order, at.rules)
    assert refusal.value.code == "unknown_order"


def test_money_that_comes_and_goes_is_among_the_books(room: VenueRoom, at: Door) -> None:
    room.later(1_000)
    since_ms = room.clock.now_ms()
    money = room.rules.quote
    room.desk.venue.transfer("main", money, D("250"))
    room.desk.venue.transfer("main", money, D("-100"), fee=D("1.5"))
    moved = {(row.kind, row.currency, row.amount, row.fee) for row in at.venue.books(since_ms).transfers}
    told = D(0) if room.name == "alpaca" else D("1.5")  # which only says what it came to
    assert moved == {("deposit", money, D(250), D(0)), ("withdrawal", money, D("-101.5"), told)}


def test_many_fills_are_all_told(room: VenueRoom, at: Door) -> None:
    """More than one page of any listing."""
    room.venue = room.adapter(capabilities=generous(room))
    for number in range(60):
        at.place(an_id(number + 1), quantity="0.001")
        at.later(100)
    assert len({row.fill.trade_id for row in at.books().fills}) == 60


def test_a_trade_made_by_hand_is_told_too(room: VenueRoom, at: Door) -> None:
    room.desk.venue.place("main", Terms(room.rules.symbol, Side.SELL, quantity=D("0.2"), by_hand=True))
    (row,) = at.books().fills
    assert (row.fill.quantity, row.side, row.symbol) == (D("0.2"), Side.SELL, room.rules.symbol)


def test_threads_at_one_key_send_one_after_the_other(room: VenueRoom, at: Door) -> None:
    """Nonces rise in the order that they arrive in."""
    room.venue = room.adapter(capabilities=generous(room))
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda number: at.limit(an_id(number), "50000", quantity="0.001"), range(1, 25)))
    assert len({order.venue_order_id for order in placed}) == placed_at_venue(room) == 24


def test_two_processes_at_one_key_lose_nothing_but_their_turn(room: VenueRoom, at: Door) -> None:
    """A request that is overtaken may be refused for its nonce; then nothing was done, and it says so."""
    both = [room.adapter(capabilities=generous(room)) for _ in range(2)]

    def place(number: int) -> str:
        terms: dict[str, Any] = {"order_type": OrderType.LIMIT, "limit_price": D(50_000)}
        try:
            return both[number % 2].place(at.placement(an_id(number), quantity="0.001", **terms)).venue_order_id
        except VenueRefused as refusal:
            return "" if (refusal.code, refusal.retryable) == ("nonce", True) else refusal.code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(place, range(1, 41)))
    placed = [answer for answer in answers if answer]
    assert len(set(placed)) == len(placed) == placed_at_venue(room)
    assert {order.terms.client_id for order in room.desk.venue.orders} == {
        an_id(number) for number, answer in enumerate(answers, 1) if answer
    }


def test_what_this_venue_can_not_do_is_refused_before_anything_is_sent(room: VenueRoom, at: Door) -> None:
    able = room.venue.capabilities
    takes_days = TimeInForce.DAY in able.time_in_force
    wish: dict[str, Any] = {"post_only": True} if takes_days else {"time_in_force": TimeInForce.DAY}
    with pytest.raises(VenueRefused) as refusal:
        at.limit(an_id(1), "50000", **wish)
    assert refusal.value.code == ("post_only" if takes_days else "time_in_force")
    assert placed_at_venue(room) == 0


def test_an_instrument_of_another_venue_is_refused(room: VenueRoom, at: Door) -> None:
    """Its ticks and lots are not this venue's."""
    if room.name == "alpaca":
        pytest.skip("this adapter has its own words for it")
    elsewhere = at.rules.model_copy(update={"venue": "bitstamp", "instrument_id": "bitstamp:BTC/USDT"})
    with pytest.raises(VenueRefused) as refusal:
        at.venue.place(replace(at.placement(an_id(1)), instrument=elsewhere))
    assert refusal.value.code == "market"
    assert placed_at_venue(room) == 0


def test_each_key_does_its_own(room: VenueRoom) -> None:
    asked: list[str] = []

    def keys(name: str) -> Callable[[], Any]:
        def get() -> Any:
            asked.append(name)
            return TRADING if name == "trading" else LOOKING

        return get

    def no_key() -> Any:
        raise Misconfigured("accounts.main: nothing here may trade on it")

    reconciles = room.adapter(no_key, keys("looking"))
    reconciles.books(0)
    assert asked == ["looking"]
    with pytest.raises(Misconfigured, match="nothing here may trade"):
        reconciles.place(room.placement(an_id(1)))
    executes = room.adapter(keys("trading"), no_key)
    executes.place(room.placement(an_id(1)))
    executes.find(an_id(1), room.rules, room.clock.now_ms())
    assert asked == ["looking", "trading"]
