"""The Cerebro stage as it is, on an embedded store that several threads may use."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.decisions import Decision
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import InstrumentCatalog, Quote
from fluxfloor.contracts.orders import OrderIntent
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import RiskBook
from fluxfloor.local import audit
from fluxfloor.local.chaos import house
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Delivery, Ref, Store
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import Settings

from tests.support.desk import AT_MS, BTC, ETH, PERP, book, policy, quote


class CerebroRoom:
    """A fresh book of 10,000 under kraken-mvp, unless said; on an embedded store, unless one is given."""

    def __init__(
        self, directory: Path, on: RiskBook | None = None, under: Policy | None = None, store: Store | None = None,
        settings: Settings | None = None,
    ) -> None:  # fmt: skip
        self.clock = VirtualClock(AT_MS)
        self._tick = threading.Lock()
        wrap = None if store is None else lambda ports: replace(ports, store=store)
        self.floor = Floor(directory, settings or house.settings(), self.clock, wrap=wrap, stages=("cerebro",))
        self.store = self.floor.ports.store
        self.put(InstrumentCatalog(id="kraken", ts_event_ms=AT_MS, instruments=(BTC, ETH, PERP)))
        self.put(on or book())
        self.put(under or policy())

    def put(self, document: Document) -> None:
        ref = Ref(document.collection, document.id, document.database)
        (known,) = self.store.read([ref])
        data = {**document.encode(), "version": 1 + (known.data or {}).get("version", 0)}
        self.store.commit(
            Commit(creates={ref: data}) if known.data is None else Commit(updates={ref: (data, known.token)})
        )

    def remove(self, document: Document) -> None:
        (known,) = self.store.read([Ref(document.collection, document.id, document.database)])
        self.store.commit(Commit(deletes={known.ref: known.token}))

    def tell(self, event: Event, name: object = "") -> Outcome:
        """Hands the stage a fact, a moment later; the same event under another name is another fact."""
        with self._tick:
            self.clock.advance_to(self.clock.now_ms() + 1)
        fact = Fact.first(digest("told", event.type, name, event.model_dump_json()), event, AT_MS)
        return self.floor.runners["cerebro"].handle(Delivery("test", fact.data(), fact.attributes(), attempt=1))

    def score(self, wish: Signal, at: Quote | None = None, **more: Any) -> Outcome:
        rules = {item.instrument_id: item for item in (BTC, ETH, PERP)}[wish.leg.instrument_id]
        seen = at or quote(rules=rules, at_ms=self.clock.now_ms())
        return self.tell(SignalScored(signal=wish, quote=seen, **more), wish.signal_id)

    # --- what came of it -----------------------------------------------------------------------------------------

    @property
    def book(self) -> RiskBook:
        found = self.read(RiskBook.key("main"))
        assert found is not None
        return found

    def read(self, key: Key[Any]) -> Any:
        return self.floor.context("cerebro").read(key)

    def decisions(self) -> list[Decision]:
        return [Decision.model_validate(fact["decision"]) for fact in self.stated("decisions.made.v1")]

    def orders(self) -> list[OrderIntent]:
        return [OrderIntent.model_validate(fact["intent"]) for fact in self.stated("orders.requested.v1")]

    def stated(self, kind: str) -> list[dict[str, Any]]:
        steps = sorted(audit.rows(self.store, "journal"), key=lambda step: step["at_ms"])
        return [fact["data"] for step in steps for fact in step["facts"] if fact["type"] == kind]

    def close(self) -> None:
        self.floor.close()
