"""Takes what Cerebro asks for into the orders, and hears of halts."""

from __future__ import annotations

from fluxfloor.contracts.events import ExecutionReported, OrderRequested, RiskRaised
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.orders import Purpose
from fluxfloor.execution import lifecycle, slots
from fluxfloor.ports import Query
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

from functions.execution.follow import SWEEP_LIMIT, advance
from functions.execution.recording import capabilities_of


def accept(requested: OrderRequested, work: Work) -> None:
    """An exit is known to its slot from here on: no protective order comes to life beside it."""
    intent = requested.intent
    leaves = intent.purpose is not Purpose.ENTRY
    known, *slot = work.read_all(
        [Order.key(intent.intent_id), *([Slot.key(slots.slot_id(intent))] if leaves else [])]
    )  # fmt: skip
    if known is None:
        work.write(lifecycle.accept(intent, capabilities_of(work.settings, intent), work.now_ms))
        if slot and slot[0] is not None:
            work.write(slots.leaves(slot[0], intent.intent_id, intent.lots))
    elif (report := lifecycle.repeated(known, intent, work.now_ms)) is not None:
        work.emit(ExecutionReported(report=report))


def resume(context: Context, fact: Fact) -> None:
    assert isinstance(fact.event, OrderRequested)
    advance(context, fact.event.intent.intent_id)


def hear(raised: RiskRaised, work: Work) -> None:
    """Only that a halt was heard of is committed: entries meet it where they are."""


def halted(context: Context, fact: Fact) -> None:
    """Entries that rest at a venue are taken back now, and not at the next sweep: each by a call of its own, so that
    none waits for the venue's answers about the others."""
    found = context.ports.store.query(Query(Order.collection, (("open", "==", True),), limit=SWEEP_LIMIT))
    entries = [row.ref.id for row in found if (row.data or {})["intent"]["purpose"] == Purpose.ENTRY]

    def wake(_: object, work: Work) -> None:
        for order_id in entries:
            work.set_timer("check", order_id, work.now_ms)

    if entries:
        context.step(context.cause(fact.event, "wake", fact.event_id), wake)
