"""Sends an order, once: the commit to `submitting` decides who does, and after it nothing is taken for granted."""

from __future__ import annotations

import logging

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.state import Lease, Order
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import RetryLater, VenueRefused
from fluxfloor.execution import lifecycle
from fluxfloor.execution.placement import placement_of
from fluxfloor.ports import Venue, VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution.recording import capabilities_of, cause, record, rules_of, state

log = logging.getLogger("fluxfloor.execution")
LONGEST_TIMER_MS = 20 * 86_400_000  # timers reach no farther than a month; beyond, the sweep sees to an expiry


def send(context: Context, order: Order) -> None:
    capabilities = capabilities_of(context.settings, order.intent)
    rules = rules_of(context, order.intent)
    claim = cause(context, order, "submit")
    taken = context.step(claim, lambda _, work: _submit(work, order, capabilities))
    current = context.read(Order.key(order.id))
    if not taken.fresh or current is None or current.state is not OrderState.SUBMITTING:
        return
    venue = context.ports.venue(order.intent.account_id)
    record(context, current, _placed(venue, current, rules, capabilities, context), rules)


def _submit(work: Work, seen: Order, capabilities: Capabilities) -> None:
    """The last look before the order leaves: an entry meets no halt, and is not too late. The commit verifies that no
    halt has come up meanwhile."""
    entering = seen.intent.purpose is Purpose.ENTRY
    halt_keys = [Halt.key(FLOOR), Halt.key(seen.intent.portfolio_id)] if entering else []
    order, *halts = work.read_all([Order.key(seen.id), *halt_keys])
    if order is None or order.state is not OrderState.REQUESTED:
        return
    halt = next((found for found in halts if found is not None), None)
    late = lifecycle.too_late(order, work.now_ms)
    if halt is not None:
        state(work, lifecycle.end(order, OrderState.CANCELLED, f"halted: {halt.reason}"[:500], work.now_ms))
    elif late:
        state(work, lifecycle.end(order, OrderState.EXPIRED, late, work.now_ms))
    else:
        _leave(work, order, capabilities)


def _leave(work: Work, order: Order, capabilities: Capabilities) -> None:
    if capabilities.single_flight:
        _take_lease(work, order)
    work.write(lifecycle.submit(order, capabilities, work.now_ms))
    work.set_timer("check", order.id, work.now_ms + lifecycle.LEASE_MS)
    expires_ms = order.intent.expires_ms
    if expires_ms is not None and expires_ms - work.now_ms < LONGEST_TIMER_MS:
        work.set_timer("check", order.id, expires_ms)


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
    try:
        return venue.place(placement_of(order, rules, capabilities))
    except VenueRefused as refusal:
        return refusal
    except Exception as problem:
        log.warning("placement without an answer: %s", problem, extra={"stage": context.stage, "order": order.id})
        return None
