"""How a trade or a transfer becomes lines of the ledger. The one place where a balance changes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_UP, Decimal

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.accounts import Account
from fluxfloor.venuesim.markets import Market, down_to
from fluxfloor.venuesim.orders import Entry, Fill, Order
from fluxfloor.venuesim.rules import Rules

ZERO = Decimal(0)


class Clerk:
    """`middle` is the price of a market by its symbol, for fees in a third currency."""

    def __init__(self, rules: Rules, middle: Callable[[str], Decimal | None]) -> None:
        self._rules = rules
        self._middle = middle
        self._entries = 0
        self._transfers = 0

    def transfer(
        self, holder: Account, ts_ms: int, kind: str, currency: str, amount: Decimal, fee: Decimal, reference: str
    ) -> Entry:
        self._transfers += 1
        return self._write(holder, ts_ms, kind, currency, amount, fee, transfer=self._transfers, reference=reference)

    def trade(
        self, holder: Account, market: Market, order: Order, price: Decimal, quantity: Decimal, maker: bool,
        ts_ms: int, number: int,
    ) -> Fill | None:  # fmt: skip
        """Books as much of it as the account can pay; None where that is nothing."""
        quantity = self._payable(holder, market, order, price, quantity, maker)
        if quantity <= 0:
            return None
        cost = self._rules.cut(price * quantity, market.quote)
        currency, fee = self._fee(holder, market, order, quantity, cost, maker)
        moves = self._lines(holder, market, order, quantity, cost, currency, fee, ts_ms, number)
        order.filled += quantity
        order.cost += cost
        self._rehold(holder, order, -moves[order.held_currency])
        order.fees[currency] = order.fees.get(currency, ZERO) + fee
        return Fill(
            number, order.number, market.symbol, order.terms.side, price, quantity, cost, fee, currency, maker, ts_ms,
            moves,
        )  # fmt: skip

    def _payable(
        self, holder: Account, market: Market, order: Order, price: Decimal, quantity: Decimal, maker: bool
    ) -> Decimal:
        """A stop that fell through its price may cost more than it holds: then only what there is."""
        currency = market.quote if order.terms.side is Side.BUY else market.base
        has = holder.free(currency) + order.held
        rate = market.maker_fee if maker else market.taker_fee
        unit = price if order.terms.side is Side.BUY else Decimal(1)
        if self._rules.fee_currency(market, order.terms) == currency:
            unit *= 1 + rate
        if unit * quantity <= has:
            return quantity
        return down_to(has / unit, market.lot)

    def _fee(
        self, holder: Account, market: Market, order: Order, quantity: Decimal, cost: Decimal, maker: bool
    ) -> tuple[str, Decimal]:
        rate = market.maker_fee if maker else market.taker_fee
        third = self._third(holder, market, cost * rate)
        if third is not None:
            return holder.fee_currency, third
        currency = self._rules.fee_currency(market, order.terms)
        return currency, self._rules.cut((quantity if currency == market.base else cost) * rate, currency)

    def _third(self, holder: Account, market: Market, fee: Decimal) -> Decimal | None:
        """The fee in the account's fee currency, while that is worth something and there is enough of it."""
        currency = holder.fee_currency
        if not currency or currency in (market.base, market.quote):
            return None
        price = self._middle(f"{currency}/{market.quote}")
        if price is None:
            return None
        amount = fee * (1 - self._rules.fee_discount) / price
        amount = amount.quantize(self._rules.places(currency), ROUND_UP)
        return amount if amount <= holder.free(currency) else None

    def _rehold(self, holder: Account, order: Order, spent: Decimal) -> None:
        """Frees what the filled part had bound: never less than it cost, or more would be bound than there is."""
        share = order.held_at_first * order.left / order.quantity
        rest = share.quantize(self._rules.places(order.held_currency), ROUND_UP)
        holder.release(order, order.held - max(ZERO, min(rest, order.held - spent)))

    def _lines(
        self, holder: Account, market: Market, order: Order, quantity: Decimal, cost: Decimal, currency: str,
        fee: Decimal, ts_ms: int, number: int,
    ) -> dict[str, Decimal]:  # fmt: skip
        sign = order.terms.side.sign
        moves: dict[str, Decimal] = {}
        amounts = {market.base: sign * quantity, market.quote: -sign * cost}
        for name in (*amounts, *(() if currency in amounts else (currency,))):
            charged = fee if name == currency else ZERO
            amount = amounts.get(name, ZERO)
            moves[name] = amount - charged
            self._write(holder, ts_ms, "trade", name, amount, charged, fill=number)
        return moves

    def _write(
        self, holder: Account, ts_ms: int, kind: str, currency: str, amount: Decimal, fee: Decimal, fill: int = 0,
        transfer: int = 0, reference: str = "",
    ) -> Entry:  # fmt: skip
        self._entries += 1
        balance = holder.balances.get(currency, ZERO) + amount - fee
        entry = Entry(
            self._entries, ts_ms, kind, currency, amount, fee, balance, fill=fill, transfer=transfer,
            reference=reference,
        )  # fmt: skip
        holder.book(entry)
        return entry
