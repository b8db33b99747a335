"""What somebody wants changed of an intent: cancelled, amended, released. Wishes that can't be granted are told of."""

from __future__ import annotations

from fluxfloor.contracts.events import OrderChanged
from fluxfloor.contracts.execution import Amended, Order, Slot
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.orders import ChangeKind, OrderChange, OrderState
from fluxfloor.errors import RetryLater
from fluxfloor.execution import amending, lifecycle, plans, slots
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution import alarms
from functions.execution.follow import advance
from functions.execution.looking import look_once_more
from functions.execution.recording import look_again, state

PATIENCE_MS = 120_000  # for an intent that its change has overtaken


def change(changed: OrderChanged, work: Work) -> None:
    wish = changed.change
    (order,) = work.read(Order.key(wish.intent_id))
    if wish.kind is ChangeKind.LOOK:
        return
    if order is None:
        if work.now_ms < wish.ts_event_ms + PATIENCE_MS:
            raise RetryLater(f"intent {wish.intent_id} has not come yet")
        return
    if order.state.terminal:
        alarms.change_refused(work, order, wish.change_id, f"it is {order.state} already")
    elif wish.kind is ChangeKind.CANCEL:
        _cancel(work, order, wish)
    elif wish.kind is ChangeKind.AMEND:
        _amend(work, order, wish)
    elif wish.kind is ChangeKind.RELEASE:
        _again(work, order.model_copy(update={"released": True, "due_ms": 0}))


def follow(context: Context, fact: Fact) -> None:
    """At once; what can't be done now the timers and the sweep do."""
    assert isinstance(fact.event, OrderChanged)
    wish = fact.event.change
    order = context.read(Order.key(wish.intent_id))
    if order is not None and order.state.terminal and wish.kind is ChangeKind.LOOK:
        look_once_more(context, order, however_late=True)
    else:
        advance(context, wish.intent_id)


def _cancel(work: Work, order: Order, wish: OrderChange) -> None:
    why = f"{plans.ASKED} {wish.asked_by}{': ' if wish.reason else ''}{wish.reason}"[:500]
    if order.state is OrderState.REQUESTED and not order.burning:
        (slot,) = work.read(Slot.key(slots.slot_id(order.intent)))
        ended = lifecycle.end(order, OrderState.CANCELLED, why, work.now_ms)
        state(work, ended, slot, order, _rules(work, order))
    else:
        _again(work, lifecycle.take_back(order, why, work.now_ms))


def _amend(work: Work, order: Order, wish: OrderChange) -> None:
    why = amending.refused(order, wish, _rules(work, order))
    if why:
        alarms.change_refused(work, order, wish.change_id, why)
        return
    amended = order.model_copy(update={"amended": _merged(order.amended, wish)})
    if order.state is OrderState.REQUESTED and not order.burning:
        _again(work, amended)
    else:
        _again(work, lifecycle.take_back(amended, plans.AMEND, work.now_ms))


def _merged(before: Amended | None, wish: OrderChange) -> Amended:
    given = {name: getattr(wish, name) for name in Amended.model_fields if getattr(wish, name) is not None}
    return (before or Amended()).model_copy(update=given)


def _again(work: Work, order: Order) -> None:
    work.write(order)
    look_again(work, order)


def _rules(work: Work, order: Order) -> Instrument:
    name = order.intent.instrument_id
    catalog = work.reference(InstrumentCatalog.key(name.split(":", 1)[0]))
    rules = catalog.find(name) if catalog else None
    if rules is None:
        raise RetryLater(f"no rules for {name} in any catalog yet")
    return rules
