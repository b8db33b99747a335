"""Facts in plain words, for the story of a signal. One function a kind of fact; `said_event` finds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.base import Event, canonical
from fluxfloor.contracts.decisions import Limit
from fluxfloor.contracts.events import (
    AccountUpdated,
    AllocationMade,
    AllocationRequested,
    DecisionMade,
    ExecutionReported,
    ExportCompleted,
    ExportRequested,
    HistoryUploaded,
    OrderRequested,
    QuarantineReleased,
    RiskRaised,
    SignalReceived,
    SignalScored,
    SimulationCompleted,
    SimulationRequested,
    TradeClosed,
)
from fluxfloor.contracts.state import LedgerEntry

Said = tuple[str, list[str]]


def clock(at_ms: int) -> str:
    """ "2026-03-01 14:00:01.250", UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(" ", "milliseconds")[:23]


def said_event(event: Event) -> Said:
    """A headline, and details to be indented below it."""
    words = _WORDS.get(type(event))
    return words(event) if words else (event.type, [])


def said_entry(entry: LedgerEntry) -> list[str]:
    lines = [f"{clock(entry.ts_event_ms)}  {entry.kind} {entry.reference}"]
    return lines + [
        f"{'':14}{posting.ledger_account:<18}{canonical(posting.amount):>20} {posting.currency}"
        for posting in entry.postings
    ]


def _signal(event: SignalReceived) -> Said:
    signal = event.signal
    details = [
        _leg_words(leg.direction, leg.instrument_id, leg.size, leg.order_type, leg.limit_price) for leg in signal.legs
    ]
    if signal.reference_price is not None:
        details.append(f"the sender saw {canonical(signal.reference_price)}")
    if signal.expected_alpha is not None:
        details.append(f"expects {signal.expected_alpha:.2%}")
    details += [f"{name}: {value}" for name, value in signal.explanation.items()]
    return f"{signal.action} from {signal.sender_id} for {signal.strategy_id} ({signal.format})", details


def _leg_words(direction: str, instrument: str, size: Any, order_type: str, limit: Decimal | None) -> str:
    sized = f"{canonical(size.value)} ({size.kind})" if size else "size left to the floor"
    at = f" at {canonical(limit)}" if limit is not None else ""
    return f"{direction} {instrument}, {sized}, {order_type}{at}"


def _scored(event: SignalScored) -> Said:
    details = []
    if event.quote is not None:
        details.append(f"quote {canonical(event.quote.bid)} / {canonical(event.quote.ask)}")
    features = [f"{name} {value:.6g}" for name, value in sorted(event.features.items())]
    details += [", ".join(features[start : start + 4]) for start in range(0, len(features), 4)]
    if event.mean_edge is not None:
        details.append(f"measured edge a trade {event.mean_edge:.3%}")
    return "scored with what the market looked like", details


def _decision(event: DecisionMade) -> Said:
    decision = event.decision
    verdict = decision.verdict.upper()
    headline = decision.text if decision.text.startswith(verdict) else f"{verdict}: {decision.text}"
    lines = []
    for part in decision.parts():
        lines += [f"{part.instrument_id}:"] * bool(decision.legs)
        lines += [_limit_words(limit) for limit in part.waterfall]
    return headline, lines


def _limit_words(limit: Limit) -> str:
    allows = f"{limit.allows_lots:>14,} lots" if limit.allows_lots is not None else f"{'–':>19}"
    mark = "◀ binds" if limit.binding else "" if limit.passed else "✗ refuses"
    return f"{limit.name:<18}{allows}  {limit.note} {mark}".rstrip()


def _order(event: OrderRequested) -> Said:
    intent = event.intent
    headline = (
        f"wants {intent.side} {intent.lots} lots of {intent.instrument_id} ({intent.purpose}, {intent.order_type})"
    )
    return headline, [
        f"intent {intent.intent_id} on {intent.account_id}, mid at the decision {intent.arrival_ticks} ticks"
    ]


def _report(event: ExecutionReported) -> Said:
    report = event.report
    reason = f": {report.reason}" if report.reason else ""
    headline = f"order is {report.state}{reason}, {report.filled_lots} of {report.intent.lots} lots filled"
    venue = f", at the venue {report.venue_order_id}" if report.venue_order_id else ""
    details = [f"attempt {report.attempt}, client order {report.client_order_id}{venue}"]
    details += [
        f"fill {fill.trade_id}: {canonical(fill.quantity)} at {canonical(fill.price)}, "
        f"fee {canonical(fill.fee)} {fill.fee_currency}"
        for fill in report.new_fills
    ]
    return headline, details


def _account(event: AccountUpdated) -> Said:
    headline = (
        f"{event.account_id}: cash {event.cash:,.2f}, equity {event.equity:,.2f} {event.currency} ({event.cause})"
    )
    return headline, [_trade_words(trade, event.currency) for trade in event.trades]


def _trade_words(trade: TradeClosed, currency: str) -> str:
    return (
        f"trade {trade.trade_id} closed: {trade.direction} {canonical(trade.quantity)} {trade.instrument_id}, "
        f"{canonical(trade.entry_price)} to {canonical(trade.exit_price)}, "
        f"profit {trade.profit:+,.2f} {currency} ({trade.return_fraction:+.2%}) after {trade.fees:,.2f} of fees"
    )


def _risk(event: RiskRaised) -> Said:
    return f"{event.severity.upper()} {event.kind} on {event.scope}: {event.message}", []


def _export_requested(event: ExportRequested) -> Said:
    return f"{event.requested_by} wants {event.kind} of {event.account_id}", []


def _export_completed(event: ExportCompleted) -> Said:
    files = [f"{kind}: {name}" for kind, name in event.files.items()]
    return (f"export failed: {event.failed}" if event.failed else f"export of {event.rows} rows is ready"), files


def _simulation_requested(event: SimulationRequested) -> Said:
    names = ", ".join(item.strategy_id for item in event.spec.strategies)
    return f"{event.requested_by} wants {names} simulated on {event.spec.instrument_id} {event.spec.timeframe}", []


def _simulation_completed(event: SimulationCompleted) -> Said:
    files = [f"{file}: {name}" for file, name in event.files.items()]
    if event.failed:
        return f"simulation failed: {event.failed}; {event.fix}", files
    return f"simulation is ready: equity {event.summary.get('equity', '?')}", files


def _released(event: QuarantineReleased) -> Said:
    return f"{event.released_by} released {event.quarantine_id} to {event.stage}", []


def _allocation_requested(event: AllocationRequested) -> Said:
    if event.study is not None:
        return f"{event.requested_by} asks what would be if the equity of {event.portfolio_id} was shared otherwise", []
    return f"{event.requested_by} wants the equity of {event.portfolio_id} shared again", []


def _allocation_made(event: AllocationMade) -> Said:
    weights = [f"{name} {share:.1%}" for name, share in event.shares.weights.items()]
    return f"weights {event.shares.number} of {event.portfolio_id}, because of {event.shares.cause}", weights


def _history_uploaded(event: HistoryUploaded) -> Said:
    return f"{event.uploaded_by} uploaded {len(event.history.days):,} days of {event.strategy_id}", []


_WORDS: dict[type[Event], Callable[[Any], Said]] = {
    SignalReceived: _signal,
    SignalScored: _scored,
    DecisionMade: _decision,
    OrderRequested: _order,
    ExecutionReported: _report,
    AccountUpdated: _account,
    RiskRaised: _risk,
    ExportRequested: _export_requested,
    ExportCompleted: _export_completed,
    SimulationRequested: _simulation_requested,
    SimulationCompleted: _simulation_completed,
    QuarantineReleased: _released,
    AllocationRequested: _allocation_requested,
    AllocationMade: _allocation_made,
    HistoryUploaded: _history_uploaded,
}
