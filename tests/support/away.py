"""The venue's side of an account as reconciliation sees it: what is there, was traded and moved there, and rests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.money import cost
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.ports import VenueBooks, VenueFill, VenueOrder, VenueTransfer

from tests.support.desk import AT_MS, BTC, d, fill, intent


def traded(
    trade_id: str, side: Side = Side.BUY, lots: int = 10, price: str | float = 50_000, at_ms: int = AT_MS, rules=BTC,
    client: str = "", venue: str = "", fee: str = "0",
) -> VenueFill:  # fmt: skip
    """With what it did to the balances; the fee is in the quote currency."""
    made = fill(trade_id, lots, price, fee, rules, at_ms)
    money = cost(made.price, made.quantity)
    moves = {rules.base: side.sign * made.quantity, rules.quote: -side.sign * money - d(fee)}
    return VenueFill(made, client, moves, rules.symbol, side, venue)


def moved(
    transfer_id: str, amount: str, currency: str = "USDT", kind: Any = "deposit", fee: str = "0", at_ms: int = AT_MS,
    reference: str = "",
) -> VenueTransfer:  # fmt: skip
    return VenueTransfer(transfer_id, kind, currency, d(amount), d(fee), at_ms, reference)


def resting(client: str = "", venue: str = "", state: OrderState = OrderState.OPEN) -> VenueOrder:
    return VenueOrder(client, venue, state, filled=d(0), symbol=BTC.symbol, side=Side.BUY)


def ordered(
    name: str = "i1", client: str = "c-1", state: OrderState = OrderState.OPEN, at_ms: int = AT_MS,
    side: Side = Side.BUY, venue: str | None = None, **more: Any,
) -> Order:  # fmt: skip
    """As execution keeps it."""
    return Order(
        id=name, intent=intent(name, side), state=state, client_order_id=client, venue_order_id=venue,
        updated_ms=at_ms, open=not state.terminal, names=tuple(filter(None, (client, venue))), **more,
    )  # fmt: skip


class Away:
    """A venue whose books are the inner venue's and whatever is put on top of them."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.fills: list[VenueFill] = []
        self.transfers: list[VenueTransfer] = []
        self.orders: list[VenueOrder] = []
        self.more: dict[str, Any] = {}
        self.asked: list[int] = []
        self.held_up: Callable[[], None] | None = None  # once, between the venue's answer and whoever asked

    def books(self, since_ms: int) -> VenueBooks:
        self.asked.append(since_ms)
        seen = self.inner.books(since_ms)
        balances = dict(seen.balances)
        moves = [item.moves for item in self.fills] + [{item.currency: item.amount} for item in self.transfers]
        for each in moves:
            for currency, amount in each.items():
                balances[currency] = balances.get(currency, d(0)) + amount
        for currency, amount in self.more.items():
            balances[currency] = balances.get(currency, d(0)) + amount
        answer = replace(
            seen, balances=balances, orders=(*(seen.orders or ()), *self.orders),
            fills=(*seen.fills, *(item for item in self.fills if item.fill.ts_event_ms >= since_ms)),
            transfers=tuple(item for item in self.transfers if item.ts_event_ms >= since_ms),
        )  # fmt: skip
        meanwhile, self.held_up = self.held_up, None
        if meanwhile:
            meanwhile()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
