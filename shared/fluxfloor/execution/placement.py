"""From an intent in ticks and lots to the exact decimals that are sent."""

from __future__ import annotations

from fluxfloor.contracts.execution import Order, Terms
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Purpose
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Placement


def placement_of(order: Order, rules: Instrument, capabilities: Capabilities) -> Placement:
    """By the terms of its present placement, else as the intent says. Raises VenueRefused for what this venue can't do;
    that is known before anything is sent."""
    intent = order.intent
    terms = order.terms or _of_intent(order)
    if terms.order_type not in capabilities.order_types:
        raise VenueRefused(f"{rules.venue} takes no {terms.order_type} orders", code="order_type")
    trails = terms.order_type is OrderType.TRAILING_STOP
    resting = terms.order_type is not OrderType.MARKET
    if resting and intent.time_in_force not in capabilities.time_in_force:
        raise VenueRefused(f"{rules.venue} knows no {intent.time_in_force}", code="time_in_force")
    if resting and intent.post_only and not capabilities.post_only:
        raise VenueRefused(f"{rules.venue} knows no post-only", code="post_only")
    return Placement(
        client_order_id=order.client_order_id, instrument=rules, side=intent.side, order_type=terms.order_type,
        quantity=rules.quantity(terms.lots),
        limit_price=rules.price(terms.limit_ticks) if terms.limit_ticks else None,
        trigger_price=rules.price(terms.trigger_ticks) if terms.trigger_ticks else None,
        expires_ms=order.expires_at_venue_ms,
        reduce_only=intent.purpose is not Purpose.ENTRY and capabilities.reduce_only,
        trail=rules.price(intent.trail_ticks) if intent.trail_ticks and trails else None,
        time_in_force=intent.time_in_force if resting else TimeInForce.GTC, post_only=resting and intent.post_only,
    )  # fmt: skip


def _of_intent(order: Order) -> Terms:
    intent = order.intent
    return Terms(
        lots=order.left, order_type=intent.order_type, limit_ticks=intent.limit_ticks,
        trigger_ticks=intent.trigger_ticks,
    )  # fmt: skip
