"""Orders that were decided a minute before their bar closed: let go when the closed bar wants the same, else taken
back.

What was prepared holds its room in the book from the start, so that a confirmation asks no limit again: only what may
have changed in that minute, halts and the market, is looked at once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import checks, words
from fluxfloor.cerebro.case import Case, Wanted
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.orders import ChangeKind, OrderChange
from fluxfloor.contracts.signals import Direction
from fluxfloor.contracts.state import Reservation, RiskBook

RELEASED = "the closed bar confirms it"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """`orders` are let go; `book` knows that they are prepared no more."""

    orders: dict[str, Reservation]
    changes: tuple[OrderChange, ...]
    book: RiskBook
    slipped: checks.Slippage
    alpha: Decimal

    @property
    def lots(self) -> int:
        return sum(item.lots for item in self.orders.values())


def prepared(case: Case) -> dict[str, Reservation]:
    """What waits for this very signal, by intent: prepared for its bar, and not dropped by now."""
    closes_ms = case.signal.bar_close_ms
    if closes_ms is None or case.signal.provisional:
        return {}
    return {
        name: item
        for name, item in sorted(case.entries.items())
        if item.ts_event_ms < closes_ms <= item.release_by_ms and case.now_ms < item.release_by_ms
    }


def confirm(case: Case, wish: Wanted, waiting: dict[str, Reservation]) -> Confirmed:
    """Raises Refusal where it may not be let go; what was prepared is then to be taken back."""
    long = wish.direction is Direction.LONG
    if any((item.side.sign > 0) is not long for item in waiting.values()):
        text = f"{case.signal.strategy_id} had prepared the other side of {case.rules.symbol}"
        raise Refusal(Reason.POSITION_OPEN, text)
    checks.halted(case.halts)
    quote = checks.fresh(case.scored, case.policy.limits, case.now_ms)
    alpha = checks.edge(case.scored)
    slipped = checks.slippage(case.scored, long, quote, case.rules, case.policy.limits, alpha)
    changes = tuple(_change(case, name, item, ChangeKind.RELEASE, RELEASED) for name, item in waiting.items())
    freed = {name: item.model_copy(update={"release_by_ms": 0}) for name, item in waiting.items()}
    book = case.book.model_copy(update={"reservations": {**case.book.reservations, **freed}})
    return Confirmed(waiting, changes, book, slipped, alpha)


def taken_back(case: Case, waiting: dict[str, Reservation], why: str) -> tuple[OrderChange, ...]:
    return tuple(_change(case, name, item, ChangeKind.CANCEL, why[:500]) for name, item in waiting.items())


def _change(case: Case, name: str, item: Reservation, kind: ChangeKind, why: str) -> OrderChange:
    return OrderChange(
        change_id=ids.digest("change", case.signal.signal_id, name), intent_id=name, portfolio_id=case.book.id,
        account_id=item.account_id or case.book.account_id, kind=kind, asked_by="cerebro", reason=why,
        ts_event_ms=case.now_ms,
    )  # fmt: skip


def told(case: Case, made: Confirmed) -> str:
    """ "RELEASE 0.012 BTC, prepared a minute ago: the closed bar confirms it" """
    return f"RELEASE {words.quantity(made.lots, case.rules)} that were prepared: {RELEASED}"
