"""From an intent in ticks and lots to the exact decimals that are sent."""

from __future__ import annotations

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Purpose
from fluxfloor.contracts.state import Order
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Placement


def placement_of(order: Order, rules: Instrument, capabilities: Capabilities) -> Placement:
    """Raises VenueRefused for what this venue can't do; that is known before anything is sent."""
    intent = order.intent
    if intent.order_type not in capabilities.order_types:
        raise VenueRefused(f"{rules.venue} takes no {intent.order_type} orders", code="order_type")
    return Placement(
        client_order_id=order.client_order_id, instrument=rules, side=intent.side, order_type=intent.order_type,
        quantity=rules.quantity(intent.lots - order.filled_lots),
        limit_price=rules.price(intent.limit_ticks) if intent.limit_ticks else None,
        trigger_price=rules.price(intent.trigger_ticks) if intent.trigger_ticks else None,
        expires_ms=order.expires_at_venue_ms, reduce_only=intent.purpose is not Purpose.ENTRY,
        trail=rules.price(intent.trail_ticks) if intent.trail_ticks else None,
        time_in_force=intent.time_in_force, post_only=intent.post_only,
    )  # fmt: skip
