"""Follows one order: sends it if it was never sent, looks it up if it may have been, and states what was found.

Safe to call at any time and from several instances at once. The one who commits `submitting`, and knows that it was
he, sends; everybody else looks. A look-up changes nothing at the venue.
"""

from __future__ import annotations

import logging

from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.state import Order
from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.execution.lifecycle import LEASE_MS
from fluxfloor.ports import Query
from fluxfloor.runtime.context import Context

from functions.execution.looking import look, look_once_more
from functions.execution.sending import send

log = logging.getLogger("fluxfloor.execution")
SWEEP_LIMIT = 1_000


def advance(context: Context, order_id: str) -> None:
    """Takes the order one move further."""
    order = context.read(Order.key(order_id))
    if order is None:
        return
    if order.state is OrderState.REQUESTED:
        send(context, order)
    elif order.state.terminal:
        look_once_more(context, order)
    elif order.state is not OrderState.SUBMITTING or context.now_ms >= order.submitted_ms + LEASE_MS:
        look(context, order)
    # else somebody is sending it now; the timer that `submitting` set looks when his lease has run out


def advance_all(context: Context) -> None:
    """Every order that is not at its end. One that can't be followed now keeps no other from being followed."""
    problems: list[FloorError] = []
    for found in context.ports.store.query(Query(Order.collection, (("open", "==", True),), limit=SWEEP_LIMIT)):
        try:
            advance(context, found.ref.id)
        except FloorError as problem:
            log.warning("not followed: %s", problem, extra={"stage": context.stage, "order": found.ref.id})
            problems.append(problem)
    if problems:
        raise RetryLater(f"{len(problems)} orders could not be followed, the first because: {problems[0]}")
