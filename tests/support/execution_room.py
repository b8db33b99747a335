"""The execution stage as it is, on the embedded floor, with a paper venue that can be told to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from fluxfloor.adapters.venues.paper import PaperFill, PaperOrder
from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import OrderChanged, OrderRequested, RiskRaised, Severity
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog, Quote, QuoteState
from fluxfloor.contracts.orders import ChangeKind, OrderChange, OrderIntent, OrderReport, OrderState
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.signals import OrderType
from fluxfloor.errors import OutcomeUnknown, Throttled, VenueRefused
from fluxfloor.local import audit
from fluxfloor.local.chaos import house
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Delivery, Placement, Ref, Venue, VenueBooks, VenueOrder
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import load

from tests.support.desk import AT_MS, BTC, intent, quote

RICH = {"accounts": {"paper-main": {"deposit": "10000000"}}}


class Killed(BaseException):
    """The process ends here."""


class Moody(Venue):
    """Does as it is told once, at the next placement or look-up; else it is the venue itself."""

    def __init__(self, inner: Venue) -> None:
        self.inner = inner
        self.mood = ""
        self.placed: list[Placement] = []

    @property
    def capabilities(self) -> Any:
        return self.inner.capabilities

    def place(self, placement: Placement) -> VenueOrder:
        mood, self.mood = self.mood, ""
        self.placed.append(placement)
        if mood == "throttled":
            raise Throttled("too many requests")
        if mood == "lost before":
            raise OutcomeUnknown("timed out; it never arrived")
        if mood == "killed before":
            raise Killed
        if mood == "refused":
            raise VenueRefused("not today", code="maintenance")
        order = self.inner.place(placement)
        if mood == "lost after":
            raise OutcomeUnknown("timed out; it had arrived")
        if mood == "killed after":
            raise Killed
        if mood == "sent twice":
            return self.inner.place(placement)
        return order

    def find(self, client_order_id: str, instrument: Instrument, since_ms: int) -> VenueOrder | None:
        mood, self.mood = self.mood, ""
        if mood == "blind":
            raise OutcomeUnknown("timed out")
        if mood == "throttled":
            raise Throttled("too many requests")
        return self.inner.find(client_order_id, instrument, since_ms)

    def cancel(self, order: VenueOrder, instrument: Instrument) -> None:
        mood, self.mood = self.mood, ""
        if mood == "refused":
            raise VenueRefused("no such order", code="unknown_order")
        self.inner.cancel(order, instrument)

    def books(self, since_ms: int) -> VenueBooks:
        return self.inner.books(since_ms)

    def quote(self, instrument: Instrument) -> Quote | None:
        return self.inner.quote(instrument)

    def clock_offset_ms(self) -> int:
        return self.inner.clock_offset_ms()


MOODS = (
    "", "throttled", "lost before", "lost after", "killed before", "killed after", "refused", "sent twice", "blind",
)  # fmt: skip


class ExecutionRoom:
    """Very rich, so that funds are not what is tried here; 49,995 / 50,005 unless quoted otherwise."""

    def __init__(
        self, directory: Path, venue_of: Callable[[Venue], Any] = Moody, partial_fills: bool = False,
        stops: str = "floor", **more: Any,
    ) -> None:  # fmt: skip
        """`more`: settings that stand as they are, checked by nobody."""
        self.clock = VirtualClock(AT_MS)
        rich = {"accounts": {"paper-main": {**RICH["accounts"]["paper-main"], "stops": stops}}}
        settings = house.settings(partial_fills=partial_fills).model_copy(
            update={"accounts": load(overrides=rich).accounts, **more}
        )
        self.venue: Any = None

        def wrap(ports: Ports) -> Ports:
            self.venue = venue_of(ports.venue("paper-main"))
            return replace(ports, venue=lambda _: self.venue)

        self.floor = Floor(directory, settings, self.clock, None, None, wrap, ("execution",))
        self._put(InstrumentCatalog(id="kraken", ts_event_ms=AT_MS, instruments=(BTC,)))
        self.market()

    def market(self, bid: float = 49_995, ask: float = 50_005, size: str | None = None) -> None:
        offered = None if size is None else Decimal(size)
        told = quote(bid, ask, at_ms=self.clock.now_ms()).model_copy(update={"bid_size": offered, "ask_size": offered})
        self._put(QuoteState(id=BTC.instrument_id, quote=told))

    def trades_at_least(self, quantity: str) -> None:
        """From now on, at this venue."""
        coarse = BTC.model_copy(update={"min_quantity": Decimal(quantity)})
        self._put(InstrumentCatalog(id="kraken", ts_event_ms=self.clock.now_ms(), instruments=(coarse,)))
        self.floor.restart("execution")

    def halt(self) -> None:
        self._put(Halt(id=FLOOR, reason="kill switch", raised_by="a person", ts_event_ms=self.clock.now_ms()))

    def _put(self, document: Any) -> None:
        ref = Ref(document.collection, document.id, document.database)
        (known,) = self.floor.store.read([ref])
        data = document.encode()
        commit = Commit(creates={ref: data}) if known.data is None else Commit(updates={ref: (data, known.token)})
        self.floor.store.commit(commit)

    # --- what happens to it --------------------------------------------------------------------------------------

    def ask(self, wanted: OrderIntent, time: int = 1) -> Outcome | None:
        """Delivers the request; `time` tells apart requests of the same intent. None: the process was killed."""
        fact = Fact.first(digest("request", wanted.intent_id, time), OrderRequested(intent=wanted), AT_MS)
        return self._survive(
            lambda: self.floor.runners["execution"].handle(Delivery("test", fact.data(), fact.attributes()))
        )

    def change(self, kind: str, intent_id: str = "i1", **terms: Any) -> Outcome | None:
        """Delivers a wish of ann's."""
        wish = OrderChange(
            change_id=f"{kind}-{self.clock.now_ms()}", intent_id=intent_id, portfolio_id="main",
            account_id="paper-main", kind=ChangeKind(kind), asked_by="ann", ts_event_ms=self.clock.now_ms(), **terms,
        )  # fmt: skip
        return self._deliver(OrderChanged(change=wish), wish.change_id)

    def hear_of_halt(self) -> Outcome | None:
        raised = RiskRaised(
            kind="halted", scope=FLOOR, severity=Severity.CRITICAL, message="ann", ts_event_ms=self.clock.now_ms()
        )
        return self._deliver(raised, "halted")

    def _deliver(self, event: Event, name: str) -> Outcome | None:
        fact = Fact.first(digest(name), event, self.clock.now_ms())
        return self._survive(
            lambda: self.floor.runners["execution"].handle(Delivery("test", fact.data(), fact.attributes()))
        )

    def sweep(self) -> Outcome | None:
        return self._survive(lambda: self.floor.tick("execution", "sweep"))

    def later(self, ms: int) -> None:
        until_ms = self.clock.now_ms() + ms
        while self._survive(lambda: self.floor.drain(until_ms=until_ms)) is None:
            pass  # the delivery that died comes again
        self.clock.advance_to(until_ms)

    def _survive(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Killed:
            self.floor.restart("execution")
            return None

    # --- what became of it ---------------------------------------------------------------------------------------

    def order(self, intent_id: str) -> Order | None:
        return self.floor.context("execution").read(Order.key(intent_id))

    def slot(self, strategy: str = "trend") -> Slot | None:
        return self.floor.context("execution").read(Slot.key(f"paper-main|{strategy}|{BTC.instrument_id}"))

    def guard(self) -> Order | None:
        """The protective order that is not at its end."""
        slot = self.slot()
        return self.order(slot.guard) if slot is not None and slot.guard else None

    def orders(self) -> list[Order]:
        return [Order.decode(row) for row in audit.rows(self.floor.store, "orders")]

    def at_venue(self) -> list[PaperOrder]:
        return [PaperOrder.decode(row) for row in audit.rows(self.floor.store, "paper_orders")]

    def venue_fills(self) -> list[PaperFill]:
        return [PaperFill.decode(row) for row in audit.rows(self.floor.store, "paper_fills")]

    def reports(self) -> list[OrderReport]:
        """In the order in which they were stated."""
        steps = sorted(audit.rows(self.floor.store, "journal"), key=lambda step: step["at_ms"])
        found = [fact for step in steps for fact in step["facts"] if fact["type"] == "executions.reported.v1"]
        return [OrderReport.model_validate(fact["data"]["report"]) for fact in found]

    def risks(self) -> list[dict[str, Any]]:
        return [fact["data"] for fact in audit.facts(self.floor.store) if fact["type"] == "risks.raised.v1"]

    def close(self) -> None:
        self.floor.close()


def state(room: ExecutionRoom, name: str = "i1") -> OrderState:
    order = room.order(name)
    assert order is not None
    return order.state


def states(room: ExecutionRoom, name: str = "i1") -> list[OrderState]:
    return [told.state for told in room.reports() if told.intent.intent_id == name]


def buy_first(room: ExecutionRoom, lots: int = 10) -> None:
    room.ask(intent("first", lots=lots))
    room.later(1_000)
    assert state(room, "first") is OrderState.FILLED


def resting(name: str = "i1", **more: Any) -> OrderIntent:
    return intent(name, order_type=OrderType.LIMIT, limit_ticks=400_000, **more)
