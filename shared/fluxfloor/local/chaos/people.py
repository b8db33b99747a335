"""What people do while the floor trades, by the acts that the page, the API and Telegram share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.orders import ChangeKind
from fluxfloor.contracts.policy import FLOOR, Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.errors import FloorError
from fluxfloor.local.chaos.ports import StirringBus, WatchedStore
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.local.floor import Floor, load_stage
from fluxfloor.runtime.context import Context, Ports
from fluxfloor.runtime.runner import Runner
from fluxfloor.runtime.work import Work
from fluxfloor.webapi.problems import ApiError
from functions.api import acts

ANN = "ann"
WHY = "a storm"
# What somebody may do just when a handler is about to commit.
MEDDLES = ("tighten", "halt", "resume", "resume", "cancel", "amend", "look", "exit")


class People:
    """Nothing fails for them, and what they do is one moment: what they meet is what the stages do meanwhile."""

    def __init__(self, floor: Floor, ports: Ports, witness: Witness, stir: Callable[[], None]) -> None:
        store, bus = WatchedStore(ports.store, witness.committed), StirringBus(ports.bus, stir)
        self._runner = Runner(load_stage("api"), replace(ports, store=store, bus=bus))
        self._floor, self._witness, self._times = floor, witness, 0

    def do(self, act: str, pick: int = 0) -> str:
        """Returns what was done, for the history. `pick` chooses among several."""
        context = Context(self._runner)
        self._times += 1
        cause = RiskRaised(
            kind=f"{act}_asked", scope=FLOOR, severity=Severity.INFO, message=act, ts_event_ms=context.now_ms
        )
        try:
            decide = self._decides(context, act, pick)
            if decide is None:
                return f"{act}: nothing to do"
            self._commit(context, context.cause(cause, act, context.now_ms, self._times), decide)
        except (ApiError, FloorError) as problem:
            return f"{act}: {problem}"
        return act

    def _commit(self, context: Context, cause: Fact, decide: Callable[[Work], object]) -> None:
        def step(_: Event, work: Work) -> None:
            decide(work)

        context.step(cause, step)

    def _decides(self, context: Context, act: str, pick: int) -> Callable[[Work], object] | None:
        if act in ("cancel", "amend", "look"):
            return self._change(context, act, pick)
        if act == "exit":
            return self._exit(context, pick)
        return {
            "halt": lambda work: acts.halt(work, ANN, FLOOR, WHY, flatten=False),
            "halt main": lambda work: acts.halt(work, ANN, "main", WHY, flatten=False),
            "flatten": lambda work: acts.halt(work, ANN, FLOOR, WHY, flatten=True),
            "resume": lambda work: acts.resume(work, ANN, FLOOR, WHY),
            "resume main": lambda work: acts.resume(work, ANN, "main", WHY),
            "tighten": _tighten,
        }[act]

    def _change(self, context: Context, act: str, pick: int) -> Callable[[Work], object] | None:
        """Of an order that is not at its end: taken back, for fewer lots or at another price, or only looked up."""
        names = sorted(self._witness.open_orders)
        order = context.read(Order.key(names[pick % len(names)])) if names else None
        if order is None:
            return None
        terms: dict[str, int] = {}
        if act == "amend":
            terms = {"lots": max(order.filled_lots + 1, order.intent.lots // 2)}
            if order.intent.limit_ticks and pick % 2:
                terms = {"limit_ticks": order.intent.limit_ticks + pick % 50 - 25}
        return lambda work: acts.change_order(work, ANN, order, ChangeKind(act), WHY, **terms)

    def _exit(self, context: Context, pick: int) -> Callable[[Work], object] | None:
        books = [context.read(RiskBook.key(name)) for name in sorted(context.settings.portfolios)]
        wanted = acts.slots(book for book in books if book is not None)
        if not wanted:
            return None
        chosen = [wanted[pick % len(wanted)]] if pick % 3 else wanted
        return lambda work: acts.exit_slots(work, ANN, chosen, WHY)


def _tighten(work: Work) -> None:
    """A tenth less of every position, each time."""
    (policy,) = work.read(Policy.key("main"))
    if policy is not None:
        cap = round(policy.limits.position_cap * Decimal("0.9"), 4)
        work.write(policy.model_copy(update={"limits": policy.limits.model_copy(update={"position_cap": cap})}))
