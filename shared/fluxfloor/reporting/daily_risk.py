"""What is at stake at the end of a day: what stops would cost, the largest position, exposure, margin, open orders,
what no stop protects, the day's profit. Pure: documents come in, a report comes out.

Money is in the account's currency. What a stop costs is told at its own price: a gap costs more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import BookPosition, RiskBook
from fluxfloor.contracts.views import AccountView, DailyRisk, HeldRisk, PortfolioRisk, RiskRow
from fluxfloor.reporting.notices import readable

ZERO = Decimal(0)
KIND = "daily_risk"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the report is made of. `guards` are slots ("<account>|<strategy>|<instrument>") with a protective order at
    their venue; `at_venue` the accounts whose stops are their venue's; `profits` the day's, by account."""

    views: Sequence[AccountView] = ()
    books: Mapping[str, RiskBook] = field(default_factory=dict)
    orders: Sequence[Order] = ()
    guards: frozenset[str] = frozenset()
    at_venue: frozenset[str] = frozenset()
    lot_sizes: Mapping[str, Decimal] = field(default_factory=dict)
    profits: Mapping[str, Decimal] = field(default_factory=dict)
    risks: Sequence[RiskRow] = ()
    unacknowledged: int = 0
    halts: Sequence[Halt] = ()


@exact
def report(day: str, mode: str, seen: Seen, now_ms: int) -> DailyRisk:
    told = Counter(row.severity for row in seen.risks if row.kind != KIND)
    return DailyRisk(
        id=day, mode=mode, portfolios=tuple(_portfolio(view, seen) for view in sorted(seen.views, key=_by_id)),
        told=dict(sorted(told.items())), unacknowledged=seen.unacknowledged,
        halts=tuple(sorted(halt.id for halt in seen.halts)), ts_event_ms=now_ms,
    )  # fmt: skip


def _by_id(view: AccountView) -> str:
    return view.id


def _portfolio(view: AccountView, seen: Seen) -> PortfolioRisk:
    book = seen.books.get(view.portfolio_id)
    mine = list(book.positions.values()) if book is not None and book.account_id == view.id else []
    held = tuple(_held(item, _size(item.instrument_id, view, seen)) for item in mine if item.lots)
    return PortfolioRisk(
        portfolio_id=view.portfolio_id, account_id=view.id, currency=view.currency, equity=view.equity,
        profit=seen.profits.get(view.id, ZERO), deployed=sum((item.at_risk or ZERO for item in held), ZERO),
        loss_at_stops=sum((item.loss_at_stop or ZERO for item in held), ZERO),
        exposure=sum((abs(item.notional) for item in held), ZERO),
        largest=max(held, key=lambda item: abs(item.notional), default=None), margin_used=view.margin_used,
        margin_free=view.margin_free, orders=sum(1 for order in seen.orders if order.intent.account_id == view.id),
        unprotected=tuple(f"{item.strategy_id}|{item.instrument_id}" for item in held if _bare(item, view.id, seen)),
        held=held,
    )  # fmt: skip


def _size(instrument_id: str, view: AccountView, seen: Seen) -> Decimal:
    """Of one lot: from the venue's catalog, or else as the account counts it; nothing where neither knows."""
    known = seen.lot_sizes.get(instrument_id)
    if known is not None:
        return known
    counted = [
        item.quantity / item.lots for item in view.positions if item.instrument_id == instrument_id and item.lots
    ]
    return counted[0] if counted else ZERO


def _held(item: BookPosition, lot_size: Decimal) -> HeldRisk:
    quantity, stop = item.lots * lot_size, item.stop_price
    return HeldRisk(
        strategy_id=item.strategy_id, instrument_id=item.instrument_id, quantity=quantity,
        average_price=item.average_price, mark_price=item.mark_price, notional=quantity * item.mark_price,
        stop_price=stop, at_risk=None if stop is None else max(ZERO, quantity * (item.mark_price - stop)),
        loss_at_stop=None if stop is None else quantity * (item.average_price - stop),
    )  # fmt: skip


def _bare(item: HeldRisk, account_id: str, seen: Seen) -> bool:
    if account_id in seen.at_venue:
        return f"{account_id}|{item.strategy_id}|{item.instrument_id}" not in seen.guards
    return item.stop_price is None


# --- in words ----------------------------------------------------------------------------------------------------


def words(made: DailyRisk, warnings: Sequence[str] = ()) -> str:
    """As the notice says it."""
    lines = [line for item in made.portfolios for line in _lines(item)]
    told = ", ".join(f"{count} {severity}" for severity, count in made.told.items()) or "none"
    lines.append(f"told of: {told}; {made.unacknowledged} alarms not acknowledged")
    lines += [f"halted: {', '.join(made.halts)}"] if made.halts else []
    return "\n".join([*lines, *warnings])


def _lines(item: PortfolioRisk) -> list[str]:
    def money(value: Decimal) -> str:
        return f"{readable(value)} {item.currency}"

    profit = f"{'+' if item.profit > 0 else ''}{money(item.profit)}"
    lines = [
        f"{item.portfolio_id}: {profit} on the day, equity {money(item.equity)}",
        f"  {money(item.deployed)} at risk to the stops{_share(item.deployed, item.equity)}; if all are hit the trades "
        f"{_outcome(item.loss_at_stops, money)}",
        f"  exposure {money(item.exposure)}{_share(item.exposure, item.equity)}, {len(item.held)} positions, "
        f"{item.orders} open orders",
    ]
    if item.largest is not None:
        largest = item.largest
        share = _share(abs(largest.notional), item.equity)
        lines.append(
            f"  largest: {largest.instrument_id} of {largest.strategy_id}, {money(abs(largest.notional))}{share}"
        )
    if item.margin_used is not None:
        free = "" if item.margin_free is None else f", {money(item.margin_free)} free"
        lines.append(f"  margin {money(item.margin_used)} in use{free}")
    return [*lines, *(f"  NO STOP: {slot.replace('|', ' ')}" for slot in item.unprotected)]


def _outcome(loss: Decimal, money: object) -> str:
    assert callable(money)
    return f"lose {money(loss)}" if loss >= 0 else f"make {money(-loss)}"


def _share(part: Decimal, whole: Decimal) -> str:
    return f" ({part / whole:.1%} of equity)" if whole > 0 else ""
