"""Looks an order up at its venue, and draws the conclusions where the venue does not show it."""

from __future__ import annotations

import logging

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.state import Order
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import OutcomeUnknown, RetryLater, VenueRefused
from fluxfloor.execution import lifecycle
from fluxfloor.execution.missing import Next, next_of_missing
from fluxfloor.ports import Venue, VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution.recording import (
    FIRST_LOOK_MS,
    LATE_LOOK_MS,
    LOOK_EVERY_MS,
    capabilities_of,
    cause,
    record,
    rules_of,
    state,
)

log = logging.getLogger("fluxfloor.execution")
ASKED = "nobody can tell what became of it: a person has to look at the venue"


def look(context: Context, order: Order) -> None:
    rules = rules_of(context, order.intent)
    venue = context.ports.venue(order.intent.account_id)
    seen = _found(venue, order, rules)
    if seen is not None and not seen.state.terminal and _expired(order, context.now_ms):
        seen = _cancelled(venue, order, seen, rules)
    if seen is not None:
        record(context, order, seen, rules)
    else:
        _missing(context, order)


def look_once_more(context: Context, order: Order) -> None:
    """After a cancel or an expiry the venue may still come up with a fill, or with the order itself: it is taken out
    and what it filled is booked. Only soon after the end, and only where something was sent."""
    ended_unfilled = order.state in (OrderState.CANCELLED, OrderState.EXPIRED)
    if not order.submitted_ms or not ended_unfilled or context.now_ms > order.updated_ms + 2 * LATE_LOOK_MS:
        return
    rules = rules_of(context, order.intent)
    venue = context.ports.venue(order.intent.account_id)
    seen = _found(venue, order, rules)
    if seen is not None and not seen.state.terminal:
        seen = _cancelled(venue, order, seen, rules)
    if seen is not None and any(fill.trade_id not in order.fills for fill in seen.fills):
        record(context, order, seen, rules)


def _expired(order: Order, now_ms: int) -> bool:
    intent = order.intent
    return intent.purpose is Purpose.ENTRY and intent.expires_ms is not None and now_ms >= intent.expires_ms


def _found(venue: Venue, order: Order, rules: Instrument) -> VenueOrder | None:
    try:
        return venue.find(order.client_order_id, rules, order.submitted_ms)
    except OutcomeUnknown as problem:  # of a look-up nothing depends: it is made again
        raise RetryLater(f"look-up of {order.client_order_id}: {problem}") from problem


def _cancelled(venue: Venue, order: Order, seen: VenueOrder, rules: Instrument) -> VenueOrder:
    """As it is after a cancel was asked for: only a look tells whether the cancel or a fill came first."""
    try:
        venue.cancel(seen, rules)
    except (VenueRefused, OutcomeUnknown) as problem:
        log.info("cancel of %s: %s", order.client_order_id, problem, extra={"stage": "execution", "order": order.id})
    return _found(venue, order, rules) or seen


# --- not there ---------------------------------------------------------------------------------------------------


def _missing(context: Context, order: Order) -> None:
    """Counted, and acted on only when it can't arrive any more."""
    capabilities = capabilities_of(context.settings, order.intent)

    def decide(event: Event, work: Work) -> None:
        (current,) = work.read(Order.key(order.id))
        if current is None or current.version != order.version:
            return
        missed = lifecycle.not_found(current, work.now_ms)
        if missed.state is OrderState.SUBMITTING:
            lost = lifecycle.lost(missed, "its sender never came back", work.now_ms)
            state(work, lost)
            missed = lost.order
        _act(work, missed, capabilities)

    context.step(cause(context, order, "missing"), decide)


def _act(work: Work, order: Order, capabilities: Capabilities) -> None:
    move = next_of_missing(order, capabilities, work.now_ms)
    if move is Next.GIVE_UP:
        state(work, lifecycle.end(order, OrderState.EXPIRED, "the venue never had it", work.now_ms))
    elif move is Next.ASK_A_PERSON:
        _ask(work, order)
    elif move is Next.RESEND:
        work.write(lifecycle.next_attempt(order, capabilities, work.now_ms))
        work.set_timer("check", order.id, work.now_ms + FIRST_LOOK_MS)
    else:
        work.write(order)
        work.set_timer("check", order.id, work.now_ms + LOOK_EVERY_MS)


def _ask(work: Work, order: Order) -> None:
    """Told once. The minute's sweep goes on looking, in case the venue does show it after all."""
    work.write(order.model_copy(update={"reason": ASKED}))
    if order.reason == ASKED:
        return
    message = f"order {order.client_order_id} is not to be seen at {order.intent.account_id}'s venue, and " + ASKED
    work.emit(
        RiskRaised(
            kind="order_unknown", scope=order.intent.portfolio_id, severity=Severity.CRITICAL, message=message,
            details={"intent": order.id, "account": order.intent.account_id}, ts_event_ms=work.now_ms,
        )
    )  # fmt: skip
