"""What a venue looks at before it takes an order. Each check raises Refused and changes nothing."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.markets import Market, Quote
from fluxfloor.venuesim.orders import Kind, Terms
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import ClientIds, Mode, Rules
from fluxfloor.venuesim.triggers import reached

ZERO = Decimal(0)


def check_mode(mode: Mode, terms: Terms) -> None:
    if mode is Mode.CANCEL_ONLY:
        raise Refused(Reason.CANCEL_ONLY)
    if mode is Mode.POST_ONLY and not terms.post_only:
        raise Refused(Reason.POST_ONLY_MODE)


def check_trigger(rules: Rules, terms: Terms, last: Decimal | None) -> None:
    if not rules.refuses_triggered or terms.trigger is None or terms.kind.trails or last is None:
        return
    if reached(terms, terms.trigger, last):
        raise Refused(Reason.WOULD_TRIGGER)


def check_shape(terms: Terms) -> None:
    """That the terms belong together."""
    if (terms.quantity > 0) == (terms.spend > 0):
        raise Refused(Reason.INVALID_ARGUMENT, "volume")
    if terms.spend and terms.kind is not Kind.MARKET:
        raise Refused(Reason.INVALID_ARGUMENT, "volume in quote currency")
    if terms.kind.limited and terms.limit is None:
        raise Refused(Reason.INVALID_ARGUMENT, "price")
    if terms.kind.waits and not terms.kind.trails and terms.trigger is None:
        raise Refused(Reason.INVALID_ARGUMENT, "trigger price")
    if terms.kind.trails and (terms.trail is None) == (terms.trail_share is None):
        raise Refused(Reason.INVALID_ARGUMENT, "trailing offset")
    if terms.post_only and (terms.kind is not Kind.LIMIT or terms.time_in_force is not TimeInForce.GTC):
        raise Refused(Reason.INVALID_ARGUMENT, "post only")
    if terms.reduce_only:  # spot has no positions that an order could reduce
        raise Refused(Reason.REDUCE_ONLY, "reduce_only")


def check_grid(market: Market, terms: Terms) -> None:
    for price in (terms.limit, terms.trigger, terms.trail):
        if price is not None and price % market.tick:
            raise Refused(Reason.OFF_TICK, "price")
    for price in (None if terms.kind.trails else terms.limit, terms.trigger, terms.trail):
        if price is not None and price <= 0:
            raise Refused(Reason.INVALID_ARGUMENT, "price")
    if terms.quantity % market.lot:
        raise Refused(Reason.OFF_LOT, "volume")


def check_minimums(market: Market, quantity: Decimal, price: Decimal | None) -> None:
    if quantity < market.min_quantity or quantity <= 0:
        raise Refused(Reason.QUANTITY_TOO_SMALL, "volume")
    if price is not None and quantity * price < market.min_notional:
        raise Refused(Reason.NOTIONAL_TOO_SMALL, "volume")


def check_identity(rules: Rules, account: Account, terms: Terms) -> None:
    used = account.by_client_id.get(terms.client_id, ()) if terms.client_id else ()
    if any(order.open or rules.client_ids is ClientIds.EVER for order in used):
        raise Refused(Reason.DUPLICATE_CLIENT_ID, terms.client_id)
    if len(account.open) < min(rules.max_open_orders, rules.max_stops):
        return
    here = [order for order in account.open.values() if order.terms.symbol == terms.symbol]
    if len(here) >= rules.max_open_orders:
        raise Refused(Reason.TOO_MANY_ORDERS)
    if terms.kind.waits and sum(not order.working for order in here) >= rules.max_stops:
        raise Refused(Reason.TOO_MANY_STOPS)


def check_post_only(terms: Terms, quote: Quote | None) -> None:
    if not terms.post_only or quote is None or terms.limit is None:
        return
    takes = terms.limit >= quote.ask if terms.side is Side.BUY else terms.limit <= quote.bid
    if takes:
        raise Refused(Reason.WOULD_TAKE)
