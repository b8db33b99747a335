"""Looks an order up at its venue, takes back what must not stay there, and concludes from what the venue shows."""

from __future__ import annotations

import logging

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.execution import Order, PastAttempt, Slot
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import OutcomeUnknown, RetryLater, VenueRefused
from fluxfloor.execution import lifecycle, plans, slots
from fluxfloor.execution.missing import Next, next_of_missing
from fluxfloor.ports import Venue, VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution import alarms
from functions.execution.recording import (
    LATE_LOOK_MS,
    LOOK_EVERY_MS,
    capabilities_of,
    cause,
    look_again,
    look_at,
    record,
    rules_of,
    state,
)

log = logging.getLogger("fluxfloor.execution")


def look(context: Context, order: Order) -> None:
    rules = rules_of(context, order.intent)
    venue, asked_ms = context.ports.venue(order.intent.account_id), context.now_ms
    seen = _found(venue, order.client_order_id, order.submitted_ms, rules)
    if seen is not None and not seen.state.terminal and (why := _must_go(context, order)):
        taken = _taking_back(context, order, why)
        if taken.attempt != order.attempt:
            return  # what was seen is of a placement that has ended meanwhile: it says nothing of the next
        order, seen = taken, _cancelled(venue, taken, seen, rules)
    if seen is not None:
        record(context, order, seen, rules)
    else:
        _missing(context, order, rules, asked_ms)


def look_once_more(context: Context, order: Order, however_late: bool = False) -> None:
    """After a cancel or an expiry the venue may still come up with a fill, or with the order itself: it is taken out
    and what it filled is booked. Only soon after the end, unless a person asks, and only where something was sent."""
    ended_unfilled = order.state in (OrderState.CANCELLED, OrderState.EXPIRED)
    soon = however_late or context.now_ms <= order.updated_ms + 2 * LATE_LOOK_MS
    if not order.submitted_ms or not ended_unfilled or not soon:
        return
    rules = rules_of(context, order.intent)
    venue = context.ports.venue(order.intent.account_id)
    seen = _found(venue, order.client_order_id, order.submitted_ms, rules)
    if seen is not None and not seen.state.terminal:
        seen = _cancelled(venue, order, seen, rules)
    if seen is not None and any(fill.trade_id not in order.fills for fill in seen.fills):
        record(context, order, seen, rules)


def look_back(context: Context, order: Order) -> None:
    """Once more at placements that have ended, a while after their end."""
    for item in order.past:
        if context.now_ms >= item.ended_ms + LATE_LOOK_MS:
            _look_back(context, order, item)


def _look_back(context: Context, order: Order, item: PastAttempt) -> None:
    rules = rules_of(context, order.intent)
    venue = context.ports.venue(order.intent.account_id)
    seen = _found(venue, item.client_order_id, order.accepted_ms, rules)
    alive = seen is not None and not seen.state.terminal
    if seen is not None and alive:
        seen = _cancelled(venue, order, seen, rules, item.client_order_id)

    def decide(_: Event, work: Work) -> None:
        current, slot = work.read(Order.key(order.id), Slot.key(slots.slot_id(order.intent)))
        if current is None or item not in current.past:
            return
        ended = seen is None or seen.state.terminal
        kept = lifecycle.asked_again(current, item.client_order_id) if ended else current
        observed = lifecycle.observe_past(kept, seen, rules, work.now_ms) if seen else lifecycle.Observed(kept)
        state(work, observed, slot, current, rules)
        if alive:
            alarms.revived(work, current, item.client_order_id)

    what = (seen.state, len(seen.fills)) if seen is not None else ("nothing",)
    context.step(cause(context, order, "past", item.client_order_id, *what), decide)


def _must_go(context: Context, order: Order) -> str:
    why = order.cancelling or plans.takes_back(order, context.now_ms)
    if why or order.intent.purpose is not Purpose.ENTRY:
        return why
    halts = (context.read(Halt.key(name)) for name in (FLOOR, order.intent.portfolio_id))
    halt = next((found for found in halts if found is not None), None)
    return f"{plans.HALTED}: {halt.reason}"[:500] if halt is not None else ""


def _taking_back(context: Context, order: Order, why: str) -> Order:
    """The order with the reason written into it, by whoever was first."""
    if order.cancelling:
        return order

    def decide(_: Event, work: Work) -> None:
        (current,) = work.read(Order.key(order.id))
        if current is not None and current.attempt == order.attempt and not current.cancelling:
            work.write(lifecycle.take_back(current, why, work.now_ms))

    context.step(cause(context, order, "take_back"), decide)
    return context.read(Order.key(order.id)) or order


def _found(venue: Venue, client_order_id: str, since_ms: int, rules: Instrument) -> VenueOrder | None:
    try:
        return venue.find(client_order_id, rules, since_ms)
    except OutcomeUnknown as problem:  # of a look-up nothing depends: it is made again
        raise RetryLater(f"look-up of {client_order_id}: {problem}") from problem


def _cancelled(
    venue: Venue, order: Order, seen: VenueOrder, rules: Instrument, client_order_id: str = ""
) -> VenueOrder:  # fmt: skip
    """As it is after a cancel was asked for: only a look tells whether the cancel or a fill came first."""
    try:
        venue.cancel(seen, rules)
    except (VenueRefused, OutcomeUnknown) as problem:
        log.info("cancel of %s: %s", order.client_order_id, problem, extra={"stage": "execution", "order": order.id})
    return _found(venue, client_order_id or order.client_order_id, order.accepted_ms, rules) or seen


# --- not there ---------------------------------------------------------------------------------------------------


def _missing(context: Context, order: Order, rules: Instrument, asked_ms: int) -> None:
    """Counted, and acted on only when it could not arrive any more at the time that the venue was asked: whoever was
    held up since knows no more than he did then. That it still can't be seen once a person has been asked is worth no
    commit."""
    capabilities = capabilities_of(context.settings, order.intent)
    if alarms.asked(order) and next_of_missing(order, capabilities, asked_ms) is Next.ASK_A_PERSON:
        return

    def decide(event: Event, work: Work) -> None:
        current, slot = work.read(Order.key(order.id), Slot.key(slots.slot_id(order.intent)))
        if current is None or current.version != order.version:
            return
        missed = lifecycle.not_found(current, work.now_ms)
        if missed.state is OrderState.SUBMITTING:
            lost = lifecycle.lost(missed, "its sender never came back", work.now_ms)
            state(work, lost, slot, current, rules)
            missed = lost.order
        _act(work, missed, slot, next_of_missing(missed, capabilities, asked_ms), capabilities, rules)

    context.step(cause(context, order, "missing"), decide)


def _act(
    work: Work, order: Order, slot: Slot | None, move: Next, capabilities: Capabilities, rules: Instrument
) -> None:  # fmt: skip
    if move is Next.GIVE_UP:
        state(work, _given_up(order, work.now_ms), slot, order, rules)
    elif move is Next.ASK_A_PERSON:
        alarms.unknown(work, order)
    elif move is Next.RESEND:
        tried = order.model_copy(update={"tries": order.tries + 1})
        again = lifecycle.next_attempt(tried, capabilities, work.now_ms)
        work.write(again)
        alarms.trying(work, order, again)
        look_again(work, again)
    else:
        work.write(order)
        look_at(work, order, work.now_ms + LOOK_EVERY_MS)


def _given_up(order: Order, now_ms: int) -> lifecycle.Observed:
    if not order.left:
        return lifecycle.end(order, OrderState.FILLED, order.reason, now_ms)
    if order.cancelling:
        return lifecycle.end(order, OrderState.CANCELLED, order.cancelling, now_ms)
    return lifecycle.end(order, OrderState.EXPIRED, "the venue never had it", now_ms)
