"""How often the floor looks at the market for a stop that it keeps, and what becomes of one that waits to leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from fluxfloor.contracts import venues
from fluxfloor.contracts.execution import Lease
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType

from tests.support.desk import intent
from tests.support.execution_room import ExecutionRoom, Moody


class Counting(Moody):
    quotes = 0

    def quote(self, instrument):
        self.quotes += 1
        return super().quote(instrument)


@pytest.fixture
def room(tmp_path) -> Iterator[ExecutionRoom]:
    opened = ExecutionRoom(tmp_path, venue_of=Counting, stops="venue")
    yield opened
    opened.close()


def test_a_stop_that_the_floor_keeps_is_watched_no_more_often_than_its_time_comes(room):
    """Each look is a request at the venue, and they are counted there."""
    room.ask(intent("in", lots=100, stop_loss_ticks=490_000, trail_ticks=10_000))
    room.later(20_000)
    room.sweep()
    before = room.venue.quotes
    for _ in range(5):
        room.sweep()
    assert room.venue.quotes == before
    room.later(5_000)
    assert room.venue.quotes == before + 1


def test_a_stop_that_has_not_left_yet_is_never_sent_for_less_than_is_held(tmp_path, monkeypatch):
    """It waits for its turn at a venue that takes one request at a time; meanwhile the position grows."""
    one_at_a_time = replace(venues.CAPABILITIES["paper"], single_flight=True)
    monkeypatch.setitem(venues.CAPABILITIES, "paper", one_at_a_time)
    room = ExecutionRoom(tmp_path, stops="venue")
    for name in ("first", "second"):
        room.ask(intent(name, lots=100, stop_loss_ticks=490_000))
    busy_until_ms = room.clock.now_ms() + 20_000
    room._put(Lease(id="paper-main", holder="somebody else", generation=9, expires_ms=busy_until_ms))
    for _ in range(8):
        room.later(5_000)
        room.sweep()
    stops = [placed.quantity for placed in room.venue.placed if placed.order_type is OrderType.STOP]
    assert stops == [Decimal("0.0200")]
    room.close()


def test_a_stop_is_not_left_at_by_a_price_from_before_it_was_moved_there(tmp_path, monkeypatch):
    """Whoever asked for the quote was held up; others have followed the market up with the stop meanwhile."""
    knows = venues.CAPABILITIES["paper"]
    no_stops = replace(knows, order_types=knows.order_types - {OrderType.STOP})
    monkeypatch.setitem(venues.CAPABILITIES, "paper", no_stops)
    room = ExecutionRoom(tmp_path, stops="venue")
    room.ask(intent("in", lots=100, stop_loss_ticks=490_000, trail_ticks=10_000))
    room.later(1_000)
    room.sweep()
    inner = room.venue.quote

    def held_up(instrument):
        told, room.venue.quote = inner(instrument), inner
        room.market(51_995, 52_005)
        room.clock.advance_to(room.clock.now_ms() + 30_000)
        room.sweep()
        room.clock.advance_to(room.clock.now_ms() + 1_000)
        return told

    room.venue.quote = held_up
    room.later(10_000)
    assert room.slot().stop_ticks == 509_950
    assert len(room.venue.placed) == 1, "it has left"
    room.market(50_895, 50_905)
    room.later(30_000)
    assert [placed.side for placed in room.venue.placed] == [Side.BUY, Side.SELL]
    room.close()
