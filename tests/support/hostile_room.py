"""An adapter with its real client, and a hostile line between it and its venue. Its keys are canaries: wherever one of
them sings, a secret got out."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from fluxfloor.adapters.venues.alpaca import AlpacaVenue
from fluxfloor.adapters.venues.ccxt_trading import CcxtVenue
from fluxfloor.adapters.venues.keys import Keys, query_keys, trading_keys
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.ports import Placement
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.logging import CloudFormatter
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.venue import Venue

from tests.support.hostile_rest import HostileRest
from tests.support.scripted_venue import METADATA, QUOTES, cloud_keys
from tests.support.simulated_venue import AT_MS, FACADES, instrument

PLACEMENTS = {
    "kraken": ("POST", r"/0/private/AddOrder"), "binance": ("POST", r"/api/v3/order"),
    "alpaca": ("POST", r"/v2/orders"), "coinbase": ("POST", r"/api/v3/brokerage/orders"),
    "bybit": ("POST", r"/v5/order/create"), "okx": ("POST", r"/api/v5/trade/order"),
}  # fmt: skip
METADATA_PATHS = re.compile(r"AssetPairs|Assets$|exchangeInfo|market/products$|instruments")
SCRIPTED = tuple(METADATA)
VENUES = (*FACADES, *SCRIPTED)
CANARY = "canary-7f3a91"
SECRET = base64.b64encode(f"{CANARY} a secret that may trade".encode()).decode()
PASSWORD = f"{CANARY}-passphrase"
KEY = f"{CANARY}-key"


def canaries(name: str) -> tuple[str, ...]:
    """What must never be seen again, and what an echo of the request or of an address would make of it."""
    secret = cloud_keys().secret if name == "coinbase" else SECRET
    parts = (KEY, secret, PASSWORD)
    return (*parts, *(quote(part, safe="") for part in parts), *secret.splitlines()[1:-1])


@dataclass
class HostileRoom:
    name: str
    server: HostileRest
    clock: VirtualClock
    desk: Desk | None
    log: io.StringIO
    slept_s: list[float] = field(default_factory=list)
    _current: CcxtVenue | AlpacaVenue | None = None

    @property
    def rules(self) -> Instrument:
        if self.name not in SCRIPTED:
            return instrument(self.name)
        money = QUOTES[self.name]
        return instrument(self.name).model_copy(
            update={"instrument_id": f"{self.name}:BTC/{money}", "symbol": f"BTC/{money}", "quote": money}
        )

    def adapter(self) -> CcxtVenue | AlpacaVenue:
        """A new one, with the venue's metadata and clock known."""
        trading, looking = self.keys()
        given: dict[str, Any] = {"base_url": self.server.base_url, "sandbox": True, "sleep": self.slept_s.append}
        self.server.tell()
        made: CcxtVenue | AlpacaVenue
        if self.name == "alpaca":
            made = AlpacaVenue(self.clock, trading, looking, answer_s=2.0, **given)
        else:
            markets = {"currency": self.rules.quote, "symbols": (self.rules.symbol,), "timeout_ms": 2_000}
            made = CcxtVenue(self.name, self.clock, trading, looking, **markets, **given)
            made._public()[0].load()
        made.clock_offset_ms()
        return made

    def later(self, ms: int) -> None:
        """The market goes on meanwhile."""
        self.clock.advance_to(self.clock.now_ms() + ms)
        if self.desk is not None:
            self.desk.venue.quote(self.rules.symbol, Decimal(60_000), Decimal("60000.1"))

    def renew(self) -> None:
        """As a new process does."""
        self._current = self.adapter()

    def current(self) -> CcxtVenue | AlpacaVenue:
        assert self._current is not None
        return self._current

    def keys(self) -> tuple[Callable[[], Keys], Callable[[], Keys]]:
        secrets = Told(self.name)
        return lambda: trading_keys(secrets, "main"), lambda: query_keys(secrets, "main")

    def placement(self, client_order_id: str, **more: Any) -> Placement:
        given: dict[str, Any] = {
            "client_order_id": client_order_id, "instrument": self.rules, "side": Side.BUY,
            "order_type": OrderType.MARKET, "quantity": Decimal("0.01"), "limit_price": None, "trigger_price": None,
            "expires_ms": self.clock.now_ms() + 10_000, "reduce_only": False,
        }  # fmt: skip
        return Placement(**{**given, **more})

    def placements(self) -> list[Any]:
        """Of what was served since the last `tell`."""
        method, path = PLACEMENTS[self.name]
        return [
            one for one in self.server.served
            if one.request.method == method and re.fullmatch(path, one.request.path)
        ]  # fmt: skip

    def leaks(self, *said: object) -> list[str]:
        """Canaries in these, or in the log."""
        text = "\n".join([*map(repr, said), *map(str, said), self.log.getvalue()])
        return [canary for canary in canaries(self.name) if canary in text]


class Told:
    """Secrets as the floor's store has them."""

    def __init__(self, name: str) -> None:
        keys = {"key": KEY, "secret": cloud_keys().secret if name == "coinbase" else SECRET, "password": PASSWORD}
        self._text = json.dumps(keys)

    def get(self, name: str) -> str:
        return self._text


@contextmanager
def hostile_room(name: str) -> Iterator[HostileRoom]:
    """At the venues that have a simulator, that is behind the line; else what their manuals say."""
    clock = VirtualClock(AT_MS)
    desk, venue = _simulated(name, clock) if name in FACADES else (None, _scripted(name))
    with (
        _logged() as log,
        HostileRest(venue, lambda request: bool(METADATA_PATHS.search(request.path))) as server,
    ):
        yield HostileRoom(name, server, clock, desk, log)


def _simulated(name: str, clock: VirtualClock) -> tuple[Desk, Callable[[Request], Response]]:
    facade, rules = FACADES[name]
    share = instrument(name)
    desk = Desk.of(Venue([Market.of(share, min(share.taker_fee, Decimal("0.0016")))], clock.now_ms, rules))
    desk.venue.open_account("main", {share.quote: Decimal(10_000_000), "BTC": Decimal(10_000)})
    desk.keys.add(ApiKey(KEY, SECRET, "main"))
    desk.venue.quote(share.symbol, Decimal(60_000), Decimal("60000.1"))
    return desk, facade(desk).handle


ACCEPTED: dict[str, Callable[[str], Any]] = {
    "coinbase": lambda name: {
        "success": True,
        "success_response": {"order_id": "11111-00000-000000", "product_id": "BTC-USD", "client_order_id": name},
    },
    "bybit": lambda name: {"retCode": 0, "retMsg": "OK", "result": {"orderId": "1", "orderLinkId": name}},
    "okx": lambda name: {"code": "0", "msg": "", "data": [{"ordId": "7", "clOrdId": name, "sCode": "0", "sMsg": ""}]},
}
EMPTY: dict[str, Any] = {
    "coinbase": {"orders": [], "fills": [], "accounts": [], "has_next": False, "cursor": "", "pricebooks": []},
    "bybit": {"retCode": 0, "retMsg": "OK", "result": {"list": [], "rows": [], "nextPageCursor": ""}},
    "okx": {"code": "0", "msg": "", "data": []},
}
_NAMED = {"coinbase": "client_order_id", "bybit": "orderLinkId", "okx": "clOrdId"}


def _scripted(name: str) -> Callable[[Request], Response]:
    method, path = PLACEMENTS[name]

    def handle(request: Request) -> Response:
        told = METADATA[name].get(f"{request.method} {request.path}")
        if told is not None:
            return Response(told)
        if request.method == method and re.fullmatch(path, request.path):
            return Response(ACCEPTED[name](json.loads(request.body)[_NAMED[name]]))
        return Response(EMPTY[name])

    return handle


@contextmanager
def _logged() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, down to the clients' own chatter, as the floor would write it."""
    text, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(text)
    handler.setFormatter(CloudFormatter())
    before, disabled = root.level, logging.root.manager.disable
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.disable(logging.NOTSET)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        logging.disable(disabled)
