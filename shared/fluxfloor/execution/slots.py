"""What one strategy holds of one instrument on one account, and the stop at the venue that protects it.

Invariants, each proved by a test:
- `lots` is the sum of the fills of the slot's orders, signed.
- While an exit is on its way no protective order is alive: an exit first takes it away, for certain. So what leaves is
  never more than what is held.
- A slot that holds something and has nothing leaving has a protective order for all of it, or somebody is told.
- Two exits together never take more than is held.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from itertools import takewhile

from fluxfloor.contracts import ids
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.fills import kept_lots
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderState, Purpose, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import Capabilities

TURNED_AWAY_MS = 30_000  # before a protective order that the venue would not take is tried again
RESIZE_MS = 10_000  # a protective order that covers too little or too much is replaced once fills have paused so long
UNPROTECTED_MS = 60_000  # how long a position may be without one before somebody is told
STEP_SHARE = Decimal("0.001")  # of the price: a stop that the floor trails is moved by no less


class Guard(Enum):
    """What its protective order needs."""

    NOTHING = "nothing"
    PLACE = "place"
    REPLACE = "replace"


def slot_id(intent: OrderIntent) -> str:
    return f"{intent.account_id}|{intent.strategy_id}|{intent.instrument_id}"


def guards_of(intent: OrderIntent) -> str:
    """What a protective order says that it protects."""
    return f"{intent.strategy_id}|{intent.instrument_id}"


# --- what changes it ---------------------------------------------------------------------------------------------


def filled(slot: Slot | None, order: Order, fills: tuple[Fill, ...], rules: Instrument, now_ms: int) -> Slot | None:
    """With these fills of this order, as it was before them. None stays None where an exit fills what was held before
    there were slots: then it is not known what is left."""
    intent, lots = order.intent, sum(kept_lots(fill, order.intent.side, rules) for fill in fills)
    if slot is None and intent.purpose is not Purpose.ENTRY:
        return None
    slot = slot or Slot(id=slot_id(intent))
    after = slot.lots + intent.side.sign * lots
    changes: dict[str, object] = {"lots": after, "changed_ms": now_ms}
    if intent.purpose is Purpose.ENTRY:
        changes |= {"entry": intent, "stop_ticks": intent.stop_loss_ticks or slot.stop_ticks}
    if slot.guard == order.id:
        changes["guard_lots"] = max(0, slot.guard_lots - lots)
    if order.id in slot.leaving:
        changes["leaving"] = {**slot.leaving, order.id: max(0, slot.leaving[order.id] - lots)}
    if not after:
        changes |= {"stop_ticks": None, "best_ticks": None, "alarmed": False, "bare_ms": 0, "again_ms": 0}
    elif not slot.lots:
        changes["bare_ms"] = now_ms
    return _settled(slot.model_copy(update=changes))


def leaves(slot: Slot, intent_id: str, lots: int) -> Slot:
    """An exit is on its way, for `lots` at the most."""
    return _settled(slot.model_copy(update={"leaving": {**slot.leaving, intent_id: lots}}))


def joined(slot: Slot, exiting: Order) -> Slot:
    """With the exit among those that are leaving, where it came before anything was known of what it leaves."""
    return slot if exiting.id in slot.leaving else leaves(slot, exiting.id, exiting.left)


def left(slot: Slot, order: Order, now_ms: int) -> Slot:
    """An exit or the protective order is at its end."""
    leaving = {name: lots for name, lots in slot.leaving.items() if name != order.id}
    freed = slot.model_copy(update={"leaving": leaving, "changed_ms": now_ms})
    if slot.guard != order.id:
        return _settled(freed)
    again_ms = now_ms + TURNED_AWAY_MS if order.state is OrderState.REJECTED else 0
    return unguarded(freed.model_copy(update={"again_ms": again_ms}), now_ms)


def unguarded(slot: Slot, now_ms: int) -> Slot:
    """Its protective order is no more."""
    bare_ms = slot.bare_ms or now_ms if slot.lots else 0
    return _settled(slot.model_copy(update={"guard": "", "guard_lots": 0, "guard_ticks": None, "bare_ms": bare_ms}))


def stands(slot: Slot) -> Slot:
    """Its protective order is seen at the venue."""
    return slot.model_copy(update={"bare_ms": 0, "alarmed": False})


def closable(slot: Slot, order: Order) -> int:
    """The most that this exit may take: what is held of its side, less what exits before it may still take."""
    held = max(0, -order.intent.side.sign * slot.lots)
    before = takewhile(lambda item: item[0] != order.id, slot.leaving.items())
    return max(0, held - sum(lots for _, lots in before))


def _settled(slot: Slot) -> Slot:
    return slot.model_copy(update={"open": bool(slot.lots or slot.leaving or slot.guard)})


# --- its protection ----------------------------------------------------------------------------------------------


def needs(slot: Slot, now_ms: int) -> Guard:
    """At an account whose stops are the venue's."""
    if not slot.lots or slot.leaving:
        return Guard.REPLACE if slot.guard and not slot.lots else Guard.NOTHING
    if slot.guard:
        fits = slot.guard_lots == abs(slot.lots) and slot.guard_ticks == slot.stop_ticks
        return Guard.NOTHING if fits or now_ms < slot.changed_ms + RESIZE_MS else Guard.REPLACE
    return Guard.NOTHING if slot.stop_ticks is None or now_ms < slot.again_ms else Guard.PLACE


def unprotected(slot: Slot, now_ms: int) -> bool:
    """Is it time to tell somebody?"""
    bare = slot.lots and slot.bare_ms and not slot.leaving and not slot.alarmed
    return bool(bare) and now_ms >= slot.bare_ms + UNPROTECTED_MS


def protective(slot: Slot, capabilities: Capabilities, now_ms: int) -> tuple[Slot, OrderIntent]:
    """The order that protects all of it, and the slot that has it. Its stop is the entry's, or where it has trailed to.

    Only for a slot that holds something and knows its entry and its stop.
    """
    assert slot.entry is not None
    assert slot.stop_ticks is not None
    entry, number = slot.entry, slot.guards + 1
    trail = trail_of(entry)
    trails = trail is not None and capabilities.native_trailing
    intent = OrderIntent(
        intent_id=ids.digest("guard", slot.id, number), signal_id=entry.signal_id, portfolio_id=entry.portfolio_id,
        account_id=entry.account_id, strategy_id=entry.strategy_id, sender_id="floor",
        instrument_id=entry.instrument_id, purpose=Purpose.EXIT, side=Side.SELL if slot.lots > 0 else Side.BUY,
        lots=abs(slot.lots), order_type=OrderType.TRAILING_STOP if trails else OrderType.STOP,
        trigger_ticks=slot.stop_ticks, trail_ticks=trail if trails else None,
        arrival_ticks=slot.stop_ticks, requested_ms=now_ms, tag="stop", protects=guards_of(entry),
    )  # fmt: skip
    guarded = slot.model_copy(
        update={
            "guard": intent.intent_id, "guard_lots": intent.lots, "guard_ticks": slot.stop_ticks, "guards": number,
        }
    )  # fmt: skip
    return _settled(guarded), intent


def trail_of(entry: OrderIntent) -> int | None:
    """How far the stop of what it opened follows. What an entry trails to get in by says nothing of that."""
    return None if entry.order_type is OrderType.TRAILING_STOP else entry.trail_ticks


# --- stops that the floor keeps itself ---------------------------------------------------------------------------


def kept_by_floor(slot: Slot, capabilities: Capabilities) -> bool:
    """At an account whose stops are the venue's: must the floor watch the market for this one all the same?"""
    if not slot.lots or slot.entry is None:
        return False
    trails = trail_of(slot.entry) is not None and not capabilities.native_trailing
    return trails or (slot.stop_ticks is not None and left_to_floor(slot, capabilities))


def left_to_floor(slot: Slot, capabilities: Capabilities) -> bool:
    """Is the floor the only one who would leave at the stop? Also while the venue turns the protective order away: it
    may be for having the market beyond it already."""
    return not capabilities.native_stops or bool(slot.again_ms and not slot.guard)


def trailed(slot: Slot, rules: Instrument, quote: Quote) -> Slot:
    """With its stop moved after the best price since the entry, where it has moved by a step or more. Never back."""
    trail = trail_of(slot.entry) if slot.entry is not None else None
    if trail is None or not slot.lots:
        return slot
    long = slot.lots > 0
    here = rules.ticks_below(quote.bid) if long else rules.ticks_above(quote.ask)
    before = here if slot.best_ticks is None else slot.best_ticks
    best = max(before, here) if long else min(before, here)
    stop = max(1, best - trail if long else best + trail)
    known, step = slot.stop_ticks, max(1, int(here * STEP_SHARE))
    better = known is None or (stop >= known + step if long else stop <= known - step)
    return slot.model_copy(update={"best_ticks": best, "stop_ticks": stop if better else known})


def reached(slot: Slot, rules: Instrument, quote: Quote) -> bool:
    """Has the market come to the stop?"""
    if slot.stop_ticks is None or not slot.lots:
        return False
    stop = rules.price(slot.stop_ticks)
    return quote.bid <= stop if slot.lots > 0 else quote.ask >= stop
