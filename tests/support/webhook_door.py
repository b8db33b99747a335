"""The way in: ingestion on ports that can be made to fail, with what it kept and what it sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fluxfloor.contracts.state import Sender
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.context import Ports

from tests.support.runtime_lab import TroubledBus, TroubledStore
from tests.support.trading_floor import TradingFloor


class Door(TradingFloor):
    """`store` and `bus` are the ports to make trouble with."""

    def __init__(self, directory: Path) -> None:
        self.store: TroubledStore
        self.bus: TroubledBus
        self._directory = directory
        super().__init__(directory, self._troubled, ("ingestion", "market"))

    def _troubled(self, ports: Ports) -> Ports:
        self.store, self.bus = TroubledStore(ports.store), TroubledBus(ports.bus)
        return replace(ports, store=self.store, bus=self.bus)

    def add_sender(self, id: str, secret: str, **more: Any) -> None:
        sender = Sender(id=id, portfolio_id="main", secret_name=f"sender-{id}", **more)
        path = self._directory / "secrets" / f"sender-{id}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secret)
        ref = Ref(Sender.collection, id, "edge")
        self.floor.store.commit(Commit(creates={ref: {**sender.encode(), "version": 1}}))

    def relay(self) -> None:
        self.later(30_000)
        self.floor.tick("ingestion", "sweep")

    @property
    def kept(self) -> list[dict[str, Any]]:
        """Webhooks that were accepted."""
        return [step for step in self.rows("journal", "edge") if step["stage"] == "ingestion" and step["facts"]]

    @property
    def refused(self) -> list[dict[str, Any]]:
        """Evidence of refusals."""
        steps = [step for step in self.rows("journal", "edge") if step["stage"] == "ingestion" and not step["facts"]]
        return [step["evidence"] for step in steps]

    @property
    def signals(self) -> list[str]:
        """Ids of the signals that were sent on, each as often as it was."""
        return [fact.event.signal.signal_id for fact in self.bus.published if fact.topic == "signals.received"]  # type: ignore[attr-defined]
