"""An exit that comes before the entry that it is about, because deliveries keep no order.

It finds nothing to leave. That is remembered in the book, so that what the same strategy had wanted before, and comes
only now, is refused: nobody would ever take it out again. An exit that does find something is none of these; the entry
after it is the other half of a reversal, whichever of the two was first.
"""

from __future__ import annotations

from collections.abc import Iterator

from fluxfloor.cerebro.book import position_key
from fluxfloor.cerebro.case import Case
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import RiskBook

REMEMBERED_MS = 86_400_000  # far longer than any entry is fresh
NOTHING_THERE = frozenset({Reason.NOTHING_TO_EXIT, Reason.NOTHING_TO_CANCEL, Reason.AT_TARGET})


def legs_out(signal: Signal) -> Iterator[Leg]:
    """The legs of it that want out, or their entries back, whatever the book says."""
    for leg in signal.legs:
        to_flat = leg.direction is Direction.FLAT or (leg.size is not None and not leg.size.value)
        if signal.action in (Action.EXIT, Action.CANCEL) or (signal.action is Action.TARGET and to_flat):
            yield leg


def remembered(book: RiskBook, signal: Signal, now_ms: int) -> RiskBook:
    """After it was refused because nothing was there."""
    asked = {_key(signal, leg, leg.direction): signal.ts_event_ms for leg in legs_out(signal)}
    news = {name: at_ms for name, at_ms in asked.items() if at_ms > book.called_off_ms.get(name, 0)}
    if not news:
        return book
    lately = {name: at_ms for name, at_ms in book.called_off_ms.items() if at_ms > now_ms - REMEMBERED_MS}
    return book.model_copy(update={"called_off_ms": {**lately, **news}})


def check(case: Case, direction: Direction) -> None:
    """Raises Refusal where a later exit of the strategy has been answered before this entry."""
    names = (_key(case.signal, case.leg, side) for side in (Direction.FLAT, direction))
    if any(case.book.called_off_ms.get(name, 0) > case.signal.ts_event_ms for name in names):
        why = f"{case.signal.strategy_id} wanted out of {case.rules.symbol} again before it was in"
        raise Refusal(Reason.WITHDRAWN, why)


def _key(signal: Signal, leg: Leg, direction: Direction) -> str:
    return f"{position_key(signal.strategy_id, leg.instrument_id)}|{direction.value}"
