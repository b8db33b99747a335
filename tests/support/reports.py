"""Facts that people are told about."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.events import ExecutionReported, ExportCompleted, ExportKind, RiskRaised, Severity
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose, Side

AT_MS = 1_790_000_000_000


def intent(intent_id: str = "intent-1", lots: int = 1_200, strategy_id: str = "trend") -> OrderIntent:
    return OrderIntent(
        intent_id=intent_id, signal_id="signal-1", portfolio_id="main", account_id="paper-main",
        strategy_id=strategy_id, sender_id="floor", instrument_id="kraken:BTC/USDT", purpose=Purpose.ENTRY,
        side=Side.BUY, lots=lots, arrival_ticks=642_000, requested_ms=AT_MS,
    )  # fmt: skip


def fill(trade_id: str, price: str, quantity: str, fee: str, currency: str = "USDT") -> Fill:
    return Fill(
        trade_id=trade_id, price=Decimal(price), quantity=Decimal(quantity), fee=Decimal(fee), fee_currency=currency,
        ts_event_ms=AT_MS,
    )  # fmt: skip


def report(
    state: OrderState, filled_lots: int = 0, reason: str = "", fills: tuple[Fill, ...] = (), late: bool = False,
    intent_id: str = "intent-1",
) -> ExecutionReported:  # fmt: skip
    return ExecutionReported(
        report=OrderReport(
            intent=intent(intent_id), state=state, attempt=1, client_order_id="c-1", filled_lots=filled_lots,
            average_price=Decimal("64210.1") if filled_lots else Decimal(0), new_fills=fills, reason=reason, late=late,
            ts_event_ms=AT_MS,
        )
    )  # fmt: skip


def order(state: OrderState, *fills: Fill, intent_id: str = "intent-1") -> Order:
    return Order(
        id=intent_id, intent=intent(intent_id), state=state, client_order_id="c-1",
        fills={item.trade_id: item for item in fills},
    )  # fmt: skip


def risk(
    kind: str = "books_mismatch", scope: str = "paper-main", severity: Severity = Severity.WARNING,
    message: str = "books differ from the venue", details: dict[str, str] | None = None,
) -> RiskRaised:  # fmt: skip
    return RiskRaised(
        kind=kind, scope=scope, severity=severity, message=message, details=details or {}, ts_event_ms=AT_MS
    )


def export(rows: int = 12, failed: str = "", export_id: str = "export-1") -> ExportCompleted:
    files = {} if failed else {format: f"exports/paper-main/trades/x.{format}" for format in ("csv", "parquet")}
    return ExportCompleted(
        export_id=export_id, kind=ExportKind.TRADES, files=files, rows=rows, failed=failed, ts_event_ms=AT_MS
    )


def stated(event: ExecutionReported | RiskRaised | ExportCompleted, at_ms: int = AT_MS, name: str = "") -> Fact:
    """A fact of its own for every time and name."""
    return Fact.first(digest("stated", event.type, event.key(), at_ms, name), event, at_ms)
