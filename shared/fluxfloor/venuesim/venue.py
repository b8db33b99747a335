"""The simulated venue: accounts, their orders, and an outside market that these meet.

It has no clock: `now_ms` is handed in, and whatever is asked first lets the time since the last question pass, quote by
quote, in order. With the same questions at the same times it gives the same answers. It is not thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal, localcontext

from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim import checks, triggers
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.booking import Clerk
from fluxfloor.venuesim.markets import Market, Quote, down_to, take
from fluxfloor.venuesim.orders import Entry, Fill, Kind, Order, Status, Terms
from fluxfloor.venuesim.outside import Outside
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import Mode, Rules
from fluxfloor.venuesim.sources import Source

ZERO = Decimal(0)


class Mischief:
    """What may go wrong inside the venue; here nothing does. `faults.Faults` is the other one."""

    def share(self, order: Order) -> Decimal:
        """The part of what is left of the order that may fill now."""
        return Decimal(1)

    def placed(self, order: Order) -> None: ...

    def filled(self, account: str, fill: Fill) -> None: ...


class Venue:
    """All of one venue's state. `accounts` is free to read, for whoever checks its books."""

    def __init__(
        self,
        markets: Iterable[Market],
        now_ms: Callable[[], int],
        rules: Rules | None = None,
        mischief: Mischief | None = None,
    ) -> None:
        self.rules = rules or Rules()
        self.mischief = mischief or Mischief()
        self.outside = {market.symbol: Outside(market) for market in markets}
        self.accounts: dict[str, Account] = {}
        self.orders: list[Order] = []
        self.fills: list[Fill] = []
        self.mode = Mode.ONLINE
        self.skew_ms = 0  # its clock minus everybody else's
        self.trades_at: Callable[[int], bool] = lambda ms: True  # whether its markets are open then
        self.now_ms = now_ms()
        self._clock = now_ms
        self._at_ms: int | None = None
        self._clerk = Clerk(self.rules, self._middle)

    # --- time and the market ---------------------------------------------------------------------------------------

    def clock_ms(self) -> int:
        """Everybody else's time."""
        return self._clock() if self._at_ms is None else self._at_ms

    def advance(self) -> int:
        """Lets the time since the last question pass; returns the venue's time."""
        now_ms = self.clock_ms() + self.skew_ms
        while (due := self._next_source(now_ms)) is not None:
            quote = due.next_quote()
            self.now_ms = quote.ts_ms
            self._meet(due, quote)
        self.now_ms = now_ms
        self._expire()
        return now_ms

    @contextmanager
    def at(self, ms: int) -> Iterator[None]:
        """What is asked inside happens at this time: a request that was held back."""
        self._at_ms = ms
        try:
            yield
        finally:
            self._at_ms = None

    def quote(
        self, symbol: str, bid: Decimal, ask: Decimal, size: Decimal | None = None, last: Decimal | None = None
    ) -> None:
        """Sets the outside market by hand. Raises Refused where it is none."""
        if not 0 < bid <= ask:
            raise Refused(Reason.INVALID_ARGUMENT, "bid and ask")
        self.advance()
        self._meet(self.market_of(symbol), Quote(bid, ask, self.now_ms, size, size, last))

    def play(self, symbol: str, source: Source | None) -> None:
        """From now on the market follows this source; None: only quotes set by hand."""
        outside = self.market_of(symbol)
        outside.source = source
        if source is not None:
            outside.tape.precede(source.history())
        self.advance()

    def market_of(self, symbol: str) -> Outside:
        if symbol not in self.outside:
            raise Refused(Reason.UNKNOWN_MARKET, symbol)
        return self.outside[symbol]

    # --- money -----------------------------------------------------------------------------------------------------

    def open_account(self, name: str, balances: dict[str, Decimal] | None = None, fee_currency: str = "") -> Account:
        self.accounts[name] = Account(name, fee_currency=fee_currency)
        for currency, amount in (balances or {}).items():
            self.transfer(name, currency, amount)
        return self.accounts[name]

    def transfer(
        self, account: str, currency: str, amount: Decimal, kind: str = "", fee: Decimal = ZERO, reference: str = ""
    ) -> Entry:
        """Money in (amount > 0) or out; the fee comes off on top. Raises Refused where the free balance lacks it."""
        self.advance()
        holder = self.account(account)
        if amount - fee < 0 and holder.free(currency) + amount - fee < 0:
            raise Refused(Reason.INSUFFICIENT_FUNDS, currency)
        kind = kind or ("deposit" if amount >= 0 else "withdrawal")
        with localcontext(EXACT):
            return self._clerk.transfer(holder, self.now_ms, kind, currency, amount, fee, reference)

    def account(self, name: str) -> Account:
        if name not in self.accounts:
            raise Refused(Reason.INVALID_KEY, name)
        return self.accounts[name]

    # --- orders ----------------------------------------------------------------------------------------------------

    def place(self, account: str, terms: Terms) -> Order:
        """Takes the order and lets it trade. Raises Refused, and then nothing has happened."""
        self.advance()
        with localcontext(EXACT):
            holder, outside = self.account(account), self.market_of(terms.symbol)
            quantity, price = self._admit(holder, outside, terms)
            order = Order(len(self.orders) + 1, account, terms, self.now_ms, quantity)
            triggers.set_up(order, outside.last)
            self._hold(holder, outside, order, price)
            self._enter(holder, outside, order)
            self._begin(holder, outside, order)
            return order

    def cancel(self, account: str, number: int, reason: str = "user requested") -> Order:
        """Raises Refused (unknown order) where there is none of that number, or it is at its end."""
        self.advance()
        order = self.account(account).open.get(number)
        if order is None:
            raise Refused(Reason.UNKNOWN_ORDER, str(number))
        self._end(order, Status.CANCELLED, reason)
        return order

    def visible_orders(self, account: str) -> list[Order]:
        """All that look-ups may show, open and ended, oldest first."""
        now_ms = self.advance()
        return [order for order in self.account(account).orders if order.visible_ms <= now_ms]

    def visible_fills(self, account: str) -> list[Fill]:
        """What listings show, oldest first; one that is shown twice is in here twice."""
        now_ms = self.advance()
        shown = (fill for fill in self.account(account).fills if self.shows(fill, now_ms))
        return [fill for fill in shown for _ in range(fill.shown)]

    def shows(self, fill: Fill, now_ms: int) -> bool:
        return max(fill.visible_ms, self.orders[fill.order - 1].visible_ms) <= now_ms

    def visible_entries(self, account: str) -> list[Entry]:
        """The ledger as it is shown: without the lines of fills that are not."""
        now_ms = self.advance()
        return [
            entry
            for entry in self.account(account).ledger
            if not entry.fill or self.shows(self.fills[entry.fill - 1], now_ms)
        ]

    # --- inside ----------------------------------------------------------------------------------------------------

    def _next_source(self, now_ms: int) -> Outside | None:
        due = [market for market in self.outside.values() if market.due_ms is not None and market.due_ms <= now_ms]
        return min(due, key=lambda market: market.due_ms or 0) if due else None

    def _meet(self, outside: Outside, quote: Quote) -> None:
        """A new quote: every open order of this market gets its turn, oldest first."""
        outside.take_quote(quote)
        if not outside.open:
            return
        with localcontext(EXACT):
            for order in list(outside.open.values()):
                holder = self.accounts[order.account]
                if order.terms.expires_ms and order.terms.expires_ms <= self.now_ms:
                    self._end(order, Status.EXPIRED, "its time was over")
                elif not self.trades_at(self.now_ms):
                    continue
                elif order.working:
                    self._work(holder, outside, order, resting=True)
                else:
                    self._watch(holder, outside, order)

    def _expire(self) -> None:
        for outside in self.outside.values():
            for order in list(outside.open.values()):
                if order.terms.expires_ms and order.terms.expires_ms <= self.now_ms:
                    self._end(order, Status.EXPIRED, "its time was over")

    def _admit(self, holder: Account, outside: Outside, terms: Terms) -> tuple[Decimal, Decimal]:
        """(quantity, price to judge it by) of terms that pass."""
        if terms.deadline_ms and self.now_ms > terms.deadline_ms:
            raise Refused(Reason.DEADLINE_PASSED)
        checks.check_mode(self.mode, terms)
        checks.check_shape(terms)
        checks.check_grid(outside.market, terms)
        checks.check_identity(self.rules, holder, terms)
        price = outside.price_for(terms)
        if price is None:
            raise Refused(Reason.NO_MARKET, terms.symbol)
        quantity = terms.quantity or outside.affordable(terms)
        checks.check_minimums(outside.market, quantity, price)
        checks.check_post_only(terms, outside.quote)
        checks.check_trigger(self.rules, terms, outside.last)
        return quantity, price

    def _hold(self, holder: Account, outside: Outside, order: Order, price: Decimal) -> None:
        """Binds what covers it: a market order at what it would get now, any other at its own price."""
        terms, notional = order.terms, price * order.quantity
        if terms.kind is Kind.MARKET and outside.quote is not None:
            got = take(outside.market, outside.quote, terms.side, order.quantity, outside.taken[terms.side])
            notional = sum((part * at for at, part in got), ZERO)
        currency, amount = self.rules.hold(outside.market, terms, order.quantity, notional)
        if amount > holder.free(currency):
            raise Refused(Reason.INSUFFICIENT_FUNDS, currency)
        holder.hold(order, currency, amount)

    def _enter(self, holder: Account, outside: Outside, order: Order) -> None:
        self.orders.append(order)
        holder.orders.append(order)
        holder.open[order.number] = outside.open[order.number] = order
        if order.terms.client_id:
            holder.by_client_id.setdefault(order.terms.client_id, []).append(order)
        self.mischief.placed(order)

    def _begin(self, holder: Account, outside: Outside, order: Order) -> None:
        if not self.trades_at(self.now_ms):
            return  # it waits for the session
        if not order.working:
            if outside.last is not None:
                self._watch(holder, outside, order)
        elif order.terms.time_in_force is TimeInForce.FOK and self._within_reach(outside, order) < order.quantity:
            self._end(order, Status.EXPIRED, "could not be filled at once")
        else:
            self._work(holder, outside, order, resting=False)

    def _watch(self, holder: Account, outside: Outside, order: Order) -> None:
        if outside.last is not None and triggers.goes_off(outside.market, order, outside.last):
            order.triggered_ms = self.now_ms
            self._work(holder, outside, order, resting=False)

    def _within_reach(self, outside: Outside, order: Order) -> Decimal:
        if outside.quote is None:
            return ZERO
        side = order.terms.side
        got = take(outside.market, outside.quote, side, order.left, outside.taken[side], order.limit)
        return sum((part for _, part in got), ZERO)

    def _work(self, holder: Account, outside: Outside, order: Order, resting: bool) -> None:
        """Fills what the quote gives. What is left of a limit order rests; of any other it ends."""
        capped = self._trade(holder, outside, order, maker=resting and order.limit is not None)
        if not order.open:
            return
        at_once = order.terms.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
        if order.left <= 0:
            self._end(order, Status.FILLED, "")
        elif at_once or (order.limit is None and not capped):
            self._end(order, Status.EXPIRED, "the rest could not be filled at once")

    def _trade(self, holder: Account, outside: Outside, order: Order, maker: bool) -> bool:
        """True where a fault kept it from getting all that there was."""
        market, quote, side = outside.market, outside.quote, order.terms.side
        if quote is None:
            return False
        share = Decimal(1) if order.terms.time_in_force is TimeInForce.FOK else self.mischief.share(order)
        wanted = order.left if share >= 1 else down_to(order.left * share, market.lot)
        got = take(market, quote, side, wanted, outside.taken[side], order.limit)
        if maker and order.limit is not None and got:  # whoever comes to a resting order takes it at its price
            got = [(order.limit, sum((part for _, part in got), ZERO))]
        for price, part in got:
            done = self._clerk.trade(holder, market, order, price, part, maker, self.now_ms, len(self.fills) + 1)
            if done is not None:
                outside.took(side, done.quantity)
                self._record(holder, order, done)
            if done is None or done.quantity < part:
                self._end(order, Status.CANCELLED, "insufficient funds")
                return False
        return share < 1

    def _record(self, holder: Account, order: Order, fill: Fill) -> None:
        self.fills.append(fill)
        holder.fills.append(fill)
        order.fills.append(fill)
        self.mischief.filled(order.account, fill)

    def _end(self, order: Order, status: Status, reason: str) -> None:
        holder = self.accounts[order.account]
        order.status, order.reason, order.ended_ms = status, reason, self.now_ms
        holder.release(order)
        del holder.open[order.number]
        del self.outside[order.terms.symbol].open[order.number]

    def _middle(self, symbol: str) -> Decimal | None:
        outside = self.outside.get(symbol)
        return outside.last if outside else None
