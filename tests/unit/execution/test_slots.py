"""What protects a position, and what an exit may take: every case of it, and the edges of its times."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.instruments import Quote
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.execution.slots import (
    RESIZE_MS,
    UNPROTECTED_MS,
    Guard,
    closable,
    filled,
    needs,
    protective,
    trailed,
    unprotected,
)

from tests.support.desk import AT_MS, BTC, fill, intent

LONG = {"lots": 10, "stop_ticks": 400}
KEPT = {**LONG, "guard": "g", "guard_lots": 10, "guard_ticks": 400}


def slot(**what: object) -> Slot:
    return Slot(id="paper-main|trend|kraken:BTC/USDT", **what)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ({}, Guard.NOTHING),
        ({"leaving": {"out": 10}}, Guard.NOTHING),
        ({"guard": "g"}, Guard.REPLACE),  # nothing is left to protect
        ({"guard": "g", "leaving": {"out": 10}}, Guard.REPLACE),
        ({**KEPT, "leaving": {"out": 10}}, Guard.NOTHING),  # the exit takes it away itself
        (LONG, Guard.PLACE),
        ({**LONG, "stop_ticks": None}, Guard.NOTHING),  # nobody knows where
        ({**LONG, "again_ms": AT_MS + 1}, Guard.NOTHING),  # turned away
        ({**LONG, "again_ms": AT_MS}, Guard.PLACE),
        (KEPT, Guard.NOTHING),
        ({**KEPT, "lots": -10}, Guard.NOTHING),
        ({**KEPT, "lots": 11}, Guard.REPLACE),
        ({**KEPT, "stop_ticks": 401}, Guard.REPLACE),
        ({**KEPT, "lots": 11, "changed_ms": AT_MS - RESIZE_MS}, Guard.REPLACE),
        ({**KEPT, "lots": 11, "changed_ms": AT_MS - RESIZE_MS + 1}, Guard.NOTHING),  # fills may still come
    ],
)
def test_what_its_protective_order_needs(held: dict[str, object], wanted: Guard) -> None:
    assert needs(slot(**held), AT_MS) is wanted


BARE = {**LONG, "bare_ms": AT_MS - UNPROTECTED_MS}


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (BARE, True),
        ({**BARE, "bare_ms": AT_MS - UNPROTECTED_MS + 1}, False),
        ({**BARE, "bare_ms": 0}, False),
        ({**BARE, "lots": 0}, False),
        ({**BARE, "leaving": {"out": 10}}, False),
        ({**BARE, "alarmed": True}, False),
    ],
)
def test_who_is_told_that_nothing_protects_it(held: dict[str, object], told: bool) -> None:
    assert unprotected(slot(**held), AT_MS) is told


@pytest.mark.parametrize(
    ("lots", "leaving", "most"),
    [
        (10, {"out": 10}, 10),
        (10, {"first": 4, "out": 10}, 6),
        (10, {"out": 10, "later": 4}, 10),
        (10, {"first": 12, "out": 10}, 0),
        (10, {"first": 4}, 6),
        (0, {"out": 10}, 0),
        (-10, {"out": 10}, 0),  # it would add to a short
    ],
)
def test_an_exit_takes_no_more_than_is_held_and_not_promised_to_those_before_it(
    lots: int, leaving: dict[str, int], most: int
) -> None:
    out = Order(
        id="out", intent=intent("out", Side.SELL), state=OrderState.REQUESTED, client_order_id="c", accepted_ms=AT_MS,
        updated_ms=AT_MS,
    )  # fmt: skip
    assert closable(slot(lots=lots, leaving=leaving), out) == most


@pytest.mark.parametrize(
    ("lots", "price", "best", "known", "stop"),
    [
        (10, 50_000, None, 494_500, 495_000),  # a step is a thousandth of the price: 500 ticks
        (10, 50_000, None, 494_501, 494_501),
        (10, 49_000, 500_000, 494_500, 495_000),  # behind the best price, not behind the present one
        (10, 49_000, 500_000, 495_000, 495_000),  # never back
        (10, 50_000, None, None, 495_000),
        (-10, 50_000, None, 505_500, 505_000),
        (-10, 50_000, None, 505_499, 505_499),
        (-10, 51_000, 500_000, 505_510, 505_000),
        (0, 50_000, None, 494_500, 494_500),
    ],
)
def test_a_stop_trails_by_whole_steps_and_never_back(
    lots: int, price: int, best: int | None, known: int | None, stop: int
) -> None:
    quote = Quote(instrument_id=BTC.instrument_id, bid=Decimal(price), ask=Decimal(price), ts_event_ms=AT_MS)
    entry = intent(lots=10, trail_ticks=5_000)
    held = slot(lots=lots, entry=entry, stop_ticks=known, best_ticks=best)
    assert trailed(held, BTC, quote).stop_ticks == stop


def test_a_fill_of_the_protective_order_leaves_less_to_protect_and_less_that_protects() -> None:
    held = slot(**{**KEPT, "lots": 100, "guard": "stop", "guard_lots": 100})
    stop = Order(
        id="stop", intent=intent("stop", Side.SELL, lots=100, protects="g"), state=OrderState.OPEN,
        client_order_id="c", accepted_ms=AT_MS, updated_ms=AT_MS,
    )  # fmt: skip
    after = filled(held, stop, (fill("t", 30),), BTC, AT_MS)
    assert after is not None
    assert (after.lots, after.guard_lots, after.guard) == (70, 70, "stop")


@pytest.mark.parametrize(
    ("trail", "native", "kind"),
    [
        (None, True, OrderType.STOP),
        (None, False, OrderType.STOP),
        (5_000, True, OrderType.TRAILING_STOP),
        (5_000, False, OrderType.STOP),  # the floor moves it
    ],
)
def test_the_protective_order_trails_where_its_venue_can(trail: int | None, native: bool, kind: OrderType) -> None:
    held = slot(**LONG, entry=intent(lots=10, trail_ticks=trail))
    kinds = frozenset({OrderType.STOP, *([OrderType.TRAILING_STOP] if native else [])})
    guarded, order = protective(held, replace(CAPABILITIES["kraken"], order_types=kinds), AT_MS)
    assert (order.order_type, order.trail_ticks) == (kind, trail if kind is OrderType.TRAILING_STOP else None)
    assert (order.lots, order.side, order.trigger_ticks) == (10, Side.SELL, 400)
    assert (guarded.guard, guarded.guard_lots, guarded.guard_ticks) == (order.intent_id, 10, 400)
