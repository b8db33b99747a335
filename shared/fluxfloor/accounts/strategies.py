"""What of an account's open lots each strategy has: an account is the sum of its strategies."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.accounts.valuing import rate_of
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact, rounded
from fluxfloor.contracts.state import Account, AccountPosition, Lot

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """One strategy's open lots at their marks, in the account's currency: their profit, the fees paid to open them
    taken off, and the margin that they take. Lots whose quote currency nothing values count as nothing."""

    open_profit: Decimal = ZERO
    margin: Decimal = ZERO


@exact
def standings(account: Account, instruments: dict[str, Instrument]) -> dict[str, Standing]:
    """By strategy, of those that hold anything. `instruments` has the rules of all that is held, by id."""
    found: dict[str, Standing] = {}
    for name, position in sorted(account.positions.items()):
        for lot in position.open_lots:
            before = found.get(lot.strategy_id, Standing())
            rate = rate_of(instruments[name].quote, account.currency, account.rates) or ZERO
            found[lot.strategy_id] = _with(before, lot, position, instruments[name], rate)
    return found


def _with(before: Standing, lot: Lot, position: AccountPosition, rules: Instrument, rate: Decimal) -> Standing:
    quantity = lot.lots * rules.lot_size
    profit = cost(position.mark_price, quantity) - cost(lot.price, quantity) - lot.fees
    margin = cost(position.mark_price, abs(quantity)) * rules.margin_rate
    return Standing(before.open_profit + rounded(profit * rate), before.margin + rounded(margin * rate))
