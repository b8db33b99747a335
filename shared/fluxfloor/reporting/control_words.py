"""What the floor answers a person who asks from a chat: short lines, from documents as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import AccountView, AlertRecord, StageHealth
from fluxfloor.reporting.notices import Words, readable, symbol_of
from fluxfloor.reporting.panels import LotSizes, amount
from fluxfloor.reporting.telling import SHORT

MOST = 20  # lines of one kind: a chat is no page

HELP = (
    ("status", "what is halted, open and waiting"),
    ("balance", "equity, cash and margin of every account"),
    ("positions", "what every strategy holds"),
    ("orders", "orders that are not at their end"),
    ("stop [floor|portfolio] [reason]", "entries stop; exits go on"),
    ("flatten [floor|portfolio] [reason]", "the same, and what is open is closed; asks for a code"),
    ("exit <strategy, symbol or portfolio …>", "leaves all that fits; a strategy may enter again unless it is stopped"),
    ("exit all", "leaves everything; asks for a code"),
    ("cancel <order>", "takes an order back"),
    ("reload <order>", "asks the venue now what became of an order"),
    ("resume <floor|portfolio> <reason>", "entries go on; asks for a code"),
    ("ack [alarm]", "you look after it: nobody else is called"),
    ("confirm <code>", "does what was asked for"),
)


def help_words() -> Words:
    return Words("Commands", "\n".join(f"/{what}: {does}" for what, does in HELP))


def status(
    halts: Sequence[Halt], views: Sequence[AccountView], books: Mapping[str, RiskBook], orders: int,
    alarms: Sequence[AlertRecord], health: Iterable[StageHealth], warnings: Sequence[str],
) -> Words:  # fmt: skip
    lines = [f"HALTED {halt.id}: {halt.reason} (by {halt.raised_by}, {_clock(halt.ts_event_ms)})" for halt in halts]
    lines += [_day(view, books.get(view.portfolio_id)) for view in views]
    held = sum(1 for book in books.values() for item in book.positions.values() if item.lots)
    lines.append(f"{held} positions and {orders} orders are open")
    lines += [f"alarm {item.id[:SHORT]}: {item.title}" for item in alarms[:MOST]]
    lines += [f"{row.id} is {row.status}" for row in health if row.status in ("delayed", "offline")]
    return Words("Halted" if halts else "Running", "\n".join([*lines, *warnings]))


def _day(view: AccountView, book: RiskBook | None) -> str:
    made = "" if book is None or not book.day else f", {_signed(book.equity - book.day_start_equity)} on {book.day}"
    return f"{view.id}: {readable(view.equity)} {view.currency}{made}"


def balance(views: Sequence[AccountView]) -> Words:
    lines = [line for view in views for line in _balance(view)]
    return Words("Balance", "\n".join(lines) or "No account has been marked yet.")


def _balance(view: AccountView) -> list[str]:
    lines = [
        f"{view.id}: equity {readable(view.equity)} {view.currency}, cash {readable(view.cash)}",
        f"open P&L {_signed(view.unrealised)}, realised {_signed(view.realised)}, fees {readable(view.fees)}",
    ]
    if view.margin_used is not None:
        free = "" if view.margin_free is None else f", {readable(view.margin_free)} free"
        lines.append(f"margin {readable(view.margin_used)} in use{free}")
    return [*lines, f"as of {_clock(view.ts_event_ms)}"]


def positions(books: Iterable[RiskBook], sizes: LotSizes) -> Words:
    lines = []
    for book in books:
        for item in book.positions.values():
            if item.lots:
                stop = f", stop {readable(item.stop_price)}" if item.stop_price else ", no stop"
                held = amount(item.lots, item.instrument_id, sizes)
                lines.append(f"{item.strategy_id}: {held} at {readable(item.average_price)}{stop}")
    return Words("Positions", _bounded(lines, "Nothing is open."))


def orders(found: Sequence[Order], sizes: LotSizes) -> Words:
    lines = [f"{order.id[:SHORT]} {_order(order, sizes)}" for order in found]
    return Words("Orders", _bounded(lines, "No order is open."))


def _order(order: Order, sizes: LotSizes) -> str:
    intent = order.intent
    left = f", {order.filled_lots} of {intent.lots} lots filled" if order.filled_lots else ""
    size = amount(intent.lots, intent.instrument_id, sizes)
    return f"{intent.side} {size} {symbol_of(intent)} {order.state}{left}, {intent.strategy_id}, {intent.purpose}"


def _bounded(lines: list[str], nothing: str) -> str:
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join([*lines[:MOST], *more]) or nothing


def _signed(value: Decimal) -> str:
    return f"{'+' if value > 0 else ''}{readable(value)}"


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M} UTC"
