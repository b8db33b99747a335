"""What a fill leaves of a position, once the venue has taken its fee out of it."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import Fill, Side


def kept(fill: Fill, side: Side, rules: Instrument) -> Decimal:
    """The quantity that comes into the position or leaves it, unsigned. A fee in the base currency is taken out of what
    was bought; that of a sale is paid from what else there is of it."""
    if side is Side.BUY and fill.fee_currency == rules.base and fill.fee > 0:
        return max(Decimal(0), EXACT.subtract(fill.quantity, fill.fee))
    return fill.quantity


def kept_lots(fill: Fill, side: Side, rules: Instrument) -> int:
    """The same in whole lots, toward less exposure. Books, strategies and risk all count positions by it."""
    return rules.lots(kept(fill, side, rules))
