"""Positions as first-in-first-out lots, and the trades that closing them makes.

Each strategy has lots of its own: what one strategy sells never closes what another holds, though the account's
position is the sum of both. So every trade has the profit of the strategy that made it, in whatever order reports come.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts import ids
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.fills import kept_lots
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact, rounded, split
from fluxfloor.contracts.orders import Fill, OrderIntent
from fluxfloor.contracts.state import AccountPosition, Lot

ZERO = Decimal(0)
PRICE_PLACES = 12  # of averages and fractions, which are for people


@dataclass(frozen=True, slots=True)
class Match:
    """A piece of an open lot that a fill closes. `lots` is unsigned; fees are those of both sides."""

    lot: Lot
    lots: int
    fees: Decimal


@exact
def apply_fill(
    position: AccountPosition, fill: Fill, intent: OrderIntent, rules: Instrument, fee: Decimal
) -> tuple[AccountPosition, tuple[TradeClosed, ...]]:
    """Closes the strategy's own lots, oldest first; what is left over opens a new one. `fee` is in the quote currency.

    A fee that was taken out of what was bought makes the position smaller. What is no whole lot can't be held as a
    position: it stays among the account's holdings.
    """
    lots = kept_lots(fill, intent.side, rules)
    open_lots, matches = _matched(position.open_lots, lots, fee, intent)
    left = lots - sum(match.lots for match in matches)
    if left:
        open_lots = (*open_lots, _opened(left, lots, fee, fill, intent))
    profit = sum((_profit(match, fill, rules) for match in matches), ZERO)
    newest = fill.ts_event_ms >= position.mark_ms
    changed = position.model_copy(
        update={
            "lots": position.lots + intent.side.sign * lots, "open_lots": open_lots,
            "realised": rounded(position.realised + profit),
            "cost": sum((cost(lot.price, lot.lots * rules.lot_size) for lot in open_lots), ZERO),
            "mark_price": fill.price if newest else position.mark_price,
            "mark_ms": max(fill.ts_event_ms, position.mark_ms),
        }
    )  # fmt: skip
    return changed, _trades(matches, fill, intent, rules)


def _matched(
    open_lots: tuple[Lot, ...], lots: int, fee: Decimal, intent: OrderIntent
) -> tuple[tuple[Lot, ...], list[Match]]:
    """The lots that stay open, and what of them was closed, oldest first."""
    left, kept, closed = lots, [], []
    for lot in open_lots:
        against = lot.strategy_id == intent.strategy_id and lot.lots * intent.side.sign < 0
        count = min(left, abs(lot.lots)) if against else 0
        left -= count
        if not count:
            kept.append(lot)
            continue
        entry_fees, kept_fees = split(lot.fees, (count, abs(lot.lots) - count))
        closed.append(Match(lot, count, entry_fees))
        if count < abs(lot.lots):
            kept.append(lot.model_copy(update={"lots": lot.lots + intent.side.sign * count, "fees": kept_fees}))
    shares = split(fee, [match.lots for match in closed] + [left]) if lots else []
    paired = zip(closed, shares, strict=False)
    return tuple(kept), [Match(match.lot, match.lots, match.fees + share) for match, share in paired]


def _opened(left: int, lots: int, fee: Decimal, fill: Fill, intent: OrderIntent) -> Lot:
    _, fees = split(fee, (lots - left, left))
    return Lot(
        lots=intent.side.sign * left, price=fill.price, fees=fees, ts_event_ms=fill.ts_event_ms,
        strategy_id=intent.strategy_id, sender_id=intent.sender_id, signal_id=intent.signal_id, tag=intent.tag,
    )  # fmt: skip


def _profit(match: Match, fill: Fill, rules: Instrument) -> Decimal:
    """Before fees."""
    quantity = (match.lots if match.lot.lots > 0 else -match.lots) * rules.lot_size
    return cost(fill.price, quantity) - cost(match.lot.price, quantity)


# --- trades ------------------------------------------------------------------------------------------------------


def _trades(matches: list[Match], fill: Fill, intent: OrderIntent, rules: Instrument) -> tuple[TradeClosed, ...]:
    """One trade per entry signal that this fill closes a share of."""
    by_signal: dict[str, list[Match]] = {}
    for match in matches:
        by_signal.setdefault(match.lot.signal_id, []).append(match)
    return tuple(_trade(signal_id, group, fill, intent, rules) for signal_id, group in by_signal.items())


def _trade(signal_id: str, group: list[Match], fill: Fill, intent: OrderIntent, rules: Instrument) -> TradeClosed:
    first = group[0].lot
    quantity = sum(match.lots for match in group) * rules.lot_size
    paid = sum((cost(match.lot.price, match.lots * rules.lot_size) for match in group), ZERO)
    fees = sum((match.fees for match in group), ZERO)
    profit = sum((_profit(match, fill, rules) for match in group), ZERO) - fees
    return TradeClosed(
        trade_id=ids.digest("trade", intent.account_id, fill.trade_id, signal_id), account_id=intent.account_id,
        instrument_id=rules.instrument_id, strategy_id=first.strategy_id, sender_id=first.sender_id,
        direction="LONG" if first.lots > 0 else "SHORT", quantity=quantity,
        entry_price=round(paid / quantity, PRICE_PLACES), exit_price=fill.price, entry_ms=first.ts_event_ms,
        exit_ms=fill.ts_event_ms, fees=rounded(fees), profit=rounded(profit),
        return_fraction=round(profit / paid, PRICE_PLACES), entry_signal_id=signal_id,
        exit_signal_id=intent.signal_id, tag=first.tag,
    )  # fmt: skip
