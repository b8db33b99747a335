"""What is left of a position and too small for its venue: closed in the books by being handed to DUST, at the mark.

No venue takes part: what the strategy gives up DUST takes over, lot for lot and at one price, so that balances stay as
they are, every ledger entry sums to zero, and the strategy is flat. All stages hear of it the one way round, as fills.
"""

from __future__ import annotations

from fluxfloor.contracts import ids
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import DUST, Fill, OrderIntent, OrderReport, OrderState, Purpose, Side
from fluxfloor.execution import lifecycle
from fluxfloor.execution.lifecycle import Observed


def is_dust(order: Order, slot: Slot | None, rules: Instrument) -> bool:
    """Is all that the slot still holds too small for an order, and this an exit of it?"""
    if slot is None or order.intent.strategy_id == DUST or not slot.lots:
        return False
    closing = slot.lots * order.intent.side.sign < 0
    return closing and abs(slot.lots) < rules.min_lots(order.intent.arrival_ticks)


def swept(order: Order, slot: Slot, rules: Instrument, now_ms: int) -> tuple[Observed, OrderReport]:
    """The exit at its end, with what it could not sell handed over, and what is told of DUST's side of it."""
    lots = abs(slot.lots)
    fill = Fill(
        trade_id=f"{DUST}:{ids.digest(order.id, order.attempt)}", price=rules.price(order.intent.arrival_ticks),
        quantity=rules.quantity(lots), fee_currency=rules.quote, ts_event_ms=now_ms,
    )  # fmt: skip
    given = lifecycle.handed_over(order, fill, lots)
    reason = f"dust: {rules.venue} takes no order as small as the {rules.quantity(lots)} {rules.base} that are left"
    return lifecycle.ended(given, OrderState.CANCELLED, reason, now_ms), _taken(order, fill, lots, now_ms)


def _taken(order: Order, fill: Fill, lots: int, now_ms: int) -> OrderReport:
    intent = order.intent
    taken = OrderIntent(
        intent_id=ids.digest(DUST, order.id, order.attempt), signal_id=intent.signal_id,
        portfolio_id=intent.portfolio_id, account_id=intent.account_id, strategy_id=DUST, sender_id="floor",
        instrument_id=intent.instrument_id, purpose=Purpose.EXIT,
        side=Side.BUY if intent.side is Side.SELL else Side.SELL, lots=lots, arrival_ticks=intent.arrival_ticks,
        requested_ms=now_ms, tag=DUST,
    )  # fmt: skip
    mirrored = fill.model_copy(update={"trade_id": f"{fill.trade_id}:taken"})
    return OrderReport(
        intent=taken, state=OrderState.FILLED, attempt=1, client_order_id=taken.intent_id, filled_lots=lots,
        average_price=fill.price, new_fills=(mirrored,), reason="taken over as dust", ts_event_ms=now_ms,
    )  # fmt: skip
