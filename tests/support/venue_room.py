"""A simulated venue behind HTTP, and the real ccxt client in front of it."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fluxfloor.adapters.venues.ccxt_exchange import open_exchange
from fluxfloor.venuesim import binance, kraken
from fluxfloor.venuesim.facade import Desk
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.server import serving
from fluxfloor.venuesim.venue import Venue

D = Decimal
SYMBOL = "BTC/USDT"
_FACADES = {"kraken": (kraken.Kraken, kraken.RULES), "binance": (binance.Binance, binance.RULES)}


def secret(word: str) -> str:
    """Base64, as Kraken's are."""
    return base64.b64encode(word.encode()).decode()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class VenueRoom:
    """`client` may trade for the account "main"; the key "look" may only look."""

    name: str
    desk: Desk
    base_url: str
    client: Any = None

    @property
    def venue(self) -> Venue:
        return self.desk.venue

    def another(self, key: str, word: str, **settings: Any) -> Any:
        return open_exchange(
            self.name, base_url=self.base_url, apiKey=key, secret=secret(word), rate_limit_ms=0, **settings
        )


def _markets(lot: D) -> list[Market]:
    return [
        Market(SYMBOL, D("0.1"), lot, D("0.00005"), D("0.5")),
        Market("ETH/USD", D("0.01"), lot, D("0.001"), D("0.5")),
        Market("BTC/USD", D("0.1"), lot, D("0.00005"), D("0.5")),
    ]


@contextmanager
def venue_room(name: str, lot: str = "0.00000001", fee_currency: str = "") -> Iterator[VenueRoom]:
    """Three markets with a quote each and no end to their sizes. The books are looked at in the end."""
    facade, rules = _FACADES[name]
    venue = Venue(_markets(D(lot)), now_ms, rules)
    desk = Desk.of(venue)
    venue.open_account("main", {"USDT": D(10_000), "BTC": D(1), "USD": D(1_000)}, fee_currency)
    desk.keys.add(ApiKey("key", secret("trade"), "main"))
    desk.keys.add(ApiKey("look", secret("look"), "main", may_trade=False))
    venue.quote(SYMBOL, D("60000"), D("60000.1"))
    venue.quote("ETH/USD", D("3000"), D("3000.01"))
    venue.quote("BTC/USD", D("60010"), D("60010.1"))
    with serving(desk, facade(desk)) as base_url:
        room = VenueRoom(name, desk, base_url)
        room.client = room.another("key", "trade")
        yield room
    assert all(account.faults() == [] for account in venue.accounts.values())
