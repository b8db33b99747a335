"""Coinbase Advanced Trade (docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api).

- A `client_order_id` that was used before creates no order: the one of that id is returned (…/orders/create-order).
  There is no expiry of a placement, and no look-up by that id: recent orders are listed and searched.
- `success` says whether an order was created; where it is false with a reason, none was.
- Fees are in the quote currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

from fluxfloor.adapters.venues.dialects import base
from fluxfloor.adapters.venues.dialects.base import Answer, Ask, Call, History, Json, No, Stamp
from fluxfloor.contracts.money import EXACT, rounded
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

PRIVATE, PUBLIC, WALLET = ("v3", "private"), ("v3", "public"), ("v2", "private")
PAGE = 100
_STATES = {
    "FILLED": OrderState.FILLED, "CANCELLED": OrderState.CANCELLED, "EXPIRED": OrderState.EXPIRED,
    "FAILED": OrderState.REJECTED,
}  # fmt: skip
_UNSAID = ("", "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON", "UNKNOWN_CANCEL_FAILURE_REASON")
_WORDS: tuple[tuple[str, No], ...] = (  # …/orders/create-order: NewOrderFailureReason, PreviewFailureReason
    ("INSUFFICIENT_FUND", base.FUNDS),
    ("INVALID_LEDGER_BALANCE", base.FUNDS),
    ("SIZE_PRECISION", base.LOT),
    ("PRICE_PRECISION", base.TICK),
    ("SIZE_TOO_SMALL", base.MIN_QUANTITY),
    ("BASE_SIZE", base.MIN_QUANTITY),
    ("QUOTE_SIZE", base.MIN_NOTIONAL),
    ("POST_ONLY", base.POST_ONLY),
    ("LIMIT_PRICE", base.PRICE),
    ("STOP_PRICE", base.PRICE),
    ("PRODUCT", base.MARKET),
    ("INELIGIBLE_PAIR", base.MARKET),
    ("ORDER_ENTRY_DISABLED", base.MAINTENANCE),
    ("NO_LIQUIDITY", base.MAINTENANCE),
    ("RATE_LIMIT", base.THROTTLED),
    ("OPEN_ORDERS", base.TOO_MANY),
    ("UNKNOWN_CANCEL_ORDER", base.UNKNOWN_ORDER),
    ("DUPLICATE_CANCEL", base.UNKNOWN_ORDER),
    ("INVALID", base.INVALID),
    ("UNSUPPORTED", base.INVALID),
)
_BY_STATUS = {400: base.INVALID, 401: base.PERMISSION, 403: base.PERMISSION}
_NOTHING_MOVED = ("failed", "canceled", "expired")
_TRADES = ("advanced_trade_fill",)
_KINDS = {
    "fiat_deposit": "deposit", "fiat_withdrawal": "withdrawal", "interest": "interest", "earn_payout": "reward",
    "inflation_reward": "reward", "staking_reward": "reward", "incentives_rewards_payout": "reward",
    "subscription": "fee",
}  # fmt: skip


class Coinbase(base.Dialect):
    exchange_id = "coinbase"
    options: ClassVar[Json] = {"usePrivate": False}

    # --- writing ---------------------------------------------------------------------------------------------------

    def placement(self, placement: Placement, stamp: Stamp) -> Call:
        params = {
            "client_order_id": base.as_uuid(placement.client_order_id),
            "product_id": self.names.market(placement.instrument.symbol)["id"],
            "side": placement.side.value,
            "order_configuration": _configuration(placement),
        }
        return Call("brokerage/orders", PRIVATE, "POST", params, order_call=True)

    def placed(self, placement: Placement, body: Any) -> VenueOrder:
        made = body["success_response"]
        if base.bare(made.get("client_order_id")) not in ("", base.bare(placement.client_order_id)):
            raise ValueError("it is another order's answer")
        return VenueOrder(
            placement.client_order_id, made["order_id"], OrderState.OPEN, symbol=placement.instrument.symbol,
            side=placement.side,
        )  # fmt: skip

    def cancel(self, order: VenueOrder, symbol: str) -> Call:
        params = {"order_ids": [order.venue_order_id]}
        return Call("brokerage/orders/batch_cancel", PRIVATE, "POST", params, order_call=True)

    def refusal(self, answer: Answer) -> No | None:
        if answer.status >= 500:
            return None
        if answer.status in _BY_STATUS and (answer.status != 400 or isinstance(answer.body, dict)):
            return _meaning(_reasons(answer.body)) or _BY_STATUS[answer.status]
        if not isinstance(answer.body, dict):
            return None
        results = answer.body.get("results")
        failed = results[0] if isinstance(results, list) and len(results) == 1 else answer.body
        if failed.get("success") is not False:
            return None
        said = [reason for reason in _reasons(failed) if reason not in _UNSAID]
        return (_meaning(said) or base.REJECTED) if said else None

    # --- looking up ------------------------------------------------------------------------------------------------

    def find(self, ask: Ask, client_order_id: str, symbol: str, since_ms: int) -> VenueOrder | None:
        market = self.names.market(symbol)
        since = base.iso_of_ms(max(0, since_ms - base.SLACK_MS))
        for params in ({"order_status": ["OPEN"]}, {"start_date": since}):
            for row in _pages(ask, "orders/historical/batch", "orders", {"product_ids": [market["id"]], **params}):
                if base.bare(row.get("client_order_id")) == base.bare(client_order_id):
                    return self._with_fills(ask, row)
        return self._by_trades(ask, client_order_id, market["id"], since)

    def _by_trades(self, ask: Ask, client_order_id: str, product_id: str, since: str) -> VenueOrder | None:
        """A trade may be told before its order is."""
        params = {"product_ids": [product_id], "start_sequence_timestamp": since}
        for order_id in sorted({row["order_id"] for row in _pages(ask, "orders/historical/fills", "fills", params)}):
            answer = ask(Call("brokerage/orders/historical/{order_id}", PRIVATE, params={"order_id": order_id}))
            row = (answer or {}).get("order") or {}
            if base.bare(row.get("client_order_id")) == base.bare(client_order_id):
                return self._with_fills(ask, row)
        return None

    def _with_fills(self, ask: Ask, row: Json) -> VenueOrder:
        if not base.amount(row.get("filled_size")):
            return self._shown(row, ())
        trades = _pages(ask, "orders/historical/fills", "fills", {"order_ids": [row["order_id"]]})
        return self._shown(row, [self._fill(trade) for trade in trades if trade["order_id"] == row["order_id"]])

    def _shown(self, row: Json, fills: Iterable[Fill]) -> VenueOrder:
        once = base.distinct(fills)
        filled = max(base.amount(row.get("filled_size")), base.filled_by(once))
        reason = row.get("reject_message") or row.get("cancel_message") or ""
        return VenueOrder(
            base.bare(row.get("client_order_id")), row["order_id"], _STATES.get(row["status"], base.working(filled)),
            once, str(reason), filled=filled, symbol=self.names.symbol(row["product_id"]),
            side=base.side_of(row["side"]),
        )  # fmt: skip

    def _fill(self, row: Json) -> Fill:
        price, size = base.decimal(row["price"]), base.decimal(row["size"])
        if row.get("size_in_quote"):
            size = rounded(EXACT.divide(size, price))
        return Fill(
            trade_id=str(row["entry_id"]), price=price, quantity=size, fee=base.amount(row["commission"]),
            fee_currency=self.names.market(self.names.symbol(row["product_id"]))["quote"],
            ts_event_ms=base.ms_of_iso(row["trade_time"]),
        )  # fmt: skip

    # --- books -----------------------------------------------------------------------------------------------------

    def balances(self, ask: Ask) -> dict[str, Decimal]:
        totals: dict[str, Decimal] = {}
        for row in _pages(ask, "accounts", "accounts", {}):
            total = EXACT.add(base.amount(row["available_balance"]["value"]), base.amount(row["hold"]["value"]))
            base.moved(totals, self.names.currency(row["currency"]), total)
        return totals

    def history(self, ask: Ask, since_ms: int, until_ms: int, symbols: Iterable[str]) -> History:
        return self._fills(ask, since_ms, until_ms), self._transfers(ask, since_ms, until_ms)

    def _fills(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueFill]:
        window = {
            "start_sequence_timestamp": base.iso_of_ms(since_ms), "end_sequence_timestamp": base.iso_of_ms(until_ms),
        }  # fmt: skip
        once = {row["entry_id"]: row for row in _pages(ask, "orders/historical/fills", "fills", window)}
        return [self._venue_fill(row) for row in once.values()]

    def _venue_fill(self, row: Json) -> VenueFill:
        symbol, fill, side = self.names.symbol(row["product_id"]), self._fill(row), base.side_of(row["side"])
        moves = base.moves_of(fill, side, self.names.market(symbol))
        return VenueFill(fill, "", moves, symbol, side, row["order_id"])

    def _transfers(self, ask: Ask, since_ms: int, until_ms: int) -> list[VenueTransfer]:
        """Of every wallet that changed since then: the venue tells them one wallet at a time."""
        found: list[VenueTransfer] = []
        for wallet in _pages(ask, "accounts", "accounts", {}):
            if base.ms_of_iso(wallet["updated_at"]) >= since_ms:
                found += [self._transfer(row) for row in _movements(ask, wallet["uuid"], since_ms)]
        return [moved for moved in found if since_ms <= moved.ts_event_ms <= until_ms]

    def _transfer(self, row: Json) -> VenueTransfer:
        amount = base.decimal(row["amount"]["amount"])
        kind = _KINDS.get(row["type"], "transfer")
        if row["type"] == "send":
            kind = "deposit" if amount > 0 else "withdrawal"
        return VenueTransfer(
            transfer_id=row["id"], kind=kind,  # type: ignore[arg-type]
            currency=self.names.currency(row["amount"]["currency"]), amount=amount, fee=base.ZERO,
            ts_event_ms=base.ms_of_iso(row["created_at"]), reference=str((row.get("network") or {}).get("hash") or ""),
        )  # fmt: skip

    def open_orders(self, ask: Ask) -> list[VenueOrder]:
        rows = _pages(ask, "orders/historical/batch", "orders", {"order_status": ["OPEN"], "product_type": "SPOT"})
        return [self._shown(row, ()) for row in rows]

    # --- market ----------------------------------------------------------------------------------------------------

    def quote(self, symbol: str) -> Call:
        params = {"product_id": self.names.market(symbol)["id"], "limit": 1}
        return Call("brokerage/market/product_book", PUBLIC, params=params)

    def touch(self, body: Any) -> tuple[Decimal | None, ...]:
        bids, asks = body["pricebook"]["bids"], body["pricebook"]["asks"]
        if not (bids and asks):
            return None, None, None, None
        bid, ask = bids[0], asks[0]
        return (
            base.decimal(bid["price"]), base.decimal(ask["price"]), base.decimal(bid["size"]), base.decimal(ask["size"])
        )  # fmt: skip

    def time(self) -> Call:
        return Call("brokerage/time", PUBLIC)

    def time_of(self, body: Any) -> int:
        return int(body["epochMillis"])


def _configuration(placement: Placement) -> Json:
    """One table, named by type and time in force (…/orders/create-order, "order_configuration")."""
    kind, force = placement.order_type, placement.time_in_force
    sized: Json = {"base_size": base.text(placement.quantity)}
    if placement.limit_price is not None:
        sized["limit_price"] = base.text(placement.limit_price)
    if kind is OrderType.MARKET and force in (TimeInForce.GTC, TimeInForce.IOC):
        return {"market_market_ioc": {"base_size": sized["base_size"]}}
    if kind is OrderType.LIMIT and force is TimeInForce.GTC:
        return {"limit_limit_gtc": {**sized, "post_only": placement.post_only}}
    if kind is OrderType.LIMIT and not placement.post_only:
        return {"sor_limit_ioc" if force is TimeInForce.IOC else "limit_limit_fok": sized}
    if kind is OrderType.STOP_LIMIT and force is TimeInForce.GTC and placement.trigger_price is not None:
        way = "STOP_DIRECTION_STOP_UP" if placement.side is Side.BUY else "STOP_DIRECTION_STOP_DOWN"
        stop = {"stop_price": base.text(placement.trigger_price), "stop_direction": way}
        return {"stop_limit_stop_limit_gtc": {**sized, **stop}}
    raise base.refused(base.No("order_type"), f"coinbase has no {kind} order {force}")


def _reasons(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return []
    told = body.get("error_response") or body
    names = ("error", "preview_failure_reason", "new_order_failure_reason", "failure_reason")
    return [str(told.get(name) or "") for name in names]


def _meaning(reasons: Iterable[str]) -> No | None:
    reasons = list(reasons)
    return next((no for word, no in _WORDS if any(word in reason for reason in reasons)), None)


def _pages(ask: Ask, path: str, key: str, params: Json) -> Iterator[Json]:
    cursor: Json = {}
    for _ in range(base.MAX_PAGES):
        body = ask(Call(f"brokerage/{path}", PRIVATE, params={"limit": PAGE, **params, **cursor}))
        yield from body[key] or []
        if not body.get("cursor") or body.get("has_next") is False:
            return
        cursor = {"cursor": body["cursor"]}
    raise ValueError(f"{path} does not end after {base.MAX_PAGES} pages")


def _movements(ask: Ask, wallet: str, since_ms: int) -> Iterator[Json]:
    """What changed one wallet, but for trades; newest first (…/coinbase-app/track-apis/transactions)."""
    after: Json = {}
    for _ in range(base.MAX_PAGES):
        params = {"account_id": wallet, "limit": PAGE, "order": "desc", **after}
        rows = ask(Call("accounts/{account_id}/transactions", WALLET, params=params))["data"]
        yield from (row for row in rows if row["type"] not in _TRADES and row["status"] not in _NOTHING_MOVED)
        if len(rows) < PAGE or base.ms_of_iso(rows[-1]["created_at"]) < since_ms:
            return
        after = {"starting_after": rows[-1]["id"]}
    raise ValueError(f"transactions of {wallet} do not end after {base.MAX_PAGES} pages")
