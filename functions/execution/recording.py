"""Commits what was learned of an order, against the order as it is by then, and states it."""

from __future__ import annotations

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import ExecutionReported, OrderRequested, RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.orders import OrderIntent, OrderState, Purpose
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import Lease, Order
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import Misconfigured, RetryLater, VenueRefused
from fluxfloor.execution import lifecycle
from fluxfloor.execution.lifecycle import Observed
from fluxfloor.execution.missing import MAX_ATTEMPTS
from fluxfloor.ports import VenueOrder
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

FIRST_LOOK_MS = 250
LOOK_EVERY_MS = 5_000
TIMED_LOOKS_MS = 60_000  # after that the minute's sweep follows it
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
    capabilities = capabilities_of(context.settings, order.intent)
    if not _young(order, context.now_ms) and _no_news(order, answer, rules, context.now_ms):
        return

    def decide(event: Event, work: Work) -> None:
        (current,) = work.read(Order.key(order.id))
        if current is None or current.attempt != order.attempt:
            return
        observed = _observed(current, answer, rules, capabilities, work.now_ms)
        state(work, observed)
        if capabilities.single_flight:
            _free_lease(work, current)
        if not observed.order.state.terminal:
            _look_again(work, observed.order, answer)

    context.step(cause(context, order, "outcome", context.now_ms, *_said(answer)), decide)


def _said(answer: Answer) -> tuple[object, ...]:
    """What tells one answer from another that came in the same moment."""
    if isinstance(answer, VenueOrder):
        return answer.state, len(answer.fills)
    return ("refused", answer.code) if isinstance(answer, VenueRefused) else ("nothing",)


def _young(order: Order, now_ms: int) -> bool:
    return now_ms < order.submitted_ms + TIMED_LOOKS_MS


def _no_news(order: Order, answer: Answer, rules: Instrument, now_ms: int) -> bool:
    """It rests as it did a minute ago: that is worth no commit."""
    return isinstance(answer, VenueOrder) and lifecycle.observe(order, answer, rules, now_ms).report is None


def _observed(order: Order, answer: Answer, rules: Instrument, capabilities: Capabilities, now_ms: int) -> Observed:
    if answer is None:
        return lifecycle.lost(order, "the venue gave no answer", now_ms)
    if isinstance(answer, VenueRefused):
        return _refused(order, answer, capabilities, now_ms)
    return lifecycle.observe(order, answer, rules, now_ms)


def _refused(order: Order, refusal: VenueRefused, capabilities: Capabilities, now_ms: int) -> Observed:
    """A refusal ends the order, but for two: an id that was used before means that an order of ours is there, and is
    to be looked up; and what closes a position is sent again when it only came too late."""
    if order.state not in (OrderState.SUBMITTING, OrderState.UNKNOWN):
        return Observed(order)
    reason = f"{refusal.code}: {refusal}"[:500]
    if refusal.code == "duplicate_client_order_id":
        return lifecycle.lost(order, reason, now_ms)
    closes = order.intent.purpose is not Purpose.ENTRY
    if refusal.code == "expired" and closes and order.attempt < MAX_ATTEMPTS:
        return Observed(lifecycle.next_attempt(order, capabilities, now_ms))
    return lifecycle.end(order, OrderState.REJECTED, reason, now_ms)


def _free_lease(work: Work, order: Order) -> None:
    (lease,) = work.read(Lease.key(order.intent.account_id))
    if lease is not None and lease.holder == order.client_order_id and lease.expires_ms > work.now_ms:
        work.write(lease.model_copy(update={"expires_ms": work.now_ms}))


def _look_again(work: Work, order: Order, answer: Answer) -> None:
    """A timer for the next look while the order is young; the sweep takes over after that."""
    now_ms = work.now_ms
    if order.state is OrderState.REQUESTED:
        work.set_timer("check", order.id, now_ms + FIRST_LOOK_MS)
        return
    if not _young(order, now_ms):
        return
    due_ms = now_ms + (FIRST_LOOK_MS if now_ms < order.submitted_ms + FIRST_LOOK_MS else LOOK_EVERY_MS)
    if isinstance(answer, VenueOrder) and answer.check_after_ms > now_ms:
        due_ms = answer.check_after_ms
    work.set_timer("check", order.id, due_ms)


# --- a state -----------------------------------------------------------------------------------------------------


def state(work: Work, observed: Observed) -> None:
    """Writes the order and states what is new of it."""
    order, report = observed.order, observed.report
    work.write(order)
    if report is None:
        return
    work.emit(ExecutionReported(report=report))
    if order.submitted_ms and order.state in (OrderState.CANCELLED, OrderState.EXPIRED) and not report.late:
        work.set_timer("check", order.id, work.now_ms + LATE_LOOK_MS)
    if observed.overfilled:
        _alarm(work, order)


def _alarm(work: Work, order: Order) -> None:
    """More was filled than was asked for: it is booked, entries stop, and a person is called."""
    portfolio, asked = order.intent.portfolio_id, order.intent.lots
    message = f"order {order.client_order_id} asked for {asked} lots and the venue filled {order.filled_lots}"
    (halt,) = work.read(Halt.key(portfolio))
    if halt is None:
        work.write(Halt(id=portfolio, reason=message, raised_by="execution", ts_event_ms=work.now_ms))
    work.emit(
        RiskRaised(
            kind="overfilled", scope=portfolio, severity=Severity.CRITICAL, message=message,
            details={"intent": order.id, "account": order.intent.account_id}, ts_event_ms=work.now_ms,
        )
    )  # fmt: skip
