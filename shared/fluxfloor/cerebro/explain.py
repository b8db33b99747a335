"""A decision in words: what was done or not, why, and what bound it."""

from __future__ import annotations

from fluxfloor.cerebro.checks import Refusal
from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.decisions import Limit
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderIntent, Purpose
from fluxfloor.contracts.signals import Signal

MAX_TEXT = 1_900


def accepted(signal: Signal, intent: OrderIntent, rules: Instrument, steps: tuple[Limit, ...]) -> str:
    """ "BUY 0.012 BTC at about 64,210 because …; limited by …" """
    price = canonical(rules.price(intent.limit_ticks or intent.arrival_ticks))
    at = f"limit {price}" if intent.limit_ticks else f"about {price} {rules.quote}"
    quantity = canonical(rules.quantity(intent.lots))
    parts = [f"{intent.side} {quantity} {rules.base} at {at}, because {because(signal)}"]
    if intent.stop_loss_ticks:
        parts.append(f"stop {canonical(rules.price(intent.stop_loss_ticks))}")
    bound = next((step for step in steps if step.binding), None)
    if bound is not None and intent.purpose is Purpose.ENTRY:
        parts.append(f"limited by {bound.name} ({bound.note})")
    return "; ".join(parts)[:MAX_TEXT]


def refused(signal: Signal, rules: Instrument | None, refusal: Refusal) -> str:
    symbol = rules.symbol if rules else signal.leg.instrument_id
    return f"REFUSED {signal.action} {signal.leg.direction} {symbol} ({refusal.reason}): {refusal.message}"[:MAX_TEXT]


def because(signal: Signal) -> str:
    """What moved the sender: the values that his explanation gives, else who he is."""
    told = ", ".join(f"{name} {_short(value)}" for name, value in signal.explanation.items() if value not in (None, ""))
    if told:
        return f"{signal.strategy_id} saw {told}"
    return f"{signal.sender_id} sent {signal.action} for {signal.strategy_id}"


def _short(value: str | float | int | bool | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
