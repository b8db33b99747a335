"""The market outside: its quote now, what orders have had of it, and what it was before."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.markets import Market, Quote, affordable
from fluxfloor.venuesim.orders import Order, Terms
from fluxfloor.venuesim.sources import Source
from fluxfloor.venuesim.tape import MINUTE_MS, Bar, Print, Tape

ZERO = Decimal(0)


@dataclass(slots=True)
class Outside:
    market: Market
    quote: Quote | None = None
    last: Decimal | None = None
    taken: dict[Side, Decimal] = field(default_factory=lambda: {Side.BUY: ZERO, Side.SELL: ZERO})
    open: dict[int, Order] = field(default_factory=dict)
    source: Source | None = None
    tape: Tape = field(default_factory=Tape)

    @property
    def due_ms(self) -> int | None:
        return None if self.source is None else self.source.due_ms

    def take_quote(self, quote: Quote) -> None:
        self.quote, self.last = quote, quote.last_of(self.market)
        self.taken[Side.BUY] = self.taken[Side.SELL] = ZERO
        self.tape.add(Print(quote.ts_ms, self.last, self.market.min_quantity or self.market.lot))

    def quiet(self, now_ms: int) -> Bar:
        """The bar of a time without a trade: it stands where the last one was."""
        stood = self.last if self.last is not None else self.market.tick
        return Bar(now_ms // MINUTE_MS * MINUTE_MS, stood, stood, stood, stood, ZERO, ZERO, 0)

    def took(self, side: Side, quantity: Decimal) -> None:
        self.taken[side] += quantity

    def next_quote(self) -> Quote:
        assert self.source is not None
        return self.source.pop()

    def affordable(self, terms: Terms) -> Decimal:
        """The quantity that a market order spending so much in the quote currency asks for."""
        assert self.quote is not None
        return affordable(self.market, self.quote, terms.side, terms.spend, self.taken[terms.side])

    def price_for(self, terms: Terms) -> Decimal | None:
        """What an order of these terms is judged and held by; None where nothing is known."""
        if terms.kind.limited and not terms.kind.trails:
            return terms.limit
        if terms.trigger is not None:
            return terms.trigger
        if self.quote is None:
            return None
        here = self.quote.ask if terms.side is Side.BUY else self.quote.bid
        return here + (terms.trail or here * (terms.trail_share or ZERO)) if terms.side is Side.BUY else here
