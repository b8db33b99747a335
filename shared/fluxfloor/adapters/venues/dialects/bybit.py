"""Bybit's v5 API, spot on a unified account (bybit-exchange.github.io/docs/v5).

- A request is dropped when it arrives later than `recv_window` after its timestamp (…/guide, "Parameters for
  Authenticated Endpoints"); an answer to a placement only says that it was taken in (…/order/create-order).
- An `orderLinkId` is looked up among open and lately ended orders, then in the history, then among executions.
- 10000, 10016, 170007, 170032 and 170146 say nothing of what became of an order (…/error): they are no refusals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

from fluxfloor.adapters.venues.dialects import base
from fluxfloor.adapters.venues.dialects.base import Answer, Ask, Call, History, Json, No, Stamp
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

KEPT_MS = 2 * 365 * 86_400_000  # …/order/execution: two years are kept
WEEK_MS = 7 * 86_400_000  # …/order/execution, …/account/transaction-log: a window may be no longer
_STATES = {
    "Filled": OrderState.FILLED, "Cancelled": OrderState.CANCELLED, "PartiallyFilledCanceled": OrderState.CANCELLED,
    "Deactivated": OrderState.CANCELLED, "Rejected": OrderState.REJECTED,
}  # fmt: skip
_NOES = {  # …/error
    10001: base.INVALID, 10003: base.PERMISSION, 10004: base.PERMISSION, 10005: base.PERMISSION,
    10006: base.THROTTLED, 10007: base.PERMISSION, 10009: base.PERMISSION, 10010: base.PERMISSION,
    10018: base.THROTTLED, 10024: base.PERMISSION, 10027: base.PERMISSION, 10029: base.MARKET,
    33004: base.PERMISSION, 110001: base.UNKNOWN_ORDER, 110072: base.DUPLICATE, 170005: base.THROTTLED,
    170033: base.FUNDS, 170115: base.INVALID, 170116: base.INVALID, 170117: base.INVALID, 170121: base.MARKET,
    170124: base.REJECTED, 170130: base.INVALID, 170131: base.FUNDS, 170132: base.PRICE, 170133: base.PRICE,
    170134: base.TICK, 170135: base.REJECTED, 170136: base.MIN_QUANTITY, 170137: base.LOT, 170139: base.REJECTED,
    170140: base.MIN_NOTIONAL, 170141: base.DUPLICATE, 170142: base.UNKNOWN_ORDER, 170143: base.UNKNOWN_ORDER,
    170193: base.PRICE, 170194: base.PRICE, 170201: base.PERMISSION, 170213: base.UNKNOWN_ORDER,
    170218: base.POST_ONLY,
}  # fmt: skip
_TRADES = ("TRADE", "CURRENCY_BUY", "CURRENCY_SELL")
_KINDS = {"INTEREST": "interest", "BONUS": "reward", "AIRDROP": "reward", "FEE_REFUND": "fee"}


class Bybit(base.Dialect):
    exchange_id = "bybit"
    options: ClassVar[Json] = {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"}

    # --- writing ---------------------------------------------------------------------------------------------------

    def placement(self, placement: Placement, stamp: Stamp) -> Call:
        params = {
            "category": "spot", "symbol": self.names.market(placement.instrument.symbol)["id"],
            "side": placement.side.value.capitalize(), "qty": base.text(placement.quantity),
            "orderLinkId": placement.client_order_id, **_terms(placement),
        }  # fmt: skip
        window = {"recvWindow": stamp.expires_ms - stamp.now_ms}
        return Call(
            "v5/order/create", ("private",), "POST", params, options=window, signed_ms=stamp.now_ms, order_call=True
        )

    def placed(self, placement: Placement, body: Any) -> VenueOrder:
        return VenueOrder(
            placement.client_order_id, body["result"]["orderId"], OrderState.OPEN,
            symbol=placement.instrument.symbol, side=placement.side,
        )  # fmt: skip

    def cancel(self, order: VenueOrder, symbol: str) -> Call:
        params = {"category": "spot", "symbol": self.names.market(symbol)["id"], "orderId": order.venue_order_id}
        return Call("v5/order/cancel", ("private",), "POST", params, order_call=True)

    def refusal(self, answer: Answer) -> No | None:
        if answer.status >= 500 or not isinstance(answer.body, dict):
            return None
        code, told = int(answer.body.get("retCode") or 0), str(answer.body.get("retMsg") or "")
        if code == 10002:  # too late, or a clock that is ahead
            return base.EXPIRED if "recv_window" in told else base.CLOCK
        return _NOES.get(code)

    # --- looking up ------------------------------------------------------------------------------------------------

    def find(self, ask: Ask, client_order_id: str, symbol: str, since_ms: int) -> VenueOrder | None:
        wanted = {"symbol": self.names.market(symbol)["id"], "orderLinkId": client_order_id}
        for path in ("v5/order/realtime", "v5/order/history"):
            rows = [row for row in _pages(ask, path, wanted) if row["orderLinkId"] == client_order_id]
            if rows:
                return self._with_fills(ask, rows[0])
        return self._by_trades(ask, wanted, client_order_id)

    def _by_trades(self, ask: Ask, wanted: Json, client_order_id: str) -> VenueOrder | None:
        """A trade may be told before its order is; it carries the order's id, and ours."""
        rows = [row for row in _pages(ask, "v5/execution/list", wanted) if row.get("orderLinkId") == client_order_id]
        if not rows:
            return None
        first, fills = rows[0], base.distinct(self._fill(row) for row in rows)
        return VenueOrder(
            client_order_id, first["orderId"], OrderState.PARTIALLY_FILLED, fills, filled=base.filled_by(fills),
            symbol=self.names.symbol(first["symbol"]), side=base.side_of(first["side"]),
        )  # fmt: skip

    def _with_fills(self, ask: Ask, row: Json) -> VenueOrder:
        if not base.amount(row["cumExecQty"]):
            return self._shown(row, ())
        trades = _pages(ask, "v5/execution/list", {"symbol": row["symbol"], "orderId": row["orderId"]})
        return self._shown(row, [self._fill(trade) for trade in trades if trade["orderId"] == row["orderId"]])

    def _shown(self, row: Json, fills: Iterable[Fill]) -> VenueOrder:
        once = base.distinct(fills)
        filled = max(base.amount(row["cumExecQty"]), base.filled_by(once))
        reason = str(row.get("rejectReason") or "").replace("EC_NoError", "")
        return VenueOrder(
            row["orderLinkId"], row["orderId"], _STATES.get(row["orderStatus"], base.working(filled)), once, reason,
            filled=filled, symbol=self.names.symbol(row["symbol"]), side=base.side_of(row["side"]),
        )  # fmt: skip

    def _fill(self, row: Json) -> Fill:
        market = self.names.market(self.names.symbol(row["symbol"]))
        paid_in = self.names.currency(row["feeCurrency"]) if row.get("feeCurrency") else ""
        usual = market["base"] if base.side_of(row["side"]) is Side.BUY else market["quote"]
        return Fill(
            trade_id=row["execId"], price=base.decimal(row["execPrice"]), quantity=base.decimal(row["execQty"]),
            fee=base.amount(row["execFee"]), fee_currency=paid_in or usual, ts_event_ms=int(row["execTime"]),
        )  # fmt: skip

    # --- books -----------------------------------------------------------------------------------------------------

    def balances(self, ask: Ask) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = {}
        body = ask(_call("v5/account/wallet-balance", {"accountType": "UNIFIED"}))
        for account in body["result"]["list"]:
            for row in account["coin"]:
                base.moved(totals, self.names.currency(row["coin"]), base.amount(row["walletBalance"]))
        return totals

    def history(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> History:
        return self._fills(ask, since_ms, until_ms), self._transfers(ask, since_ms, until_ms)

    def _fills(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueFill]:
        once: dict[str, Json] = {}
        for window in _weeks(since_ms, until_ms):
            once |= {row["execId"]: row for row in _pages(ask, "v5/execution/list", window)}
        return [self._venue_fill(row) for row in once.values()]

    def _venue_fill(self, row: Json) -> VenueFill:
        symbol, fill, side = self.names.symbol(row["symbol"]), self._fill(row), base.side_of(row["side"])
        moves = base.moves_of(fill, side, self.names.market(symbol))
        return VenueFill(fill, str(row.get("orderLinkId") or ""), moves, symbol, side, row["orderId"])

    def _transfers(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueTransfer]:
        once: dict[str, Json] = {}
        for window in _weeks(since_ms, until_ms):
            params = {"accountType": "UNIFIED", **window}
            once |= {row["id"]: row for row in _pages(ask, "v5/account/transaction-log", params, 50, spot=False)}
        return [self._transfer(row) for row in once.values() if row["type"] not in _TRADES]

    def _transfer(self, row: Json) -> VenueTransfer:
        return VenueTransfer(
            transfer_id=row["id"], kind=_KINDS.get(row["type"], "transfer"),  # type: ignore[arg-type]
            currency=self.names.currency(row["currency"]), amount=base.decimal(row["change"]),
            fee=base.amount(row.get("fee")), ts_event_ms=int(row["transactionTime"]), reference=row["type"],
        )  # fmt: skip

    def open_orders(self, ask: Ask) -> list[VenueOrder]:
        return [self._shown(row, ()) for row in _pages(ask, "v5/order/realtime", {"openOnly": 0}) if _open(row)]

    # --- market ----------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Call:
        params = {"category": "spot", "symbol": self.names.market(symbol)["id"]}
        return Call("v5/market/tickers", ("public",), params=params)

    def touch(self, body: Any) -> tuple[Decimal | None, ...]:
        (row,) = body["result"]["list"]
        names = ("bid1Price", "ask1Price", "bid1Size", "ask1Size")
        return tuple(base.decimal(row[name]) if row.get(name) else None for name in names)

    def time(self) -> Call:
        return Call("v5/market/time", ("public",))

    def time_of(self, body: Any) -> int:
        return int(body["result"]["timeNano"]) // 1_000_000


def _call(path: str, params: Json) -> Call:
    return Call(path, ("private",), params=params)


def _terms(placement: Placement) -> dict[str, str]:
    """A market order counts in the base coin (…/order/create-order, "marketUnit")."""
    if placement.order_type is OrderType.MARKET:
        if placement.time_in_force is TimeInForce.FOK:
            raise VenueRefused("a market order can't be all or nothing", code="time_in_force")
        return {"orderType": "Market", "marketUnit": "baseCoin"}
    if placement.order_type is not OrderType.LIMIT or placement.limit_price is None:
        raise VenueRefused(f"no {placement.order_type} orders here", code="order_type")
    force = "PostOnly" if placement.post_only else placement.time_in_force.value
    return {"orderType": "Limit", "price": base.text(placement.limit_price), "timeInForce": force}


def _pages(ask: Ask, path: str, params: Json, limit: int = 50, spot: bool = True) -> Iterator[Json]:
    """All rows that the venue has for these parameters."""
    fixed = {"category": "spot"} if spot else {}
    cursor: Json = {}
    for _ in range(base.MAX_PAGES):
        result = ask(_call(path, {**fixed, "limit": limit, **params, **cursor}))["result"]
        rows = result.get("list") or []
        yield from rows
        if not result.get("nextPageCursor") or len(rows) < limit:
            return
        cursor = {"cursor": result["nextPageCursor"]}
    raise ValueError(f"{path} does not end after {base.MAX_PAGES} pages")


def _weeks(since_ms: int, until_ms: int) -> Iterator[Json]:
    for start_ms in range(max(since_ms, until_ms - KEPT_MS), until_ms + 1, WEEK_MS):
        yield {"startTime": start_ms, "endTime": min(until_ms, start_ms + WEEK_MS - 1)}


def _open(row: Json) -> bool:
    return row["orderStatus"] not in _STATES
