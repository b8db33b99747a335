"""Alpaca's trading and market data REST over the core: US equities in whole shares, New York's sessions, no leverage.

Markets are named "AAPL/USD". Orders outside the session wait for it, and their day ends with it; `always_open` leaves
the sessions out. Like Alpaca it never takes a client id twice, nor an order that could meet one's own of the other
side. Partial fills and what else may go wrong are the core's faults.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from fluxfloor.venuesim.alpaca import acts, sessions
from fluxfloor.venuesim.alpaca.words import WashTrade, refusal
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.gateway import Call
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import ClientIds, Rules
from fluxfloor.venuesim.venue import Venue

RULES: Final = Rules(client_ids=ClientIds.EVER, refuses_triggered=True, max_open_orders=500)
"""Its markets have a lot of one share, a tick of a cent and no fees."""

_Params = dict[str, str]
_Act = Callable[[Venue, str, _Params], Any]


def _public(act: Callable[[Venue, _Params], Any]) -> _Act:
    """The same for everybody, but not without a key."""
    return lambda venue, _account, params: act(venue, params)


# method and path, the core's name for it, what it does
_ROUTES: Final[tuple[tuple[str, str, str, _Act], ...]] = (
    ("GET", r"/v2/account", "balances", acts.account),
    ("GET", r"/v2/positions", "balances", acts.positions),
    ("GET", r"/v2/account/activities", "fills", acts.activities),
    ("GET", r"/v2/account/activities/(?P<activity_types>[A-Z]+)", "fills", acts.activities),
    ("POST", r"/v2/orders", "place", acts.place),
    ("GET", r"/v2/orders", "open_orders", acts.orders),
    ("GET", r"/v2/orders:by_client_order_id", "order", acts.order),
    ("GET", r"/v2/orders/(?P<order_id>[^/]+)", "order", acts.order),
    ("DELETE", r"/v2/orders/(?P<order_id>[^/]+)", "cancel", acts.cancel),
    ("GET", r"/v2/assets", "markets", _public(acts.assets)),
    ("GET", r"/v2/assets/(?P<symbol>[^/]+)", "markets", _public(acts.asset)),
    ("GET", r"/v2/clock", "time", _public(acts.clock)),
    ("GET", r"/v2/calendar", "time", _public(acts.calendar)),
    ("GET", r"/v2/stocks/bars", "bars", _public(acts.bars)),
    ("GET", r"/v2/stocks/quotes/latest", "ticker", _public(acts.quotes)),
)
_TRADING: Final = frozenset({"place", "cancel"})
_PER_MINUTE: Final = 200


class Alpaca:
    """Keys are those of `desk.keys`; trading and market data answer at the same address."""

    name: ClassVar[str] = "alpaca"

    def __init__(self, desk: Desk, always_open: bool = False) -> None:
        self._desk = desk
        if not always_open:
            desk.venue.trades_at = sessions.is_open

    def handle(self, request: Request) -> Response:
        try:
            name, act, params = _routed(request)
            document = self._asked(request, name, act, params)
        except WashTrade as wash:
            return Response(wash.body(), 403)
        except Refused as refused:
            return self._refused(refused)
        return Response("", 204) if document is None else Response(document)

    def _asked(self, request: Request, name: str, act: _Act, params: _Params) -> Any:
        desk = self._desk

        def arrive() -> Any:
            desk.venue.advance()
            return act(desk.venue, self._key(request, name).account, params)

        whose = desk.keys.account_of(request.headers.get("apca-api-key-id", ""))
        return desk.gateway.ask(Call(name, whose, f"{request.method} {request.path}"), arrive)

    def _key(self, request: Request, name: str) -> ApiKey:
        key = self._desk.keys.find(request.headers.get("apca-api-key-id", ""))
        if not hmac.compare_digest(key.secret.encode(), request.headers.get("apca-api-secret-key", "").encode()):
            raise Refused(Reason.INVALID_SIGNATURE)
        if name in _TRADING and not key.may_trade:
            raise Refused(Reason.PERMISSION_DENIED)
        return key

    def _refused(self, refused: Refused) -> Response:
        status, body = refusal(refused)
        if status != 429:
            return Response(body, status)
        patience_s = self._desk.gateway.retry_after_s
        reset_s = self._desk.venue.now_ms // 1_000 + (patience_s or 60)
        counted = {"Limit": _PER_MINUTE, "Remaining": 0, "Reset": reset_s}
        headers = {f"X-RateLimit-{what}": str(number) for what, number in counted.items()}
        return Response(body, status, headers | ({"Retry-After": str(patience_s)} if patience_s else {}))


def _routed(request: Request) -> tuple[str, _Act, _Params]:
    for method, path, name, act in _ROUTES:
        found = re.fullmatch(path, request.path) if request.method == method else None
        if found is not None:
            return name, act, {**_params(request), **found.groupdict()}
    raise Refused(Reason.UNKNOWN_CALL)


def _params(request: Request) -> _Params:
    try:
        return request.params()
    except (json.JSONDecodeError, AttributeError) as problem:
        raise Refused(Reason.INVALID_ARGUMENT, "body") from problem
