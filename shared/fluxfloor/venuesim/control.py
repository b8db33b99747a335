"""The simulator's own controls, for a person or a test: what it knows, and what is to happen at the venue.

GET  /_sim/state                                              everything: accounts, orders, fills, faults
POST /_sim/quote     {"symbol", "bid", "ask", "size"?, "last"?}
POST /_sim/transfer  {"account", "currency", "amount", "kind"?, "fee"?, "reference"?}   amount < 0: a withdrawal
POST /_sim/trade     {"account", "symbol", "side", "quantity"}            a person's market order
POST /_sim/cancel    {"account", "number"}                                a person's cancel
POST /_sim/faults    {"kind", "calls"?, "account"?, "count"?, "probability"?, "delay_ms"?, "hang_ms"?, "status"?,
                      "retry_after_s"?, "share"?} or a list of these; "count": null means until cleared
POST /_sim/faults/clear
POST /_sim/mode      {"mode": "online" | "maintenance" | "cancel_only" | "post_only"}
POST /_sim/skew      {"skew_ms"}
POST /_sim/restart
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.faults import Fault, FaultKind
from fluxfloor.venuesim.orders import Terms
from fluxfloor.venuesim.refusals import Refused
from fluxfloor.venuesim.rules import Mode
from fluxfloor.venuesim.state import account_state, market_state

Told = dict[str, Any]


class Control:
    def __init__(self, desk: Desk, name: str, restart: Callable[[], None]) -> None:
        self._desk, self._name, self._restart = desk, name, restart

    def handle(self, request: Request) -> Response:
        act = {
            "state": lambda told: self.state(),
            "quote": self._quote,
            "transfer": self._transfer,
            "trade": self._trade,
            "cancel": self._cancel,
            "faults": self._faults,
            "faults/clear": self._clear,
            "mode": self._mode,
            "skew": self._skew,
            "restart": self._restarted,
        }.get(request.path.removeprefix("/_sim/"))
        if act is None:
            return Response({"error": f"there is no {request.path}"}, 404)
        try:
            self._desk.gateway.deliver()
            return Response(act(json.loads(request.body or b"{}")) or {"ok": True})
        except (Refused, KeyError, ValueError, TypeError, ArithmeticError) as problem:
            return Response({"error": f"{type(problem).__name__}: {problem}"}, 400)

    def state(self) -> Told:
        venue, faults = self._desk.venue, self._desk.faults
        return {
            "venue": self._name,
            "mode": str(venue.mode),
            "now_ms": venue.now_ms,
            "skew_ms": venue.skew_ms,
            "markets": {symbol: market_state(outside) for symbol, outside in venue.outside.items()},
            "accounts": {name: account_state(account) for name, account in venue.accounts.items()},
            "faults": [_fault_state(fault) for fault in faults.waiting],
            "struck": [list(map(str, one)) for one in faults.struck[-100:]],
            "late": [list(one) for one in self._desk.gateway.late[-100:]],
        }

    def _quote(self, told: Told) -> None:
        size, last = (Decimal(str(told[name])) if told.get(name) else None for name in ("size", "last"))
        self._desk.venue.quote(told["symbol"], Decimal(str(told["bid"])), Decimal(str(told["ask"])), size, last)

    def _transfer(self, told: Told) -> Told:
        entry = self._desk.venue.transfer(
            told["account"], told["currency"], Decimal(str(told["amount"])), told.get("kind", ""),
            Decimal(str(told.get("fee", 0))), told.get("reference", ""),
        )  # fmt: skip
        return {"transfer": entry.transfer, "balance": canonical(entry.balance)}

    def _trade(self, told: Told) -> Told:
        terms = Terms(told["symbol"], Side(told["side"].upper()), quantity=Decimal(str(told["quantity"])), by_hand=True)
        order = self._desk.venue.place(told["account"], terms)
        return {"number": order.number, "status": str(order.status), "filled": canonical(order.filled)}

    def _cancel(self, told: Told) -> None:
        self._desk.venue.cancel(told["account"], int(told["number"]))

    def _faults(self, told: Told | list[Told]) -> None:
        self._desk.faults.add(*[_fault(one) for one in (told if isinstance(told, list) else [told])])

    def _clear(self, _told: Told) -> None:
        self._desk.faults.clear()

    def _mode(self, told: Told) -> None:
        self._desk.venue.mode = Mode(told["mode"])

    def _skew(self, told: Told) -> None:
        self._desk.venue.skew_ms = int(told["skew_ms"])

    def _restarted(self, _told: Told) -> None:
        self._restart()


def _fault(told: Told) -> Fault:
    """Raises ValueError or TypeError for what is none."""
    values = {**told, "kind": FaultKind(told["kind"])}
    if "calls" in told:
        values["calls"] = (told["calls"],) if isinstance(told["calls"], str) else tuple(told["calls"])
    if "share" in told:
        values["share"] = Decimal(str(told["share"]))
    return Fault(**values)


def _fault_state(fault: Fault) -> Told:
    return {
        "kind": str(fault.kind), "calls": list(fault.calls), "account": fault.account, "count": fault.count,
        "probability": fault.probability,
    }  # fmt: skip
