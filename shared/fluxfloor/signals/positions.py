"""From a strategy's position before and after an order to what is to be done about it.

    flat  -> long    ENTRY long              long -> flat    EXIT long, all of it
    long  -> short   EXIT long, then ENTRY short (a reversal is two signals: the exit must never wait for a limit)
    long  -> longer  ENTRY long that adds    long -> less    EXIT long of the difference
    ?     -> long    TARGET long             ?    -> flat    EXIT of whatever is held

Sizes are absolute, as TradingView writes market_position_size.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Action, Direction, Size, SizeKind
from fluxfloor.signals.draft import EVERYTHING
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.words import combine


@dataclass(frozen=True, slots=True)
class Move:
    action: Action
    direction: Direction
    size: Size | None = None
    adds: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What a body says about an order and the position around it; None where it does not say."""

    side: Side | None = None
    contracts: Decimal | None = None
    now: Direction | None = None
    now_size: Decimal | None = None
    before: Direction | None = None
    before_size: Decimal | None = None
    field: str = "market_position"  # for messages


def moves(change: Change) -> list[Move]:
    """The signals of a change, in the order they are to be acted on. Needs `now`, or `before` and a side."""
    if change.now is None:
        return [_without_now(change)]
    if change.before is None:
        return [_without_before(change)]
    if change.before is change.now:
        return [_resized(change)]
    _check_side(change)
    left = [Move(Action.EXIT, change.before, EVERYTHING)] if change.before is not Direction.FLAT else []
    entered = [Move(Action.ENTRY, change.now, _entered(change))] if change.now is not Direction.FLAT else []
    return left + entered


def quantity(value: Decimal | None) -> Size | None:
    """None where there is no number: then the floor sizes it."""
    return Size(kind=SizeKind.QUANTITY, value=value) if value else None


def _entered(change: Change) -> Size | None:
    """The new position's size. The order of a reversal also closes the old one, so its contracts are too many."""
    if change.now_size:
        return quantity(change.now_size)
    if change.before is Direction.FLAT:
        return quantity(change.contracts)
    if change.contracts and change.before_size and change.contracts > change.before_size:
        return quantity(change.contracts - change.before_size)
    return None


def _resized(change: Change) -> Move:
    if change.now is None or change.now is Direction.FLAT:
        raise _nothing(change)
    if change.now_size is not None and change.before_size is not None:
        delta = change.now_size - change.before_size
        _check_delta(change, delta)
        return _step(change.now, delta)
    if change.side is None:
        raise _nothing(change)
    return _by_side(change, change.side, change.now)


def _step(held: Direction, delta: Decimal) -> Move:
    if delta > 0:
        return Move(Action.ENTRY, held, quantity(delta), adds=True)
    return Move(Action.EXIT, held, quantity(-delta))


def _by_side(change: Change, side: Side, held: Direction) -> Move:
    """A position that stays on its side, changed by an order: the order's own contracts are the difference."""
    meaning = combine(side, held)
    if meaning.action is Action.EXIT and not change.contracts:
        raise Refused(
            "contradiction",
            f"A {side.value.lower()} without quantity cannot leave the position {held.value.lower()}.",
            field=change.field,
            fix="Send the quantity to reduce by, or the position as flat to leave it.",
        )
    return Move(meaning.action, held, quantity(change.contracts), adds=meaning.action is Action.ENTRY)


def _without_before(change: Change) -> Move:
    """Where it came from is unknown: the target says most, and an alert that never arrived is made good by it."""
    now = change.now
    if now is None or now is Direction.FLAT:
        held = combine(change.side, Direction.FLAT).direction if change.side else Direction.FLAT
        return Move(Action.EXIT, held, EVERYTHING)
    if change.now_size is not None:
        if not change.now_size:
            return Move(Action.EXIT, now, EVERYTHING)
        return Move(Action.TARGET, now, quantity(change.now_size))
    if change.side is not None and combine(change.side, now).action is Action.EXIT:
        return _by_side(change, change.side, now)
    return Move(Action.ENTRY, now, quantity(change.contracts))


def _without_now(change: Change) -> Move:
    """Only where it came from: from flat every order enters, from a position the opposite order leaves it."""
    side, before = change.side, change.before
    if side is None or before is None:
        raise _nothing(change)
    if before is Direction.FLAT:
        entered = Direction.LONG if side is Side.BUY else Direction.SHORT
        return Move(Action.ENTRY, entered, quantity(change.contracts))
    meaning = combine(side, before)
    size = quantity(change.contracts)
    if meaning.action is Action.ENTRY:
        return Move(Action.ENTRY, before, size, adds=True)
    return Move(Action.EXIT, before, size or EVERYTHING)


def _check_side(change: Change) -> None:
    rank = {Direction.SHORT: -1, Direction.FLAT: 0, Direction.LONG: 1}
    if change.side is None or change.now is None or change.before is None:
        return
    if (rank[change.now] - rank[change.before]) * change.side.sign < 0:
        raise _disagree(change, change.side)


def _check_delta(change: Change, delta: Decimal) -> None:
    if not delta:
        raise _nothing(change)
    grows = 1 if change.now is Direction.LONG else -1
    if change.side is not None and delta * grows * change.side.sign < 0:
        raise _disagree(change, change.side)


def _disagree(change: Change, side: Side) -> Refused:
    before, now = (one.value.lower() if one else "unknown" for one in (change.before, change.now))
    return Refused(
        "contradiction",
        f"The order is a {side.value.lower()}, but the position goes from {before} to {now}.",
        field=change.field,
        fix="Fill action and positions from the same alert ({{strategy.order.action}}, {{strategy.market_position}}).",
    )


def _nothing(change: Change) -> Refused:
    return Refused(
        "no_change",
        "The position before and after is the same: there is nothing to do.",
        field=change.field,
        fix="Send a signal only when the position changes, with its size before and after.",
    )
