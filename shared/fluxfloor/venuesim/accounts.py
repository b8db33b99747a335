"""One account's money: what it has, what its open orders bind, and the ledger that both follow from."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from fluxfloor.contracts.money import exact
from fluxfloor.venuesim.orders import Entry, Fill, Order

ZERO = Decimal(0)


@dataclass(slots=True)
class Account:
    """Read all of it freely; only the venue writes. Balances never go below zero, nor does what is free."""

    name: str
    balances: dict[str, Decimal] = field(default_factory=dict)
    bound: dict[str, Decimal] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    ledger: list[Entry] = field(default_factory=list)
    open: dict[int, Order] = field(default_factory=dict)
    by_client_id: dict[str, list[Order]] = field(default_factory=dict)
    fee_currency: str = ""  # a third currency that fees are taken from while there is some, like BNB

    def free(self, currency: str) -> Decimal:
        return self.balances.get(currency, ZERO) - self.bound.get(currency, ZERO)

    def hold(self, order: Order, currency: str, amount: Decimal) -> None:
        order.held_currency, order.held, order.held_at_first = currency, amount, amount
        self.bound[currency] = self.bound.get(currency, ZERO) + amount

    def release(self, order: Order, amount: Decimal | None = None) -> None:
        """Frees `amount` of what the order binds, at most all; by default all."""
        freed = order.held if amount is None else min(amount, order.held)
        if freed:
            order.held -= freed
            self.bound[order.held_currency] -= freed

    def book(self, entry: Entry) -> None:
        """Adds a line; its `balance` must be what the line makes of the balance."""
        self.balances[entry.currency] = entry.balance
        self.ledger.append(entry)

    @exact
    def sums(self) -> dict[str, Decimal]:
        """Balances as the ledger says, counted anew."""
        totals: dict[str, Decimal] = {}
        for entry in self.ledger:
            totals[entry.currency] = totals.get(entry.currency, ZERO) + entry.amount - entry.fee
        return totals

    @exact
    def faults(self) -> list[str]:
        """What contradicts itself in the books, in words; empty where they are sound."""
        totals = self.sums()
        found = [
            f"{currency}: the ledger makes {totals.get(currency)}, the balance is {self.balances.get(currency)}"
            for currency in {*totals, *self.balances}
            if totals.get(currency, ZERO) != self.balances.get(currency, ZERO)
        ]
        found += [
            f"{currency}: transfers and fills make {total}, the balance is {self.balances.get(currency)}"
            for currency, total in self._moved().items()
            if total != self.balances.get(currency, ZERO)
        ]
        return found + self._loose_holds()

    def _moved(self) -> dict[str, Decimal]:
        """Transfers and the moves of fills, added up."""
        moved: dict[str, Decimal] = {}
        for entry in self.ledger:
            if not entry.fill:
                moved[entry.currency] = moved.get(entry.currency, ZERO) + entry.amount - entry.fee
        for fill in self.fills:
            for currency, change in fill.moves.items():
                moved[currency] = moved.get(currency, ZERO) + change
        return moved

    def _loose_holds(self) -> list[str]:
        held: dict[str, Decimal] = {}
        for order in self.open.values():
            held[order.held_currency] = held.get(order.held_currency, ZERO) + order.held
        found = [
            f"{currency}: {amount} bound, open orders hold {held.get(currency, ZERO)}"
            for currency, amount in self.bound.items()
            if amount != held.get(currency, ZERO)
        ]
        found += [f"{c}: balance {amount} is below zero" for c, amount in self.balances.items() if amount < 0]
        return found + [
            f"{currency}: more is bound than there is" for currency in self.bound if self.free(currency) < 0
        ]
