"""One venue as its tests see it, whichever it is: what they place, find and wait for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.ports import Placement, Venue, VenueBooks, VenueOrder

from tests.support.simulated_venue import VenueRoom

D = Decimal


class Door:
    """One venue as the tests see it: the port, a clock, and a market to move."""

    def __init__(self, room: Any, rules: Instrument, begin_ms: int) -> None:
        self.room = room
        self.rules = rules
        self.begin_ms = begin_ms

    @property
    def venue(self) -> Venue:
        found: Venue = self.room.venue
        return found

    def place(self, name: str, side: Side = Side.BUY, quantity: str = "0.01", **more: Any) -> VenueOrder:
        return self.venue.place(self.placement(name, side, quantity, **more))

    def placement(self, name: str, side: Side = Side.BUY, quantity: str = "0.01", **more: Any) -> Placement:
        given: dict[str, Any] = {
            "client_order_id": name, "instrument": self.rules, "side": side, "order_type": OrderType.MARKET,
            "quantity": D(quantity), "limit_price": None, "trigger_price": None,
            "expires_ms": self.room.clock.now_ms() + 10_000, "reduce_only": False,
        }  # fmt: skip
        return Placement(**{**given, **more})

    def limit(self, name: str, price: str, side: Side = Side.BUY, **more: Any) -> VenueOrder:
        return self.place(name, side, order_type=OrderType.LIMIT, limit_price=D(price), **more)

    def find(self, name: str) -> VenueOrder | None:
        return self.venue.find(name, self.rules, self.begin_ms)

    def found(self, name: str) -> VenueOrder:
        order = self.find(name)
        assert order is not None
        return order

    def bought(self, name: str) -> None:
        self.place(name)
        self.later()
        assert self.found(name).state is OrderState.FILLED

    def later(self, ms: int = 1_000) -> None:
        self.room.later(ms)

    def books(self) -> VenueBooks:
        return self.venue.books(self.begin_ms)


def placed_at_venue(room: VenueRoom) -> int:
    return len(room.desk.venue.orders)
