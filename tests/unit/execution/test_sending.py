"""What is looked at once more before an order leaves, and how it is looked after."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.events import OrderRequested
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import Misconfigured

from functions.execution import accepting
from functions.execution.recording import capabilities_of
from functions.execution.sending import send
from tests.support.desk import intent


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


def test_who_finds_it_gone_already_does_not_send_it_too(room, monkeypatch):
    """He had read it before somebody else, by a commit of an earlier version, was about to send it."""
    runner, context = room.floor.runners["execution"], room.floor.context("execution")
    runner.step(Fact.first("i1", OrderRequested(intent=intent()), room.clock.now_ms()), accepting.accept)
    stale = room.order("i1")

    def touch(_, work):
        (order,) = work.read(Order.key("i1"))
        work.write(order.model_copy(update={"looks_ms": 1}))

    context.step(context.cause(OrderRequested(intent=intent()), "touch"), touch)
    place, asked = room.venue.place, []

    def slow(placement):
        asked.append(placement.client_order_id)
        if len(asked) == 1:
            assert send(context, stale) == ""
        return place(placement)

    monkeypatch.setattr(room.venue, "place", slow)
    send(context, room.order("i1"))
    assert len(asked) == 1
    room.later(1_000)
    assert room.order("i1").state is OrderState.FILLED


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
