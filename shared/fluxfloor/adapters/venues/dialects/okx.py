"""OKX's v5 API, spot in cash mode (www.okx.com/docs-v5/en).

- A placement carries an `expTime` header and is refused after it (…/#overview-general-info, "Request effective
  deadline"). Triggered orders are algo orders there, which have no such thing: they are not offered.
- A `clOrdId` may be used again once its order has ended (…/#order-book-trading-trade-post-place-order).
- 50001, 50004, 50013, 50026 and 51149 say nothing of what became of an order (…/#error-code): they are no refusals.
- A trade's number is unique in its market only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

from fluxfloor.adapters.venues.dialects import base
from fluxfloor.adapters.venues.dialects.base import Answer, Ask, Call, History, Json, No, Stamp
from fluxfloor.contracts.orders import Fill, OrderState
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import VenueRefused
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

PAGE = 100
_STATES = {
    "filled": OrderState.FILLED, "canceled": OrderState.CANCELLED, "mmp_canceled": OrderState.CANCELLED,
}  # fmt: skip
_NOES = {  # …/#error-code
    "50011": base.THROTTLED, "50040": base.THROTTLED, "50061": base.THROTTLED, "50014": base.INVALID,
    "50027": base.PERMISSION, "50028": base.PERMISSION, "50029": base.PERMISSION, "50030": base.PERMISSION,
    "50032": base.PERMISSION, "50033": base.PERMISSION, "50035": base.PERMISSION, "50036": base.EXPIRED,
    "50037": base.EXPIRED, "50071": base.DUPLICATE, "50100": base.PERMISSION, "50101": base.PERMISSION,
    "50102": base.CLOCK, "50103": base.PERMISSION, "50104": base.PERMISSION, "50105": base.PERMISSION,
    "50110": base.PERMISSION, "50111": base.PERMISSION, "50112": base.CLOCK, "50113": base.PERMISSION,
    "50114": base.PERMISSION, "50119": base.PERMISSION, "50120": base.PERMISSION, "51000": base.INVALID,
    "51001": base.MARKET, "51005": base.REJECTED, "51006": base.PRICE, "51008": base.FUNDS, "51016": base.DUPLICATE,
    "51020": base.MIN_QUANTITY, "51119": base.FUNDS, "51121": base.LOT, "51131": base.FUNDS,
    "51400": base.UNKNOWN_ORDER, "51401": base.UNKNOWN_ORDER, "51402": base.UNKNOWN_ORDER, "51603": base.UNKNOWN_ORDER,
}  # fmt: skip
_TRADE, _INTEREST = "2", ("7", "14")


class Okx(base.Dialect):
    exchange_id = "okx"
    options: ClassVar[Json] = {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"}

    # --- writing ---------------------------------------------------------------------------------------------------

    def placement(self, placement: Placement, stamp: Stamp) -> Call:
        params = {
            "instId": self.names.market(placement.instrument.symbol)["id"], "tdMode": "cash",
            "side": placement.side.value.lower(), "sz": base.text(placement.quantity),
            "clOrdId": placement.client_order_id, **_terms(placement),
        }  # fmt: skip
        expiry = {"expTime": str(stamp.expires_ms)}
        return Call("trade/order", ("private",), "POST", params, headers=expiry, order_call=True)

    def placed(self, placement: Placement, body: Any) -> VenueOrder:
        (row,) = body["data"]
        if str(row["sCode"]) != "0":
            raise ValueError(f"sCode {row['sCode']}")
        return VenueOrder(
            placement.client_order_id, row["ordId"], OrderState.OPEN, symbol=placement.instrument.symbol,
            side=placement.side,
        )  # fmt: skip

    def cancel(self, order: VenueOrder, symbol: str) -> Call:
        params = {"instId": self.names.market(symbol)["id"], "ordId": order.venue_order_id}
        return Call("trade/cancel-order", ("private",), "POST", params, order_call=True)

    def refusal(self, answer: Answer) -> No | None:
        if answer.status >= 500 or not isinstance(answer.body, dict):
            return None
        return _NOES.get(_code(answer.body))

    def missing(self, answer: Answer) -> bool:
        return isinstance(answer.body, dict) and _code(answer.body) == "51603"

    # --- looking up ------------------------------------------------------------------------------------------------

    def find(self, ask: Ask, client_order_id: str, symbol: str, since_ms: int) -> VenueOrder | None:
        market_id = self.names.market(symbol)["id"]
        row = self._order(ask, {"instId": market_id, "clOrdId": client_order_id})
        row = row or self._listed(ask, client_order_id, market_id)
        row = row or self._by_trades(ask, client_order_id, market_id)
        return None if row is None else self._with_fills(ask, row)

    def _order(self, ask: Ask, wanted: Json) -> Json | None:
        body = ask(_call("trade/order", wanted))
        rows = body["data"] if body is not None else []
        return dict(rows[0]) if rows else None

    def _listed(self, ask: Ask, client_order_id: str, market_id: str) -> Json | None:
        spot = {"instType": "SPOT", "instId": market_id}
        for path in ("trade/orders-pending", "trade/orders-history"):
            for row in _pages(ask, path, spot, "ordId"):
                if row["clOrdId"] == client_order_id:
                    return row
        return None

    def _by_trades(self, ask: Ask, client_order_id: str, market_id: str) -> Json | None:
        """A trade may be told before its order is; it carries the order's id, and ours."""
        for row in _pages(ask, "trade/fills", {"instType": "SPOT", "instId": market_id}, "billId"):
            if row["clOrdId"] == client_order_id:
                return self._order(ask, {"instId": market_id, "ordId": row["ordId"]})
        return None

    def _with_fills(self, ask: Ask, row: Json) -> VenueOrder:
        if not base.amount(row["accFillSz"]):
            return self._shown(row, ())
        wanted = {"instType": "SPOT", "instId": row["instId"], "ordId": row["ordId"]}
        trades = _pages(ask, "trade/fills-history", wanted, "billId")
        return self._shown(row, [self._fill(trade) for trade in trades if trade["ordId"] == row["ordId"]])

    def _shown(self, row: Json, fills: Iterable[Fill]) -> VenueOrder:
        once = base.distinct(fills)
        filled = max(base.amount(row["accFillSz"]), base.filled_by(once))
        return VenueOrder(
            row["clOrdId"], row["ordId"], _STATES.get(row["state"], base.working(filled)), once,
            str(row.get("cancelSourceReason") or ""), filled=filled, symbol=self.names.symbol(row["instId"]),
            side=base.side_of(row["side"]),
        )  # fmt: skip

    def _fill(self, row: Json) -> Fill:
        return Fill(
            trade_id=f"{row['instId']}-{row['tradeId']}-{row['ordId']}", price=base.decimal(row["fillPx"]),
            quantity=base.decimal(row["fillSz"]), fee=-base.amount(row["fee"]),
            fee_currency=self.names.currency(row["feeCcy"]), ts_event_ms=int(row["ts"]),
        )  # fmt: skip

    # --- books -----------------------------------------------------------------------------------------------------

    def balances(self, ask: Ask) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = {}
        for account in ask(_call("account/balance"))["data"]:
            for row in account["details"]:
                base.moved(totals, self.names.currency(row["ccy"]), base.amount(row["cashBal"]))
        return totals

    def history(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> History:
        return self._fills(ask, since_ms, until_ms), self._transfers(ask, since_ms, until_ms)

    def _fills(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueFill]:
        window = {"instType": "SPOT", "begin": str(since_ms), "end": str(until_ms)}
        once = {row["billId"]: row for row in _pages(ask, "trade/fills-history", window, "billId")}
        return [self._venue_fill(row) for row in once.values()]

    def _venue_fill(self, row: Json) -> VenueFill:
        symbol, fill, side = self.names.symbol(row["instId"]), self._fill(row), base.side_of(row["side"])
        moves = base.moves_of(fill, side, self.names.market(symbol))
        return VenueFill(fill, str(row.get("clOrdId") or ""), moves, symbol, side, row["ordId"])

    def _transfers(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueTransfer]:
        window = {"begin": str(since_ms), "end": str(until_ms)}
        once = {row["billId"]: row for row in _pages(ask, "account/bills-archive", window, "billId")}
        return [self._transfer(row) for row in once.values() if row["type"] != _TRADE]

    def _transfer(self, row: Json) -> VenueTransfer:
        kind = "interest" if row["type"] in _INTEREST else "transfer"
        return VenueTransfer(
            transfer_id=row["billId"], kind=kind,  # type: ignore[arg-type]
            currency=self.names.currency(row["ccy"]), amount=base.decimal(row["balChg"]),
            fee=-base.amount(row.get("fee")), ts_event_ms=int(row["ts"]), reference=f"type {row['type']}",
        )  # fmt: skip

    def open_orders(self, ask: Ask) -> list[VenueOrder]:
        rows = _pages(ask, "trade/orders-pending", {"instType": "SPOT"}, "ordId")
        return [self._shown(row, ()) for row in rows]

    # --- market ----------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Call:
        return Call("market/ticker", ("public",), params={"instId": self.names.market(symbol)["id"]})

    def touch(self, body: Any) -> tuple[Decimal | None, ...]:
        (row,) = body["data"]
        names = ("bidPx", "askPx", "bidSz", "askSz")
        return tuple(base.decimal(row[name]) if row.get(name) else None for name in names)

    def time(self) -> Call:
        return Call("public/time", ("public",))

    def time_of(self, body: Any) -> int:
        (row,) = body["data"]
        return int(row["ts"])


def _call(path: str, params: Json | None = None) -> Call:
    return Call(path, ("private",), params=params or {})


def _terms(placement: Placement) -> dict[str, str]:
    if placement.order_type is OrderType.MARKET:
        if placement.time_in_force is TimeInForce.FOK:
            raise VenueRefused("a market order can't be all or nothing", code="time_in_force")
        return {"ordType": "market", "tgtCcy": "base_ccy"}
    if placement.order_type is not OrderType.LIMIT or placement.limit_price is None:
        raise VenueRefused(f"no {placement.order_type} orders here", code="order_type")
    kinds = {TimeInForce.GTC: "limit", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
    kind = "post_only" if placement.post_only else kinds[placement.time_in_force]
    return {"ordType": kind, "px": base.text(placement.limit_price)}


def _code(body: Json) -> str:
    """The order's own code where there is one, without what stands behind an underscore."""
    rows = body.get("data")
    own = str(rows[0].get("sCode") or "") if isinstance(rows, list) and rows and isinstance(rows[0], dict) else ""
    code = own if own not in ("", "0") else str(body.get("code") or "")
    return code.partition("_")[0]


def _pages(ask: Ask, path: str, params: Json, key: str) -> Iterator[Json]:
    """Newest first; the next page ends before the last row's `key`."""
    after: Json = {}
    for _ in range(base.MAX_PAGES):
        rows = ask(_call(path, {**params, "limit": str(PAGE), **after}))["data"]
        yield from rows
        if len(rows) < PAGE:
            return
        after = {"after": rows[-1][key]}
    raise ValueError(f"{path} does not end after {base.MAX_PAGES} pages")
