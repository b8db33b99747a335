"""All that one decision stands on, and what the signal comes to on that book."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.knowledge import NOTHING_KNOWN, Knowledge
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal, Size, SizeKind
from fluxfloor.contracts.state import Reservation, RiskBook


@dataclass(frozen=True, slots=True)
class Case:
    """`book` is on the day it is by `now_ms`; `instruments` has the rules of all that is in it."""

    scored: SignalScored
    book: RiskBook
    policy: Policy
    halts: tuple[Halt | None, ...]
    instruments: dict[str, Instrument]
    style: str  # what kind of strategy speaks: its plug-in, where it is one of the floor's own
    now_ms: int
    knowledge: Knowledge = NOTHING_KNOWN
    place: int = 0  # of its leg among those of the signal

    @property
    def signal(self) -> Signal:
        return self.scored.signal

    @property
    def leg(self) -> Leg:
        return self.scored.signal.leg

    @property
    def rules(self) -> Instrument:
        return self.instruments[self.leg.instrument_id]

    @property
    def held(self) -> int:
        """Signed, like everything in lots here that is not said to be otherwise."""
        return books.held_lots(self.book, self.signal.strategy_id, self.leg.instrument_id)

    @property
    def staying(self) -> int:
        """What is held and not on its way out."""
        leaving = books.leaving_lots(self.book, self.signal.strategy_id, self.leg.instrument_id)
        left = max(abs(self.held) - leaving, 0)
        return left if self.held > 0 else -left

    @property
    def entries(self) -> dict[str, Reservation]:
        """On their way in to stay, by intent."""
        found = books.entries_of(self.book, self.signal.strategy_id, self.leg.instrument_id)
        return {name: item for name, item in found.items() if not item.exit_signal}

    @property
    def coming(self) -> int:
        """What the strategy holds once all that is on its way has arrived."""
        return self.staying + sum(item.lots * item.side.sign for item in self.entries.values())


def reference_price(case: Case) -> Decimal:
    """Where the market is, as well as is known: the quote, else the mark of what is held, else what an entry on its
    way was decided at, else the sender's price."""
    if case.scored.quote is not None:
        return case.scored.quote.mid
    held = case.book.positions.get(books.position_key(case.signal.strategy_id, case.rules.instrument_id))
    known = [held.mark_price] if held else [item.worst_price for item in case.entries.values()]
    if case.signal.reference_price is not None:
        known.append(case.signal.reference_price)
    if known:
        return known[0]
    raise Refusal(Reason.NO_QUOTE, f"there is no price for {case.rules.symbol}")


# --- what is wanted ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """An ENTRY or an EXIT. An exit's direction is the side that it leaves, FLAT being whatever is there."""

    action: Action
    direction: Direction
    size: Size | None


@exact
def wanted(case: Case) -> Wanted:
    """A TARGET becomes the entry or exit that leads there from what is held and on its way."""
    if case.signal.action is not Action.TARGET:
        return Wanted(case.signal.action, case.leg.direction, case.leg.size)
    sign = {Direction.LONG: 1, Direction.SHORT: -1, Direction.FLAT: 0}[case.leg.direction]
    if not sign or (case.leg.size is not None and not case.leg.size.value) or case.coming * sign < 0:
        return _all_out(case)
    if case.leg.size is None:
        if case.coming:
            raise _reached(case)
        return Wanted(Action.ENTRY, case.leg.direction, None)
    return _resized(case, case.leg.size)


def _all_out(case: Case) -> Wanted:
    """To flat, and on the way to the other side too: what leaves must never wait for what a limit may refuse."""
    if not case.coming:
        raise _reached(case)
    return Wanted(Action.EXIT, Direction.FLAT, None)


def _resized(case: Case, size: Size) -> Wanted:
    change = _target_lots(case, size) - abs(case.coming)
    by = Size(kind=SizeKind.QUANTITY, value=case.rules.quantity(abs(change)))
    if change > 0:
        return Wanted(Action.ENTRY, case.leg.direction, by)
    if not change or -change < case.rules.min_lots(max(1, case.rules.ticks(reference_price(case)))):
        raise _reached(case)
    return Wanted(Action.EXIT, Direction.FLAT, by)


def _target_lots(case: Case, size: Size) -> int:
    """Unsigned."""
    if size.kind is SizeKind.QUANTITY:
        return case.rules.lots(size.value)
    money = size.value if size.kind is SizeKind.NOTIONAL else size.value * case.book.equity
    return max(0, case.rules.lots(money / reference_price(case)))


def _reached(case: Case) -> Refusal:
    return Refusal(Reason.AT_TARGET, f"{case.signal.strategy_id} holds the target already, or as near as can be traded")
