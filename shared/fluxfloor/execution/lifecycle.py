"""The life of one order: every transition there is, each a pure function from an order to the next.

    requested ─ submit ─► submitting ─ observe ─► open ─► partially_filled ─► filled | cancelled | rejected | expired
                              │                    ▲
                              └─ lost ─► unknown ──┘ observe          unknown ─ give_up ─► expired  (proved not there)

An attempt never goes back. A new attempt begins only when the one before can't come to life any more, and only for
orders that close something: an entry that never arrived has gone stale. A fill is booked whenever it comes to light,
after an end as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts import ids
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact, rounded
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose
from fluxfloor.contracts.state import Order
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import InvariantBroken
from fluxfloor.ports import VenueOrder

LEASE_MS = 30_000  # longer than any placement call may take
STALE_ENTRY_MS = 120_000  # an entry that could not be sent for so long was decided on another market
PRICE_PLACES = 12
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Observed:
    """The order after what was seen, and the report to state; None if there is nothing new to say."""

    order: Order
    report: OrderReport | None = None

    @property
    def overfilled(self) -> bool:
        """Did the venue fill more than was ever asked for? Booked all the same: it is our money."""
        return self.report is not None and bool(self.report.new_fills) and _over(self.order)


def accept(intent: OrderIntent, capabilities: Capabilities, now_ms: int) -> Order:
    """The intent as it is stored before anything is sent."""
    return Order(
        id=intent.intent_id, intent=intent, state=OrderState.REQUESTED,
        client_order_id=ids.client_order_id(intent.account_id, intent.intent_id, 1, capabilities.client_id_length),
        updated_ms=now_ms,
    )  # fmt: skip


# --- sending -----------------------------------------------------------------------------------------------------


def too_late(order: Order, now_ms: int) -> str:
    """Why an entry must not be sent any more; empty while it may. What closes a position is never too late."""
    intent = order.intent
    if intent.purpose is not Purpose.ENTRY:
        return ""
    if intent.expires_ms is not None and now_ms >= intent.expires_ms:
        return "it expired before it could be sent"
    waited_ms = now_ms - intent.requested_ms
    return f"it waited {waited_ms / 1000:.0f} s to be sent" if waited_ms > STALE_ENTRY_MS else ""


def submit(order: Order, capabilities: Capabilities, now_ms: int) -> Order:
    """About to be sent: from here on only looking decides what became of it."""
    expires_ms = now_ms + (capabilities.placement_expiry_ms or LEASE_MS)
    return _move(order, OrderState.SUBMITTING, now_ms, submitted_ms=now_ms, expires_at_venue_ms=expires_ms, looked_up=0)


def end(order: Order, state: OrderState, reason: str, now_ms: int) -> Observed:
    """The order ends here without having been at the venue: stopped, too late, refused, or proved not to be there."""
    if order.state.terminal:
        return Observed(order)
    ended = _move(order, state, now_ms, reason=reason)
    return Observed(ended, report_of(ended, (), now_ms))


def next_attempt(order: Order, capabilities: Capabilities, now_ms: int) -> Order:
    """A fresh placement of the same intent.

    Under a new client id where the last one has expired for certain. Where a venue has no expiry, under the same id,
    which it takes only once: so the two can never both come to life, however late the first arrives.
    """
    attempt, client_id = order.attempt + 1, order.client_order_id
    if capabilities.placement_expiry_ms:
        client_id = ids.client_order_id(order.intent.account_id, order.id, attempt, capabilities.client_id_length)
    return order.model_copy(
        update={
            "attempt": attempt, "client_order_id": client_id, "state": OrderState.REQUESTED, "looked_up": 0,
            "venue_order_id": None, "updated_ms": now_ms,
        }
    )  # fmt: skip


def repeated(known: Order, intent: OrderIntent, now_ms: int) -> OrderReport | None:
    """What is told of an intent that has had its order long ago: nothing more is coming of it. As of no attempt, so
    that it never hides what became of the first; None while that one is still on its way."""
    if not known.state.terminal:
        return None
    return OrderReport(
        intent=intent, state=OrderState.REJECTED, attempt=0, client_order_id=known.client_order_id,
        reason="this intent has had its order", ts_event_ms=now_ms,
    )  # fmt: skip


# --- what comes back ---------------------------------------------------------------------------------------------


def lost(order: Order, reason: str, now_ms: int) -> Observed:
    """The venue gave no answer."""
    if order.state is not OrderState.SUBMITTING:
        return Observed(order)
    moved = _move(order, OrderState.UNKNOWN, now_ms, reason=reason)
    return Observed(moved, report_of(moved, (), now_ms))


def observe(order: Order, seen: VenueOrder, rules: Instrument, now_ms: int) -> Observed:
    """Takes over what the venue shows. Fills are new by their trade id; a state that lies behind is ignored."""
    new = tuple({fill.trade_id: fill for fill in seen.fills if fill.trade_id not in order.fills}.values())
    late = order.state.terminal and bool(new)
    filled = _with_fills(order, new, rules)
    state = _seen_state(filled, seen, rules)
    changed = filled.model_copy(
        update={
            "state": state, "open": not state.terminal, "updated_ms": now_ms, "looked_up": 0,
            "venue_order_id": seen.venue_order_id or order.venue_order_id, "reason": seen.reason or order.reason,
        }
    )  # fmt: skip
    if state is order.state and not new:
        return Observed(order.model_copy(update={"looked_up": 0}))
    return Observed(changed, report_of(changed, new, now_ms, late=late))


@exact
def _with_fills(order: Order, new: tuple[Fill, ...], rules: Instrument) -> Order:
    """Lots are counted fill by fill, as all who book the fills count them."""
    fills = {**order.fills, **{fill.trade_id: fill for fill in new}}
    lots = sum(rules.lots(fill.quantity) for fill in fills.values())
    spent = sum((cost(fill.price, fill.quantity) for fill in fills.values()), ZERO)
    return order.model_copy(update={"fills": fills, "filled_lots": lots, "filled_cost": rounded(spent)})


@exact
def _seen_state(order: Order, seen: VenueOrder, rules: Instrument) -> OrderState:
    """Filled is what its fills add up to. A venue that calls it so before it shows them all is asked again."""
    partly = OrderState.PARTIALLY_FILLED if order.fills else OrderState.OPEN
    state = partly if seen.state in (OrderState.OPEN, OrderState.FILLED) else seen.state
    if sum((fill.quantity for fill in order.fills.values()), ZERO) >= rules.quantity(order.intent.lots):
        state = OrderState.FILLED
    return state if order.state.may_become(state) else order.state


def not_found(order: Order, now_ms: int) -> Order:
    """One more negative look-up."""
    return order.model_copy(update={"looked_up": order.looked_up + 1, "updated_ms": now_ms})


@exact
def report_of(order: Order, new_fills: tuple[Fill, ...], now_ms: int, late: bool = False) -> OrderReport:
    quantity = sum((fill.quantity for fill in order.fills.values()), ZERO)
    average = round(order.filled_cost / quantity, PRICE_PLACES) if quantity else ZERO
    return OrderReport(
        intent=order.intent, state=order.state, attempt=order.attempt, client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id, filled_lots=order.filled_lots, average_price=average,
        new_fills=new_fills, reason=order.reason, late=late, ts_event_ms=now_ms,
    )  # fmt: skip


def _over(order: Order) -> bool:
    return order.filled_lots > order.intent.lots


def _move(order: Order, state: OrderState, now_ms: int, **changes: object) -> Order:
    if not order.state.may_become(state):
        raise InvariantBroken(
            f"order {order.id} would go back from {order.state} to {state}", scope=order.intent.portfolio_id
        )
    return order.model_copy(update={"state": state, "updated_ms": now_ms, "open": not state.terminal, **changes})
