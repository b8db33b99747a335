"""The reconciliation stage on the embedded floor: an open account, a market, and the paper venue's own books."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import AccountUpdated, CandleClosed, ExecutionReported
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import Candle, InstrumentCatalog, QuoteState
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.local import audit
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Delivery, Placement, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import load

from tests.support.desk import AT_MS, BTC, ETH, d, intent, quote, report

MINUTE_MS = 60_000


class Books:
    """An account that is open, and a market."""

    def __init__(
        self, directory: Path, overrides: dict[str, Any] | None = None, venue: Callable[[Any], Any] | None = None
    ) -> None:
        """`venue` puts something between the paper venue of "paper-main" and the stage."""
        self.clock = VirtualClock(AT_MS)
        self.trouble: dict[str, Exception] = {}
        self._made: dict[str, Any] = {}
        self._around = venue or (lambda inner: inner)

        def wrap(ports):
            return replace(ports, venue=lambda account: self._venue(ports.venue(account), account))

        self.floor = Floor(
            directory, load(overrides=overrides or {}), self.clock, None, None, wrap, ("reconciliation",)
        )
        self.put(InstrumentCatalog(id="kraken", ts_event_ms=AT_MS, instruments=(BTC, ETH)))
        for rules, bid, ask in ((BTC, 49_995, 50_005), (ETH, 2_999, 3_001)):
            self.quote(rules, bid, ask)
        self.sweep()

    def _venue(self, inner, account):
        if account in self.trouble:
            raise self.trouble[account]
        if account not in self._made:
            self._made[account] = self._around(inner)
        return self._made[account]

    def put(self, document) -> None:
        ref = Ref(document.collection, document.id, document.database)
        (known,) = self.floor.store.read([ref])
        data = document.encode()
        self.floor.store.commit(
            Commit(creates={ref: data}) if known.data is None else Commit(updates={ref: (data, known.token)})
        )

    def quote(self, rules, bid, ask) -> None:
        self.put(QuoteState(id=rules.instrument_id, quote=quote(bid, ask, rules, self.clock.now_ms())))

    # --- what happens --------------------------------------------------------------------------------------------

    def later(self, ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + ms)

    def tell(self, event: Event, name: object = "") -> Outcome:
        fact = Fact.first(digest("told", event.type, name, event.model_dump_json()), event, AT_MS)
        return self.floor.runners["reconciliation"].handle(Delivery("test", fact.data(), fact.attributes()))

    def sweep(self) -> Outcome:
        return self.floor.tick("reconciliation", "sweep")

    def trade(self, name: str, side: Side = Side.BUY, quantity: str = "0.01", rules=BTC, tell: bool = True):
        """Filled at the venue, and reported."""
        venue = self.floor.ports.venue("paper-main")
        venue.place(
            Placement(name, rules, side, OrderType.MARKET, d(quantity), None, None, self.clock.now_ms() + 10_000, False)
        )
        self.later(200)
        seen = venue.find(name, rules, 0)
        order = intent(name, side, rules.lots(d(quantity)), rules=rules)
        told = ExecutionReported(report=report(order, OrderState.FILLED, *seen.fills, rules=rules))
        if tell:
            assert self.tell(told) is Outcome.ACK
        return told

    def order(self, told: ExecutionReported, state: OrderState = OrderState.OPEN, **more: Any) -> None:
        """What execution knows of it."""
        intent, named = told.report.intent, told.report.intent.intent_id
        given: dict[str, Any] = {"venue_order_id": None, "updated_ms": self.clock.now_ms(), **more}
        given.setdefault("names", tuple(filter(None, (named, given["venue_order_id"]))))
        self.put(Order(id=named, intent=intent, state=state, client_order_id=named, open=not state.terminal, **given))

    def deposit(self, amount: str) -> None:
        """At the venue, past the floor."""
        ref = Ref("paper_accounts", "paper-main")
        (known,) = self.floor.store.read([ref])
        balances = dict(known.data["balances"])
        balances["USDT"] = str(d(balances["USDT"]) + d(amount))
        self.floor.store.commit(Commit(updates={ref: ({**known.data, "balances": balances}, known.token)}))

    def close_bar(self, rules, price: float, close_ms: int, traded: bool = True) -> None:
        candle = Candle(
            instrument_id=rules.instrument_id, timeframe="15m", open_ms=close_ms - 900_000, open=price, high=price,
            low=price, close=price, volume=1.0,
        )  # fmt: skip
        self.tell(CandleClosed(candle=candle, close_ms=close_ms, traded=traded))

    # --- what came of it -----------------------------------------------------------------------------------------

    @property
    def account(self) -> Account:
        return self.floor.context("reconciliation").read(Account.key("paper-main"))

    def halt(self, scope: str = "main") -> Halt | None:
        return self.floor.context("reconciliation").read(Halt.key(scope))

    def risks(self) -> list[str]:
        return [fact["data"]["kind"] for fact in audit.facts(self.floor.store) if fact["type"] == "risks.raised.v1"]

    def updates(self) -> list[AccountUpdated]:
        found = [fact for fact in audit.facts(self.floor.store) if fact["type"] == AccountUpdated.type]
        made = [AccountUpdated.model_validate(fact["data"]) for fact in found]
        return sorted(made, key=lambda update: update.account_version)

    def entries(self) -> list[LedgerEntry]:
        return [LedgerEntry.decode(row) for row in audit.rows(self.floor.store, "ledger")]
