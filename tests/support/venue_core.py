"""A simulated venue in-process: a clock that is set by hand, one market, one account."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.faults import Faults
from fluxfloor.venuesim.gateway import Call, Gateway
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.orders import Kind, Order, Terms
from fluxfloor.venuesim.rules import Rules
from fluxfloor.venuesim.venue import Venue

SYMBOL = "BTC/USDT"
START_MS = 1_800_000_000_000
MARKET = Market(SYMBOL, Decimal("0.1"), Decimal("0.0001"), Decimal("0.0005"), Decimal("5"))


@dataclass
class Core:
    rules: Rules = field(default_factory=Rules)
    seed: int = 1

    def __post_init__(self) -> None:
        self.now_ms = START_MS
        self.faults = Faults(self.seed)
        self.venue = Venue([MARKET], lambda: self.now_ms, self.rules, self.faults)
        self.gateway = Gateway(self.venue, self.faults)
        self.account: Account = self.venue.open_account("main", {"USDT": Decimal(10_000), "BTC": Decimal(1)})
        self.quote("60000", "60000.1")

    def quote(self, bid: str, ask: str, size: str = "") -> None:
        self.venue.quote(SYMBOL, Decimal(bid), Decimal(ask), Decimal(size) if size else None)

    def terms(self, side: str, quantity: str, kind: Kind = Kind.MARKET, **more: Any) -> Terms:
        """Prices may be given as text."""
        made = {name: Decimal(value) if name in _PRICES else value for name, value in more.items()}
        return Terms(SYMBOL, Side(side.upper()), kind, Decimal(quantity), **made)

    def place(self, side: str, quantity: str, kind: Kind = Kind.MARKET, **more: Any) -> Order:
        return self.venue.place("main", self.terms(side, quantity, kind, **more))

    def ask(self, terms: Terms) -> Order:
        """The same through the gateway, where faults strike."""
        return self.gateway.ask(Call("place", "main"), lambda: self.venue.place("main", terms))


_PRICES = frozenset({"limit", "trigger", "trail", "trail_share", "spend"})
