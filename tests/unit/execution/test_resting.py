"""Orders that rest at the venue: they expire, fill in parts, and cost nothing while nothing happens."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.orders import OrderState
from fluxfloor.ports import Query

from tests.support.desk import AT_MS, intent
from tests.support.execution_room import ExecutionRoom, resting, state, states

S = OrderState


def test_a_resting_limit_expires_at_its_time_by_a_cancel_that_is_confirmed(room):
    room.ask(resting(expires_ms=AT_MS + 600_000))
    room.later(599_999)
    assert state(room) is S.OPEN
    room.later(1)
    assert states(room) == [S.OPEN, S.CANCELLED]
    assert room.at_venue()[0].state is S.CANCELLED


def test_a_fill_that_came_before_the_cancel_counts(room):
    room.ask(resting(expires_ms=AT_MS + 600_000))
    room.later(300_000)
    room.market(39_990, 39_999)
    room.later(300_000)
    assert states(room) == [S.OPEN, S.FILLED]


def test_a_cancel_that_the_venue_refuses_is_no_end(room):
    room.ask(resting(expires_ms=AT_MS + 600_000))
    room.later(599_000)
    room.venue.mood = "refused"
    inner = room.venue.find
    room.venue.find = lambda *given: room.venue.inner.find(*given)
    room.later(2_000)
    assert state(room) is S.OPEN
    room.venue.find = inner
    room.sweep()
    assert state(room) is S.CANCELLED


@pytest.fixture
def shallow(tmp_path):
    """A market that offers 40 lots a quote."""
    made = ExecutionRoom(tmp_path, partial_fills=True)
    made.market(size="0.004")
    yield made
    made.close()


def test_an_order_that_fills_in_parts_is_told_of_part_by_part_and_each_fill_once(shallow):
    shallow.ask(intent(lots=100))
    for _ in range(4):
        shallow.later(60_000)
        shallow.market(size="0.004")
        shallow.sweep()
        shallow.sweep()
    reports = shallow.reports()
    assert [report.state for report in reports if report.new_fills] == [
        S.PARTIALLY_FILLED,
        S.PARTIALLY_FILLED,
        S.FILLED,
    ]
    assert [report.filled_lots for report in reports if report.new_fills] == [40, 80, 100]
    told = [fill.trade_id for report in reports for fill in report.new_fills]
    assert sorted(told) == sorted(row.fill.trade_id for row in shallow.venue_fills())
    assert len(set(told)) == len(told) == 3


def test_an_entry_that_is_partly_filled_at_its_time_keeps_its_part_and_ends(shallow):
    shallow.ask(intent(lots=100, expires_ms=AT_MS + 600_000))
    shallow.later(599_000)
    assert state(shallow) is S.PARTIALLY_FILLED
    shallow.later(61_000)
    order = shallow.order("i1")
    assert (order.state, order.filled_lots) == (S.CANCELLED, 40)
    assert shallow.at_venue()[0].state is S.CANCELLED
    shallow.market(size="5")
    shallow.later(3_600_000)
    assert len(shallow.venue_fills()) == 1


def test_the_sweep_finds_what_a_resting_order_has_become(room):
    room.ask(resting())
    room.later(3_600_000)
    room.market(39_990, 39_999)
    room.sweep()
    assert states(room) == [S.OPEN, S.FILLED]


def test_a_resting_order_costs_no_commit_while_nothing_happens(room):
    room.ask(resting())
    room.later(120_000)
    before = room.order("i1").version
    steps = len(room.floor.store.query(_journal()))
    for _ in range(10):
        room.sweep()
    assert room.order("i1").version == before
    assert len(room.floor.store.query(_journal())) == steps


def _journal() -> Query:
    return Query("journal", limit=10_000)
