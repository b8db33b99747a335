"""Commits what was learned of an order, against the order as it is by then, and states it."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import ExecutionReported, OrderRequested
from fluxfloor.contracts.execution import Lease, Order, Slot
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.orders import OrderIntent, OrderState, Purpose
from fluxfloor.contracts.plans import PlanStyle
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import Misconfigured, RetryLater, VenueRefused
from fluxfloor.execution import lifecycle, plans, refusals, slots
from fluxfloor.execution.lifecycle import Observed
from fluxfloor.ports import VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.logging import redact
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

from functions.execution import alarms

FIRST_LOOK_MS = 250
LOOK_EVERY_MS = 5_000
TIMED_LOOKS_MS = 60_000  # after that the minute's sweep follows what rests
LATE_LOOK_MS = 60_000
Answer = VenueOrder | VenueRefused | None


def capabilities_of(settings: Settings, intent: OrderIntent) -> Capabilities:
    """What the intent's venue can be relied on for."""
    account = settings.accounts.get(intent.account_id)
    if account is None or account.venue not in CAPABILITIES:
        raise Misconfigured(f"account {intent.account_id!r} is not in [accounts], or its venue has no capabilities")
    return CAPABILITIES[account.venue]


def rules_of(context: Context, intent: OrderIntent) -> Instrument:
    catalog = context.reference(InstrumentCatalog.key(intent.instrument_id.split(":", 1)[0]))
    rules = catalog.find(intent.instrument_id) if catalog else None
    if rules is None:
        raise RetryLater(f"no rules for {intent.instrument_id} in any catalog yet")
    return rules


def cause(context: Context, order: Order, move: str, *more: object) -> Fact:
    """The claim of a move: this order, in this version, so that each move is committed once."""
    return context.cause(OrderRequested(intent=order.intent), order.id, order.attempt, order.version, move, *more)


# --- an answer ---------------------------------------------------------------------------------------------------


def record(context: Context, order: Order, answer: Answer, rules: Instrument) -> None:
    answer = _without_secrets(answer)
    capabilities = capabilities_of(context.settings, order.intent)
    if not _watched(order, context.now_ms) and _no_news(order, answer, rules, context.now_ms):
        return

    def decide(event: Event, work: Work) -> None:
        current, slot = work.read(Order.key(order.id), Slot.key(slots.slot_id(order.intent)))
        if current is None or current.attempt != order.attempt:
            return
        held = slots.closable(slot, current) if slot is not None else None
        observed = _observed(current, answer, rules, capabilities, held, work.now_ms)
        state(work, observed, slot, current, rules)
        if capabilities.single_flight:
            _free_lease(work, current)
        if not observed.order.state.terminal:
            look_again(work, observed.order, answer)

    context.step(cause(context, order, "outcome", context.now_ms, *_said(answer)), decide)


def _without_secrets(answer: Answer) -> Answer:
    """A venue's words may quote what it was sent: no key that this process has read is kept with them."""
    if isinstance(answer, VenueRefused):
        return VenueRefused(redact(str(answer)), code=redact(answer.code), retryable=answer.retryable)
    if isinstance(answer, VenueOrder) and answer.reason:
        return replace(answer, reason=redact(answer.reason))
    return answer


def _said(answer: Answer) -> tuple[object, ...]:
    """What tells one answer from another that came in the same moment."""
    if isinstance(answer, VenueOrder):
        return answer.state, len(answer.fills)
    return ("refused", answer.code) if isinstance(answer, VenueRefused) else ("nothing",)


def _watched(order: Order, now_ms: int) -> bool:
    """Is it looked at every few seconds? Young orders are, and what must not rest: exits, chases, slices."""
    plan = order.intent.plan
    patient = order.intent.purpose is Purpose.ENTRY and (plan is None or plan.style is PlanStyle.ONCE)
    return not (patient or order.intent.protects) or now_ms < order.submitted_ms + TIMED_LOOKS_MS


def _no_news(order: Order, answer: Answer, rules: Instrument, now_ms: int) -> bool:
    """It rests as it did a minute ago: that is worth no commit."""
    if not isinstance(answer, VenueOrder) or alarms.asked(order):
        return False
    observed = lifecycle.observe(order, answer, rules, now_ms)
    return observed.report is None and observed.over is None


def _observed(
    order: Order, answer: Answer, rules: Instrument, capabilities: Capabilities, held: int | None, now_ms: int
) -> Observed:  # fmt: skip
    if answer is None:
        return lifecycle.lost(order, "the venue gave no answer", now_ms)
    if isinstance(answer, VenueRefused):
        return refusals.refused(order, answer, capabilities, held, now_ms)
    return settled(lifecycle.observe(order, answer, rules, now_ms), capabilities, now_ms)


def settled(observed: Observed, capabilities: Capabilities, now_ms: int) -> Observed:
    """What follows on a placement's end: the intent's own end, or its next placement."""
    if observed.over is None:
        return observed
    order = observed.order
    following = plans.goes_on(order, observed.over, now_ms)
    if isinstance(following, plans.Over):
        return lifecycle.ended(observed, following.state, following.reason, now_ms)
    counted = order.model_copy(
        update={
            "tries": 0 if observed.new or observed.over is OrderState.FILLED else order.tries + 1,
            "chases": order.chases + (order.cancelling == plans.CHASE),
        }
    )
    due_ms = following.due_ms if isinstance(following, plans.Later) else 0
    return lifecycle.went_on(observed, lifecycle.next_attempt(counted, capabilities, now_ms, due_ms), now_ms)


def _free_lease(work: Work, order: Order) -> None:
    (lease,) = work.read(Lease.key(order.intent.account_id))
    if lease is not None and lease.holder == order.client_order_id and lease.expires_ms > work.now_ms:
        work.write(lease.model_copy(update={"expires_ms": work.now_ms}))


def look_again(work: Work, order: Order, answer: Answer = None) -> None:
    """A timer for the next move while the order is watched; the sweep takes over after that."""
    now_ms = work.now_ms
    if order.state is OrderState.REQUESTED:
        look_at(work, order, max(order.due_ms, now_ms + FIRST_LOOK_MS))
        if order.past:
            work.set_timer("check", order.id, now_ms + LATE_LOOK_MS)
    elif isinstance(answer, VenueOrder) and answer.check_after_ms > now_ms:
        look_at(work, order, answer.check_after_ms)
    elif _watched(order, now_ms):
        soon = order.cancelling or now_ms < order.submitted_ms + FIRST_LOOK_MS
        look_at(work, order, now_ms + (FIRST_LOOK_MS if soon and order.looked_up == 0 else LOOK_EVERY_MS))


def look_at(work: Work, order: Order, due_ms: int) -> None:
    """Unless a timer is on its way that comes no later: neither the sweep's own look nor a timer that came twice must
    start a second row of them."""
    if work.now_ms < order.looks_ms <= due_ms:
        return
    work.write(order.model_copy(update={"looks_ms": due_ms}))
    work.set_timer("check", order.id, due_ms)


# --- a state -----------------------------------------------------------------------------------------------------


def state(work: Work, observed: Observed, slot: Slot | None, before: Order, rules: Instrument) -> None:
    """Writes the order and its slot, and states what is new. `before` is the order as it was, `slot` as it was read."""
    order, report = observed.order, observed.report
    work.write(order)
    _in_its_slot(work, observed, slot, before, rules)
    alarms.trying(work, before, order)
    if report is None:
        return
    work.emit(ExecutionReported(report=report))
    if order.submitted_ms and order.state in (OrderState.CANCELLED, OrderState.EXPIRED) and not report.late:
        work.set_timer("check", order.id, work.now_ms + LATE_LOOK_MS)
    if observed.overfilled:
        alarms.overfilled(work, order)


def _in_its_slot(work: Work, observed: Observed, slot: Slot | None, before: Order, rules: Instrument) -> None:
    """Its fills count there, and an exit or a protective order that has ended leaves it: exits that waited for that may
    go now."""
    order, after = observed.order, slot
    if observed.new:
        after = slots.filled(after, before, observed.new, rules, work.now_ms)
    ends = order.state.terminal and not before.state.terminal
    if after is not None and ends and (order.id in after.leaving or after.guard == order.id):
        after = slots.left(after, order, work.now_ms)
        for name in after.leaving:
            work.set_timer("check", name, work.now_ms)
        if after.again_ms:  # turned away: until it is taken, the floor watches the market
            work.set_timer("watch", after.id, work.now_ms)
    elif after is not None and after.guard == order.id and after.bare_ms and order.venue_order_id:
        after = slots.stands(after)
    if after is not None and after is not slot:
        work.write(after)
