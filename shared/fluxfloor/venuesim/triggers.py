"""When a stop, a take-profit or a trailing stop goes off, and where a trailing one stands."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.markets import Market, down_to
from fluxfloor.venuesim.orders import Order, Terms


def reached(terms: Terms, stop: Decimal, last: Decimal) -> bool:
    """A stop goes off as the price gets worse, a take-profit as it gets better."""
    rises = (terms.side is Side.BUY) != terms.kind.profits
    return last >= stop if rises else last <= stop


def set_up(order: Order, last: Decimal | None) -> None:
    """Puts a new order's stop where its terms say."""
    terms = order.terms
    order.limit = None if terms.kind.trails else terms.limit
    if not terms.kind.trails:
        order.stop = terms.trigger
    elif terms.trigger is not None and last is not None:
        order.rises = terms.trigger > last


def goes_off(market: Market, order: Order, last: Decimal) -> bool:
    """Whether this price sets it off; moves a trailing stop on the way."""
    if order.terms.kind.trails and not _follows(market, order, last):
        return False
    return order.stop is not None and reached(order.terms, order.stop, last)


def _follows(market: Market, order: Order, last: Decimal) -> bool:
    """Moves the stop with the best price; False while the order waits for its trigger."""
    terms = order.terms
    if order.best is None and terms.trigger is not None:
        there = last >= terms.trigger if order.rises else last <= terms.trigger
        if not there:
            return False
    better = max if terms.side is Side.SELL else min
    order.best = last if order.best is None else better(order.best, last)
    order.stop = order.best + terms.side.sign * _distance(market, order.terms, order.best)
    if terms.limit is not None:
        order.limit = order.stop + terms.limit
    return True


def _distance(market: Market, terms: Terms, best: Decimal) -> Decimal:
    if terms.trail is not None:
        return terms.trail
    return down_to(best * (terms.trail_share or Decimal(0)), market.tick)
