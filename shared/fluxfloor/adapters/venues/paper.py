"""The paper venue: fills against the market's latest quote, after a latency, at a slippage, for a fee.

It is a venue of its own, with its own documents and its own books, so that reconciliation compares two things. An
order rests until a look-up finds that its time has come; like a real venue it refuses a client id it has seen, a
placement that arrives after its expiry, what is off its grid or too small, and what the balance doesn't cover.

With partial fills, a quote that tells its sizes gives no more than these to all orders of the account together; what
is left of an order rests until a later quote. A quote without sizes fills whole orders.
"""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import Any, ClassVar

from pydantic import Field

from fluxfloor.adapters.venues.paper_rules import check_minimums, fill_price, worst_price
from fluxfloor.contracts import ids
from fluxfloor.contracts.base import Document, Key, Model, NonNegative, Number, UtcMs
from fluxfloor.contracts.instruments import Instrument, Quote, QuoteState
from fluxfloor.contracts.money import EXACT, cost, exact
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.errors import Conflict, OutcomeUnknown, VenueRefused
from fluxfloor.ports import (
    Clock,
    Commit,
    Placement,
    Query,
    Ref,
    Snapshot,
    Store,
    VenueBooks,
    VenueFill,
    VenueOrder,
)  # fmt: skip

BPS = Decimal(10_000)
CENTS = Decimal("0.00000001")  # what fees are charged in, rounded against the account
ZERO = Decimal(0)
MAX_CONFLICTS = 50
PAGE = 1_000


class Taken(Model):
    """How much of one side of one quote the account has had."""

    quote_ms: UtcMs
    quantity: Number


class PaperAccount(Document):
    collection: ClassVar[str] = "paper_accounts"
    owner: ClassVar[str] = "paper"

    balances: dict[str, Number]
    taken: dict[str, Taken] = Field(default_factory=dict)  # "<side>|<instrument>": of the last quote that filled any


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

    @property
    def unfilled(self) -> Decimal:
        filled = ZERO
        for fill in self.fills:
            filled = EXACT.add(filled, fill.quantity)
        return EXACT.subtract(self.quantity, filled)


class PaperFill(Document):
    collection: ClassVar[str] = "paper_fills"
    owner: ClassVar[str] = "paper"

    account_id: str
    client_order_id: str
    symbol: str = ""
    side: Side | None = None
    fill: Fill
    moves: dict[str, Number]
    ts_event_ms: UtcMs


class PaperVenue:
    """One paper account. `latency_ms`, `fee`, `partial_fills` and `seed` as in the settings; slippage in basis points
    of the quote."""

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
        partial_fills: bool = False,
        seed: int = 0,
    ) -> None:
        self._account_id = account_id
        self._store = store
        self._clock = clock
        self._opening = opening
        self._latency_ms = latency_ms
        self._slippage = slippage_bps / BPS
        self._fee = fee
        self._partial_fills = partial_fills
        self._salt = ("latency", seed) if seed else ("latency",)

    # --- the port ------------------------------------------------------------------------------------------------

    def place(self, placement: Placement) -> VenueOrder:
        if self._late(placement):
            raise VenueRefused("the placement arrived after its expiry", code="expired")
        order = self._order_of(placement)
        existing, held, quoted = self._store.read(
            [_ref(PaperOrder.key(order.id)), *self._surroundings(placement.instrument.instrument_id)]
        )
        if existing.data is not None:
            raise _used(order.id)
        quote = _quote(quoted)
        check_minimums(placement, quote)
        if quote is not None:
            self._check_funds(order, quote, self._account(held).balances)
        try:
            self._store.commit(Commit(creates={existing.ref: {**order.encode(), "version": 1}}))
        except Conflict as problem:
            raise _used(order.id) from problem
        if self._late(placement):  # it was held up on its way into the book
            self._settle(order.id, withdrawn="the placement arrived after its expiry")
            raise VenueRefused("the placement arrived after its expiry", code="expired")
        return self._settle(order.id) or _shown(order)

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        return self._settle(client_order_id)

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        self._settle(order.client_order_id)
        self._settle(order.client_order_id, withdrawn="cancelled on request")

    def books(self, since_ms: int) -> VenueBooks:
        """Balances and fills of one moment: no fill is in the one and not in the other."""
        ref = _ref(PaperAccount.key(self._account_id))
        (before,) = self._store.read([ref])
        for _ in range(MAX_CONFLICTS):
            fills = self._fills(since_ms)
            (held,) = self._store.read([ref])
            if held.data == before.data:
                return VenueBooks(dict(self._account(held).balances), fills, orders=self._open_orders())
            before = held
        raise OutcomeUnknown(f"paper account {self._account_id} is too busy to be read")

    def quote(self, instrument: Instrument) -> Quote | None:
        (quoted,) = self._store.read([_ref(QuoteState.key(instrument.instrument_id))])
        return _quote(quoted)

    def clock_offset_ms(self) -> int:
        return 0

    def _open_orders(self) -> tuple[VenueOrder, ...]:
        found: list[VenueOrder] = []
        for state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
            resting = Query(
                PaperOrder.collection,
                (("account_id", "==", self._account_id), ("state", "==", state.value)),
                limit=PAGE,
            )
            rows = self._store.query(resting)
            found += [_shown(PaperOrder.decode(row.data or {})) for row in rows]
        return tuple(found)

    def _fills(self, since_ms: int) -> tuple[VenueFill, ...]:
        """All of them, however many: the next page begins with the last time of the one before."""
        seen: dict[str, PaperFill] = {}
        limit = PAGE
        while True:
            page = self._page(since_ms, limit)
            seen.update({row.id: row for row in page})
            if len(page) < limit:
                return tuple(_fill_shown(row) for row in seen.values())
            last_ms = page[-1].ts_event_ms
            limit = limit * 2 if last_ms == since_ms else PAGE  # a page of one single time has to grow
            since_ms = last_ms

    def _page(self, since_ms: int, limit: int) -> list[PaperFill]:
        query = Query(
            PaperFill.collection, (("account_id", "==", self._account_id), ("ts_event_ms", ">=", since_ms)),
            order_by="ts_event_ms", limit=limit,
        )  # fmt: skip
        return [PaperFill.decode(found.data or {}) for found in self._store.query(query)]

    # --- what happens to an order --------------------------------------------------------------------------------

    def _settle(self, order_id: str, withdrawn: str = "") -> VenueOrder | None:
        """Brings one order up to now, its fill and the balances in one commit; `withdrawn` ends it instead."""
        for _ in range(MAX_CONFLICTS):
            (seen,) = self._store.read([_ref(PaperOrder.key(order_id))])
            if seen.data is None:
                return None
            order = PaperOrder.decode(seen.data)
            changed, commit = self._advanced(order, seen, withdrawn)
            if changed == order:
                return _shown(order)
            try:
                self._store.commit(commit)
            except Conflict:
                continue
            return _shown(changed)
        raise OutcomeUnknown(f"paper order {order_id} is too contended to settle")

    def _advanced(self, order: PaperOrder, seen: Snapshot, withdrawn: str) -> tuple[PaperOrder, Commit]:
        """The order as it is by now, and the commit that makes it so."""
        if order.state.terminal:
            return order, Commit()
        held, quoted = self._store.read(self._surroundings(order.instrument.instrument_id))
        changed, quote = order, _quote(quoted)
        if withdrawn:
            changed = order.model_copy(update={"state": OrderState.CANCELLED, "reason": withdrawn})
        elif self._clock.now_ms() >= order.due_ms and quote is not None:
            changed = self._match(order, quote, self._account(held))
        commit = Commit(updates={seen.ref: ({**changed.encode(), "version": order.version + 1}, seen.token)})
        if changed.fills != order.fills and quote is not None:
            self._book(changed, quote, held, commit)
        return changed, commit

    def _match(self, order: PaperOrder, quote: Quote, account: PaperAccount) -> PaperOrder:
        price, triggered = fill_price(order, quote, self._slippage)
        order = order.model_copy(update={"triggered": triggered})
        quantity = self._offered(order, quote, account)
        if price is None or quantity <= 0:
            return order
        fill = Fill(
            trade_id=_trade_id(order), price=price, quantity=quantity, fee=self._fee_of(price, quantity),
            fee_currency=order.instrument.quote, ts_event_ms=self._clock.now_ms(),
        )  # fmt: skip
        for currency, change in _moves(order, fill).items():
            if change < 0 and _after(account.balances, currency, change) < 0:
                ended = OrderState.CANCELLED if order.fills else OrderState.REJECTED
                return order.model_copy(update={"state": ended, "reason": "insufficient funds"})
        whole = quantity == order.unfilled
        state = OrderState.FILLED if whole else OrderState.PARTIALLY_FILLED
        return order.model_copy(update={"state": state, "fills": (*order.fills, fill)})

    @exact
    def _offered(self, order: PaperOrder, quote: Quote, account: PaperAccount) -> Decimal:
        """What of the order this quote can still fill. A quote older than the last that filled gives nothing."""
        size = quote.ask_size if order.side is Side.BUY else quote.bid_size
        if size is None or not self._partial_fills:
            return order.unfilled
        taken = account.taken.get(_side_of(order))
        if taken is not None and taken.quote_ms >= quote.ts_event_ms:
            size = size - taken.quantity if taken.quote_ms == quote.ts_event_ms else ZERO
        rules = order.instrument
        return min(order.unfilled, rules.quantity(rules.lots(size)))

    def _book(self, order: PaperOrder, quote: Quote, held: Snapshot, commit: Commit) -> None:
        fill, account = order.fills[-1], self._account(held)
        moves, balances = _moves(order, fill), dict(account.balances)
        for currency, change in moves.items():
            balances[currency] = _after(balances, currency, change)
        account = account.model_copy(update={"balances": balances, "taken": self._taken(account, order, quote)})
        if held.data is None:
            commit.creates[held.ref] = {**account.encode(), "version": 1}
        else:
            commit.updates[held.ref] = ({**account.encode(), "version": held.data["version"] + 1}, held.token)
        row = PaperFill(
            id=fill.trade_id, account_id=self._account_id, client_order_id=order.id,
            symbol=order.instrument.symbol, side=order.side, fill=fill, moves=moves, ts_event_ms=fill.ts_event_ms,
        )  # fmt: skip
        commit.creates[_ref(PaperFill.key(row.id))] = row.encode()

    def _taken(self, account: PaperAccount, order: PaperOrder, quote: Quote) -> dict[str, Taken]:
        """With the order's last fill in it."""
        if not self._partial_fills:
            return account.taken
        side, quantity = _side_of(order), order.fills[-1].quantity
        before = account.taken.get(side)
        if before is not None and before.quote_ms == quote.ts_event_ms:
            quantity = EXACT.add(before.quantity, quantity)
        return {**account.taken, side: Taken(quote_ms=quote.ts_event_ms, quantity=quantity)}

    # --- its rules -----------------------------------------------------------------------------------------------

    def _late(self, placement: Placement) -> bool:
        return self._clock.now_ms() > placement.expires_ms

    def _order_of(self, placement: Placement) -> PaperOrder:
        low, high = self._latency_ms
        latency_ms = low + int(ids.digest(*self._salt, placement.client_order_id, size=4), 16) % (high - low + 1)
        return PaperOrder(
            id=placement.client_order_id, account_id=self._account_id, instrument=placement.instrument,
            side=placement.side, order_type=placement.order_type, quantity=placement.quantity,
            limit_price=placement.limit_price, trigger_price=placement.trigger_price,
            due_ms=self._clock.now_ms() + latency_ms,
        )  # fmt: skip

    @exact
    def _check_funds(self, order: PaperOrder, quote: Quote, balances: dict[str, Decimal]) -> None:
        """As far as can be told now; the fill looks again."""
        if order.side is Side.SELL:
            short = order.quantity - balances.get(order.instrument.base, ZERO)
        else:
            price = worst_price(order, quote, self._slippage)
            needed = cost(price, order.quantity) + self._fee_of(price, order.quantity)
            short = needed - balances.get(order.instrument.quote, ZERO)
        if short > 0:
            raise VenueRefused("insufficient funds", code="insufficient_funds")

    def _fee_of(self, price: Decimal, quantity: Decimal) -> Decimal:
        fee = EXACT.multiply(EXACT.multiply(price, quantity), self._fee)
        return fee.quantize(CENTS, ROUND_UP, context=EXACT)

    def _account(self, held: Snapshot) -> PaperAccount:
        if held.data is None:
            return PaperAccount(id=self._account_id, balances=dict(self._opening))
        return PaperAccount.decode(held.data)

    def _surroundings(self, instrument_id: str) -> list[Ref]:
        """The account and the market."""
        return [_ref(PaperAccount.key(self._account_id)), _ref(QuoteState.key(instrument_id))]


def _ref(key: Key[Any]) -> Ref:
    return Ref(key.kind.collection, key.id, key.kind.database)


def _quote(quoted: Snapshot) -> Quote | None:
    """None before anybody has quoted: until then an order rests."""
    return None if quoted.data is None else QuoteState.decode(quoted.data).quote


def _trade_id(order: PaperOrder) -> str:
    """Of its next fill: derived, so that a retry states the same."""
    return ids.digest("paper", order.id, *([len(order.fills)] if order.fills else []))


def _side_of(order: PaperOrder) -> str:
    return f"{order.side}|{order.instrument.instrument_id}"


def _used(order_id: str) -> VenueRefused:
    return VenueRefused(f"client order id {order_id} was used before", code="duplicate_client_order_id")


def _shown(order: PaperOrder) -> VenueOrder:
    check_after_ms = 0 if order.state.terminal else order.due_ms
    return VenueOrder(
        order.id, _venue_id(order.id), order.state, order.fills, order.reason, check_after_ms,
        filled=EXACT.subtract(order.quantity, order.unfilled), symbol=order.instrument.symbol, side=order.side,
    )  # fmt: skip


def _venue_id(order_id: str) -> str:
    return f"P-{order_id[:12]}"


def _fill_shown(row: PaperFill) -> VenueFill:
    return VenueFill(
        row.fill, row.client_order_id, row.moves, row.symbol, row.side, venue_order_id=_venue_id(row.client_order_id)
    )


@exact
def _moves(order: PaperOrder, fill: Fill) -> dict[str, Decimal]:
    sign = order.side.sign
    money = -sign * cost(fill.price, fill.quantity)
    return {order.instrument.base: sign * fill.quantity, order.instrument.quote: money - fill.fee}


def _after(balances: dict[str, Decimal], currency: str, change: Decimal) -> Decimal:
    return EXACT.add(balances.get(currency, ZERO), change)
