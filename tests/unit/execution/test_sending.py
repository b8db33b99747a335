"""What is looked at once more before an order leaves, and how it is looked after."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import Misconfigured

from functions.execution.recording import capabilities_of
from tests.support.desk import intent
from tests.support.execution_room import ExecutionRoom


@pytest.fixture
def room(tmp_path):
    opened = ExecutionRoom(tmp_path)
    yield opened
    opened.close()


def test_a_sender_that_was_held_up_until_its_placement_had_expired_sends_nothing(room, monkeypatch):
    """By then somebody else may have looked, found nothing, and given it up."""
    commit = room.floor.store.commit

    def slow(wanted):
        commit(wanted)
        written = [data for data, _ in wanted.updates.values()]
        if any(data.get("state") == "submitting" for data in written):
            room.clock.advance_to(room.clock.now_ms() + 10_000)

    monkeypatch.setattr(room.floor.store, "commit", slow)
    room.ask(intent())
    assert room.venue.placed == []
    room.later(120_000)
    assert room.order("i1").state.terminal
    assert room.venue.placed == []


@pytest.mark.parametrize("venue", [None, "nowhere"])
def test_an_account_that_can_not_be_traded_on_is_named(room, venue):
    settings = room.floor.settings
    if venue is not None:
        account = settings.accounts["paper-main"].model_copy(update={"venue": venue})
        settings = settings.model_copy(update={"accounts": {"paper-main": account}})
    wanted = intent(account_id="paper-main" if venue else "nobody")
    with pytest.raises(Misconfigured, match=wanted.account_id):
        capabilities_of(settings, wanted)


def test_looks_of_the_sweep_start_no_second_row_of_timers(room):
    """Each timer is a delivery to the stage; a young order has one at a time."""
    room.ask(intent(order_type=OrderType.LIMIT, limit_ticks=400_000))
    room.later(1_000)
    room.sweep()
    waiting = room.floor.timers.undelivered()
    for _ in range(5):
        room.later(100)
        room.sweep()
    assert room.floor.timers.undelivered() == waiting
