"""Trading at any venue that has a dialect, through ccxt: one account, with one key to trade and one to look.

A placement goes out once. What is certain not to have been taken is a refusal; whatever else is no clear yes is an
unknown outcome, for execution to look up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from threading import RLock
from typing import Any, TypeVar

from fluxfloor.adapters.venues.budget import Budget, Purpose
from fluxfloor.adapters.venues.ccxt_exchange import clean, open_to_trade
from fluxfloor.adapters.venues.ccxt_names import CcxtNames
from fluxfloor.adapters.venues.ccxt_wire import Wire
from fluxfloor.adapters.venues.dialects import base, dialect_of
from fluxfloor.adapters.venues.dialects.base import Ask, Call, Dialect, Stamp
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.adapters.venues.venue_clock import VenueClock
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import Misconfigured, OutcomeUnknown, RetryLater, VenueRefused
from fluxfloor.ports import Clock, Placement, VenueBooks, VenueOrder

R = TypeVar("R")

BOOKS_TRIES = 3
BOOKS_PATIENCE_S = 20.0  # so long one page of the books may wait for its turn: nobody stands waiting for it
CANCELLED_LATELY_MS = 120_000  # for so long a look-up of a cancelled order may draw on what is kept for cancels
PUBLIC_PER_MINUTE = 300


def microseconds() -> int:
    """A nonce that rises over restarts, as long as the machine's clock does."""
    return time.time_ns() // 1_000


class CcxtVenue:
    """Implements ports.Venue. Nothing is opened and no secret is read before it is needed.

    `trading` and `looking` tell the keys; `currency` is what the account counts in, `symbols` are the markets whose
    trades books tell where the venue tells them by market. `capabilities` overrides the matrix' row, for a key that is
    granted more requests.
    """

    def __init__(
        self, venue: str, clock: Clock, trading: Callable[[], Keys], looking: Callable[[], Keys], *,
        base_url: str = "", sandbox: bool = False, currency: str = "", symbols: tuple[str, ...] = (),
        capabilities: Capabilities | None = None, timeout_ms: int = 10_000, sleep: Callable[[float], None] = time.sleep,
        nonce: Callable[[], int] = microseconds,
    ) -> None:  # fmt: skip
        self.capabilities = capabilities or CAPABILITIES[venue]
        self._kind = dialect_of(venue)
        self._clock = clock
        self._keys = {"trading": trading, "looking": looking}
        self._currency = currency
        self._symbols = frozenset(symbols)
        self._opening: dict[str, Any] = {"base_url": base_url, "sandbox": sandbox, "timeout_ms": timeout_ms}
        self._sleep = sleep
        self._nonce = nonce
        self._wires: dict[str, Wire] = {}
        self._cancelled: dict[str, int] = {}  # client id → when
        self._opened = RLock()
        self._made: tuple[CcxtNames, Dialect] | None = None
        self._time = VenueClock(self._server_time, clock, self._kind.clock_step_ms, venue)

    # --- the port ------------------------------------------------------------------------------------------------

    def place(self, placement: Placement) -> VenueOrder:
        self._check(placement)
        wire = self._wire("trading")
        call = self._dressed(placement)
        body = wire.send(call, Purpose.PLACE, lambda: self._clock.now_ms() < placement.expires_ms)
        try:
            return base.sound(self._dialect.placed(placement, body))
        except (*base.UNREADABLE, Misconfigured) as problem:
            told = clean(f"the answer to {placement.client_order_id} can't be read: {problem!r}")
            raise OutcomeUnknown(told) from None

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        since_ms = since_ms and since_ms + self._time.offset_ms()
        dialect = self._dialect
        with self._wire("trading").prepaid(self._purpose(client_order_id), dialect.look_cost) as ask:
            found = self._read(lambda: dialect.find(ask, client_order_id, instrument.symbol, since_ms))
        return None if found is None else self._read(lambda: base.sound(found))

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        now_ms = self._clock.now_ms()
        lately = {name: at for name, at in self._cancelled.items() if now_ms - at < CANCELLED_LATELY_MS}
        self._cancelled = {**lately, order.client_order_id: now_ms}
        self._wire("trading").send(self._dialect.cancel(order, instrument.symbol), Purpose.CANCEL)

    def books(self, since_ms: int) -> VenueBooks:
        """Read until the balances before and after are the same: then they and the fills are of one moment."""
        ask = self._asking("looking", Purpose.READ)
        before = self._read(lambda: self._dialect.balances(ask))
        for _ in range(BOOKS_TRIES):
            books = self._read(partial(self._books, ask, before, since_ms))
            after = self._read(lambda: self._dialect.balances(ask))
            if after == before:
                return books
            before = after
        raise RetryLater(f"the books at {self._kind.exchange_id} changed at every reading")

    def quote(self, instrument: Instrument) -> Quote | None:
        asked_ms = self._clock.now_ms()
        ask = self._asking("public", Purpose.READ)
        sides = self._read(lambda: self._dialect.touch(ask(self._dialect.quote(instrument.symbol))))
        bid, offer, bid_size, offer_size = sides
        if bid is None or offer is None or not 0 < bid <= offer:
            return None
        return Quote(
            instrument_id=instrument.instrument_id, bid=bid, ask=offer, ts_event_ms=asked_ms, bid_size=bid_size,
            ask_size=offer_size,
        )  # fmt: skip

    def clock_offset_ms(self) -> int:
        return self._time.offset_ms()

    # --- placing -------------------------------------------------------------------------------------------------

    def _check(self, placement: Placement) -> None:
        """What is known to be impossible is refused here: nothing is sent."""
        able, here = self.capabilities, self._kind.exchange_id
        if placement.instrument.venue != here:  # another venue's ticks and lots
            raise VenueRefused(f"{placement.instrument.instrument_id} is not an instrument of {here}", code="market")
        if placement.order_type not in able.order_types:
            raise VenueRefused(f"{here} takes no {placement.order_type} orders", code="order_type")
        if placement.time_in_force not in able.time_in_force:
            raise VenueRefused(f"no time in force {placement.time_in_force} here", code="time_in_force")
        if placement.post_only and not able.post_only:
            raise VenueRefused("no post-only orders here", code="post_only")

    def _dressed(self, placement: Placement) -> Call:
        """The request, stamped with the venue's time. What it takes to know that may fail: then nothing was sent."""
        try:
            stamp = self._stamp(placement)
            return self._dialect.placement(placement, stamp)
        except RetryLater as problem:
            raise VenueRefused(str(problem), code="not_ready", retryable=True) from problem

    def _stamp(self, placement: Placement) -> Stamp:
        names, dialect = self._public()
        names.load()  # first, as it takes longest
        there_ms = self._time.now_ms()
        left_ms = placement.expires_ms - self._clock.now_ms()
        if left_ms <= 0 or left_ms < dialect.least_ms:
            raise base.refused(base.EXPIRED, f"{left_ms} ms are left, which is too few to send it")
        return Stamp(there_ms, there_ms + min(left_ms, dialect.most_ms))

    # --- reading -------------------------------------------------------------------------------------------------

    def _books(self, ask: Ask, balances: dict[str, Decimal], since_ms: int) -> VenueBooks:
        there_ms, since_ms = self._time.now_ms(), max(0, since_ms)
        margin = self._dialect.margin(ask, self._currency) if self._currency else None
        fills, transfers = self._dialect.history(ask, since_ms, there_ms, self._markets(balances))
        return VenueBooks(
            balances=balances,
            fills=tuple(fills),
            transfers=tuple(transfers),
            orders=tuple(base.sound(order) for order in self._dialect.open_orders(ask)),
            margin_used=margin.used if margin else None,
            margin_free=margin.free if margin else None,
        )

    def _markets(self, balances: dict[str, Decimal]) -> frozenset[str]:
        """Those that were named, and those between what is held and the account's currency."""
        names, _ = self._public()
        held = (names.market_between(currency, self._currency) for currency in balances)
        return self._symbols | {str(market["symbol"]) for market in held if market is not None}

    def _read(self, call: Callable[[], R]) -> R:
        try:
            return call()
        except base.UNREADABLE as problem:
            raise RetryLater(clean(f"{self._kind.exchange_id}: the answer can't be read ({problem!r})")) from None

    def _purpose(self, client_order_id: str) -> Purpose:
        lately = self._clock.now_ms() - self._cancelled.get(client_order_id, -CANCELLED_LATELY_MS) < CANCELLED_LATELY_MS
        return Purpose.CANCEL if lately else Purpose.READ

    def _asking(self, wire: str, purpose: Purpose) -> Ask:
        return lambda call: self._wire(wire).ask(call, purpose)

    def _server_time(self) -> int:
        return self._read(lambda: self._dialect.time_of(self._wire("public").ask(self._dialect.time())))

    # --- opening -------------------------------------------------------------------------------------------------

    @property
    def _dialect(self) -> Dialect:
        return self._public()[1]

    def _public(self) -> tuple[CcxtNames, Dialect]:
        """The venue's metadata and its public data, which need no key."""
        with self._opened:
            if self._made is None:
                exchange = self._exchange()
                exchange.has["fetchCurrencies"] = self._kind.reads_currencies
                names = CcxtNames(exchange, self._sleep)
                self._made = names, self._kind(names)
                budget = Budget(self._clock, PUBLIC_PER_MINUTE)
                self._wires["public"] = Wire(
                    exchange, self._made[1], self._time, budget, sleep=self._sleep, lock=names.lock
                )
            return self._made

    def _wire(self, name: str) -> Wire:
        _, dialect = self._public()
        with self._opened:
            if name not in self._wires:
                keys = self._keys[name]()
                exchange = self._exchange(apiKey=keys.key, secret=keys.secret, password=keys.password)
                exchange.incrementing_nonce = self._nonce
                patience_s = BOOKS_PATIENCE_S if name == "looking" else 0.0
                calls, orders = self._budgets(name)
                self._wires[name] = Wire(exchange, dialect, self._time, calls, orders, self._sleep, patience_s)
            return self._wires[name]

    def _budgets(self, name: str) -> tuple[Budget, Budget | None]:
        """Of one key: for all requests, or for placing and cancelling apart where the venue counts these apart. Who
        only looks keeps nothing for cancels."""
        able = self.capabilities
        reserved = able.reserved_for_cancels if name == "trading" else 0
        calls = Budget(self._clock, able.requests_per_minute, reserved, able.burst)
        orders = Budget(self._clock, able.orders_per_minute, reserved) if able.orders_per_minute else None
        return calls, orders

    def _exchange(self, **credentials: str) -> Any:
        settings: dict[str, Any] = {**self._opening, **credentials, "options": dict(self._kind.options)}
        return open_to_trade(self._kind.exchange_id, **settings)
