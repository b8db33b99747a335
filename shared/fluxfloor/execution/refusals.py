"""What a venue's no means for an order."""

from __future__ import annotations

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import VenueRefused
from fluxfloor.execution import lifecycle, plans
from fluxfloor.execution.lifecycle import Observed

TOO_SMALL = frozenset({"min_quantity", "min_notional", "lot_size"})
BLIND_TRIES = 8  # placements in a row of an exit of which it is not known whether anything is held


def refused(
    order: Order, refusal: VenueRefused, capabilities: Capabilities, held: int | None, now_ms: int
) -> Observed:  # fmt: skip
    """A refusal ends an order, but for these:

    - a client id that was used before means that an order of ours is there: it is looked up;
    - what was wrong with the request, not with the order (a nonce, a throttle), is sent again, an entry only so often;
    - what closes a position is tried until nothing is left of it, unless it is too small for the venue;
    - of a placement that was sent again because the first was lost, a no says nothing of the first: it may still come,
      so nothing is at its end, and no other id is used, until this one is used up.

    `held`: the lots that an exit may still close; None where that is not known.
    """
    if order.state not in (OrderState.SUBMITTING, OrderState.UNKNOWN):
        return Observed(order)
    reason = f"{refusal.code}: {refusal}"[:500]
    again = _again(order, refusal, held)
    if refusal.code == "duplicate_client_order_id" or (order.burning and not again):
        return lifecycle.lost(order, reason, now_ms)
    if not again:
        return lifecycle.end(order, OrderState.REJECTED, reason, now_ms)
    tried = order.model_copy(update={"tries": order.tries + 1, "reason": reason})
    due_ms = now_ms + plans.back_off_ms(order.tries)
    return Observed(lifecycle.next_attempt(tried, capabilities, now_ms, due_ms, refused=True))


def _again(order: Order, refusal: VenueRefused, held: int | None) -> bool:
    if order.cancelling.startswith(plans.ASKED) or order.intent.protects:
        return False
    if plans.closes(order):
        return refusal.code not in TOO_SMALL and (order.tries < BLIND_TRIES if held is None else held > 0)
    return refusal.retryable and order.tries < plans.ENTRY_TRIES
