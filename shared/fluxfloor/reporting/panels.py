"""What one row on the page says: decisions with their waterfall, orders, positions. Ready to print, nothing left to
work out. Quantities are in the base asset where the lot size is known, else in lots."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fluxfloor.contracts.base import Model, Number, canonical
from fluxfloor.contracts.decisions import Decision, Limit
from fluxfloor.contracts.events import PositionView
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.state import BookPosition
from fluxfloor.contracts.views import DecisionRow, OrderRow

LotSizes = Mapping[str, Decimal]
"""Of each instrument that is known."""

WIDEST = 4  # a bar that allows more than so many times what bound is drawn cut off: the binding one stays visible
CENT = Decimal("0.01")
SIX = Decimal("0.000001")


class Bar(Model):
    """One limit of a waterfall. `share` is the bar's length in [0, 1], None where the limit gives no number;
    `beyond` says that it allows more than the bar can show."""

    name: str
    label: str
    allows: str
    share: float | None
    beyond: bool = False
    passed: bool
    binding: bool
    note: str


class DecisionPanel(Model):
    decision_id: str
    signal_id: str
    portfolio_id: str
    strategy_id: str
    sender_id: str
    instrument_id: str
    verdict: str
    reason: str
    reason_label: str
    purpose: str
    side: str
    quantity: str
    price: Number | None
    notional: Number | None
    expected_alpha: Number | None
    slippage_share: Number | None
    text: str
    waterfall: tuple[Bar, ...]
    ts_event_ms: int


class OrderPanel(Model):
    """`done` is how much of it is filled, in [0, 1]."""

    intent_id: str
    signal_id: str
    account_id: str
    instrument_id: str
    strategy_id: str
    side: str
    purpose: str
    state: str
    ended: bool
    quantity: str
    filled: str
    done: float
    average_price: Number | None
    reason: str
    attempt: int
    requested_ms: int
    ts_event_ms: int


class Share(Model):
    """One strategy's part of a position."""

    strategy_id: str
    quantity: str
    stop_price: Number | None


class PositionPanel(Model):
    """Money in the account's currency; `weight` and `profit_fraction` are fractions."""

    instrument_id: str
    direction: str
    quantity: Number
    average_price: Number
    mark_price: Number
    notional: Number
    weight: Number
    unrealised: Number
    profit_fraction: Number
    realised: Number
    strategies: tuple[Share, ...]


def label(name: str) -> str:
    """ "risk_per_trade" → "Risk per trade"."""
    return name.replace("_", " ").capitalize()


def fraction(part: Decimal, whole: Decimal) -> Decimal:
    """part / whole to six digits; 0 where there is nothing to divide by."""
    return (part / whole).quantize(SIX) if whole > 0 else Decimal(0)


def amount(lots: int, instrument_id: str, lot_sizes: LotSizes) -> str:
    """ "0.012 BTC", or "12 lots" where the instrument is not known."""
    size = lot_sizes.get(instrument_id)
    if size is None:
        return f"{lots} lot{'' if abs(lots) == 1 else 's'}"
    base = instrument_id.partition(":")[2].partition("/")[0]
    return f"{canonical(lots * size)} {base}".strip()


# --- decisions ---------------------------------------------------------------------------------------------------


def decision_panel(row: DecisionRow, lot_sizes: LotSizes) -> DecisionPanel:
    decision = row.decision
    return DecisionPanel(
        decision_id=decision.decision_id, signal_id=decision.signal_id, portfolio_id=decision.portfolio_id,
        strategy_id=decision.strategy_id, sender_id=decision.sender_id, instrument_id=decision.instrument_id,
        verdict=decision.verdict, reason=decision.reason, reason_label=label(decision.reason),
        purpose=decision.purpose or "", side=decision.side or "",
        quantity=amount(decision.lots, decision.instrument_id, lot_sizes) if decision.lots else "",
        price=decision.price, notional=decision.notional, expected_alpha=decision.expected_alpha,
        slippage_share=decision.slippage_share, text=decision.text, waterfall=waterfall(decision, lot_sizes),
        ts_event_ms=row.ts_event_ms,
    )  # fmt: skip


def waterfall(decision: Decision, lot_sizes: LotSizes) -> tuple[Bar, ...]:
    """Of several legs one after the other, each under its instrument."""
    found: list[Bar] = []
    for part in decision.parts():
        longest = _longest([limit.allows_lots for limit in part.waterfall if limit.allows_lots is not None])
        bars = [_bar(limit, longest, part.instrument_id, lot_sizes) for limit in part.waterfall]
        of = f"{part.instrument_id.partition(':')[2]}: " if decision.legs else ""
        found += [bar.model_copy(update={"label": f"{of}{bar.label}"}) for bar in bars]
    return tuple(found)


def _longest(allowed: list[int]) -> int:
    """What a full bar stands for, in lots."""
    least = min((lots for lots in allowed if lots > 0), default=0)
    return min(max(allowed, default=0), least * WIDEST)


def _bar(limit: Limit, longest: int, instrument_id: str, lot_sizes: LotSizes) -> Bar:
    lots = limit.allows_lots
    share = None if lots is None else min(1.0, max(0, lots) / longest) if longest else 0.0
    return Bar(
        name=limit.name, label=label(limit.name), passed=limit.passed, binding=limit.binding, note=limit.note,
        allows="" if lots is None else amount(lots, instrument_id, lot_sizes),
        share=None if share is None else round(share, 4), beyond=lots is not None and lots > longest,
    )  # fmt: skip


# --- orders and positions ----------------------------------------------------------------------------------------


def order_panel(row: OrderRow, lot_sizes: LotSizes) -> OrderPanel:
    return OrderPanel(
        intent_id=row.id, signal_id=row.signal_id, account_id=row.account_id, instrument_id=row.instrument_id,
        strategy_id=row.strategy_id, side=row.side, purpose=row.purpose, state=row.state,
        ended=OrderState(row.state).terminal, quantity=amount(row.lots, row.instrument_id, lot_sizes),
        filled=amount(row.filled_lots, row.instrument_id, lot_sizes),
        done=round(min(1.0, row.filled_lots / row.lots), 4) if row.lots > 0 else 0.0,
        average_price=row.average_price or None, reason=row.reason, attempt=row.attempt,
        requested_ms=row.requested_ms, ts_event_ms=row.ts_event_ms,
    )  # fmt: skip


def position_panel(view: PositionView, equity: Decimal, held: list[BookPosition], lot_sizes: LotSizes) -> PositionPanel:
    notional = abs(view.quantity) * view.mark_price
    return PositionPanel(
        instrument_id=view.instrument_id, direction="LONG" if view.lots > 0 else "SHORT", quantity=abs(view.quantity),
        average_price=view.average_price, mark_price=view.mark_price, notional=notional.quantize(CENT),
        weight=fraction(notional, equity), unrealised=view.unrealised.quantize(CENT),
        profit_fraction=fraction(view.unrealised, abs(view.quantity) * view.average_price),
        realised=view.realised.quantize(CENT),
        strategies=tuple(
            Share(
                strategy_id=item.strategy_id, stop_price=item.stop_price,
                quantity=amount(item.lots, item.instrument_id, lot_sizes),
            )
            for item in held
        ),
    )  # fmt: skip
