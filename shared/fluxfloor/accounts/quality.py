"""How an order was carried out: what it cost against the mid at the decision, what it paid, how long it took, and why
it was refused. Followed report by report, and summed by strategy once the order has ended."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from fluxfloor.accounts import sketch
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import cost, exact
from fluxfloor.contracts.orders import DUST, OrderReport, OrderState
from fluxfloor.contracts.results import MOST_KEYS, OTHERS, OrderQuality, Quality, QualityBook

BPS = 10_000
PLACES = 6
REASONS = 50
ZERO = Decimal(0)
Fees = Mapping[str, Decimal]
"""Trade id -> fee in the quote currency."""


def tells(report: OrderReport) -> bool:
    """Is there anything in this report that counts here?"""
    return report.intent.strategy_id != DUST and (bool(report.new_fills) or report.state.terminal)


def begun(report: OrderReport, rules: Instrument, venue: str) -> OrderQuality:
    intent = report.intent
    return OrderQuality(
        id=intent.intent_id, account_id=intent.account_id, venue=venue, instrument_id=intent.instrument_id,
        strategy_id=intent.strategy_id, sender_id=intent.sender_id, side=intent.side, purpose=intent.purpose,
        arrival_price=rules.price(intent.arrival_ticks), signal_ms=intent.signal_ms, requested_ms=intent.requested_ms,
    )  # fmt: skip


@exact
def followed(before: OrderQuality, report: OrderReport, rules: Instrument, fees: Fees) -> OrderQuality:
    """With what this report says. `fees` are of the fills that are new to the books: only those count."""
    new = [fill for fill in report.new_fills if fill.trade_id in fees]
    fills = [fill for fill in new if not fill.trade_id.startswith(DUST)]
    quantity = before.quantity + sum((fill.quantity for fill in fills), ZERO)
    paid = before.paid + sum((cost(fill.price, fill.quantity) for fill in fills), ZERO)
    spent = before.fees + sum((fees[fill.trade_id] for fill in fills), ZERO)
    times = [fill.ts_event_ms for fill in fills] + ([before.first_fill_ms] if before.first_fill_ms else [])
    changed = before.model_copy(
        update={
            "quantity": quantity, "paid": paid, "fees": spent, "first_fill_ms": min(times, default=0),
            "lots": before.lots + sum(rules.lots(fill.quantity) for fill in new),
            "told_lots": max(before.told_lots, report.filled_lots),
            "submitted_ms": before.submitted_ms or report.submitted_ms, "state": str(report.state),
            "attempts": max(before.attempts, report.attempt), "reason": report.reason or before.reason,
            "ended": before.ended or report.state.terminal, "ts_event_ms": report.ts_event_ms,
        }
    )  # fmt: skip
    return changed.model_copy(update=_in_bps(changed, report.intent.side.sign)) if quantity else changed


def _in_bps(order: OrderQuality, sign: int) -> dict[str, Decimal]:
    """Of the average price against the arrival's, and of the fees against what was traded."""
    average = order.paid / order.quantity
    against = sign * (average - order.arrival_price) / order.arrival_price * BPS
    paid = order.fees / order.paid * BPS if order.paid else ZERO
    return {"cost_bps": round(against, PLACES), "fee_bps": round(paid, PLACES)}


def complete(order: OrderQuality) -> bool:
    """At its end, with all that it filled."""
    return order.ended and not order.counted and order.lots >= order.told_lots


def summed(book: QualityBook, order: OrderQuality) -> QualityBook:
    """With an order that has just ended."""
    known = order.strategy_id in book.strategies or len(book.strategies) < MOST_KEYS
    name = order.strategy_id if known else OTHERS
    before = book.strategies.get(name, Quality())
    return book.model_copy(update={"strategies": {**book.strategies, name: _counted(before, order)}})


def _counted(before: Quality, order: OrderQuality) -> Quality:
    changes: dict[str, object] = {"orders": before.orders + 1}
    if order.quantity:
        changes["filled"] = before.filled + 1
    for name, value in _measures(order).items():
        changes[name] = sketch.added(getattr(before, name), value)
    if order.state in (OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELLED) and not order.quantity:
        reason = f"{order.state}: {order.reason.partition(':')[0][:80]}".removesuffix(": ")
        reason = reason if reason in before.rejects or len(before.rejects) < REASONS else OTHERS
        changes["rejects"] = {**before.rejects, reason: before.rejects.get(reason, 0) + 1}
    return before.model_copy(update=changes)


def _measures(order: OrderQuality) -> dict[str, float]:
    """Those that are known. A venue's clock may say that it filled before we sent: that is no time at all."""
    found: dict[str, float] = {}
    if order.cost_bps is not None and order.fee_bps is not None:
        found |= {"cost_bps": float(order.cost_bps), "fee_bps": float(order.fee_bps)}
    spans = (
        ("decided_ms", order.signal_ms, order.requested_ms),
        ("sent_ms", order.requested_ms, order.submitted_ms),
        ("filled_ms", order.submitted_ms, order.first_fill_ms),
    )
    return found | {name: float(max(0, end - start)) for name, start, end in spans if start and end}


def merged(parts: list[Quality]) -> Quality:
    rejects: dict[str, int] = {}
    for part in parts:
        for reason, count in part.rejects.items():
            rejects[reason] = rejects.get(reason, 0) + count
    names = ("cost_bps", "fee_bps", "decided_ms", "sent_ms", "filled_ms")
    return Quality(
        orders=sum(part.orders for part in parts), filled=sum(part.filled for part in parts), rejects=rejects,
        **{name: sketch.merged(getattr(part, name) for part in parts) for name in names},
    )  # fmt: skip
