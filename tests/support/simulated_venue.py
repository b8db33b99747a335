"""A simulated venue on loopback, and the real adapter at its door, both on one clock that moves when it is told to."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from fluxfloor.adapters.venues.alpaca import AlpacaVenue
from fluxfloor.adapters.venues.ccxt_trading import CcxtVenue
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.ports import Placement
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.alpaca import RULES as ALPACA_RULES
from fluxfloor.venuesim.alpaca import Alpaca
from fluxfloor.venuesim.binance import RULES as BINANCE_RULES
from fluxfloor.venuesim.binance import Binance
from fluxfloor.venuesim.facade import Desk, Facade
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.kraken import RULES as KRAKEN_RULES
from fluxfloor.venuesim.kraken import Kraken
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.server import VenueServer
from fluxfloor.venuesim.venue import Venue

AT_MS = 1_767_225_600_000  # 2026-01-01
TICK, LOT = Decimal("0.1"), Decimal("0.00001")
FACADES: dict[str, tuple[Callable[[Desk], Any], Any]] = {
    "kraken": (Kraken, KRAKEN_RULES),
    "binance": (Binance, BINANCE_RULES),
    "alpaca": (partial(Alpaca, always_open=True), ALPACA_RULES),
}
Told = Callable[[], Keys]
TRADING = Keys("trading-key-0001", base64.b64encode(b"a secret that may trade").decode())
LOOKING = Keys("looking-key-0001", base64.b64encode(b"a secret that may look").decode())


def instrument(venue: str) -> Instrument:
    """At Alpaca a share of that name, in fractions and without a fee."""
    quote, fee = ("USD", "0") if venue == "alpaca" else ("USDT", "0.0026")
    return Instrument(
        instrument_id=f"{venue}:BTC/{quote}", venue=venue, symbol=f"BTC/{quote}", base="BTC", quote=quote,
        tick_size=TICK, lot_size=LOT, min_quantity=Decimal("0.00005"), min_notional=Decimal("0.5"),
        taker_fee=Decimal(fee),
    )  # fmt: skip


@dataclass
class VenueRoom:
    """10,000 USDT (at Alpaca USD) and 1 BTC; the market stands at 60,000 / 60,000.1."""

    name: str
    desk: Desk
    server: VenueServer
    clock: VirtualClock
    venue: CcxtVenue | AlpacaVenue
    slept_s: list[float] = field(default_factory=list)

    @property
    def rules(self) -> Instrument:
        return instrument(self.name)

    @property
    def account(self) -> Account:
        return self.desk.venue.accounts["main"]

    def later(self, ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)

    def sleep(self, seconds: float) -> None:
        """Time passes for everybody, but nobody waits."""
        self.slept_s.append(seconds)
        self.later(int(seconds * 1000))

    def quote(self, bid: str, ask: str, size: str | None = None) -> None:
        amount = None if size is None else Decimal(size)
        self.desk.venue.quote(self.rules.symbol, Decimal(bid), Decimal(ask), amount)

    def fault(self, kind: FaultKind, *calls: str, **more: Any) -> None:
        self.desk.faults.add(Fault(kind, calls or ("*",), **more))

    def placement(self, client_order_id: str, side: Side = Side.BUY, quantity: str = "0.01", **more: Any) -> Placement:
        given: dict[str, Any] = {
            "client_order_id": client_order_id, "instrument": self.rules, "side": side,
            "order_type": OrderType.MARKET, "quantity": Decimal(quantity), "limit_price": None,
            "trigger_price": None, "expires_ms": self.clock.now_ms() + 10_000, "reduce_only": False,
        }  # fmt: skip
        return Placement(**{**given, **more})

    def adapter(self, trading: Told = lambda: TRADING, looking: Told = lambda: LOOKING, **settings: Any) -> Any:
        """A new one, as after a restart of the process."""
        given: dict[str, Any] = {"base_url": self.server.base_url, "sandbox": True, "sleep": self.sleep, **settings}
        if self.name == "alpaca":
            return AlpacaVenue(self.clock, trading, looking, **{"answer_s": 2.0, **given})
        markets = {"currency": "USDT", "symbols": ("BTC/USDT",), "timeout_ms": 2_000}
        return CcxtVenue(self.name, self.clock, trading, looking, **{**markets, **given})


@contextmanager
def venue_room(name: str, **settings: Any) -> Iterator[VenueRoom]:
    facade, rules = FACADES[name]
    clock = VirtualClock(AT_MS)
    share = instrument(name)
    desk = Desk.of(Venue([Market.of(share, min(share.taker_fee, Decimal("0.0016")))], clock.now_ms, rules))
    desk.venue.open_account("main", {share.quote: Decimal(10_000), "BTC": Decimal(1)})
    desk.keys.add(ApiKey(TRADING.key, TRADING.secret, "main"))
    desk.keys.add(ApiKey(LOOKING.key, LOOKING.secret, "main", may_trade=False))
    desk.venue.quote(share.symbol, Decimal(60_000), Decimal("60000.1"))
    made: Facade = facade(desk)
    server = VenueServer(desk, made)
    server.start()
    room = VenueRoom(name, desk, server, clock, None)  # type: ignore[arg-type]
    room.venue = room.adapter(**settings)
    try:
        yield room
    finally:
        server.stop()
    assert room.account.faults() == []


def an_id(number: int) -> str:
    """Like execution's: 32 hex digits."""
    return f"{number:032x}"


def real_time_ms() -> int:
    return time.time_ns() // 1_000_000
