"""Alpaca's façade behind HTTP under a virtual clock, and the real adapter in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fluxfloor.adapters.venues.alpaca import AlpacaVenue
from fluxfloor.adapters.venues.alpaca_data import AlpacaMarketData
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.instruments import Instrument, Kind
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.ports import Placement
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.venuesim import alpaca
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.server import serving
from fluxfloor.venuesim.venue import Venue

D = Decimal
SYMBOL = "AAPL/USD"
AAPL = Instrument(
    instrument_id="alpaca:AAPL/USD", venue="alpaca", symbol=SYMBOL, base="AAPL", quote="USD", kind=Kind.EQUITY,
    tick_size=D("0.01"), lot_size=D(1), taker_fee=D(0),
)  # fmt: skip
TRADING, LOOKING = Keys("PK-TRADE", "canary-secret-trade-4711"), Keys("PK-LOOK", "canary-secret-look-4711")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


OPEN_MS = ms("2026-07-08T15:00:00")  # a Wednesday, 11:00 in New York


class Counted(alpaca.Alpaca):
    """Keeps what it was asked."""

    def __init__(self, desk: Desk, always_open: bool = False) -> None:
        super().__init__(desk, always_open)
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        return super().handle(request)

    def count(self, method: str, path: str = "/v2/") -> int:
        return sum(one.method == method and one.path.startswith(path) for one in self.requests)


@dataclass
class AlpacaRoom:
    desk: Desk
    facade: Counted
    clock: VirtualClock
    base_url: str
    answer_s: float = 2.0
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.adapter = self.another(TRADING, LOOKING)

    @property
    def venue(self) -> Venue:
        return self.desk.venue

    def another(self, trading: Keys, looking: Keys) -> AlpacaVenue:
        return AlpacaVenue(
            self.clock, lambda: trading, lambda: looking, sandbox=True, base_url=self.base_url,
            sleep=self.slept.append, answer_s=self.answer_s,
        )  # fmt: skip

    def data(self, **more: Any) -> AlpacaMarketData:
        return AlpacaMarketData(TRADING, self.clock, base_url=self.base_url, sleep=self.slept.append, **more)

    def quote(self, bid: str, ask: str, size: int | None = None) -> None:
        self.venue.quote(SYMBOL, D(bid), D(ask), None if size is None else D(size))

    def later(self, seconds: float) -> None:
        self.clock.advance_to(self.clock.now_ms() + int(seconds * 1_000))

    def fault(self, kind: FaultKind, *calls: str, **more: Any) -> None:
        self.desk.faults.add(Fault(kind, calls or ("place",), **more))

    def wish(self, client_order_id: str = "first", **more: Any) -> Placement:
        given: dict[str, Any] = {
            "client_order_id": client_order_id, "instrument": AAPL, "side": Side.BUY, "order_type": OrderType.MARKET,
            "quantity": D(10), "limit_price": None, "trigger_price": None,
            "expires_ms": self.clock.now_ms() + 30_000, "reduce_only": False,
        }  # fmt: skip
        return Placement(**{**given, **more})


@contextmanager
def alpaca_room(at_ms: int = OPEN_MS, answer_s: float = 2.0, always_open: bool = False) -> Iterator[AlpacaRoom]:
    """10,000 USD and 20 shares of AAPL at 174.50 and 174.52 without end. The books are looked at in the end."""
    clock = VirtualClock(at_ms)
    markets = [
        Market(f"{base}/USD", D("0.01"), D(1), D(1), maker_fee=D(0), taker_fee=D(0)) for base in ("AAPL", "MSFT")
    ]
    venue = Venue(markets, clock.now_ms, alpaca.RULES)
    desk = Desk.of(venue)
    venue.open_account("main", {"USD": D(10_000), "AAPL": D(20)})
    desk.keys.add(ApiKey(TRADING.key, TRADING.secret, "main"))
    desk.keys.add(ApiKey(LOOKING.key, LOOKING.secret, "main", may_trade=False))
    facade = Counted(desk, always_open)
    venue.quote(SYMBOL, D("174.50"), D("174.52"))
    clock.advance_to(at_ms + 1_000)
    with serving(desk, facade) as base_url:
        yield AlpacaRoom(desk, facade, clock, base_url, answer_s)
    assert all(account.faults() == [] for account in venue.accounts.values())
