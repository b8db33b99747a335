"""The life of one order: every transition there is, each a pure function from an order to the next.

    requested ─ submit ─► submitting ─ observe ─► open ─► partially_filled ─► filled | cancelled | rejected | expired
        ▲                     │                    ▲            │
        │                     └─ lost ─► unknown ──┘ observe    │       unknown ─ give_up ─► expired  (proved not there)
        └──────────── next attempt: the one before is at a proved end, and its plan goes on ◄──┘

An order is one intent, worked by a sequence of placements (attempts) of which at most one is ever alive. An attempt
never goes back, and a new one begins only when the one before can't come to life any more. What is stated is always
of the intent: it ends once, whatever its placements did. A fill is booked whenever it comes to light, after an end too.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts import ids
from fluxfloor.contracts.execution import Order, PastAttempt, Terms
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact, rounded
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import InvariantBroken
from fluxfloor.ports import VenueOrder

LEASE_MS = 30_000  # longer than any placement call may take
STALE_ENTRY_MS = 120_000  # an entry that could not be sent for so long was decided on another market
PAST_ATTEMPTS = 12  # that are still asked about
NAMES = 200  # the latest that are remembered
PRICE_PLACES = 12
ASKED = "nobody can tell what became of it: a person has to look at the venue"  # the reason of such an order
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Observed:
    """The order after what was seen, and the report to state; None if there is nothing new to say. `over` is the end
    that its placement has come to, where its intent is not at its own end yet: its plan says what follows, and
    `ended` or `went_on` makes it so. `new` are the fills that the report tells."""

    order: Order
    report: OrderReport | None = None
    over: OrderState | None = None
    new: tuple[Fill, ...] = ()

    @property
    def overfilled(self) -> bool:
        """Did the venue fill more than was ever asked for? Booked all the same: it is our money."""
        return bool(self.new) and self.order.filled_lots > self.order.intent.lots


def accept(intent: OrderIntent, capabilities: Capabilities, now_ms: int) -> Order:
    """The intent as it is stored before anything is sent."""
    client_id = ids.client_order_id(intent.account_id, intent.intent_id, 1, capabilities.client_id_length)
    return Order(
        id=intent.intent_id, intent=intent, state=OrderState.REQUESTED, client_order_id=client_id, names=(client_id,),
        accepted_ms=now_ms, updated_ms=now_ms,
    )  # fmt: skip


# --- sending -----------------------------------------------------------------------------------------------------


def too_late(order: Order, now_ms: int) -> str:
    """Why an entry must not be sent any more; empty while it may. What closes a position is never too late."""
    intent = order.intent
    if intent.purpose is not Purpose.ENTRY:
        return ""
    if intent.expires_ms is not None and now_ms >= intent.expires_ms:
        return "it expired before it could be sent"
    if order.submitted_ms or order.due_ms > order.accepted_ms:
        return ""  # it was at work, or held back on purpose: its plan knows how long it is good for
    waited_ms = now_ms - intent.requested_ms
    return f"it waited {waited_ms / 1000:.0f} s to be sent" if waited_ms > STALE_ENTRY_MS else ""


def submit(order: Order, capabilities: Capabilities, now_ms: int, terms: Terms | None = None) -> Order:
    """About to be sent: from here on only looking decides what became of it."""
    expires_ms = now_ms + (capabilities.placement_expiry_ms or LEASE_MS)
    return _move(
        order, OrderState.SUBMITTING, now_ms, submitted_ms=now_ms, expires_at_venue_ms=expires_ms, looked_up=0,
        terms=terms, cancelling=order.cancelling if order.burning else "",
    )  # fmt: skip


def end(order: Order, state: OrderState, reason: str, now_ms: int) -> Observed:
    """The intent ends here: stopped, too late, refused, proved not to be at the venue, or worked off."""
    if order.state.terminal:
        return Observed(order)
    ended = _move(order, state, now_ms, reason=reason[:500])
    return Observed(ended, report_of(ended, (), now_ms))


def next_attempt(
    order: Order, capabilities: Capabilities, now_ms: int, due_ms: int = 0, refused: bool = False
) -> Order:  # fmt: skip
    """A fresh placement of the same intent, not before `due_ms`.

    Under a new client id where the last one has ended, expired or was refused for certain. Where it was never seen and
    the venue has no expiry, the same placement again under the same id, which it takes only once: so the two can never
    both come to life, however late the first arrives. A refusal of the second changes nothing about the first.
    """
    attempt, client_id, past = order.attempt + 1, order.client_order_id, order.past
    never_seen = order.state in (OrderState.SUBMITTING, OrderState.UNKNOWN) and not order.venue_order_id
    burning = never_seen and not capabilities.placement_expiry_ms and (order.burning or not refused)
    if not burning:
        past = (*past, PastAttempt(client_order_id=client_id, ended_ms=now_ms))[-PAST_ATTEMPTS:]
        client_id = ids.client_order_id(order.intent.account_id, order.id, attempt, capabilities.client_id_length)
    return order.model_copy(
        update={
            "attempt": attempt, "client_order_id": client_id, "state": OrderState.REQUESTED, "looked_up": 0,
            "venue_order_id": None, "updated_ms": now_ms, "terms": order.terms if burning else None, "past": past,
            "burning": burning, "cancelling": order.cancelling if burning else "", "due_ms": due_ms,
            "names": _named(order.names, client_id),
        }
    )  # fmt: skip


def wait(order: Order, due_ms: int) -> Order:
    """Not sent before then."""
    return order.model_copy(update={"due_ms": due_ms})


def take_back(order: Order, why: str, now_ms: int) -> Order:
    """The present placement is to be cancelled. Written before the venue is asked, so that whoever sees the cancel
    knows that it was ours, and why."""
    return order.model_copy(update={"cancelling": why, "updated_ms": now_ms})


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
    """The venue gave no answer, or none will be asked for: of a lost placement no more is wanted."""
    if order.state is not OrderState.SUBMITTING and not (order.burning and order.state is OrderState.REQUESTED):
        return Observed(order)
    moved = _move(order, OrderState.UNKNOWN, now_ms, reason=reason)
    return Observed(moved, report_of(moved, (), now_ms))


def observe(order: Order, seen: VenueOrder, rules: Instrument, now_ms: int) -> Observed:
    """Takes over what the venue shows of the present placement. Fills are new by their trade id; a state that lies
    behind is ignored; an end counts only with all the fills that the venue says there were."""
    new = _new_fills(order, seen)
    late = order.state.terminal and bool(new)
    filled = _with_fills(order, new, rules)
    state, over = _seen_state(filled, seen, rules)
    if state is order.state and not new and over is None:
        return Observed(order.model_copy(update={"looked_up": 0, "reason": _seen_again(order)}))
    changed = filled.model_copy(
        update={
            "state": state, "open": not state.terminal, "updated_ms": now_ms, "looked_up": 0,
            "venue_order_id": seen.venue_order_id or order.venue_order_id, "reason": seen.reason or _seen_again(order),
            "tries": 0 if new else order.tries, "names": _named(order.names, seen.venue_order_id),
        }
    )  # fmt: skip
    told = state is not order.state or bool(new)
    return Observed(changed, report_of(changed, new, now_ms, late=late) if told else None, over, new)


def _seen_again(order: Order) -> str:
    """Its reason. Nobody has to look for it any more; should it be lost again, a person is asked again."""
    return "" if order.reason == ASKED else order.reason


def ended(observed: Observed, state: OrderState, reason: str, now_ms: int) -> Observed:
    """With its placement the intent has come to its end."""
    order = _move(observed.order, state, now_ms, reason=reason[:500])
    return Observed(order, report_of(order, observed.new, now_ms), None, observed.new)


def went_on(observed: Observed, order: Order, now_ms: int) -> Observed:
    """`order` is its next placement. Only fills are worth a word."""
    partly = observed.order.model_copy(update={"state": OrderState.PARTIALLY_FILLED})
    report = report_of(partly, observed.new, now_ms) if observed.new else None
    return Observed(order, report, None, observed.new)


def observe_past(order: Order, seen: VenueOrder, rules: Instrument, now_ms: int) -> Observed:
    """Takes over what a placement that had ended turns out to have filled after all."""
    new = _new_fills(order, seen)
    if not new:
        return Observed(order)
    filled = _with_fills(order, new, rules)
    state = order.state
    if not filled.left and state is OrderState.REQUESTED and not order.burning:
        state = OrderState.FILLED  # nothing is left for the next placement, and it is not on its way
    changed = filled.model_copy(update={"state": state, "open": not state.terminal, "updated_ms": now_ms})
    told = changed.model_copy(update={"state": state if state.terminal else OrderState.PARTIALLY_FILLED})
    return Observed(changed, report_of(told, new, now_ms, late=order.state.terminal), None, new)


def handed_over(order: Order, fill: Fill, lots: int) -> Observed:
    """With a fill that happened at no venue, `lots` of it: what was left is somebody else's now."""
    filled = order.model_copy(
        update={
            "fills": {**order.fills, fill.trade_id: fill}, "filled_lots": order.filled_lots + lots,
            "filled_cost": rounded(order.filled_cost + cost(fill.price, fill.quantity)),
        }
    )  # fmt: skip
    return Observed(filled, None, OrderState.CANCELLED, (fill,))


def asked_again(order: Order, client_order_id: str) -> Order:
    """Without this past attempt among those to be asked about."""
    left = tuple(item for item in order.past if item.client_order_id != client_order_id)
    return order.model_copy(update={"past": left})


def _named(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if not name or name in names else (*names, name)[-NAMES:]


def _new_fills(order: Order, seen: VenueOrder) -> tuple[Fill, ...]:
    return tuple({fill.trade_id: fill for fill in seen.fills if fill.trade_id not in order.fills}.values())


@exact
def _with_fills(order: Order, new: tuple[Fill, ...], rules: Instrument) -> Order:
    """Lots are counted fill by fill, as all who book the fills count them."""
    fills = {**order.fills, **{fill.trade_id: fill for fill in new}}
    lots = sum(rules.lots(fill.quantity) for fill in fills.values())
    spent = sum((cost(fill.price, fill.quantity) for fill in fills.values()), ZERO)
    return order.model_copy(update={"fills": fills, "filled_lots": lots, "filled_cost": rounded(spent)})


@exact
def _seen_state(order: Order, seen: VenueOrder, rules: Instrument) -> tuple[OrderState, OrderState | None]:
    """The intent's state, and the end that its placement has come to without being the intent's.

    Filled is what the fills add up to: a venue that calls it so before it shows them all is asked again. A placement
    may be larger than what is still wanted, where its intent was amended to less or an earlier placement turned out to
    have filled: then it lives on with enough filled, and its end is awaited.
    """
    if order.state.terminal:
        return order.state, None
    enough = sum((fill.quantity for fill in order.fills.values()), ZERO) >= rules.quantity(order.wanted_lots)
    whole = _whole(order, seen, rules)
    if enough and (whole or _worked_off(order, seen, rules)):
        return OrderState.FILLED, None
    partly = OrderState.PARTIALLY_FILLED if order.fills else OrderState.OPEN
    state = partly if order.state.may_become(partly) else order.state
    return (state, seen.state) if whole else (state, None)


@exact
def _whole(order: Order, seen: VenueOrder, rules: Instrument) -> bool:
    """Is the placement at its end, and all that it filled shown?"""
    if not seen.state.terminal:
        return False
    if seen.state is OrderState.FILLED:
        return order.terms is not None and _worked_off(order, seen, rules)
    return seen.filled is None or _shown(seen) >= seen.filled


def _worked_off(order: Order, seen: VenueOrder, rules: Instrument) -> bool:
    """Do the fills that are shown make up all that was placed, whatever the venue calls its state?"""
    return order.terms is None or _shown(seen) >= rules.quantity(order.terms.lots)


def _shown(seen: VenueOrder) -> Decimal:
    """Of each trade once: a listing may repeat one while another is not shown."""
    return sum({fill.trade_id: fill.quantity for fill in seen.fills}.values(), ZERO)


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
        new_fills=new_fills, reason=order.reason, late=late, submitted_ms=order.submitted_ms, ts_event_ms=now_ms,
    )  # fmt: skip


def _move(order: Order, state: OrderState, now_ms: int, **changes: object) -> Order:
    if not order.state.may_become(state):
        raise InvariantBroken(
            f"order {order.id} would go back from {order.state} to {state}", scope=order.intent.portfolio_id
        )
    return order.model_copy(update={"state": state, "updated_ms": now_ms, "open": not state.terminal, **changes})
