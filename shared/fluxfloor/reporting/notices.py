"""Which facts people are told about, and in what words: one table, FORMATS, from the fact's type to its notice.

A fact that a format gives no subject for is not worth reading. Texts carry opaque ids and numbers, never names or
addresses; `markup.py` writes them for one channel, `telling.py` remembers which channels have them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.events import (
    AllocationMade,
    ExecutionReported,
    ExportCompleted,
    RiskRaised,
    Severity,
    SimulationCompleted,
)
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState
from fluxfloor.contracts.simulations import SimulationRecord, SimulationSpec
from fluxfloor.contracts.views import ExportRecord
from fluxfloor.reporting import BY_SCHEDULE

MAX_TITLE = 150
MAX_TEXT = 8_000
RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notice is about. Two with the same subject are the same notice, told once and then counted."""

    kind: str
    scope: str
    severity: Severity
    about: str = ""  # what of the scope, where several things of a kind may be wrong in it at once
    count: str = ""  # of a matter that grows: each step of it is a notice of its own

    @property
    def thread(self) -> str:
        """The matter: the same however grave it is by now."""
        return "|".join(filter(None, (self.kind, self.scope, self.about)))


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Format:
    """`subject` is None for a fact not worth reading; `source` names the document that completes the fact (all fills
    of an order, who asked for an export); `words` gets it, None where it is not there, and may still say nothing."""

    subject: Callable[[Any], Subject | None]
    source: Callable[[Any], Key[Any] | None]
    words: Callable[[Any, Any], Words | None]


def subject_of(event: Event) -> Subject | None:
    return FORMATS[type(event)].subject(event)


def source_of(event: Event) -> Key[Any] | None:
    return FORMATS[type(event)].source(event)


def words_of(event: Event, source: Document | None) -> Words | None:
    """Cleaned of control characters and cut to what a record may hold."""
    words = FORMATS[type(event)].words(event, source)
    if words is None:
        return None
    return Words(plain(words.title).replace("\n", " ")[:MAX_TITLE], plain(words.text)[:MAX_TEXT])


# --- orders ------------------------------------------------------------------------------------------------------

_ORDER_NOTICES = {
    OrderState.FILLED: ("Order filled", Severity.INFO),
    OrderState.REJECTED: ("Order rejected", Severity.WARNING),
    OrderState.UNKNOWN: ("Order without an answer", Severity.WARNING),
    # Worth reading only with fills: then the position is not what was asked for.
    OrderState.CANCELLED: ("Order cancelled, partly filled", Severity.WARNING),
    OrderState.EXPIRED: ("Order expired, partly filled", Severity.WARNING),
}


def _order_subject(event: ExecutionReported) -> Subject | None:
    report = event.report
    if report.state not in _ORDER_NOTICES:
        return None
    if report.state in (OrderState.CANCELLED, OrderState.EXPIRED) and not report.filled_lots:
        return None
    late = "_late" if report.late else ""
    return Subject(f"order_{report.state}{late}", report.intent.intent_id, _ORDER_NOTICES[report.state][1])


def _order_source(event: ExecutionReported) -> Key[Order]:
    return Order.key(event.report.intent.intent_id)


def _order_words(event: ExecutionReported, order: Order | None) -> Words:
    report, title = event.report, _ORDER_NOTICES[event.report.state][0]
    line = f"{_order_line(report, order)}, {report.intent.strategy_id}"
    return Words(f"{title} late" if report.late else title, f"{line}\norder {report.intent.intent_id}")


def _order_line(report: OrderReport, order: Order | None) -> str:
    intent, reason = report.intent, f": {report.reason}" if report.reason else ""
    asked = f"{intent.side} {_lots(intent.lots)} {symbol_of(intent)}"
    if report.state is OrderState.UNKNOWN:
        return f"{asked}: the venue gave no answer, it is being looked up{reason}"
    if report.state is OrderState.REJECTED:
        return f"{asked} rejected{reason}"
    filled = _filled(report, order)
    if report.state is OrderState.FILLED:
        return filled
    return f"{filled}, then {report.state} ({report.filled_lots:,} of {intent.lots:,} lots){reason}"


def _filled(report: OrderReport, order: Order | None) -> str:
    """All fills of the order where its document is there; a single report has only what was new in it."""
    intent, fills = report.intent, tuple(order.fills.values()) if order is not None else ()
    if not fills:
        quantity, price, fees = _lots(report.filled_lots), report.average_price, ""
    else:
        total = sum((fill.quantity for fill in fills), Decimal(0))
        quantity = f"{total.normalize():,f}"
        price = sum((fill.quantity * fill.price for fill in fills), Decimal(0)) / total
        fees = f" (fee {_fees(fills)})"
    return f"{intent.side} {quantity} {symbol_of(intent)} filled at {readable(price)}{fees}"


def _lots(lots: int) -> str:
    return f"{lots:,} lot of" if lots == 1 else f"{lots:,} lots of"


def _fees(fills: Iterable[Fill]) -> str:
    sums: dict[str, Decimal] = {}
    for fill in fills:
        sums[fill.fee_currency] = sums.get(fill.fee_currency, Decimal(0)) + fill.fee
    return " + ".join(f"{readable(sums[currency], digits=3)} {currency}" for currency in sorted(sums))


def symbol_of(intent: OrderIntent) -> str:
    """As ccxt spells it, without the venue."""
    return intent.instrument_id.partition(":")[2] or intent.instrument_id


# --- risks -------------------------------------------------------------------------------------------------------


def _risk_subject(event: RiskRaised) -> Subject:
    """Two orders, or holdings, that go wrong in one portfolio are two matters; what is tried in vain again is told
    again."""
    details = event.details
    held = "|".join(details[name] for name in ("strategy", "instrument") if name in details)
    about = details.get("intent") or (held if "strategy" in details else "")
    return Subject(event.kind, event.scope, event.severity, about, details.get("tries", ""))


def _no_source(_event: Event) -> None:
    return None


def _risk_words(event: RiskRaised, _source: None) -> Words:
    title = f"{event.kind.replace('_', ' ').capitalize()}: {event.scope}"
    details = [f"{name}: {value}" for name, value in sorted(event.details.items())]
    return Words(title, "\n".join([event.message, *details]))


# --- exports -----------------------------------------------------------------------------------------------------


def _export_subject(event: ExportCompleted) -> Subject:
    severity = Severity.WARNING if event.failed else Severity.INFO
    return Subject("export_failed" if event.failed else "export_completed", event.export_id, severity)


def _export_source(event: ExportCompleted) -> Key[ExportRecord]:
    return ExportRecord.key(event.export_id)


def _export_words(event: ExportCompleted, record: ExportRecord | None) -> Words | None:
    if record is not None and record.requested_by == BY_SCHEDULE and not event.failed:
        return None
    of = "" if record is None else f" of {record.account_id}, {_day(record.from_ms)} to {_day(record.to_ms)}"
    made = f"{event.rows:,} {'row' if event.rows == 1 else 'rows'} ({', '.join(sorted(event.files))})"
    outcome = event.failed or made
    return Words(
        "Export failed" if event.failed else "Export ready", f"{event.kind}{of}: {outcome}\nexport {event.export_id}"
    )


# --- simulations -------------------------------------------------------------------------------------------------


def _simulation_subject(event: SimulationCompleted) -> Subject:
    severity = Severity.WARNING if event.failed else Severity.INFO
    return Subject("simulation_failed" if event.failed else "simulation_completed", event.simulation_id, severity)


def _simulation_source(event: SimulationCompleted) -> Key[SimulationRecord]:
    return SimulationRecord.key(event.simulation_id)


def _simulation_words(event: SimulationCompleted, record: SimulationRecord | None) -> Words:
    of = "" if record is None else f"{_played(record.spec)}: "
    figures = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.summary.items())
    outcome = f"{event.failed}; {event.fix}" if event.failed else figures
    title = "Simulation failed" if event.failed else "Simulation ready"
    return Words(title, f"{of}{outcome}\nsimulation {event.simulation_id}")


def _played(spec: SimulationSpec) -> str:
    names = ", ".join(item.strategy_id for item in spec.strategies)
    symbol = spec.instrument_id.partition(":")[2]
    return f"{names} on {symbol} {spec.timeframe}, {_day(spec.from_ms)} to {_day(spec.to_ms)}"


# --- allocations -------------------------------------------------------------------------------------------------


def _allocation_subject(event: AllocationMade) -> Subject:
    return Subject("allocation_made", f"{event.portfolio_id}|{event.shares.number}", Severity.INFO)


def _allocation_words(event: AllocationMade, _source: None) -> Words:
    shares, before = event.shares, event.before
    lines = [
        f"{name}: {before.get(name, 0.0):.1%} to {shares.weights.get(name, 0.0):.1%}"
        for name in sorted(before.keys() | shares.weights.keys())
    ]
    return Words(f"New weights: {event.portfolio_id}", "\n".join([*lines, f"because of {shares.cause}"]))


FORMATS: dict[type[Event], Format] = {
    AllocationMade: Format(_allocation_subject, _no_source, _allocation_words),
    ExecutionReported: Format(_order_subject, _order_source, _order_words),
    RiskRaised: Format(_risk_subject, _no_source, _risk_words),
    ExportCompleted: Format(_export_subject, _export_source, _export_words),
    SimulationCompleted: Format(_simulation_subject, _simulation_source, _simulation_words),
}


# --- spelling ----------------------------------------------------------------------------------------------------

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Without control characters (line feeds stay), half characters, and those that turn the reading direction."""
    return "".join(sign for sign in text if sign == "\n" or not _disturbs(sign))


def _disturbs(sign: str) -> bool:
    return sign in _BIDI or unicodedata.category(sign) in ("Cc", "Cs")


def readable(value: Decimal, digits: int = 6) -> str:
    """At least two decimals, more for small numbers: `digits` significant ones, without further trailing zeros."""
    places = max(2, digits - 1 - value.adjusted()) if value else 2
    text = f"{value:,.{places}f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _day(at_ms: int) -> str:
    """ISO date, with the time of day where it is not midnight."""
    at = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return f"{at:%Y-%m-%d}" if at_ms % 86_400_000 == 0 else f"{at:%Y-%m-%dT%H:%M:%SZ}"
