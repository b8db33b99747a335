"""Which new terms an intent may be given while it is at work."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.orders import OrderChange
from fluxfloor.contracts.plans import Plan
from fluxfloor.contracts.signals import OrderType
from fluxfloor.execution import plans

LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
TRIGGERED = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT)


def refused(order: Order, wish: OrderChange, rules: Instrument) -> str:
    """Why the change can't be made; empty where it can. More lots, or an entry at a price dearer than the 30 % rule
    allows, were never decided on: they take a new signal."""
    intent = order.intent
    if wish.lots is None and wish.limit_ticks is None and wish.trigger_ticks is None:
        return "it names no new terms"
    if plans.ends_it(order):
        return f"it is being taken back: {order.cancelling}"
    if wish.lots is not None and wish.lots > intent.lots:
        return f"{wish.lots} lots are more than the {intent.lots} that were decided on: send another signal"
    if wish.lots is not None and wish.lots <= order.filled_lots:
        return f"{order.filled_lots} lots have filled already: cancel it instead"
    if wish.limit_ticks is not None and intent.order_type not in LIMITED:
        return f"a {intent.order_type} order has no limit"
    if wish.trigger_ticks is not None and intent.order_type not in TRIGGERED:
        return f"a {intent.order_type} order has no trigger"
    if order.intent.protects:
        return "it protects a position: its stop follows the position's"
    if wish.limit_ticks is not None and not plans.closes(order) and _too_dear(order, wish.limit_ticks, rules):
        return "the new limit is dearer than what was expected of the signal allows"
    return ""


@exact
def _too_dear(order: Order, limit_ticks: int, rules: Instrument) -> bool:
    """An entry's new limit against the one it was decided with, under the 30 % rule."""
    intent, plan = order.intent, order.intent.plan or Plan()
    decided = intent.limit_ticks or intent.arrival_ticks
    dearer = intent.side.sign * (limit_ticks - decided)
    if dearer <= 0:
        return False
    if plan.expected_alpha is None or plan.expected_alpha <= 0:
        return True
    return Decimal(dearer) / decided / plan.expected_alpha > plan.slippage_share
