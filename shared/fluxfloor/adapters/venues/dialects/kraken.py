"""Kraken's spot REST API (docs.kraken.com/api/docs/rest-api).

- An order carries a `deadline`, after which the matching engine does not take it, and a `cl_ord_id`, unique among open
  orders (…/rest-api/add-order). It is looked up by that id among open and closed orders, then among the orders that own
  trades belong to.
- "EService:Deadline elapsed" is told of a request that timed out (…/guides/spot-errors), which does not say that the
  engine never had it; neither do Unavailable, Busy and Internal error. They are no refusals.
- Money moves as the ledger says: its lines of a trade are what the trade did to the balances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from fluxfloor.adapters.venues.dialects import base
from fluxfloor.adapters.venues.dialects.base import Answer, Ask, Call, History, Json, Margin, No, Stamp
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import Fill, OrderState
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

TRADES_A_CALL = 20  # …/rest-api/get-trades-info
ORDERS_A_CALL = 50  # …/rest-api/get-orders-info
_TYPES = {
    OrderType.MARKET: "market", OrderType.LIMIT: "limit", OrderType.STOP: "stop-loss",
    OrderType.STOP_LIMIT: "stop-loss-limit", OrderType.TAKE_PROFIT: "take-profit",
    OrderType.TRAILING_STOP: "trailing-stop",
}  # fmt: skip
_NOES: tuple[tuple[str, No], ...] = (  # …/guides/spot-errors, …/guides/spot-rest-ratelimits; the first that fits
    ("EGeneral:Invalid arguments:cl_ord_id not unique", base.DUPLICATE),
    ("EGeneral:Invalid arguments:volume minimum not met", base.MIN_QUANTITY),
    ("EGeneral:Invalid arguments", base.INVALID),
    ("EGeneral:Permission denied", base.PERMISSION),
    ("EGeneral:Temporary lockout", base.THROTTLED),
    ("EGeneral:Too many requests", base.THROTTLED),
    ("EGeneral:Unknown method", base.INVALID),
    ("EAPI:Rate limit exceeded", base.THROTTLED),
    ("EAPI:Invalid nonce", base.NONCE),
    ("EAPI:Invalid key", base.PERMISSION),
    ("EAPI:Invalid signature", base.PERMISSION),
    ("EAuth:Rate limit exceeded", base.THROTTLED),
    ("EAuth:Too many requests", base.THROTTLED),
    ("EAuth:", base.PERMISSION),
    ("EAccount:Invalid permissions", base.PERMISSION),
    ("EService:Market in cancel_only mode", base.MAINTENANCE),
    ("EService:Market in post_only mode", base.MAINTENANCE),
    ("EService: Throttled", base.THROTTLED),
    ("EService:Throttled", base.THROTTLED),
    ("EQuery:Unknown asset pair", base.MARKET),
    ("EQuery:Invalid asset pair", base.MARKET),
    ("EOrder:Insufficient funds", base.FUNDS),
    ("EOrder:Insufficient margin", base.FUNDS),
    ("EOrder:Margin", base.FUNDS),
    ("EOrder:Cannot open", base.REJECTED),
    ("EOrder:Order minimum not met", base.MIN_QUANTITY),
    ("EOrder:Cost minimum not met", base.MIN_NOTIONAL),
    ("EOrder:Tick size check failed", base.TICK),
    ("EOrder:Invalid price", base.PRICE),
    ("EOrder:Post only order", base.POST_ONLY),
    ("EOrder:Reduce only", base.REDUCE_ONLY),
    ("EOrder:Rate limit exceeded", base.THROTTLED),
    ("EOrder:Domain rate limit exceeded", base.THROTTLED),
    ("EOrder:Orders limit exceeded", base.TOO_MANY),
    ("EOrder:Unknown order", base.UNKNOWN_ORDER),
)
_KINDS = {
    "deposit": "deposit", "withdrawal": "withdrawal", "staking": "reward", "reward": "reward", "dividend": "reward",
    "rollover": "interest", "margin": "interest", "adjustment": "adjustment",
}  # fmt: skip


class Kraken(base.Dialect):
    exchange_id = "kraken"
    reads_currencies = True  # XXBT, ZUSD
    least_ms: ClassVar[int] = 4_000  # a deadline lies 2 to 60 s ahead; it is sent, and the clock told, in whole seconds
    look_cost: ClassVar[int] = 5  # two listings, the trades and the orders that these belong to
    clock_step_ms: ClassVar[int] = 1_000

    # --- writing ---------------------------------------------------------------------------------------------------

    def placement(self, placement: Placement, stamp: Stamp) -> Call:
        params = {
            "pair": self.names.market(placement.instrument.symbol)["id"],
            "type": placement.side.value.lower(),
            "ordertype": _TYPES[placement.order_type],
            "volume": base.text(placement.quantity),
            "cl_ord_id": placement.client_order_id,
            "deadline": _rfc3339(stamp.expires_ms),
            "oflags": "fciq,post" if placement.post_only else "fciq",  # fees in the quote currency
            **_prices(placement),
        }
        if placement.time_in_force is not TimeInForce.GTC:
            params["timeinforce"] = placement.time_in_force.value
        return _order_call("AddOrder", params)

    def placed(self, placement: Placement, body: Any) -> VenueOrder:
        (txid,) = body["result"]["txid"]
        return VenueOrder(
            placement.client_order_id, txid, OrderState.OPEN, symbol=placement.instrument.symbol, side=placement.side
        )

    def cancel(self, order: VenueOrder, symbol: str) -> Call:
        return _order_call("CancelOrder", {"txid": order.venue_order_id})

    def refusal(self, answer: Answer) -> No | None:
        """Every error it names must be one that is known to mean no."""
        if not isinstance(answer.body, dict):
            return None
        errors = [str(error) for error in answer.body.get("error") or [] if not str(error).startswith("W")]
        meanings = [next((no for start, no in _NOES if error.startswith(start)), None) for error in errors]
        return meanings[0] if meanings and all(meanings) else None

    # --- looking up ------------------------------------------------------------------------------------------------

    def find(self, ask: Ask, client_order_id: str, symbol: str, since_ms: int) -> VenueOrder | None:
        ours = {"trades": "true", "cl_ord_id": client_order_id}
        since = {"start": str(max(0, since_ms - base.SLACK_MS) // 1000)}
        for path, key, params in (("OpenOrders", "open", ours), ("ClosedOrders", "closed", {**ours, **since})):
            found = _of(client_order_id, ask(_call(path, params))["result"][key])
            if found is not None:
                return self._with_fills(ask, *found)
        return self._by_trades(ask, client_order_id, symbol, since)

    def _by_trades(self, ask: Ask, client_order_id: str, symbol: str, since: Json) -> VenueOrder | None:
        """A trade may be told before its order is."""
        market = self.names.market(symbol)
        trades = dict(_pages(ask, "TradesHistory", "trades", since))
        pairs = (market["id"], market.get("altname"))
        orders = sorted({row["ordertxid"] for row in trades.values() if row["pair"] in pairs})
        for chunk in _chunks(orders, ORDERS_A_CALL):
            rows = ask(_call("QueryOrders", {"txid": ",".join(chunk), "trades": "true"}))["result"]
            found = _of(client_order_id, rows)
            if found is not None:
                return self._with_fills(ask, *found)
        return None

    def _with_fills(self, ask: Ask, txid: str, row: Json) -> VenueOrder:
        names = list(row.get("trades") or [])
        fills: list[Fill] = []
        for chunk in _chunks(names, TRADES_A_CALL):
            rows = ask(_call("QueryTrades", {"txid": ",".join(chunk)}))["result"]
            fills += [self._fill(trade_id, trade) for trade_id, trade in rows.items() if trade["ordertxid"] == txid]
        return self._shown(txid, row, base.distinct(fills))

    def _shown(self, txid: str, row: Json, fills: tuple[Fill, ...]) -> VenueOrder:
        filled = max(base.amount(row["vol_exec"]), base.filled_by(fills))
        return VenueOrder(
            base.bare(row.get("cl_ord_id")), txid, _state(row, filled), fills, str(row.get("reason") or ""),
            filled=filled, symbol=self._symbol(row["descr"]["pair"]), side=base.side_of(row["descr"]["type"]),
        )  # fmt: skip

    def _fill(self, trade_id: str, row: Json) -> Fill:
        market = self.names.market(self._symbol(row["pair"]))
        return Fill(
            trade_id=trade_id, price=base.decimal(row["price"]), quantity=base.decimal(row["vol"]),
            fee=base.amount(row["fee"]), fee_currency=market["quote"], ts_event_ms=base.ms_of_seconds(row["time"]),
        )  # fmt: skip

    def _symbol(self, pair: str) -> str:
        return self.names.symbol(pair)

    # --- books -----------------------------------------------------------------------------------------------------

    def balances(self, ask: Ask) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = {}
        for asset, total in ask(_call("Balance"))["result"].items():
            base.moved(totals, self.names.currency(asset), base.decimal(total))
        return totals

    def history(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> History:
        window = _window(since_ms, until_ms)
        trades = dict(_pages(ask, "TradesHistory", "trades", window))
        lines = dict(_pages(ask, "Ledgers", "ledger", window))
        of_trades = _by_reference(line for line in lines.values() if line["type"] == "trade")
        ours = self._client_ids(ask, trades.values())
        fills = [self._venue_fill(trade_id, row, of_trades.get(trade_id, []), ours) for trade_id, row in trades.items()]
        transfers = [self._transfer(name, line) for name, line in lines.items() if line["type"] != "trade"]
        return (
            [shown for shown in fills if shown.fill.ts_event_ms >= since_ms],
            [shown for shown in transfers if shown.ts_event_ms >= since_ms],
        )

    def _client_ids(self, ask: Ask, trades: Iterable[Json]) -> dict[str, str]:
        """Order → the id we gave it: a trade names only its order. Of the newest orders."""
        orders = list(dict.fromkeys(row["ordertxid"] for row in trades))[: base.MOST_NAMED]
        found: Json = {}
        for chunk in _chunks(orders, ORDERS_A_CALL):
            found |= ask(_call("QueryOrders", {"txid": ",".join(chunk)}))["result"]
        return {txid: base.bare(row.get("cl_ord_id")) for txid, row in found.items()}

    def _venue_fill(self, trade_id: str, row: Json, lines: list[Json], ours: dict[str, str]) -> VenueFill:
        symbol, side, fill = self._symbol(row["pair"]), base.side_of(row["type"]), self._fill(trade_id, row)
        market = self.names.market(symbol)
        moves = self._moved_by(lines)
        if not {market["base"], market["quote"]} <= moves.keys():  # the ledger lags behind the trades
            moves = base.moves_of(fill, side, market, base.decimal(row["cost"]))
        return VenueFill(fill, ours.get(row["ordertxid"], ""), moves, symbol, side, row["ordertxid"])

    def _moved_by(self, lines: list[Json]) -> dict[str, Decimal]:
        moves: dict[str, Decimal] = {}
        for line in lines:
            base.moved(moves, self.names.currency(line["asset"]), _change(line))
        return moves

    def _transfer(self, name: str, line: Json) -> VenueTransfer:
        return VenueTransfer(
            transfer_id=name, kind=_KINDS.get(line["type"], "transfer"),  # type: ignore[arg-type]
            currency=self.names.currency(line["asset"]), amount=_change(line), fee=base.amount(line["fee"]),
            ts_event_ms=base.ms_of_seconds(line["time"]), reference=str(line.get("refid") or ""),
        )  # fmt: skip

    def open_orders(self, ask: Ask) -> list[VenueOrder]:
        rows = ask(_call("OpenOrders", {"trades": "true"}))["result"]["open"]
        return [self._shown(txid, row, ()) for txid, row in rows.items()]

    def margin(self, ask: Ask, currency: str) -> Margin | None:
        held = ask(_call("TradeBalance", {"asset": self.names.currency_id(currency)}))["result"]
        return Margin(used=base.amount(held.get("m")), free=base.amount(held.get("mf")))

    # --- market ----------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Call:
        return Call("Ticker", ("public",), params={"pair": self.names.market(symbol)["id"]})

    def touch(self, body: Any) -> tuple[Decimal | None, ...]:
        (row,) = body["result"].values()
        (ask, _, ask_size), (bid, _, bid_size) = row["a"], row["b"]
        return base.decimal(bid), base.decimal(ask), base.decimal(bid_size), base.decimal(ask_size)

    def time(self) -> Call:
        return Call("Time", ("public",))

    def time_of(self, body: Any) -> int:
        return int(body["result"]["unixtime"]) * 1000


def _call(path: str, params: Json | None = None, cost: int = 1) -> Call:
    return Call(path, ("private",), "POST", params or {}, cost=cost)


def _order_call(path: str, params: Json) -> Call:
    return Call(path, ("private",), "POST", params, order_call=True)


def _prices(placement: Placement) -> dict[str, str]:
    """`price` is the limit of a limit order and the trigger of any other; a trailing stop's is its distance."""
    limit, trigger, trail = placement.limit_price, placement.trigger_price, placement.trail
    if placement.order_type is OrderType.TRAILING_STOP and trail is not None:
        return {"price": f"+{base.text(trail)}"}
    if placement.order_type is OrderType.STOP_LIMIT and trigger is not None and limit is not None:
        return {"price": base.text(trigger), "price2": base.text(limit)}
    one = limit if placement.order_type is OrderType.LIMIT else trigger
    return {} if one is None else {"price": base.text(one)}


def _rfc3339(ms: int) -> str:
    """In whole seconds, rounded to the earlier one."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _state(row: Json, filled: Decimal) -> OrderState:
    status = row["status"]
    if status == "closed":
        return OrderState.FILLED if filled >= base.decimal(row["vol"]) else OrderState.CANCELLED
    ended = {"canceled": OrderState.CANCELLED, "expired": OrderState.EXPIRED}
    return ended[status] if status in ended else base.working(filled)


def _of(client_order_id: str, rows: Json) -> tuple[str, Json] | None:
    wanted = base.bare(client_order_id)
    return next(((txid, row) for txid, row in rows.items() if base.bare(row.get("cl_ord_id")) == wanted), None)


def _window(since_ms: int, until_ms: int) -> Json:
    """`start` is exclusive; both are whole seconds around what is wanted."""
    return {"start": str(max(0, since_ms // 1000 - 1)), "end": str(until_ms // 1000 + 1)}


def _pages(ask: Ask, path: str, key: str, params: Json) -> Iterator[tuple[str, Json]]:
    """All rows, newest first, 50 a page; `end` keeps newer ones from pushing rows from page to page."""
    seen: set[str] = set()
    for _ in range(base.MAX_PAGES):
        result = ask(_call(path, {**params, "ofs": str(len(seen))}, cost=2))["result"]
        fresh = {name: row for name, row in result[key].items() if name not in seen}
        yield from fresh.items()
        seen |= fresh.keys()
        if not fresh or len(seen) >= int(result.get("count") or 0):
            return
    raise ValueError(f"{path} does not end after {base.MAX_PAGES} pages")


def _chunks(names: list[str], size: int) -> Iterator[list[str]]:
    for at in range(0, len(names), size):
        yield names[at : at + size]


def _by_reference(lines: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for line in lines:
        found.setdefault(str(line.get("refid")), []).append(line)
    return found


def _change(line: Json) -> Decimal:
    return EXACT.subtract(base.decimal(line["amount"]), base.amount(line["fee"]))
