"""A paper venue on an embedded store, a market that is quoted by hand, and placements for it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.adapters.venues.paper import PaperVenue
from fluxfloor.contracts.instruments import Instrument, QuoteState
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.ports import Commit, Placement, Ref, VenueOrder
from fluxfloor.runtime.clock import VirtualClock

from tests.support.desk import AT_MS, BTC, quote


class PaperRoom:
    """10,000 USDT and a market at 49,995 / 50,005, unless said; latency, slippage and fee as the defaults are."""

    def __init__(
        self, directory: Path, cash: str = "10000", store_of: Callable[[Path], Any] = SqliteStore, **venue: Any
    ) -> None:
        self.clock = VirtualClock(AT_MS)
        self.store = store_of(directory)
        self.venue = PaperVenue("paper-main", self.store, self.clock, {"USDT": Decimal(cash)}, **venue)
        self.quote()

    def quote(
        self, bid: str | float = 49_995, ask: str | float = 50_005, rules: Instrument = BTC,
        size: str | None = None, at_ms: int | None = None,
    ) -> None:  # fmt: skip
        """Now, unless said; `size` is offered on either side."""
        ref = Ref(QuoteState.collection, rules.instrument_id)
        offered = None if size is None else Decimal(size)
        told = quote(bid, ask, rules, self.clock.now_ms() if at_ms is None else at_ms)
        told = told.model_copy(update={"bid_size": offered, "ask_size": offered})
        state = QuoteState(id=rules.instrument_id, quote=told)
        (known,) = self.store.read([ref])
        data = state.encode()
        self.store.commit(
            Commit(creates={ref: data}) if known.data is None else Commit(updates={ref: (data, known.token)})
        )

    def later(self, ms: int = 200) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)

    def place(self, name: str = "c1", **more: Any) -> VenueOrder:
        return self.venue.place(self.placement(name, **more))

    def placement(self, name: str = "c1", **more: Any) -> Placement:
        given: dict[str, Any] = {
            "client_order_id": name, "instrument": BTC, "side": Side.BUY, "order_type": OrderType.MARKET,
            "quantity": "0.01", "limit_price": None, "trigger_price": None,
            "expires_ms": self.clock.now_ms() + 10_000, "reduce_only": False,
        }  # fmt: skip
        given |= more
        for field in ("quantity", "limit_price", "trigger_price"):
            given[field] = None if given[field] is None else Decimal(str(given[field]))
        return Placement(**given)

    def find(self, name: str = "c1") -> VenueOrder | None:
        return self.venue.find(name, BTC, 0)

    def filled(self, name: str = "c1", **more: Any) -> VenueOrder:
        """Placed, and looked up when its latency is over."""
        self.place(name, **more)
        self.later()
        found = self.find(name)
        assert found is not None
        return found
