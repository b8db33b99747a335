"""What the paper venue takes, and at what price it fills: pure, on ticks and lots."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.money import cost
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Placement

LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)


class Resting(Protocol):
    """What of an order its price depends on."""

    @property
    def instrument(self) -> Instrument: ...
    @property
    def side(self) -> Side: ...
    @property
    def order_type(self) -> OrderType: ...
    @property
    def limit_price(self) -> Decimal | None: ...
    @property
    def trigger_price(self) -> Decimal | None: ...
    @property
    def triggered(self) -> bool: ...


def check_minimums(placement: Placement, quote: Quote | None) -> None:
    """Raises VenueRefused for what is off the grid or too small at its own price, else at the market's."""
    rules, quantity = placement.instrument, placement.quantity
    if quantity <= 0 or quantity < rules.min_quantity:
        raise VenueRefused(f"quantity {quantity} is below {rules.min_quantity}", code="min_quantity")
    if quantity % rules.lot_size:
        raise VenueRefused(f"quantity {quantity} is no multiple of {rules.lot_size}", code="lot_size")
    for price in (placement.limit_price, placement.trigger_price):
        if price is not None and price % rules.tick_size:
            raise VenueRefused(f"price {price} is no multiple of {rules.tick_size}", code="tick_size")
    price = placement.limit_price or placement.trigger_price or (touch(quote, placement.side) if quote else None)
    if price is not None and cost(price, quantity) < rules.min_notional:
        raise VenueRefused(f"notional {cost(price, quantity)} is below {rules.min_notional}", code="min_notional")


def touch(quote: Quote, side: Side) -> Decimal:
    """The side of the quote that an order of this side takes."""
    return quote.ask if side is Side.BUY else quote.bid


def slipped(price: Decimal, side: Side, slippage: Decimal, rules: Instrument) -> Decimal:
    """Worse by the slippage, on the tick beyond it."""
    if side is Side.BUY:
        return rules.price(rules.ticks_above(price * (1 + slippage)))
    return rules.price(max(1, rules.ticks_below(price * (1 - slippage))))


def worst_price(order: Resting, quote: Quote, slippage: Decimal) -> Decimal:
    """The most that it may be filled at, as far as the quote tells."""
    if order.limit_price is not None and order.order_type in LIMITED:
        return order.limit_price
    from_price = max(touch(quote, order.side), order.trigger_price or Decimal(0))
    return slipped(from_price, order.side, slippage, order.instrument)


def fill_price(order: Resting, quote: Quote, slippage: Decimal) -> tuple[Decimal | None, bool]:
    """The price it fills at now, or None; and whether its trigger has been reached."""
    market = touch(quote, order.side)
    if not _triggered(order, market):
        return None, False
    if order.order_type in LIMITED and order.limit_price is not None:
        return _limited(order, order.limit_price, market), True
    return slipped(market, order.side, slippage, order.instrument), True


def _triggered(order: Resting, market: Decimal) -> bool:
    if order.triggered or order.trigger_price is None:
        return True
    return market >= order.trigger_price if order.side is Side.BUY else market <= order.trigger_price


def _limited(order: Resting, limit: Decimal, market: Decimal) -> Decimal | None:
    """The market's price where it is as good as the limit, rounded to a tick no better than that."""
    rules = order.instrument
    if order.side is Side.BUY:
        return rules.price(rules.ticks_above(market)) if market <= limit else None
    return rules.price(max(1, rules.ticks_below(market))) if market >= limit else None
