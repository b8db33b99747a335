"""Closed trades, points of an equity curve, and a record that asks for them."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.events import ExportKind, TradeClosed
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import EquityPoint, ExportRecord

AT_MS = 1_790_000_000_000
DAY_FROM_MS, DAY_TO_MS = 1_789_948_800_000, 1_790_035_200_000


def trade(
    number: int, exit_ms: int = 0, tag: str = "", profit: str = "12.5", account_id: str = "paper-main"
) -> TradeRow:
    exit_ms = exit_ms or AT_MS + number
    closed = TradeClosed(
        trade_id=f"t{number}", account_id=account_id, instrument_id="kraken:BTC/USDT", strategy_id="trend",
        sender_id="floor", direction="LONG", quantity=Decimal("0.012"), entry_price=Decimal("64210.10"),
        exit_price=Decimal(64_300), entry_ms=AT_MS - 7_200_000, exit_ms=exit_ms, fees=Decimal("4.01"),
        profit=Decimal(profit), return_fraction=Decimal("-0.0162"), entry_signal_id="s-in", exit_signal_id="s-out",
        tag=tag,
    )  # fmt: skip
    return TradeRow(id=closed.trade_id, account_id=account_id, exit_ms=exit_ms, trade=closed)


def point(
    number: int, at_ms: int = 0, equity: Decimal = Decimal("10012.34"), account_id: str = "paper-main"
) -> EquityPoint:
    at_ms = at_ms or AT_MS + number
    return EquityPoint(
        id=f"{account_id}|{at_ms}|{number}", account_id=account_id, ts_event_ms=at_ms, equity=equity,
        cash=Decimal(9_000), realised=Decimal(10), unrealised=Decimal("2.34"), deposits=Decimal(10_000),
        account_version=number,
    )  # fmt: skip


def record(
    kind: ExportKind, account_id: str = "paper-main", export_id: str = "export-1", from_ms: int = DAY_FROM_MS,
    to_ms: int = DAY_TO_MS,
) -> ExportRecord:  # fmt: skip
    return ExportRecord(
        id=export_id, kind=kind, account_id=account_id, from_ms=from_ms, to_ms=to_ms, requested_by="u-1",
        status="requested", ts_event_ms=AT_MS,
    )  # fmt: skip
