"""The life of one order: every transition there is, each a pure function from an order to the next.

    requested ─ submit ─► submitting ─ observe ─► open ─► partially_filled ─► filled | cancelled | rejected | expired
                              │                    ▲
                              └─ lost ─► unknown ──┘ observe          unknown ─ give_up ─► expired  (proved not there)

An attempt never goes back. A new attempt begins only when the one before is proved not to be at the venue, and only
for orders that close something: an entry that never arrived has gone stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from fluxfloor.contracts import ids
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose
from fluxfloor.contracts.state import Order
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import InvariantBroken
from fluxfloor.ports import VenueOrder

MIN_LOOKUPS = 2  # negative look-ups, after the grace, before an order counts as not there
MAX_ATTEMPTS = 5
LEASE_MS = 30_000  # longer than any placement call may take


class Next(Enum):
    """What to do about an order whose placement has no known outcome."""

    WAIT = "wait"
    RESEND = "resend"
    GIVE_UP = "give_up"
    ASK_A_PERSON = "ask_a_person"


@dataclass(frozen=True, slots=True)
class Observed:
    """The order after what was seen, and the report to state; None if there is nothing new to say."""

    order: Order
    report: OrderReport | None


def accept(intent: OrderIntent, capabilities: Capabilities, now_ms: int) -> Order:
    """The intent as it is stored before anything is sent."""
    return Order(
        id=intent.intent_id, intent=intent, state=OrderState.REQUESTED,
        client_order_id=ids.client_order_id(intent.account_id, intent.intent_id, 1, capabilities.client_id_length),
        updated_ms=now_ms,
    )  # fmt: skip


def submit(order: Order, capabilities: Capabilities, now_ms: int) -> Order:
    """About to be sent: from here on only looking decides what became of it."""
    expires_ms = now_ms + (capabilities.placement_expiry_ms or LEASE_MS)
    return _move(order, OrderState.SUBMITTING, now_ms, submitted_ms=now_ms, expires_at_venue_ms=expires_ms, looked_up=0)


def lost(order: Order, reason: str, now_ms: int) -> Observed:
    """The venue gave no answer."""
    if order.state is not OrderState.SUBMITTING:
        return Observed(order, None)
    moved = _move(order, OrderState.UNKNOWN, now_ms, reason=reason)
    return Observed(moved, report_of(moved, (), now_ms))


def observe(order: Order, seen: VenueOrder, rules: Instrument, now_ms: int) -> Observed:
    """Takes over what the venue shows. Fills are new by their trade id; a state that lies behind is ignored."""
    new = tuple(fill for fill in seen.fills if fill.trade_id not in order.fills)
    late = order.state.terminal and bool(new)
    fills = {**order.fills, **{fill.trade_id: fill for fill in new}}
    filled = sum(rules.lots(fill.quantity) for fill in fills.values())
    if filled > order.intent.lots:
        raise InvariantBroken(
            f"order {order.id} filled {filled} lots of {order.intent.lots}", scope=order.intent.portfolio_id
        )
    state = _seen_state(order, seen, filled)
    changed = order.model_copy(
        update={
            "state": state, "fills": fills, "filled_lots": filled, "updated_ms": now_ms, "open": not state.terminal,
            "filled_cost": sum((fill.price * fill.quantity for fill in fills.values()), Decimal(0)),
            "venue_order_id": seen.venue_order_id or order.venue_order_id, "reason": seen.reason or order.reason,
        }
    )  # fmt: skip
    if state is order.state and not new:
        return Observed(order, None)
    return Observed(changed, report_of(changed, new, now_ms, late=late))


def _seen_state(order: Order, seen: VenueOrder, filled: int) -> OrderState:
    if filled == order.intent.lots and not order.state.terminal:
        return OrderState.FILLED
    seen_state = OrderState.PARTIALLY_FILLED if filled and seen.state is OrderState.OPEN else seen.state
    return seen_state if order.state.may_become(seen_state) else order.state


def refuse(order: Order, reason: str, now_ms: int) -> Observed:
    """The venue said no, or it was never sent: the end."""
    if order.state.terminal:
        return Observed(order, None)
    ended = _move(order, OrderState.REJECTED, now_ms, reason=reason)
    return Observed(ended, report_of(ended, (), now_ms))


def stop_entry(order: Order, reason: str, now_ms: int) -> Observed:
    """An entry that met a halt before it was sent."""
    ended = _move(order, OrderState.CANCELLED, now_ms, reason=reason)
    return Observed(ended, report_of(ended, (), now_ms))


def not_found(order: Order, now_ms: int) -> Order:
    """One more negative look-up."""
    return order.model_copy(update={"looked_up": order.looked_up + 1, "updated_ms": now_ms})


def next_of_missing(order: Order, capabilities: Capabilities, now_ms: int) -> Next:
    """A placement may be counted as not there only once it can't arrive any more and would be seen if it had."""
    if now_ms < settled_ms(order, capabilities) or order.looked_up < MIN_LOOKUPS:
        return Next.WAIT
    if not capabilities.placement_expiry_ms and not capabilities.permanent_client_ids:
        return Next.ASK_A_PERSON
    if order.intent.purpose is Purpose.ENTRY or order.attempt >= MAX_ATTEMPTS:
        return Next.GIVE_UP
    return Next.RESEND


def settled_ms(order: Order, capabilities: Capabilities) -> int:
    """When a placement that did arrive would be visible for certain."""
    return order.expires_at_venue_ms + capabilities.clock_error_ms + capabilities.read_lag_ms


def give_up(order: Order, now_ms: int) -> Observed:
    """Proved not to be at the venue, and not to be tried again."""
    ended = _move(order, OrderState.EXPIRED, now_ms, reason="the venue never had it")
    return Observed(ended, report_of(ended, (), now_ms))


def next_attempt(order: Order, capabilities: Capabilities, now_ms: int) -> Order:
    """A fresh placement of the same intent, under a new client id."""
    attempt = order.attempt + 1
    client_id = ids.client_order_id(order.intent.account_id, order.id, attempt, capabilities.client_id_length)
    return order.model_copy(
        update={
            "attempt": attempt, "client_order_id": client_id, "state": OrderState.REQUESTED, "looked_up": 0,
            "venue_order_id": None, "updated_ms": now_ms,
        }
    )  # fmt: skip


def report_of(order: Order, new_fills: tuple[Fill, ...], now_ms: int, late: bool = False) -> OrderReport:
    quantity = sum((fill.quantity for fill in order.fills.values()), Decimal(0))
    average = round(order.filled_cost / quantity, 12) if quantity else Decimal(0)
    return OrderReport(
        intent=order.intent, state=order.state, attempt=order.attempt, client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id, filled_lots=order.filled_lots, average_price=average,
        new_fills=new_fills, reason=order.reason, late=late, ts_event_ms=now_ms,
    )  # fmt: skip


def _move(order: Order, state: OrderState, now_ms: int, **changes: object) -> Order:
    if not order.state.may_become(state):
        raise InvariantBroken(
            f"order {order.id} would go back from {order.state} to {state}", scope=order.intent.portfolio_id
        )
    return order.model_copy(update={"state": state, "updated_ms": now_ms, "open": not state.terminal, **changes})
