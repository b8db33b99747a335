"""A venue's names of markets and currencies, from the metadata that ccxt reads: loaded once, when first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any

from fluxfloor.adapters.venues.ccxt_exchange import read
from fluxfloor.adapters.venues.dialects.base import Market
from fluxfloor.errors import Misconfigured, RetryLater


class CcxtNames:
    """Implements dialects.base.Names. `exchange` has no key: metadata is public. Raises RetryLater while the venue is
    out of reach, Misconfigured for a symbol it does not list."""

    def __init__(self, exchange: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self._exchange = exchange
        self._sleep = sleep
        self._symbols: dict[str, str] = {}
        self.lock = Lock()  # of the exchange: whoever else uses it takes this one

    def load(self) -> None:
        if self._symbols:
            return
        with self.lock:
            if self._symbols:
                return
            markets = read("load_markets", self._exchange.load_markets, self._exchange, self._sleep)
            found = {name: str(market["symbol"]) for market in markets.values() for name in _names_of(market)}
            if not found:
                raise RetryLater(f"{self._exchange.id} lists no market that can be traded")
            self._symbols = found

    def market(self, symbol: str) -> Market:
        self.load()
        found = self._exchange.markets.get(symbol)
        if found is None:
            raise Misconfigured(f"{self._exchange.id} lists no {symbol!r}")
        market: Market = found
        return market

    def symbol(self, market_id: str) -> str:
        self.load()
        if market_id not in self._symbols:
            raise Misconfigured(f"{self._exchange.id} lists no market called {market_id!r}")
        return self._symbols[market_id]

    def market_between(self, base: str, quote: str) -> Market | None:
        self.load()
        found: Market | None = self._exchange.markets.get(f"{base}/{quote}")
        return found

    def currency(self, currency_id: str) -> str:
        self.load()
        return str(self._exchange.safe_currency_code(currency_id))

    def currency_id(self, currency: str) -> str:
        self.load()
        return str((self._exchange.currencies.get(currency) or {}).get("id") or currency)

    def has_api(self, name: str) -> bool:
        return name in self._exchange.urls["api"]


def _names_of(market: dict[str, Any]) -> Iterable[str]:
    """Of spot markets: Kraken tells them by two names."""
    if market.get("spot"):
        yield str(market["id"])
        if market.get("altname"):
            yield str(market["altname"])
