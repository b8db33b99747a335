"""The record of a run, read from the facts that a floor committed: the same record that a compiled backtest leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fluxfloor.contracts.events import AccountUpdated, ExecutionReported, SignalReceived, SignalScored, TradeClosed
from fluxfloor.contracts.fills import kept_lots
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderReport
from fluxfloor.measures.records import Floats, Ints, Run, Trades
from fluxfloor.simulation.results import bars_a_year

ENTRY = "entry"  # the trigger of a signal that names none
FLATTENED = "flatten"  # of an exit that no signal asked for


@dataclass(slots=True)
class Told:
    """What the facts say of one account."""

    updates: list[AccountUpdated] = field(default_factory=list)
    reports: list[OrderReport] = field(default_factory=list)
    triggers: dict[str, str] = field(default_factory=dict)  # signal -> what triggered it
    regimes: dict[str, float] = field(default_factory=dict)  # signal -> the regime it was scored in
    entry_stops: dict[str, float] = field(default_factory=dict)  # signal -> the stop its order had, in price
    exit_stops: dict[str, float] = field(default_factory=dict)  # signal -> the stop it found


def run_of(
    facts: Iterable[Mapping[str, Any]], account_id: str, instruments: Sequence[Instrument], close_ms: Ints,
    opening: float, currency: str, settings: dict[str, object] | None = None,
) -> Run:  # fmt: skip
    """One account of a floor over bars that closed at `close_ms`, (n,), rising.

    `facts` are journal records (see audit.facts). A bar's figures are those of the last update at or before its close;
    a fill belongs to the bar in which it happened, and what came after the last close is left out. Trades carry the
    moments of their fills, not of bars. Positions are marked as reconciliation marked them.
    """
    told = _told(facts, account_id, instruments)
    symbols = tuple(item.symbol for item in instruments)
    places = {item.instrument_id: place for place, item in enumerate(instruments)}
    equity, cash, exposure = _curve(told.updates, close_ms, opening)
    traded, positions = _fills(told.reports, instruments, places, close_ms)
    step_ms = int(np.diff(close_ms).min()) if len(close_ms) > 1 else 1
    return Run(
        close_ms=close_ms, equity=equity, cash=cash, exposure=exposure, traded=traded, positions=positions,
        trades=_trades(told, instruments, places, int(close_ms[-1])), symbols=symbols,
        opening=opening, currency=currency, periods_per_year=bars_a_year(close_ms, step_ms), settings=settings or {},
    )  # fmt: skip


def _told(facts: Iterable[Mapping[str, Any]], account_id: str, instruments: Sequence[Instrument]) -> Told:
    told = Told()
    for fact in facts:
        kind, data = fact["type"], fact["data"]
        if kind == AccountUpdated.type and data["account_id"] == account_id:
            told.updates.append(AccountUpdated.model_validate(data, extra="ignore"))
        elif kind == ExecutionReported.type and data["report"]["new_fills"]:
            told.reports.append(ExecutionReported.model_validate(data, extra="ignore").report)
        elif kind == SignalReceived.type:
            signal = data["signal"]
            why = signal["explanation"]
            told.triggers[signal["signal_id"]] = str(why.get("trigger", ENTRY))
            told.exit_stops[signal["signal_id"]] = _price(why.get("stop_price"))
        elif kind == SignalScored.type and "regime" in data["features"]:
            told.regimes[data["signal"]["signal_id"]] = data["features"]["regime"]
    told.updates.sort(key=lambda update: (update.ts_event_ms, update.account_version))
    told.reports = [report for report in told.reports if report.intent.account_id == account_id]
    told.entry_stops = _stops(told.reports, instruments)
    return told


def _price(told: Any) -> float:
    """A sender may call anything a stop_price."""
    return float(told) if isinstance(told, (int, float)) else np.nan


def _stops(reports: list[OrderReport], instruments: Sequence[Instrument]) -> dict[str, float]:
    rules = {item.instrument_id: item for item in instruments}
    orders = [report.intent for report in reports if report.intent.stop_loss_ticks]
    return {order.signal_id: float(rules[order.instrument_id].price(order.stop_loss_ticks or 0)) for order in orders}


def _curve(updates: list[AccountUpdated], close_ms: Ints, opening: float) -> tuple[Floats, Floats, Floats]:
    """(equity, cash, exposure), each (n,). Before the first update there is only cash."""
    times = np.array([update.ts_event_ms for update in updates], np.int64)
    rows = [(opening, opening, 0.0)]
    rows += [(float(update.equity), float(update.cash), _exposed(update)) for update in updates]
    table = np.array(rows)[np.searchsorted(times, close_ms, side="right")]
    with np.errstate(divide="ignore", invalid="ignore"):
        exposure = np.where(table[:, 2] > 0.0, table[:, 2] / table[:, 0], 0.0)
    return np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1]), exposure


def _exposed(update: AccountUpdated) -> float:
    return float(sum(abs(item.quantity) * item.mark_price for item in update.positions))


def _fills(
    reports: list[OrderReport], instruments: Sequence[Instrument], places: Mapping[str, int], close_ms: Ints
) -> tuple[Floats, Ints]:
    """(notional traded in each bar, lots held at each close)."""
    traded = np.zeros(len(close_ms))
    moved = np.zeros((len(close_ms), len(instruments)), np.int64)
    for report in reports:
        place = places[report.intent.instrument_id]
        for fill in report.new_fills:
            bar = int(np.searchsorted(close_ms, fill.ts_event_ms))
            if bar < len(close_ms):
                traded[bar] += float(fill.price * fill.quantity)
                moved[bar, place] += report.intent.side.sign * kept_lots(fill, report.intent.side, instruments[place])
    return traded, np.cumsum(moved, axis=0)


def _trades(told: Told, instruments: Sequence[Instrument], places: Mapping[str, int], until_ms: int) -> Trades:
    closed = [trade for update in told.updates for trade in update.trades if trade.exit_ms <= until_ms]
    closed.sort(key=lambda trade: (trade.exit_ms, trade.entry_ms, trade.trade_id))
    entered = [told.triggers.get(trade.entry_signal_id, ENTRY) for trade in closed]
    left = [told.triggers.get(trade.exit_signal_id, FLATTENED) for trade in closed]
    modes, triggers = _names(trade.tag for trade in closed), _names([*entered, *left])
    symbols = [places[trade.instrument_id] for trade in closed]
    return Trades(
        symbol=_ints(symbols), side=_ints(1 if trade.direction == "LONG" else -1 for trade in closed),
        lots=_ints(instruments[place].lots(trade.quantity) for place, trade in zip(symbols, closed, strict=True)),
        quantity=_floats(closed, "quantity"), entry_ms=_ints(trade.entry_ms for trade in closed),
        exit_ms=_ints(trade.exit_ms for trade in closed), entry_price=_floats(closed, "entry_price"),
        exit_price=_floats(closed, "exit_price"), fees=_floats(closed, "fees"), profit=_floats(closed, "profit"),
        mode=_ints(modes.index(trade.tag) for trade in closed), entered_on=_ints(map(triggers.index, entered)),
        left_on=_ints(map(triggers.index, left)), modes=modes, triggers=triggers,
        entry_stop=_of_entries(told.entry_stops, closed), exit_stop=_of_exits(told.exit_stops, closed),
        entry_regime=_of_entries(told.regimes, closed), exit_regime=_of_exits(told.regimes, closed),
    )  # fmt: skip


def _of_entries(known: Mapping[str, float], trades: list[TradeClosed]) -> Floats:
    return np.array([known.get(trade.entry_signal_id, np.nan) for trade in trades], np.float64)


def _of_exits(known: Mapping[str, float], trades: list[TradeClosed]) -> Floats:
    return np.array([known.get(trade.exit_signal_id, np.nan) for trade in trades], np.float64)


def _names(found: Iterable[str]) -> tuple[str, ...]:
    """Each once, sorted; never none at all."""
    return tuple(sorted(set(found))) or ("",)


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)


def _floats(trades: list[TradeClosed], name: str) -> Floats:
    return np.array([float(getattr(trade, name)) for trade in trades], np.float64)


__all__ = ["run_of"]
