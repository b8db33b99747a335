"""The execution stage on a hostile line: whatever comes back from the venue, no order is placed twice, none is lost,
the stage never fails at it, and no key is ever written down.

The stage, the adapter, its client and the venue behind the line are the real ones (the venue a simulated one, whose
books tell what truly happened); hypothesis draws what is asked, what comes back, and when time passes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.local import audit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.test_venue_replies import mangled, unreadable
from tests.support.hostile_floor import HostileFloor, brief, filled, hostile_floor, is_over
from tests.support.hostile_rest import TRUE, Reply
from tests.support.simulated_venue import FACADES

EXAMPLES = 8
moves = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(Side), st.integers(100, 2_000), st.booleans()),
    st.tuples(st.just("again"), st.integers(0, 3)),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("later"), st.sampled_from([100, 300, 5_000, 12_000, 45_000, 60_000, 200_000])),
    st.tuples(st.just("restart")),
)
replies = st.lists(st.one_of(st.just(Reply(TRUE)), st.just(Reply(TRUE)), unreadable, mangled), max_size=60)


def play(room: HostileFloor, wanted: list[tuple], answers: list[Reply]) -> list:
    room.line.server.tell(*answers)
    asked = []
    for move, *more in wanted:
        if move == "ask" and len(asked) < 4:
            asked.append(room.intent(len(asked), *more))
            room.ask(asked[-1])
        elif move == "again" and asked:
            room.ask(asked[more[0] % len(asked)], time=1 + more[0])
        elif move == "sweep":
            room.sweep()
        elif move == "later":
            room.later(more[0])
        elif move == "restart":
            room.restart()
        never_twice(room, asked)
    return asked


def never_twice(room: HostileFloor, asked: list) -> None:
    taken = [order.terms.client_id for order in room.at_venue()]
    assert len(taken) == len(set(taken)), "one id was taken twice"
    for intent in asked:
        placed = room.of_intent(intent.intent_id)
        assert sum(order.open for order in placed) <= 1
        assert filled(placed) <= room.line.rules.quantity(intent.lots)


def calm_down(room: HostileFloor, asked: list) -> None:
    room.line.server.tell()
    for intent in asked:
        room.ask(intent)
    for _ in range(75):  # a reply may have shut the line for an hour
        room.later(60_000)
        room.sweep()


def nothing_is_lost(room: HostileFloor, asked: list) -> None:
    orders = room.orders()
    assert {order.id for order in orders} == {intent.intent_id for intent in asked}, "a request was forgotten"
    ours = {fill.quantity for order in orders for fill in order.fills.values()}
    assert sum(len(order.fills) for order in orders) == sum(len(order.fills) for order in room.at_venue()), ours
    for order in orders:
        told = order.state is OrderState.UNKNOWN and not room.of_intent(order.id) and "order_unknown" in room.told()
        assert is_over(order) or told, brief(order)
    assert audit.rows(room.floor.store, "quarantine") == []
    assert "handler failed" not in room.line.log.getvalue()


@pytest.mark.parametrize("name", FACADES)
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(wanted=st.lists(moves, min_size=2, max_size=12), answers=replies)
def test_a_hostile_line_loses_and_doubles_no_order(name: str, wanted: list[tuple], answers: list[Reply]) -> None:
    with tempfile.TemporaryDirectory() as folder, hostile_floor(name, Path(folder)) as room:
        asked = play(room, wanted, answers)
        calm_down(room, asked)
        never_twice(room, asked)
        nothing_is_lost(room, asked)
        assert room.line.leaks(room.documents()) == []
