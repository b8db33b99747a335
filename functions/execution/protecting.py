"""Keeps a stop at the venue under every position of an account whose stops are the venue's, or tells somebody."""

from __future__ import annotations

import logging

from fluxfloor.contracts import ids
from fluxfloor.contracts.events import TimerFired
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.orders import OrderIntent, OrderState, Purpose, Side
from fluxfloor.errors import FloorError
from fluxfloor.execution import lifecycle, slots
from fluxfloor.execution.slots import Guard
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution import alarms
from functions.execution.recording import LOOK_EVERY_MS, capabilities_of, rules_of, state

log = logging.getLogger("fluxfloor.execution")
RESIZED = "it protected another size or price"


def protect(context: Context, slot_id: str) -> str:
    """Places, replaces or misses the protective order; returns the order that has a move to make now."""
    slot = context.read(Slot.key(slot_id))
    if slot is None or slot.entry is None or not slot.open:
        return ""
    if slots.needs(slot, context.now_ms) is Guard.NOTHING and not slots.unprotected(slot, context.now_ms):
        return ""
    moved: list[str] = []

    def decide(_: object, work: Work) -> None:
        moved[:] = _protect(work, slot_id, rules_of(context, slot.entry or _none()))

    context.step(_cause(context, slot, "protect", context.now_ms), decide)
    return moved[0] if moved else ""


def _none() -> OrderIntent:
    raise AssertionError("a slot without an entry is not protected")


def _protect(work: Work, slot_id: str, rules: Instrument) -> list[str]:
    (slot,) = work.read(Slot.key(slot_id))
    if slot is None or slot.entry is None:
        return []
    if slots.unprotected(slot, work.now_ms):
        why = "it is not known where" if slot.stop_ticks is None else "its order does not stand at the venue"
        alarms.unprotected(work, slot, slot.entry.portfolio_id, why)
        slot = slot.model_copy(update={"alarmed": True})
        work.write(slot)
    need = slots.needs(slot, work.now_ms)
    if need is Guard.PLACE:
        return _place(work, slot)
    if need is Guard.REPLACE:
        return _replace(work, slot, rules)
    return []


def _place(work: Work, slot: Slot) -> list[str]:
    assert slot.entry is not None
    capabilities = capabilities_of(work.settings, slot.entry)
    if not capabilities.native_stops:
        return []  # `watch` keeps it
    guarded, intent = slots.protective(slot, capabilities, work.now_ms)
    (known,) = work.read(Order.key(intent.intent_id))
    if known is not None:
        return []
    work.write(lifecycle.accept(intent, capabilities, work.now_ms))
    work.write(guarded)
    work.set_timer("check", intent.intent_id, work.now_ms + LOOK_EVERY_MS)
    return [intent.intent_id]


def _replace(work: Work, slot: Slot, rules: Instrument) -> list[str]:
    """The next one is placed when this one is at its end."""
    (guard,) = work.read(Order.key(slot.guard))
    if guard is None or guard.state.terminal:
        work.write(slots.unguarded(slot, work.now_ms))
        return []
    if guard.state is OrderState.REQUESTED and not guard.burning:
        state(work, lifecycle.end(guard, OrderState.CANCELLED, RESIZED, work.now_ms), slot, guard, rules)
        return []
    if not guard.cancelling:
        work.write(lifecycle.take_back(guard, RESIZED, work.now_ms))
    return [guard.id]


# --- stops that the floor keeps ----------------------------------------------------------------------------------


def watch(context: Context, slot_id: str) -> str:
    """Of a stop that the venue can't keep, does not take, or can't move: follows the market with it, and leaves where
    it is reached. Returns the exit that is to be sent."""
    slot = context.read(Slot.key(slot_id))
    if slot is None or slot.entry is None or slot.leaving or context.now_ms < slot.watch_ms:
        return ""
    if not slots.kept_by_floor(slot, capabilities_of(context.settings, slot.entry)):
        return ""
    rules = rules_of(context, slot.entry)
    quote = _quote(context, slot.entry, rules)
    moved: list[str] = []

    def decide(_: object, work: Work) -> None:
        moved[:] = _watched(work, slot, rules, quote)

    context.step(_cause(context, slot, "watch", context.now_ms), decide)
    return moved[0] if moved else ""


def _quote(context: Context, entry: OrderIntent, rules: Instrument) -> Quote | None:
    try:
        return context.ports.venue(entry.account_id).quote(rules)
    except FloorError as problem:
        log.info("no quote to watch a stop with: %s", problem, extra={"stage": context.stage})
        return None


def _watched(work: Work, seen: Slot, rules: Instrument, quote: Quote | None) -> list[str]:
    """`quote` was asked for the slot as it was `seen`: it says nothing of a position that was opened, or of a stop that
    was moved, while whoever asked was held up."""
    (slot,) = work.read(Slot.key(seen.id))
    if slot is None or slot.entry is None or not slot.lots or slot.leaving:
        return []
    quote = quote if slot.version == seen.version else None
    due_ms = work.now_ms + LOOK_EVERY_MS
    slot = slot.model_copy(update={"watch_ms": due_ms})
    work.set_timer("watch", seen.id, due_ms)
    moved = slots.trailed(slot, rules, quote) if quote is not None else slot
    work.write(moved)
    capabilities = capabilities_of(work.settings, moved.entry or _none())
    if quote is None or not slots.left_to_floor(moved, capabilities) or not slots.reached(moved, rules, quote):
        return []
    intent = _exit(moved, rules.ticks(quote.mid), work.now_ms)
    work.write(slots.leaves(moved, intent.intent_id, intent.lots))
    (known,) = work.read(Order.key(intent.intent_id))
    if known is None:
        work.write(lifecycle.accept(intent, capabilities, work.now_ms))
        work.set_timer("check", intent.intent_id, work.now_ms + LOOK_EVERY_MS)
    return [intent.intent_id]


def _exit(slot: Slot, arrival_ticks: int, now_ms: int) -> OrderIntent:
    assert slot.entry is not None
    entry = slot.entry
    return OrderIntent(
        intent_id=ids.digest("stopped", slot.id, slot.version), signal_id=entry.signal_id,
        portfolio_id=entry.portfolio_id, account_id=entry.account_id, strategy_id=entry.strategy_id,
        sender_id="floor", instrument_id=entry.instrument_id, purpose=Purpose.EXIT,
        side=Side.SELL if slot.lots > 0 else Side.BUY, lots=abs(slot.lots), arrival_ticks=max(1, arrival_ticks),
        requested_ms=now_ms, tag="stop",
    )  # fmt: skip


def _cause(context: Context, slot: Slot, move: str, *more: object) -> Fact:
    event = TimerFired(stage=context.stage, purpose=move, subject=slot.id, due_ms=context.now_ms)
    return context.cause(event, slot.id, slot.version, move, *more)
