"""Keeps what protections look back at. Pure: each function returns the document after a fact, or the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from fluxfloor.cerebro import book as books
from fluxfloor.contracts.events import AccountUpdated, TradeClosed
from fluxfloor.contracts.money import cost, exact
from fluxfloor.contracts.orders import OrderIntent, OrderReport, OrderState, Purpose
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.recent import MOST, EndedTrade, Happened, RecentTrading
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.state import BookPosition, RiskBook

T = TypeVar("T")
STOP = "stop"  # what the floor tags an exit with that it states at a stop by itself
STOP_TYPES = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)


def touches(report: OrderReport) -> bool:
    """Can anything come of it that is kept? Whoever hears it need not read the document otherwise."""
    if report.intent.purpose is Purpose.ENTRY:
        return _came_to_nothing(report)
    return bool(report.new_fills)


def after_report(recent: RecentTrading, report: OrderReport, before: RiskBook, after: RiskBook) -> RecentTrading:
    """`before` and `after` are the book without and with the report."""
    intent = report.intent
    if intent.purpose is Purpose.ENTRY:
        return _unfilled(recent, report) if _came_to_nothing(report) else recent
    if not report.new_fills:
        return recent
    key = books.position_key(intent.strategy_id, intent.instrument_id)
    position = before.positions.get(key)
    if position is not None and key not in after.positions:
        recent = _left(recent, key, _filled_ms(report))
    reserved = before.reservations.get(intent.intent_id)
    if position is not None and _stopped_out(position, report, reserved is not None and reserved.stopped):
        stops = _with(recent.stops, _happened(intent, _filled_ms(report)), _intent_of, _when)
        recent = recent.model_copy(update={"stops": stops})
    return recent


def after_trades(recent: RecentTrading, update: AccountUpdated) -> RecentTrading:
    """Of every update, also of one that a later one has overtaken: its trades are told once."""
    trades = recent.trades
    for trade in update.trades:
        trades = _with(trades, _ended(trade), lambda item: item.trade_id, lambda item: item.exit_ms)
    return recent if trades is recent.trades else recent.model_copy(update={"trades": trades})


@exact
def _ended(trade: TradeClosed) -> EndedTrade:
    return EndedTrade(
        trade_id=trade.trade_id, signal_id=trade.entry_signal_id, strategy_id=trade.strategy_id,
        instrument_id=trade.instrument_id, profit=trade.profit, notional=cost(trade.entry_price, trade.quantity),
        exit_ms=trade.exit_ms,
    )  # fmt: skip


def _came_to_nothing(report: OrderReport) -> bool:
    return report.state in (OrderState.CANCELLED, OrderState.EXPIRED) and not report.filled_lots


def _unfilled(recent: RecentTrading, report: OrderReport) -> RecentTrading:
    happened = _happened(report.intent, report.ts_event_ms)
    return recent.model_copy(update={"unfilled": _with(recent.unfilled, happened, _intent_of, _when)})


def _left(recent: RecentTrading, slot: str, at_ms: int) -> RecentTrading:
    exits = {**recent.exits, slot: max(at_ms, recent.exits.get(slot, 0))}
    newest = sorted(exits, key=lambda key: (exits[key], key))[-MOST:]
    return recent.model_copy(update={"exits": {key: exits[key] for key in newest}})


@exact
def _stopped_out(position: BookPosition, report: OrderReport, told: bool) -> bool:
    """Did it leave with a loss, at its stop? The signal or the order says so, or the price does."""
    quantity = sum((fill.quantity for fill in report.new_fills), Decimal(0))
    worth = sum((fill.quantity * fill.price for fill in report.new_fills), Decimal(0))
    sign = 1 if position.lots > 0 else -1
    if (worth - position.average_price * quantity) * sign >= 0:
        return False
    intent, stop = report.intent, position.stop_price
    at_stop = stop is not None and (worth - stop * quantity) * sign <= 0
    by_floor = intent.sender_id == FLOOR and intent.tag == STOP
    return told or at_stop or by_floor or (bool(intent.protects) and intent.order_type in STOP_TYPES)


def _happened(intent: OrderIntent, at_ms: int) -> Happened:
    return Happened(
        intent_id=intent.intent_id, strategy_id=intent.strategy_id, instrument_id=intent.instrument_id,
        ts_event_ms=at_ms,
    )  # fmt: skip


def _filled_ms(report: OrderReport) -> int:
    return max(fill.ts_event_ms for fill in report.new_fills)


def _intent_of(item: Happened) -> str:
    return item.intent_id


def _when(item: Happened) -> int:
    return item.ts_event_ms


def _with(known: Sequence[T], item: T, name: Callable[[T], str], when: Callable[[T], int]) -> tuple[T, ...]:
    """In the order of time, then of names; of two with the same name the later."""
    same = next((other for other in known if name(other) == name(item)), None)
    if same is not None and when(same) >= when(item):
        return tuple(known)
    others = [other for other in known if name(other) != name(item)]
    return tuple(sorted([*others, item], key=lambda other: (when(other), name(other)))[-MOST:])
