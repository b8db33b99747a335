"""Positions as first-in-first-out lots, and the trades that closing them makes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts import ids
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Fill, OrderIntent
from fluxfloor.contracts.state import AccountPosition, Lot

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Match:
    """A piece of an open lot that a fill closes. Lots are unsigned here; fees are both sides' shares."""

    lot: Lot
    lots: int
    profit: Decimal
    fees: Decimal


def apply_fill(
    position: AccountPosition, fill: Fill, intent: OrderIntent, rules: Instrument
) -> tuple[AccountPosition, tuple[TradeClosed, ...]]:
    """Closes the strategy's own lots first, then others', oldest first; what is left over opens a new lot."""
    lots = rules.lots(fill.quantity)
    if lots * rules.lot_size != fill.quantity or lots == 0:
        lots = max(1, lots)  # a venue's odd quantity: the ledger has it exactly, the position to the lot
    signed = intent.side.sign * lots
    fee_per_lot = fill.fee / lots
    open_lots, matches, left = _close(position.open_lots, signed, fill, fee_per_lot, intent, rules)
    if left:
        opened = Lot(
            lots=left, price=fill.price, fees=fee_per_lot * abs(left), ts_event_ms=fill.ts_event_ms,
            strategy_id=intent.strategy_id, sender_id=intent.sender_id, signal_id=intent.signal_id, tag=intent.tag,
        )  # fmt: skip
        open_lots = (*open_lots, opened)
    realised = sum((match.profit for match in matches), ZERO)
    cost = sum((lot.lots * rules.lot_size * lot.price for lot in open_lots), ZERO)
    changed = position.model_copy(
        update={
            "lots": position.lots + signed, "open_lots": open_lots, "realised": position.realised + realised,
            "mark_price": fill.price, "cost": cost,
        }
    )  # fmt: skip
    return changed, _trades(matches, fill, intent, rules)


def _close(
    open_lots: tuple[Lot, ...], signed: int, fill: Fill, fee_per_lot: Decimal, intent: OrderIntent, rules: Instrument
) -> tuple[tuple[Lot, ...], list[Match], int]:
    """The lots still open, what was matched, and the signed lots of the fill that closed nothing."""
    left, matches, kept = signed, [], {}
    own_first = sorted(range(len(open_lots)), key=lambda i: (open_lots[i].strategy_id != intent.strategy_id, i))
    for index in own_first:
        lot = open_lots[index]
        if left * lot.lots >= 0:
            kept[index] = lot
            continue
        count = min(abs(left), abs(lot.lots))
        direction = 1 if lot.lots > 0 else -1
        share = Decimal(count) / abs(lot.lots)
        profit = direction * count * rules.lot_size * (fill.price - lot.price)
        matches.append(Match(lot, count, profit, lot.fees * share + fee_per_lot * count))
        left += direction * count
        if abs(lot.lots) > count:
            kept[index] = lot.model_copy(update={"lots": lot.lots - direction * count, "fees": lot.fees * (1 - share)})
    return tuple(kept[index] for index in sorted(kept)), matches, left


def _trades(matches: list[Match], fill: Fill, intent: OrderIntent, rules: Instrument) -> tuple[TradeClosed, ...]:
    """One trade per entry signal that this fill closes a share of."""
    by_signal: dict[str, list[Match]] = {}
    for match in matches:
        by_signal.setdefault(match.lot.signal_id, []).append(match)
    return tuple(_trade(signal_id, group, fill, intent, rules) for signal_id, group in by_signal.items())


def _trade(signal_id: str, group: list[Match], fill: Fill, intent: OrderIntent, rules: Instrument) -> TradeClosed:
    first, lots = group[0].lot, sum(match.lots for match in group)
    quantity = lots * rules.lot_size
    paid = sum((match.lots * rules.lot_size * match.lot.price for match in group), ZERO)
    fees = sum((match.fees for match in group), ZERO)
    profit = sum((match.profit for match in group), ZERO) - fees
    return TradeClosed(
        trade_id=ids.digest("trade", intent.account_id, fill.trade_id, signal_id), account_id=intent.account_id,
        instrument_id=rules.instrument_id, strategy_id=first.strategy_id, sender_id=first.sender_id,
        direction="LONG" if first.lots > 0 else "SHORT", quantity=quantity,
        entry_price=round(paid / quantity, 12), exit_price=fill.price, entry_ms=first.ts_event_ms,
        exit_ms=fill.ts_event_ms, fees=round(fees, 12), profit=round(profit, 12),
        return_fraction=round(profit / paid, 12), entry_signal_id=signal_id, exit_signal_id=intent.signal_id,
        tag=first.tag,
    )  # fmt: skip
