"""Sends an order, once: the commit to `submitting` decides who does, and after it nothing is taken for granted."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fluxfloor.contracts.events import ExecutionReported
from fluxfloor.contracts.execution import Lease, Order, Slot, Terms
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.contracts.views import PaperRecord
from fluxfloor.errors import FloorError, RetryLater, VenueRefused
from fluxfloor.execution import dust, lifecycle, permit, plans, slots
from fluxfloor.execution.placement import placement_of
from fluxfloor.ports import Venue, VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution import alarms
from functions.execution.recording import (
    FIRST_LOOK_MS,
    LOOK_EVERY_MS,
    capabilities_of,
    cause,
    look_at,
    record,
    rules_of,
    state,
)

log = logging.getLogger("fluxfloor.execution")
QUOTE_GOOD_MS = 10_000  # after it was asked for
LONGEST_TIMER_MS = 20 * 86_400_000  # timers reach no farther than a month; beyond, the sweep sees to an expiry


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one commit did: whoever made the one by which the order `leaves` sends it, and nobody else. A step that
    found it gone already is a commit too."""

    leaves: bool = False
    in_the_way: str = ""


def send(context: Context, order: Order) -> str:
    """Returns the protective order that has to make way first, if there is one."""
    if context.now_ms < order.due_ms:
        return ""
    capabilities, rules = capabilities_of(context.settings, order.intent), rules_of(context, order.intent)
    asked_ms = context.now_ms
    quote = _quote(context, order, rules) if plans.wants_quote(order) else None
    submitted = Submitted()

    def decide(_: object, work: Work) -> None:
        nonlocal submitted
        good = quote if work.now_ms <= asked_ms + QUOTE_GOOD_MS else None  # it may have been held up since
        submitted = _submit(work, order, capabilities, rules, good)

    taken = context.step(cause(context, order, "submit"), decide)
    if not (taken.fresh and submitted.leaves):
        return submitted.in_the_way
    current = context.read(Order.key(order.id))
    if _still(current, order):
        assert current is not None
        venue = context.ports.venue(order.intent.account_id)
        record(context, current, _placed(venue, current, rules, capabilities, context), rules)
    return ""


def _still(current: Order | None, order: Order) -> bool:
    """Is it this very placement that is about to leave? Whoever was held up since his commit may find that it was given
    up meanwhile, and that another one, which is somebody else's to send, is on its way."""
    return current is not None and current.state is OrderState.SUBMITTING and current.attempt == order.attempt


def _quote(context: Context, order: Order, rules: Instrument) -> Quote | None:
    """Without one nothing is decided that needs one: it is asked for again."""
    try:
        return context.ports.venue(order.intent.account_id).quote(rules)
    except FloorError as problem:
        log.info("no quote: %s", problem, extra={"stage": context.stage, "order": order.id})
        return None


def _submit(
    work: Work, seen: Order, capabilities: Capabilities, rules: Instrument, quote: Quote | None
) -> Submitted:  # fmt: skip
    """The last look before the order leaves: an entry meets no halt, is not too late, and its plan wants it; an exit
    takes no more than is held, and nothing that protects the position is left alive. The commit verifies all of it."""
    entering = seen.intent.purpose is Purpose.ENTRY
    halt_keys = [Halt.key(FLOOR), Halt.key(seen.intent.portfolio_id)] if entering else []
    order, slot, *halts = work.read_all([Order.key(seen.id), Slot.key(slots.slot_id(seen.intent)), *halt_keys])
    if order is None or order.state is not OrderState.REQUESTED or order.attempt != seen.attempt:
        return Submitted()
    if slot is not None and not entering and not order.intent.protects:
        slot = slots.joined(slot, order)
    forbidden, late = _forbidden(work, halts) if entering else "", lifecycle.too_late(order, work.now_ms)
    if forbidden:
        _end(work, order, slot, rules, OrderState.CANCELLED, forbidden)
    elif late:
        _end(work, order, slot, rules, OrderState.EXPIRED, late)
    elif order.burning and not order.left and not order.intent.protects:
        lost = lifecycle.lost(order, plans.ENOUGH, work.now_ms)
        state(work, lost, slot, order, rules)
        look_at(work, lost.order, work.now_ms + LOOK_EVERY_MS)
    elif order.burning:
        return _leave(work, order, capabilities, order.terms or plans.as_asked(order, order.left))
    elif order.intent.protects and (slot is None or slot.guard != order.id or slot.leaving):
        _end(work, order, slot, rules, OrderState.CANCELLED, plans.IN_THE_WAY)
    elif not entering and slot is not None and slot.guard and slot.guard != order.id:
        return _make_way(work, order, slot, rules)
    else:
        return _follow_plan(work, order, slot, capabilities, rules, quote)
    return Submitted()


def _forbidden(work: Work, halts: list[Halt | None]) -> str:
    """Why nothing may be entered; a live floor also waits for its paper period. Empty where it may."""
    halt = next((found for found in halts if found is not None), None)
    if halt is not None:
        return f"{plans.HALTED}: {halt.reason}"
    if work.settings.mode != "live":
        return ""
    (record,) = work.read(PaperRecord.key(FLOOR))
    return permit.refused(record, work.settings.safety.criteria)


def _follow_plan(
    work: Work, order: Order, slot: Slot | None, capabilities: Capabilities, rules: Instrument, quote: Quote | None
) -> Submitted:  # fmt: skip
    if slot is not None:
        work.write(slot)
    most = slots.closable(slot, order) if slot is not None else None
    following = plans.next_placement(order, rules, quote, most, work.now_ms)
    if isinstance(following, plans.Over) and slot is not None and dust.is_dust(order, slot, rules):
        observed, taken = dust.swept(order, slot, rules, work.now_ms)
        state(work, observed, slot, order, rules)
        work.emit(ExecutionReported(report=taken))
    elif isinstance(following, plans.Over):
        _end(work, order, slot, rules, following.state, following.reason)
    elif isinstance(following, plans.Later):
        work.write(lifecycle.wait(order, following.due_ms))
        work.set_timer("check", order.id, following.due_ms)
    else:
        return _leave(work, order, capabilities, following)
    return Submitted()


def _end(
    work: Work, order: Order, slot: Slot | None, rules: Instrument, ended: OrderState, reason: str
) -> None:  # fmt: skip
    state(work, lifecycle.end(order, ended, reason, work.now_ms), slot, order, rules)


def _make_way(work: Work, order: Order, slot: Slot, rules: Instrument) -> Submitted:
    """The protective order is taken back first, and its end sends this one on. One that has not left yet ends here."""
    (guard,) = work.read(Order.key(slot.guard))
    work.write(slot)
    waiting, again_ms = order, work.now_ms + FIRST_LOOK_MS
    if guard is None or guard.state.terminal:
        work.write(slots.unguarded(slot, work.now_ms))
    elif guard.state is OrderState.REQUESTED and not guard.burning:
        _end(work, guard, slot, rules, OrderState.CANCELLED, plans.IN_THE_WAY)
    elif not guard.cancelling:
        work.write(lifecycle.take_back(guard, plans.IN_THE_WAY, work.now_ms))
    else:
        waiting = order.model_copy(update={"tries": order.tries + 1, "reason": "its stop can't be taken away yet"})
        again_ms = work.now_ms + LOOK_EVERY_MS
    alarms.trying(work, order, waiting)
    work.write(lifecycle.wait(waiting, again_ms))
    work.set_timer("check", order.id, again_ms)
    return Submitted(in_the_way=slot.guard)


def _leave(work: Work, order: Order, capabilities: Capabilities, terms: Terms) -> Submitted:
    if capabilities.single_flight:
        _take_lease(work, order)
    work.write(lifecycle.submit(order, capabilities, work.now_ms, terms))
    work.set_timer("check", order.id, work.now_ms + lifecycle.LEASE_MS)
    for until_ms in (order.intent.expires_ms, terms.until_ms):
        if until_ms and work.now_ms < until_ms < work.now_ms + LONGEST_TIMER_MS:
            work.set_timer("check", order.id, until_ms)
    return Submitted(leaves=True)


def _take_lease(work: Work, order: Order) -> None:
    """Where a venue takes one request at a time per key, one order at a time is on its way there."""
    (lease,) = work.read(Lease.key(order.intent.account_id))
    if lease is not None and lease.expires_ms > work.now_ms and lease.holder != order.client_order_id:
        raise RetryLater(f"another order is being sent for {order.intent.account_id}")
    taken = Lease(
        id=order.intent.account_id, holder=order.client_order_id, generation=lease.generation + 1 if lease else 1,
        expires_ms=work.now_ms + lifecycle.LEASE_MS,
    )  # fmt: skip
    work.write(taken)


def _placed(
    venue: Venue, order: Order, rules: Instrument, capabilities: Capabilities, context: Context
) -> VenueOrder | VenueRefused | None:
    """The venue's answer; None when there is none. Whatever goes wrong after this point may have happened anyway."""
    if context.now_ms >= order.expires_at_venue_ms:  # whoever looks may have given it up by now
        return VenueRefused("its sender was held up until it had expired", code="expired", retryable=False)
    try:
        return venue.place(placement_of(order, rules, capabilities))
    except VenueRefused as refusal:
        return refusal
    except Exception as problem:
        log.warning("placement without an answer: %s", problem, extra={"stage": context.stage, "order": order.id})
        return None
