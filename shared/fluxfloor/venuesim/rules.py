"""What differs from venue to venue in how the simulated one keeps its books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from enum import StrEnum

from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.orders import Terms


class Mode(StrEnum):
    ONLINE = "online"
    MAINTENANCE = "maintenance"  # nothing works
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"


class ClientIds(StrEnum):
    OPEN = "open"  # unique among open orders: Kraken, Binance
    EVER = "ever"  # refused for ever once used


class FeeIn(StrEnum):
    QUOTE = "quote"
    BASE = "base"
    RECEIVED = "received"  # in what the trade brings


@dataclass(frozen=True, slots=True)
class Rules:
    client_ids: ClientIds = ClientIds.OPEN
    fee_in: FeeIn = FeeIn.QUOTE
    fee_discount: Decimal = Decimal("0.25")  # for fees paid in an account's own fee currency
    refuses_triggered: bool = False  # a stop on the wrong side of the market is refused, not set off
    max_open_orders: int = 200  # of one account in one market
    max_stops: int = 200  # of these, how many may wait for a trigger
    decimals: Mapping[str, int] = field(default_factory=dict)  # of a currency's amounts; 8 where it is not named

    def places(self, currency: str) -> Decimal:
        return Decimal(1).scaleb(-self.decimals.get(currency, 8))

    def cut(self, amount: Decimal, currency: str) -> Decimal:
        """Rounded down, so that the parts of an order never cost more than what it holds."""
        return amount.quantize(self.places(currency), ROUND_DOWN, EXACT)

    def fee_currency(self, market: Market, terms: Terms) -> str:
        way = FeeIn(terms.fee_in or self.fee_in)
        if way is FeeIn.RECEIVED:
            way = FeeIn.BASE if terms.side is Side.BUY else FeeIn.QUOTE
        return market.base if way is FeeIn.BASE else market.quote

    def hold(self, market: Market, terms: Terms, quantity: Decimal, notional: Decimal) -> tuple[str, Decimal]:
        """(currency, amount) that an open order of this quantity and notional binds."""
        currency, amount = (market.quote, notional) if terms.side is Side.BUY else (market.base, quantity)
        if self.fee_currency(market, terms) == currency:
            amount *= 1 + max(market.taker_fee, market.maker_fee)
        return currency, amount.quantize(self.places(currency), ROUND_UP, EXACT)
