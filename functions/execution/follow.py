"""Follows one order: sends it if it was never sent, looks it up if it may have been, and states what was found.

Safe to call at any time and from several instances at once. The one who commits `submitting`, and knows that it was
he, sends; everybody else looks. A look-up changes nothing at the venue, and a cancel only what is to go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.orders import OrderState
from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.execution import slots
from fluxfloor.execution.lifecycle import LEASE_MS
from fluxfloor.ports import Query
from fluxfloor.runtime.context import Context

from functions.execution.looking import look, look_back, look_once_more
from functions.execution.protecting import protect, watch
from functions.execution.sending import send

log = logging.getLogger("fluxfloor.execution")
SWEEP_LIMIT = 1_000


def advance(context: Context, order_id: str) -> None:
    """Takes the order one move further, and sees to the stop of what it has filled."""
    order = context.read(Order.key(order_id))
    if order is None:
        return
    in_the_way = _move(context, order)
    if in_the_way:
        _move_other(context, in_the_way)
    if context.settings.accounts[order.intent.account_id].stops_at_venue:
        _move_other(context, protect(context, slots.slot_id(order.intent)))


def _move_other(context: Context, order_id: str) -> None:
    order = context.read(Order.key(order_id)) if order_id else None
    if order is not None:
        _move(context, order)


def _move(context: Context, order: Order) -> str:
    """Returns the protective order that has to make way for it first, if there is one."""
    look_back(context, order)
    if order.state is OrderState.REQUESTED:
        return send(context, order)
    if order.state.terminal:
        look_once_more(context, order)
    elif order.state is not OrderState.SUBMITTING or context.now_ms >= order.submitted_ms + LEASE_MS:
        look(context, order)
    # else somebody is sending it now; the timer that `submitting` set looks when his lease has run out
    return ""


def advance_all(context: Context) -> None:
    """Every order that is not at its end, and every position's stop. One that can't be followed now keeps no other from
    being followed."""
    problems = _each(context, Order.collection, advance)
    problems += _each(context, Slot.collection, guarded)
    if problems:
        raise RetryLater(f"{len(problems)} orders could not be followed, the first because: {problems[0]}")


def guarded(context: Context, slot_id: str) -> None:
    """Its stop is at the venue, or watched by the floor, or somebody is told."""
    account = context.settings.accounts.get(slot_id.partition("|")[0])
    if account is not None and account.stops_at_venue:
        _move_other(context, watch(context, slot_id))
        _move_other(context, protect(context, slot_id))


def _each(context: Context, collection: str, follow: Callable[[Context, str], None]) -> list[FloorError]:
    problems: list[FloorError] = []
    for found in context.ports.store.query(Query(collection, (("open", "==", True),), limit=SWEEP_LIMIT)):
        try:
            follow(context, found.ref.id)
        except FloorError as problem:
            log.warning("not followed: %s", problem, extra={"stage": context.stage, "order": found.ref.id})
            problems.append(problem)
    return problems
