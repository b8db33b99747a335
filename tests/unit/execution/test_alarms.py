"""What execution calls a person for, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fluxfloor.contracts import venues
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.errors import OutcomeUnknown, VenueRefused
from fluxfloor.execution.lifecycle import ASKED

from tests.support.desk import intent
from tests.support.execution_room import ExecutionRoom, Moody


class Closed(Moody):
    """Turns away whatever closes a position."""

    def place(self, placement):
        if placement.side is Side.SELL:
            raise VenueRefused("not today", code="maintenance", retryable=True)
        return super().place(placement)


class Deaf(Moody):
    """Nothing ever arrives."""

    def place(self, placement):
        raise OutcomeUnknown("timed out; it never arrived")


@pytest.fixture
def closed(tmp_path) -> Iterator[ExecutionRoom]:
    opened = ExecutionRoom(tmp_path, Closed)
    yield opened
    opened.close()


@pytest.fixture
def deaf(tmp_path) -> Iterator[ExecutionRoom]:
    opened = ExecutionRoom(tmp_path, Deaf)
    yield opened
    opened.close()


def test_an_exit_that_is_turned_away_is_told_of_at_the_third_try_the_sixth_and_at_every_doubling(closed):
    closed.ask(intent("in", lots=100))
    closed.later(1_000)
    closed.ask(intent("out", Side.SELL, lots=100))
    for _ in range(40):
        closed.later(30_000)
        closed.sweep()
    told = [(int(risk["details"]["tries"]), risk["severity"]) for risk in closed.risks()]
    tries = closed.order("out").tries
    expected = [(3, "warning"), *((at, "critical") for at in (6, 12, 24, 48) if at <= tries)]
    assert tries > 12
    assert told == expected


def test_an_order_that_nobody_can_tell_about_says_so_itself(deaf, monkeypatch):
    nothing = replace(venues.CAPABILITIES["paper"], placement_expiry_ms=0, permanent_client_ids=False)
    monkeypatch.setitem(venues.CAPABILITIES, "paper", nothing)
    deaf.ask(intent("in", lots=100))
    for _ in range(6):
        deaf.later(60_000)
        deaf.sweep()
    order = deaf.order("in")
    assert (order.state, order.reason) == (OrderState.UNKNOWN, ASKED)
    assert [risk["kind"] for risk in deaf.risks()] == ["order_unknown"]
