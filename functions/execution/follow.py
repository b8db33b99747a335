"""Follows one order: sends it if it was never sent, looks it up if it may have been, and states what was found.

Safe to call at any time and from several instances at once. The one who commits `submitting`, and knows that it was
he, sends; everybody else looks. A look-up changes nothing at the venue.
"""

from __future__ import annotations

import logging

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import (
    ExecutionReported,
    OrderRequested,
    RiskRaised,
    Severity,
)
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.orders import OrderIntent, OrderState, Purpose
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.state import Lease, Order
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import Misconfigured, RetryLater, VenueRefused
from fluxfloor.execution import lifecycle
from fluxfloor.execution.lifecycle import Next, Observed
from fluxfloor.execution.placement import placement_of
from fluxfloor.ports import Venue, VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

log = logging.getLogger("fluxfloor.execution")
FIRST_LOOK_MS = 250
LOOK_EVERY_MS = 5_000
TIMED_LOOKS_MS = 60_000  # after that the minute's sweep follows it


def capabilities_of(settings: Settings, intent: OrderIntent) -> Capabilities:
    """What the intent's venue can be relied on for."""
    account = settings.accounts.get(intent.account_id)
    if account is None or account.venue not in CAPABILITIES:
        raise Misconfigured(f"account {intent.account_id!r} is not in [accounts], or its venue has no capabilities")
    return CAPABILITIES[account.venue]


def advance(context: Context, order_id: str) -> None:
    """Takes the order one move further."""
    order = context.read(Order.key(order_id))
    if order is None or order.state.terminal:
        return
    if order.state is OrderState.REQUESTED:
        _send(context, order)
    elif order.state is not OrderState.SUBMITTING or context.now_ms >= order.submitted_ms + lifecycle.LEASE_MS:
        _look(context, order)
    # else somebody is sending it now; the timer that `submitting` set looks when his lease has run out


# --- sending -----------------------------------------------------------------------------------------------------


def _send(context: Context, order: Order) -> None:
    capabilities = capabilities_of(context.settings, order.intent)
    rules = _rules(context, order.intent)
    claim = _cause(context, order, "submit")
    taken = context.step(claim, lambda _, work: _submit(work, order.id, capabilities))
    current = context.read(Order.key(order.id))
    if not taken.fresh or current is None or current.state is not OrderState.SUBMITTING:
        return
    venue = context.ports.venue(order.intent.account_id)
    _record(context, current, _placed(venue, current, rules, capabilities, context), rules)


def _submit(work: Work, order_id: str, capabilities: Capabilities) -> None:
    """The last look before the order leaves: an entry meets no halt, and nobody else is sending on this key."""
    order, floor_halt = work.read(Order.key(order_id), Halt.key(FLOOR))
    if order is None or order.state is not OrderState.REQUESTED:
        return
    intent = order.intent
    lease_key = intent.account_id if capabilities.single_flight else order.client_order_id
    halt, lease = work.read(Halt.key(intent.portfolio_id), Lease.key(lease_key))
    stopped = floor_halt or halt
    if intent.purpose is Purpose.ENTRY and stopped is not None:
        _state(work, lifecycle.stop_entry(order, f"halted: {stopped.reason}"[:500], work.now_ms))
        return
    if lease is not None and lease.expires_ms > work.now_ms and lease.holder != order.client_order_id:
        raise RetryLater(f"another order is being sent on {lease_key}")
    generation = lease.generation + 1 if lease else 1
    expires_ms = work.now_ms + lifecycle.LEASE_MS
    work.write(Lease(id=lease_key, holder=order.client_order_id, generation=generation, expires_ms=expires_ms))
    work.write(lifecycle.submit(order, capabilities, work.now_ms))
    work.set_timer("check", order.id, expires_ms)


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


# --- looking -----------------------------------------------------------------------------------------------------


def _look(context: Context, order: Order) -> None:
    intent, rules = order.intent, _rules(context, order.intent)
    venue = context.ports.venue(intent.account_id)
    seen = venue.find(order.client_order_id, rules, order.submitted_ms)
    expired = intent.expires_ms is not None and context.now_ms >= intent.expires_ms
    if seen is not None and expired and not seen.state.terminal:
        venue.cancel(seen, rules)
        seen = venue.find(order.client_order_id, rules, order.submitted_ms) or seen
    if seen is not None:
        _record(context, order, seen, rules)
    else:
        _missing(context, order)


def _missing(context: Context, order: Order) -> None:
    """Not to be seen: counted, and acted on only when it can't arrive any more."""
    capabilities = capabilities_of(context.settings, order.intent)

    def decide(event: Event, work: Work) -> None:
        (current,) = work.read(Order.key(order.id))
        if current is None or current.version != order.version:
            return
        missed = lifecycle.not_found(current, work.now_ms)
        if missed.state is OrderState.SUBMITTING:
            missed = lifecycle.lost(missed, "its sender never came back", work.now_ms).order
        _act(work, missed, capabilities)

    context.step(_cause(context, order, "missing"), decide)


def _act(work: Work, order: Order, capabilities: Capabilities) -> None:
    move = lifecycle.next_of_missing(order, capabilities, work.now_ms)
    if move is Next.GIVE_UP:
        _state(work, lifecycle.give_up(order, work.now_ms))
        return
    if move is Next.RESEND:
        order = lifecycle.next_attempt(order, capabilities, work.now_ms)
    elif move is Next.ASK_A_PERSON:
        work.emit(_unknown_alarm(order, work.now_ms))
    work.write(order)
    work.set_timer("check", order.id, work.now_ms + LOOK_EVERY_MS)


def _unknown_alarm(order: Order, now_ms: int) -> RiskRaised:
    return RiskRaised(
        kind="order_unknown", scope=order.intent.account_id, severity=Severity.CRITICAL,
        message=f"order {order.client_order_id} has no known outcome and this venue gives no proof: look there",
        ts_event_ms=now_ms,
    )  # fmt: skip


# --- recording ---------------------------------------------------------------------------------------------------


def _record(context: Context, order: Order, answer: VenueOrder | VenueRefused | None, rules: Instrument) -> None:
    """Commits what was learned, against the order as it is by then."""

    def decide(event: Event, work: Work) -> None:
        (current,) = work.read(Order.key(order.id))
        if current is None or current.attempt != order.attempt:
            return
        if answer is None:
            observed = lifecycle.lost(current, "the venue gave no answer", work.now_ms)
        elif isinstance(answer, VenueRefused):
            observed = lifecycle.refuse(current, f"{answer.code}: {answer}"[:500], work.now_ms)
        else:
            observed = lifecycle.observe(current, answer, rules, work.now_ms)
        _state(work, observed)
        if not observed.order.state.terminal:
            _look_again(work, observed.order, answer)

    context.step(_cause(context, order, "outcome", context.now_ms), decide)


def _look_again(work: Work, order: Order, answer: VenueOrder | VenueRefused | None) -> None:
    """A timer for the next look while the order is young; the sweep takes over after that."""
    now_ms = work.now_ms
    if now_ms >= order.submitted_ms + TIMED_LOOKS_MS:
        return
    due_ms = now_ms + (FIRST_LOOK_MS if now_ms < order.submitted_ms + FIRST_LOOK_MS else LOOK_EVERY_MS)
    if isinstance(answer, VenueOrder) and answer.check_after_ms > now_ms:
        due_ms = answer.check_after_ms
    work.set_timer("check", order.id, due_ms)


def _state(work: Work, observed: Observed) -> None:
    work.write(observed.order)
    if observed.report is not None:
        work.emit(ExecutionReported(report=observed.report))


def _cause(context: Context, order: Order, move: str, *more: object) -> Fact:
    """The claim of a move: this order, in this version, so that each move is committed once."""
    return context.cause(OrderRequested(intent=order.intent), order.id, order.attempt, order.version, move, *more)


def _rules(context: Context, intent: OrderIntent) -> Instrument:
    catalog = context.reference(InstrumentCatalog.key(intent.instrument_id.split(":", 1)[0]))
    rules = catalog.find(intent.instrument_id) if catalog else None
    if rules is None:
        raise RetryLater(f"no rules for {intent.instrument_id} in any catalog yet")
    return rules
