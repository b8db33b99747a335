"""Kraken's spot REST over the core: public and private endpoints, signatures, and the venue's own refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar, Final

from fluxfloor.venuesim.budgets import Budget
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.gateway import Call
from fluxfloor.venuesim.kraken import private, public
from fluxfloor.venuesim.kraken.auth import authenticate
from fluxfloor.venuesim.kraken.names import DECIMALS
from fluxfloor.venuesim.kraken.words import text_of
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import Rules
from fluxfloor.venuesim.venue import Venue

RULES: Final = Rules(decimals=DECIMALS, max_open_orders=80)


def budget() -> Budget:
    """An intermediate account: a counter to 20 that falls by one in two seconds. Orders have a limiter of their own."""
    return Budget(20, 0.5, {"ledger": 2, "fills": 2, "place": 0, "cancel": 0})


_Public = Callable[[Venue, dict[str, str]], Any]
_Private = Callable[[Venue, str, dict[str, str]], Any]

_PUBLIC: Final[dict[str, tuple[str, _Public]]] = {
    "Time": ("time", public.server_time),
    "SystemStatus": ("status", public.status),
    "Assets": ("markets", public.assets),
    "AssetPairs": ("markets", public.asset_pairs),
    "Ticker": ("ticker", public.ticker),
    "Depth": ("depth", public.depth),
    "OHLC": ("bars", public.ohlc),
    "Trades": ("trades", public.trades),
}
_PRIVATE: Final[dict[str, tuple[str, _Private]]] = {
    "Balance": ("balances", private.balance),
    "BalanceEx": ("balances", private.balance_ex),
    "TradeBalance": ("balances", private.trade_balance),
    "TradeVolume": ("balances", private.trade_volume),
    "Ledgers": ("ledger", private.ledgers),
    "QueryLedgers": ("ledger", private.query_ledgers),
    "DepositStatus": ("transfers", private.deposits),
    "WithdrawStatus": ("transfers", private.withdrawals),
    "AddOrder": ("place", private.add_order),
    "CancelOrder": ("cancel", private.cancel_order),
    "CancelAll": ("cancel", private.cancel_all),
    "OpenOrders": ("open_orders", private.open_orders),
    "ClosedOrders": ("closed_orders", private.closed_orders),
    "QueryOrders": ("order", private.query_orders),
    "TradesHistory": ("fills", private.trades_history),
    "QueryTrades": ("fills", private.query_trades),
}
_TRADING: Final = frozenset({"place", "cancel"})


class Kraken:
    """`desk.keys` holds secrets in base64, as Kraken hands them out."""

    name: ClassVar[str] = "kraken"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handle(self, request: Request) -> Response:
        area, _, endpoint = request.path.removeprefix("/0/").partition("/")
        try:
            result = self._private(request, endpoint) if area == "private" else self._public(request, endpoint)
        except Refused as refusal:
            return _refused(refusal, endpoint)
        return Response({"error": [], "result": result})

    def _public(self, request: Request, endpoint: str) -> Any:
        if endpoint not in _PUBLIC:
            raise Refused(Reason.UNKNOWN_CALL)
        name, act = _PUBLIC[endpoint]
        venue, params = self._desk.venue, request.params()
        return self._desk.gateway.ask(Call(name, endpoint=endpoint), lambda: act(venue, params))

    def _private(self, request: Request, endpoint: str) -> Any:
        """A key is looked at when the request arrives: one that was held back comes with an old nonce."""
        if endpoint not in _PRIVATE:
            raise Refused(Reason.UNKNOWN_CALL)
        name, act = _PRIVATE[endpoint]
        desk, params = self._desk, _params(request)

        def arrive() -> Any:
            desk.venue.advance()
            key = authenticate(desk.keys, request, params, trades=name in _TRADING)
            return act(desk.venue, key.account, params)

        account = desk.keys.account_of(request.headers.get("api-key", ""))
        return desk.gateway.ask(Call(name, account, endpoint), arrive)


def _params(request: Request) -> dict[str, str]:
    try:
        return request.params()
    except (json.JSONDecodeError, AttributeError) as problem:
        raise Refused(Reason.INVALID_ARGUMENT) from problem


def _refused(refusal: Refused, endpoint: str) -> Response:
    """HTTP 200 with an error, as Kraken answers; only its load balancer speaks in statuses."""
    return Response({"error": [text_of(refusal, endpoint)]})
