"""Binance's spot REST over the core: public and signed endpoints, time windows, and the venue's own refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar, Final

from fluxfloor.venuesim.binance import private, public
from fluxfloor.venuesim.binance.auth import authenticate
from fluxfloor.venuesim.binance.words import refused
from fluxfloor.venuesim.budgets import Budget
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.gateway import Call
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import FeeIn, Rules
from fluxfloor.venuesim.venue import Venue

RULES: Final = Rules(fee_in=FeeIn.RECEIVED, refuses_triggered=True, max_open_orders=200, max_stops=5)


def budget() -> Budget:
    """6,000 of request weight a minute, by the weights of spot."""
    weights = {
        "balances": 20, "order": 4, "open_orders": 6, "closed_orders": 20, "fills": 20, "markets": 20, "depth": 5,
        "ticker": 2, "bars": 2, "trades": 4,
    }  # fmt: skip
    return Budget(6_000, 100, weights)


_Public = Callable[[Venue, dict[str, str]], Any]
_Private = Callable[[Venue, ApiKey, dict[str, str]], Any]

_PUBLIC: Final[dict[str, tuple[str, _Public]]] = {
    "/api/v3/ping": ("time", public.ping),
    "/api/v3/time": ("time", public.server_time),
    "/api/v3/exchangeInfo": ("markets", public.exchange_info),
    "/fapi/v1/exchangeInfo": ("markets", public.no_symbols),
    "/dapi/v1/exchangeInfo": ("markets", public.no_symbols),
    "/sapi/v1/system/status": ("status", public.system_status),
    "/api/v3/depth": ("depth", public.depth),
    "/api/v3/trades": ("trades", public.trades),
    "/api/v3/aggTrades": ("trades", public.aggregate_trades),
    "/api/v3/klines": ("bars", public.klines),
    "/api/v3/ticker/24hr": ("ticker", public.day_ticker),
    "/api/v3/ticker/price": ("ticker", public.price_ticker),
    "/api/v3/ticker/bookTicker": ("ticker", public.book_ticker),
}
_PRIVATE: Final[dict[tuple[str, str], tuple[str, _Private]]] = {
    ("GET", "/api/v3/account"): ("balances", private.account),
    ("POST", "/api/v3/order"): ("place", private.place),
    ("POST", "/api/v3/order/test"): ("test", private.try_out),
    ("DELETE", "/api/v3/order"): ("cancel", private.cancel),
    ("DELETE", "/api/v3/openOrders"): ("cancel", private.cancel_all),
    ("GET", "/api/v3/order"): ("order", private.order),
    ("GET", "/api/v3/openOrders"): ("open_orders", private.open_orders),
    ("GET", "/api/v3/allOrders"): ("closed_orders", private.all_orders),
    ("GET", "/api/v3/myTrades"): ("fills", private.my_trades),
    ("GET", "/sapi/v1/capital/config/getall"): ("markets", private.coins),
    ("GET", "/sapi/v1/capital/deposit/hisrec"): ("transfers", private.deposits),
    ("GET", "/sapi/v1/capital/withdraw/history"): ("transfers", private.withdrawals),
    ("GET", "/sapi/v1/asset/assetDividend"): ("transfers", private.dividends),
    ("GET", "/sapi/v1/account/apiRestrictions"): ("balances", private.key_rights),
    ("GET", "/sapi/v1/margin/allPairs"): ("markets", private.nothing),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): ("markets", private.nothing),
}
_TRADING: Final = frozenset({"place", "test", "cancel"})


class Binance:
    name: ClassVar[str] = "binance"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handle(self, request: Request) -> Response:
        private_call = _PRIVATE.get((request.method, request.path))
        try:
            params = request.params()
            if private_call is not None:
                return Response(self._private(request, params, *private_call))
            return Response(self._public(request, params))
        except Refused as refusal:
            cancels = private_call is not None and private_call[0] == "cancel"
            return refused(refusal, cancels, self._desk.gateway.retry_after_s)
        except json.JSONDecodeError:
            return refused(Refused(Reason.INVALID_ARGUMENT), False, 0)

    def _public(self, request: Request, params: dict[str, str]) -> Any:
        if request.path not in _PUBLIC:
            raise Refused(Reason.UNKNOWN_CALL)
        name, act = _PUBLIC[request.path]
        venue = self._desk.venue
        return self._desk.gateway.ask(Call(name, endpoint=request.path), lambda: act(venue, params))

    def _private(self, request: Request, params: dict[str, str], name: str, act: _Private) -> Any:
        """The window is looked at when the request arrives: one that was held back for longer is refused."""
        desk = self._desk

        def arrive() -> Any:
            now_ms = desk.venue.advance()
            key = authenticate(desk.keys, request, params, now_ms, trades=name in _TRADING)
            return act(desk.venue, key, params)

        account = desk.keys.account_of(request.headers.get("x-mbx-apikey", ""))
        return desk.gateway.ask(Call(name, account, f"{request.method} {request.path}"), arrive)
