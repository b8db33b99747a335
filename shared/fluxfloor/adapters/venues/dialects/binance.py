"""Binance's spot REST API (developers.binance.com/docs/binance-spot-api-docs/rest-api; …/docs/wallet for transfers).

- A request is dropped when it arrives later than `recvWindow` after its `timestamp`, looked at again before it goes to
  the matching engine (…/rest-api/request-security).
- A 5xx and the codes -1000, -1001, -1006, -1007, -1008 say nothing of what became of an order
  (…/rest-api/general-api-information, …/errors): they are no refusals.
- Own trades are told by market only: books ask for those of the markets that are named, and of what is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from fluxfloor.adapters.venues.dialects import base
from fluxfloor.adapters.venues.dialects.base import Answer, Ask, Call, History, Json, Market, No, Stamp
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

DAY_MS = 86_400_000
PAGE = 1_000
FOUNDED_MS = 1_500_000_000_000  # July 2017: nothing is older
DAY_BY_DAY_MS = 30 * DAY_MS  # farther back, trades are asked for by number from the first on
TRANSFERS_WINDOW_MS = 89 * DAY_MS  # …/wallet/capital/deposite-history: 90 days at most
_TYPES = {
    OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT", OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT", OrderType.TAKE_PROFIT: "TAKE_PROFIT",
}  # fmt: skip
_STATES = {
    "FILLED": OrderState.FILLED, "CANCELED": OrderState.CANCELLED, "REJECTED": OrderState.REJECTED,
    "EXPIRED": OrderState.EXPIRED, "EXPIRED_IN_MATCH": OrderState.EXPIRED,
}  # fmt: skip
_NOES = {  # …/errors
    -1002: base.PERMISSION, -1003: base.THROTTLED, -1015: base.THROTTLED, -1022: base.PERMISSION,
    -1111: base.LOT, -1121: base.MARKET, -2011: base.UNKNOWN_ORDER, -2014: base.PERMISSION, -2015: base.PERMISSION,
}  # fmt: skip
_REJECTIONS: tuple[tuple[str, No], ...] = (  # …/errors, "Messages for -1010, -2010, -2011 and -2038"; filters: -1013
    ("Duplicate order sent", base.DUPLICATE),
    ("insufficient balance", base.FUNDS),
    ("Market is closed", base.MAINTENANCE),
    ("immediately match and take", base.POST_ONLY),
    ("trigger immediately", base.PRICE),
    ("PRICE_FILTER", base.TICK),
    ("MARKET_LOT_SIZE", base.MIN_QUANTITY),
    ("LOT_SIZE", base.MIN_QUANTITY),
    ("NOTIONAL", base.MIN_NOTIONAL),
    ("PERCENT_PRICE", base.PRICE),
    ("MAX_NUM", base.TOO_MANY),
)
_WITHDRAWN = ("1", "3", "5")  # cancelled, rejected, failed: they moved nothing
_CREDITED = ("1", "6")


class Binance(base.Dialect):
    exchange_id = "binance"
    options: ClassVar[Json] = {
        "fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False, "defaultType": "spot",
    }  # fmt: skip

    # --- writing ---------------------------------------------------------------------------------------------------

    def placement(self, placement: Placement, stamp: Stamp) -> Call:
        market = self.names.market(placement.instrument.symbol)
        kind = "LIMIT_MAKER" if placement.post_only else _TYPES[placement.order_type]
        taken = (market.get("info") or {}).get("orderTypes")
        if taken and kind not in taken:
            raise base.refused(base.No("order_type"), f"{market['id']} takes no {kind} orders")
        params = {
            "symbol": market["id"], "side": placement.side.value, "type": kind,
            "quantity": base.text(placement.quantity), "newClientOrderId": placement.client_order_id,
            "newOrderRespType": "FULL", "timestamp": stamp.now_ms, "recvWindow": stamp.expires_ms - stamp.now_ms,
            **_prices(placement, kind),
        }  # fmt: skip
        return _call("order", params, "POST", order_call=True)

    def placed(self, placement: Placement, body: Any) -> VenueOrder:
        market = self.names.market(placement.instrument.symbol)
        side, at_ms = placement.side, int(body.get("transactTime") or 0)
        rows = [{"id": row["tradeId"], "time": at_ms, **row} for row in body.get("fills") or [] if "tradeId" in row]
        shown = {"side": side.value, **body, "clientOrderId": placement.client_order_id}
        return self._shown(shown, market, [_fill(row, market) for row in rows])

    def cancel(self, order: VenueOrder, symbol: str) -> Call:
        params = {"symbol": self.names.market(symbol)["id"], "orderId": order.venue_order_id}
        return _call("order", params, "DELETE", order_call=True)

    def refusal(self, answer: Answer) -> No | None:
        if answer.status >= 500 or not isinstance(answer.body, dict):
            return None
        code, told = int(answer.body.get("code") or 0), str(answer.body.get("msg") or "")
        if code == -1021:
            return base.EXPIRED if "recvWindow" in told else base.CLOCK
        if code in (-1013, -2010):
            return next((no for words, no in _REJECTIONS if words in told), base.REJECTED)
        if -1199 <= code <= -1100 and code not in _NOES:  # a parameter that it does not take
            return base.INVALID
        return _NOES.get(code)

    def missing(self, answer: Answer) -> bool:
        return isinstance(answer.body, dict) and answer.body.get("code") == -2013

    # --- looking up ------------------------------------------------------------------------------------------------

    def find(self, ask: Ask, client_order_id: str, symbol: str, since_ms: int) -> VenueOrder | None:
        market = self.names.market(symbol)
        row = ask(_call("order", {"symbol": market["id"], "origClientOrderId": client_order_id}))
        row = row or self._listed(ask, client_order_id, market, since_ms)
        row = row or self._by_trades(ask, client_order_id, market, since_ms)
        if row is None:
            return None
        fills = self._fills_of(ask, row, market) if base.amount(row["executedQty"]) else []
        return self._shown({**row, "clientOrderId": client_order_id}, market, fills)

    def _listed(self, ask: Ask, client_order_id: str, market: Market, since_ms: int) -> Json | None:
        since = {"startTime": max(0, since_ms - base.SLACK_MS), "limit": PAGE}
        for path, params in (("openOrders", {}), ("allOrders", since)):
            for row in base.listed(ask(_call(path, {"symbol": market["id"], **params}))):
                if row["clientOrderId"] == client_order_id:
                    return dict(row)
        return None

    def _by_trades(self, ask: Ask, client_order_id: str, market: Market, since_ms: int) -> Json | None:
        """A trade may be told before its order is."""
        since = {"startTime": max(0, since_ms - base.SLACK_MS), "limit": PAGE}
        trades = base.listed(ask(_call("myTrades", {"symbol": market["id"], **since})))
        for order_id in sorted({row["orderId"] for row in trades}):
            row = ask(_call("order", {"symbol": market["id"], "orderId": order_id}))
            if row is not None and row["clientOrderId"] == client_order_id:
                return dict(row)
        return None

    def _fills_of(self, ask: Ask, row: Json, market: Market) -> list[Fill]:
        params = {"symbol": market["id"], "orderId": row["orderId"], "limit": PAGE}
        first = base.listed(ask(_call("myTrades", params)))
        return [_fill(trade, market) for trade in _from_first(ask, params, first)]

    def _shown(self, row: Json, market: Market, fills: Iterable[Fill]) -> VenueOrder:
        once = base.distinct(fills)
        filled = max(base.amount(row.get("executedQty")), base.filled_by(once))
        return VenueOrder(
            str(row["clientOrderId"]), str(row["orderId"]), _STATES.get(row["status"], base.working(filled)), once,
            filled=filled, symbol=str(market["symbol"]), side=base.side_of(row["side"]),
        )  # fmt: skip

    # --- books -----------------------------------------------------------------------------------------------------

    def balances(self, ask: Ask) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = {}
        for row in ask(_call("account", {"omitZeroBalances": "true"}))["balances"]:
            total = EXACT.add(base.decimal(row["free"]), base.decimal(row["locked"]))
            base.moved(totals, self.names.currency(row["asset"]), total)
        return totals

    def history(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> History:
        return self._fills(ask, since_ms, until_ms, symbols), self._transfers(ask, since_ms, until_ms)

    def _fills(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> list[VenueFill]:
        found: list[VenueFill] = []
        for symbol in sorted(set(symbols)):
            market = self.names.market(symbol)
            trades = list(_trades(ask, market["id"], since_ms, until_ms))
            ours = _client_ids(ask, market["id"], trades)
            found += [_venue_fill(row, market, ours) for row in trades]
        return found

    def _transfers(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueTransfer]:
        if not self.names.has_api("sapi"):  # the test network has no wallet
            return []
        found: list[VenueTransfer] = []
        for start_ms in range(max(since_ms, FOUNDED_MS), until_ms + 1, TRANSFERS_WINDOW_MS):
            window = {"startTime": start_ms, "endTime": min(until_ms, start_ms + TRANSFERS_WINDOW_MS - 1)}
            found += [self._deposit(row) for row in _listing(ask, "capital/deposit/hisrec", window) if _credited(row)]
            found += [self._withdrawal(row) for row in _listing(ask, "capital/withdraw/history", window) if _left(row)]
            rewards = ask(_wallet("asset/assetDividend", {**window, "limit": 500}))
            found += [self._reward(row) for row in rewards["rows"]]
        return found

    def _deposit(self, row: Json) -> VenueTransfer:
        return VenueTransfer(
            f"deposit-{row['id']}", "deposit", self.names.currency(row["coin"]), base.decimal(row["amount"]),
            base.ZERO, int(row["insertTime"]), str(row.get("txId") or ""),
        )  # fmt: skip

    def _withdrawal(self, row: Json) -> VenueTransfer:
        fee = base.amount(row.get("transactionFee"))
        applied = datetime.strptime(row["applyTime"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        return VenueTransfer(
            f"withdrawal-{row['id']}", "withdrawal", self.names.currency(row["coin"]),
            -EXACT.add(base.decimal(row["amount"]), fee), fee, int(applied.timestamp()) * 1000,
            str(row.get("txId") or row.get("address") or ""),
        )  # fmt: skip

    def _reward(self, row: Json) -> VenueTransfer:
        return VenueTransfer(
            f"reward-{row['id']}", "reward", self.names.currency(row["asset"]), base.decimal(row["amount"]),
            base.ZERO, int(row["divTime"]), str(row.get("enInfo") or ""),
        )  # fmt: skip

    def open_orders(self, ask: Ask) -> list[VenueOrder]:
        rows = base.listed(ask(_call("openOrders", cost=4)))
        return [self._shown(row, self.names.market(self.names.symbol(row["symbol"])), ()) for row in rows]

    # --- market ----------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Call:
        return Call("ticker/bookTicker", ("public",), params={"symbol": self.names.market(symbol)["id"]})

    def touch(self, body: Any) -> tuple[Decimal | None, ...]:
        bid, ask, bid_size, ask_size = (body[name] for name in ("bidPrice", "askPrice", "bidQty", "askQty"))
        return base.decimal(bid), base.decimal(ask), base.decimal(bid_size), base.decimal(ask_size)

    def time(self) -> Call:
        return Call("time", ("public",))

    def time_of(self, body: Any) -> int:
        return int(body["serverTime"])


def _call(path: str, params: Json | None = None, method: str = "GET", cost: int = 1, order_call: bool = False) -> Call:
    return Call(path, ("private",), method, params or {}, cost=cost, order_call=order_call)


def _wallet(path: str, params: Json) -> Call:
    return Call(path, ("sapi",), params=params)


def _prices(placement: Placement, kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if placement.limit_price is not None and kind in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT"):
        found["price"] = base.text(placement.limit_price)
    if placement.trigger_price is not None and kind not in ("MARKET", "LIMIT", "LIMIT_MAKER"):
        found["stopPrice"] = base.text(placement.trigger_price)
    if kind in ("LIMIT", "STOP_LOSS_LIMIT"):
        found["timeInForce"] = placement.time_in_force.value
    elif placement.time_in_force is TimeInForce.FOK:
        raise base.refused(base.No("time_in_force"), f"a {kind} order can't be all or nothing")
    return found


def _fill(row: Json, market: Market) -> Fill:
    """A trade's number is unique in its market only."""
    return Fill(
        trade_id=f"{market['id']}-{row['id']}", price=base.decimal(row["price"]), quantity=base.decimal(row["qty"]),
        fee=base.amount(row["commission"]), fee_currency=str(row["commissionAsset"]), ts_event_ms=int(row["time"]),
    )  # fmt: skip


def _client_ids(ask: Ask, market_id: str, trades: list[Json]) -> dict[str, str]:
    """Order → the id we gave it: a trade names only its order. Of the newest orders, in one listing."""
    orders = sorted({int(row["orderId"]) for row in trades})[-base.MOST_NAMED :]
    if not orders:
        return {}
    rows = ask(_call("allOrders", {"symbol": market_id, "orderId": orders[0], "limit": PAGE}))
    return {str(row["orderId"]): str(row["clientOrderId"]) for row in rows}


def _venue_fill(row: Json, market: Market, ours: dict[str, str]) -> VenueFill:
    fill, side = _fill(row, market), Side.BUY if row["isBuyer"] else Side.SELL
    moves = base.moves_of(fill, side, market, base.decimal(row["quoteQty"]))
    order = str(row["orderId"])
    return VenueFill(fill, ours.get(order, ""), moves, str(market["symbol"]), side, order)


def _trades(ask: Ask, market_id: str, since_ms: int, until_ms: int) -> Iterator[Json]:
    """All of one market between the two times, from the first page on by number."""
    params = {"symbol": market_id, "limit": PAGE}
    first = _first_page(ask, params, since_ms, until_ms)
    rows = _from_first(ask, params, first, short_page_ends=False)
    yield from (row for row in rows if since_ms <= int(row["time"]) <= until_ms)


def _first_page(ask: Ask, params: Json, since_ms: int, until_ms: int) -> list[Json]:
    """Day by day (a window may be no longer) to the first trade."""
    if until_ms - since_ms > DAY_BY_DAY_MS:
        return base.listed(ask(_call("myTrades", {**params, "fromId": 0})))
    for start_ms in range(since_ms, until_ms + 1, DAY_MS):
        window = {"startTime": start_ms, "endTime": min(until_ms, start_ms + DAY_MS - 1)}
        page = base.listed(ask(_call("myTrades", {**params, **window})))
        if page:
            return list(page)
    return []


def _from_first(ask: Ask, params: Json, page: list[Json], short_page_ends: bool = True) -> Iterator[Json]:
    """This page and all that follow it, by id."""
    seen: set[str] = set()
    for _ in range(base.MAX_PAGES):
        fresh = {name: row for row in page if (name := str(row["id"])) not in seen}
        yield from fresh.values()
        seen |= fresh.keys()
        if not fresh or (short_page_ends and len(page) < PAGE):
            return
        page = base.listed(ask(_call("myTrades", {**params, "fromId": max(int(row["id"]) for row in page) + 1})))
        short_page_ends = True
    raise ValueError(f"myTrades does not end after {base.MAX_PAGES} pages")


def _listing(ask: Ask, path: str, window: Json) -> Iterator[Json]:
    for page in range(base.MAX_PAGES):
        rows = base.listed(ask(_wallet(path, {**window, "limit": PAGE, "offset": page * PAGE})))
        yield from rows
        if len(rows) < PAGE:
            return
    raise ValueError(f"{path} does not end after {base.MAX_PAGES} pages")


def _credited(row: Json) -> bool:
    return str(row.get("status")) in _CREDITED


def _left(row: Json) -> bool:
    return str(row.get("status")) not in _WITHDRAWN
