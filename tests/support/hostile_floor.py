"""The execution stage as it is, on the embedded floor, with the real adapter on a hostile line to a simulated venue."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from fluxfloor.contracts.events import OrderRequested
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import client_order_id, digest
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.orders import OrderIntent, OrderState, Purpose, Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.local import audit
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Delivery, Ref
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import load
from fluxfloor.venuesim.orders import Order as AtVenue

from tests.support.desk import intent
from tests.support.hostile_rest import JSON, MANGLED, RAW, TRUE, Reply
from tests.support.hostile_room import HostileRoom, hostile_room

ACCOUNT = "paper-main"  # of the desk's intents
MOST_ATTEMPTS = 60


@dataclass
class HostileFloor:
    """`line` is the hostile one. The account is rich, at 60,000 / 60,000.1."""

    line: HostileRoom
    floor: Floor
    directory: Path
    outcomes: Counter[str]

    # --- what happens --------------------------------------------------------------------------------------------

    def ask(self, wanted: OrderIntent, time: int = 1) -> None:
        fact = Fact.first(digest("request", wanted.intent_id, time), OrderRequested(intent=wanted), wanted.requested_ms)
        self._note(self.floor.runners["execution"].handle(Delivery("test", fact.data(), fact.attributes())))

    def sweep(self) -> None:
        self._note(self.floor.tick("execution", "sweep"))

    def later(self, ms: int) -> None:
        until_ms = self.line.clock.now_ms() + ms
        self.floor.drain(until_ms=until_ms)
        self.line.clock.advance_to(until_ms)

    def restart(self) -> None:
        """Another process: its adapter, with its budgets and what it knew, is a new one."""
        self.line.server.replies, kept = deque(), self.line.server.replies
        self.line.renew()
        self.line.server.replies = kept
        self.floor.restart("execution")

    def _note(self, outcome: Outcome) -> None:
        self.outcomes[outcome.value] += 1

    def intent(self, number: int, side: Side, lots: int, resting: bool = False) -> OrderIntent:
        price = 500_000 if resting else 600_000
        return intent(
            f"i{number}", side, lots=lots, rules=self.line.rules, strategy=f"s{number}", arrival_ticks=600_000,
            purpose=Purpose.ENTRY if side is Side.BUY else Purpose.EXIT,
            order_type=OrderType.LIMIT if resting else OrderType.MARKET, limit_ticks=price if resting else None,
            requested_ms=self.line.clock.now_ms(),
        )  # fmt: skip

    # --- what became of it ---------------------------------------------------------------------------------------

    def orders(self) -> list[Order]:
        return [Order.decode(row) for row in audit.rows(self.floor.store, "orders")]

    def at_venue(self) -> list[AtVenue]:
        assert self.line.desk is not None
        return self.line.desk.venue.accounts["main"].orders

    def of_intent(self, intent_id: str) -> list[AtVenue]:
        attempts = {client_order_id(ACCOUNT, intent_id, number + 1) for number in range(MOST_ATTEMPTS)}
        return [order for order in self.at_venue() if order.terms.client_id.replace("-", "") in attempts]

    def told(self) -> list[str]:
        """Kinds of what people were called for."""
        facts = [fact for step in audit.rows(self.floor.store, "journal") for fact in step["facts"]]
        return [fact["data"]["kind"] for fact in facts if fact["type"] == "risks.raised.v1"]

    def documents(self) -> str:
        """Everything that was stored, to look for what must not be there."""
        kept = []
        for path in self.directory.rglob("*"):
            with suppress(OSError):
                if path.is_file() and "secrets" not in path.parts:
                    kept.append(path.read_bytes().decode("latin-1"))
        return "\n".join(kept)


def believable(reply: Reply, writes: bool) -> Reply:
    """Nobody can be safe from a venue that lies about what it has: what can be read is true, but for the answer to an
    order; and a refusal was one."""
    if reply.kind in (MANGLED, JSON) and not writes:
        return replace(reply, kind=RAW, value=b"<html>") if reply.status >= 400 else Reply(TRUE)
    if 400 <= reply.status < 500 and (reply.status == 429 or reply.kind in (MANGLED, JSON)):
        return replace(reply, acts=False)
    return replace(reply, kind=RAW, value=b"") if reply.kind == MANGLED and not reply.acts else reply


@contextmanager
def hostile_floor(name: str, directory: Path) -> Iterator[HostileFloor]:
    with hostile_room(name) as line:
        line.server.fitting = lambda request, reply: believable(reply, request.method in ("POST", "DELETE"))

        def wrap(ports: Ports) -> Ports:
            return replace(ports, venue=lambda _: line.current())

        line.renew()
        account = {"venue": name, "sandbox": True, "currency": line.rules.quote, "stops": "floor"}
        settings = load(overrides={"accounts": {ACCOUNT: account}})
        floor = Floor(directory, settings, line.clock, None, None, wrap, ("execution",))
        catalog = InstrumentCatalog(id=name, ts_event_ms=line.clock.now_ms(), instruments=(line.rules,))
        floor.store.commit(Commit(creates={Ref(catalog.collection, catalog.id, catalog.database): catalog.encode()}))
        try:
            yield HostileFloor(line, floor, directory, Counter())
        finally:
            floor.close()


def filled(orders: list[AtVenue]) -> Decimal:
    return sum((order.filled for order in orders), Decimal(0))


def is_over(order: Order) -> bool:
    rests = order.state is OrderState.OPEN and order.intent.order_type is OrderType.LIMIT
    return order.state.terminal or rests


def brief(order: Order) -> dict[str, Any]:
    return {"id": order.id, "state": order.state.value, "attempt": order.attempt, "reason": order.reason[:80]}
