"""The paper venue: fills against the market's latest quote, after a latency, at a slippage, for a fee.

It is a venue of its own, with its own documents and its own books, so that reconciliation compares two things. An
order rests until a look-up finds that its time has come; like a real venue it refuses a client id it has seen, a
placement that arrives after its expiry, too small an order, and an order that the balance doesn't cover.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from fluxfloor.contracts import ids
from fluxfloor.contracts.base import Document, Key, NonNegative, Number, UtcMs
from fluxfloor.contracts.instruments import Instrument, Quote, QuoteState
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.errors import Conflict, OutcomeUnknown, VenueRefused
from fluxfloor.ports import (
    Clock, Commit, Placement, Query, Ref, Snapshot, Store, VenueBooks, VenueFill, VenueOrder,
)  # fmt: skip

BPS = Decimal(10_000)
ZERO = Decimal(0)
MAX_CONFLICTS = 50


class PaperAccount(Document):
    collection: ClassVar[str] = "paper_accounts"
    owner: ClassVar[str] = "paper"

    balances: dict[str, Number]


class PaperOrder(Document):
    collection: ClassVar[str] = "paper_orders"
    owner: ClassVar[str] = "paper"

    account_id: str
    instrument: Instrument
    side: Side
    order_type: OrderType
    quantity: Number
    limit_price: Number | None
    trigger_price: Number | None
    due_ms: UtcMs  # placement + latency: nothing happens to it before
    triggered: bool = False
    state: OrderState = OrderState.OPEN
    fills: tuple[Fill, ...] = ()
    reason: str = ""


class PaperFill(Document):
    collection: ClassVar[str] = "paper_fills"
    owner: ClassVar[str] = "paper"

    account_id: str
    client_order_id: str
    fill: Fill
    moves: dict[str, Number]
    ts_event_ms: UtcMs


class PaperVenue:
    """One paper account. `latency_ms` and `fee` as in the settings; slippage in basis points of the quote."""

    capabilities = CAPABILITIES["paper"]

    def __init__(
        self,
        account_id: str,
        store: Store,
        clock: Clock,
        opening: dict[str, Decimal],
        latency_ms: tuple[int, int] = (50, 200),
        slippage_bps: Decimal = Decimal(5),
        fee: NonNegative = Decimal("0.0026"),
    ) -> None:
        self._account_id = account_id
        self._store = store
        self._clock = clock
        self._opening = opening
        self._latency_ms = latency_ms
        self._slippage = slippage_bps / BPS
        self._fee = fee

    # --- the port ------------------------------------------------------------------------------------------------

    def place(self, placement: Placement) -> VenueOrder:
        now_ms = self._clock.now_ms()
        if now_ms > placement.expires_ms:
            raise VenueRefused("the placement arrived after its expiry", code="expired")
        _check_minimums(placement)
        order = self._order_of(placement, now_ms)
        key, account_key = PaperOrder.key(order.id), PaperAccount.key(self._account_id)
        existing, held, quoted = self._store.read(
            [_ref(key), _ref(account_key), _ref(QuoteState.key(placement.instrument.instrument_id))]
        )
        if existing.data is not None:
            raise VenueRefused(f"client order id {order.id} was used before", code="duplicate_client_order_id")
        if quoted.data is None:
            raise VenueRefused(f"{placement.instrument.symbol} has no market", code="no_market")
        self._check_funds(order, QuoteState.decode(quoted.data).quote, self._balances(held))
        try:
            self._store.commit(Commit(creates={_ref(key): {**order.encode(), "version": 1}}))
        except Conflict as problem:
            raise VenueRefused(
                f"client order id {order.id} was used before", code="duplicate_client_order_id"
            ) from problem
        return self._settle(order.id) or _shown(order)

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        return self._settle(client_order_id)

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        self._settle(order.client_order_id, cancel=True)

    def books(self, since_ms: int) -> VenueBooks:
        (held,) = self._store.read([_ref(PaperAccount.key(self._account_id))])
        query = Query(
            PaperFill.collection, (("account_id", "==", self._account_id), ("ts_event_ms", ">=", since_ms)),
            order_by="ts_event_ms", limit=10_000,
        )  # fmt: skip
        rows = [PaperFill.decode(found.data or {}) for found in self._store.query(query)]
        fills = tuple(VenueFill(row.fill, row.client_order_id, row.moves) for row in rows)
        return VenueBooks(self._balances(held), fills)

    # --- what happens to an order --------------------------------------------------------------------------------

    def _settle(self, order_id: str, cancel: bool = False) -> VenueOrder | None:
        """Brings one order up to now, its fill and the balances in one commit."""
        for _ in range(MAX_CONFLICTS):
            found = self._read(order_id)
            if found is None:
                return None
            order, commit = self._advance(*found, cancel=cancel)
            if not commit.updates:
                return _shown(order)
            try:
                self._store.commit(commit)
            except Conflict:
                continue
            return _shown(order)
        raise OutcomeUnknown(f"paper order {order_id} is too contended to settle")

    def _read(self, order_id: str) -> tuple[Snapshot, Snapshot, Snapshot] | None:
        (seen,) = self._store.read([_ref(PaperOrder.key(order_id))])
        if seen.data is None:
            return None
        quote_key = QuoteState.key(seen.data["instrument"]["instrument_id"])
        held, quoted = self._store.read([_ref(PaperAccount.key(self._account_id)), _ref(quote_key)])
        return seen, held, quoted

    def _advance(self, seen: Snapshot, held: Snapshot, quoted: Snapshot, cancel: bool) -> tuple[PaperOrder, Commit]:
        order, commit = PaperOrder.decode(seen.data or {}), Commit()
        if order.state.terminal:
            return order, commit
        changed = order
        if self._clock.now_ms() >= order.due_ms and quoted.data is not None:
            changed = self._match(order, QuoteState.decode(quoted.data).quote, self._balances(held))
        if cancel and not changed.state.terminal:
            changed = changed.model_copy(update={"state": OrderState.CANCELLED, "reason": "cancelled on request"})
        if changed != order:
            commit.updates[seen.ref] = ({**changed.encode(), "version": order.version + 1}, seen.token)
        if changed.fills != order.fills:
            self._book(changed, held, commit)
        return changed, commit

    def _match(self, order: PaperOrder, quote: Quote, balances: dict[str, Decimal]) -> PaperOrder:
        price, triggered = _fill_price(order, quote, self._slippage)
        order = order.model_copy(update={"triggered": triggered})
        if price is None:
            return order
        fill = Fill(
            trade_id=ids.digest("paper", order.id), price=price, quantity=order.quantity,
            fee=price * order.quantity * self._fee, fee_currency=order.instrument.quote, ts_event_ms=order.due_ms,
        )  # fmt: skip
        moves = _moves(order, fill)
        if any(balances.get(currency, ZERO) + change < 0 for currency, change in moves.items() if change < 0):
            return order.model_copy(update={"state": OrderState.REJECTED, "reason": "insufficient funds"})
        return order.model_copy(update={"state": OrderState.FILLED, "fills": (fill,)})

    def _book(self, order: PaperOrder, held: Snapshot, commit: Commit) -> None:
        fill, balances = order.fills[-1], self._balances(held)
        moves = _moves(order, fill)
        for currency, change in moves.items():
            balances[currency] = balances.get(currency, ZERO) + change
        account = PaperAccount(id=self._account_id, balances=balances)
        if held.data is None:
            commit.creates[held.ref] = account.encode()
        else:
            commit.updates[held.ref] = ({**account.encode(), "version": held.data["version"] + 1}, held.token)
        row = PaperFill(
            id=fill.trade_id, account_id=self._account_id, client_order_id=order.id, fill=fill, moves=moves,
            ts_event_ms=fill.ts_event_ms,
        )  # fmt: skip
        commit.creates[_ref(PaperFill.key(row.id))] = row.encode()

    # --- its rules -----------------------------------------------------------------------------------------------

    def _order_of(self, placement: Placement, now_ms: int) -> PaperOrder:
        low, high = self._latency_ms
        latency_ms = low + int(ids.digest("latency", placement.client_order_id, size=4), 16) % (high - low + 1)
        return PaperOrder(
            id=placement.client_order_id, account_id=self._account_id, instrument=placement.instrument,
            side=placement.side, order_type=placement.order_type, quantity=placement.quantity,
            limit_price=placement.limit_price, trigger_price=placement.trigger_price, due_ms=now_ms + latency_ms,
        )  # fmt: skip

    def _check_funds(self, order: PaperOrder, quote: Quote, balances: dict[str, Decimal]) -> None:
        if order.side is Side.SELL:
            short = order.quantity - balances.get(order.instrument.base, ZERO)
        else:
            price = order.limit_price or quote.ask * (1 + self._slippage)
            short = price * order.quantity * (1 + self._fee) - balances.get(order.instrument.quote, ZERO)
        if short > 0:
            raise VenueRefused("insufficient funds", code="insufficient_funds")

    def _balances(self, held: Snapshot) -> dict[str, Decimal]:
        return dict(self._opening) if held.data is None else dict(PaperAccount.decode(held.data).balances)


def _ref(key: Key[Any]) -> Ref:
    return Ref(key.kind.collection, key.id, key.kind.database)


def _shown(order: PaperOrder) -> VenueOrder:
    check_after_ms = 0 if order.state.terminal else order.due_ms
    return VenueOrder(order.id, f"P-{order.id[:12]}", order.state, order.fills, order.reason, check_after_ms)


def _moves(order: PaperOrder, fill: Fill) -> dict[str, Decimal]:
    sign = order.side.sign
    money = -sign * fill.price * fill.quantity
    return {order.instrument.base: sign * fill.quantity, order.instrument.quote: money - fill.fee}


def _check_minimums(placement: Placement) -> None:
    rules = placement.instrument
    if placement.quantity <= 0 or placement.quantity < rules.min_quantity:
        raise VenueRefused(f"quantity {placement.quantity} is below {rules.min_quantity}", code="min_quantity")
    if placement.quantity % rules.lot_size:
        raise VenueRefused(f"quantity {placement.quantity} is no multiple of {rules.lot_size}", code="lot_size")
    if placement.limit_price is not None and placement.limit_price % rules.tick_size:
        raise VenueRefused(f"price {placement.limit_price} is no multiple of {rules.tick_size}", code="tick_size")
    price = placement.limit_price or placement.trigger_price
    if price is not None and price * placement.quantity < rules.min_notional:
        raise VenueRefused(f"notional is below {rules.min_notional}", code="min_notional")


def _fill_price(order: PaperOrder, quote: Quote, slippage: Decimal) -> tuple[Decimal | None, bool]:
    """The price it fills at now, or None; and whether its trigger has been reached."""
    buy = order.side is Side.BUY
    touch = quote.ask if buy else quote.bid
    triggered = order.triggered or order.trigger_price is None
    if not triggered and order.trigger_price is not None:
        triggered = touch >= order.trigger_price if buy else touch <= order.trigger_price
    if not triggered:
        return None, False
    rules = order.instrument
    if order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and order.limit_price is not None:
        crossed = touch <= order.limit_price if buy else touch >= order.limit_price
        return (touch if crossed else None), True
    slipped = touch * (1 + slippage) if buy else touch * (1 - slippage)
    return rules.price(rules.ticks_above(slipped) if buy else max(1, rules.ticks_below(slipped))), True
