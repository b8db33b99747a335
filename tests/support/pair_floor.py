"""The trading stages on an embedded floor with two markets, and handlers that may die at any one boundary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.facts import Fact
from fluxfloor.local import audit
from fluxfloor.local.chaos import house, scenario
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Ref, Snapshot
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import load
from werkzeug.wrappers import Response

BTC = scenario.INSTRUMENT
ETH = BTC.model_copy(update={"instrument_id": "kraken:ETH/USDT", "symbol": "ETH/USDT", "base": "ETH"})
SECRET = scenario.SECRET
STRATEGY = f"{scenario.SENDER}:pairs"


class Died(BaseException):
    """The process is gone: nothing on its way catches it."""


class Boundaries:
    """Counts what a handler does to the outside, and kills it at the one that is asked for."""

    def __init__(self, ports: Ports) -> None:
        self.ports, self.count, self.dies_at = ports, 0, 0

    def reached(self) -> None:
        self.count += 1
        if self.count == self.dies_at:
            raise Died


class DyingStore:
    def __init__(self, at: Boundaries) -> None:
        self._at, self._inner = at, at.ports.store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        self._at.reached()
        return self._inner.read(refs)

    def commit(self, commit: Commit) -> None:
        self._at.reached()
        self._inner.commit(commit)
        self._at.reached()


class DyingBus:
    def __init__(self, at: Boundaries) -> None:
        self._at, self._inner = at, at.ports.bus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def publish(self, facts: Sequence[Fact]) -> None:
        self._at.reached()
        self._inner.publish(facts)
        self._at.reached()


class PairFloor:
    """Warm in both markets; `limits` over the house's own."""

    def __init__(self, directory: Path, **limits: Any) -> None:
        given = scenario.make(Random(7), signals=0, bars=8)
        other = scenario.make(Random(8), signals=0, bars=8)
        self.clock = VirtualClock(given.begin_ms)
        settings = load(
            overrides={
                "market": {"symbols": ["BTC/USDT", "ETH/USDT"], "timeframes": ["15m"]},
                "portfolios": {"main": {"limits": {**house.LIMITS, **limits}}},
            }
        )
        source = FileMarketData([Series(BTC, "15m", given.bars), Series(ETH, "15m", other.bars)], self.clock)
        secrets = {f"sender-{scenario.SENDER}": SECRET}
        self.floor = Floor(directory, settings, self.clock, lambda _: source, secrets, self._wrapped, house.STAGES_RUN)
        house.prepare(self.floor)

    def _wrapped(self, ports: Ports) -> Ports:
        self.boundaries = Boundaries(ports)
        return replace(ports, store=DyingStore(self.boundaries), bus=DyingBus(self.boundaries))

    def send(self, *legs: dict[str, Any], signal_type: str = "ENTRY", name: str = "p1") -> Response:
        document = {
            "secret": SECRET,
            "signal_id": name,
            "strategy_id": "pairs",
            "signal_type": signal_type,
            "legs": legs,
        }
        sent = {"Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9"}
        return self.floor.request(
            "ingestion", "POST", f"/webhooks/{scenario.SENDER}", json.dumps(document).encode(), sent
        )

    def settle(self, ms: int = 30_000) -> None:
        """All that is due in that time is handled, by somebody else where a handler dies."""
        until_ms = self.clock.now_ms() + ms
        while True:
            try:
                self.floor.drain(until_ms=until_ms)
                break
            except Died:
                continue
        self.clock.advance_to(until_ms)

    def swept(self) -> None:
        """What died on its way is found and brought to its end."""
        for _ in range(4):
            self.settle(600_000)
            for stage, job, _every in self.floor.schedules():
                if job == "sweep":
                    self.floor.tick(stage, job)
        self.settle()

    def rows(self, collection: str) -> list[dict[str, Any]]:
        return audit.rows(self.floor.store, collection)

    def stated(self, kind: str) -> list[dict[str, Any]]:
        return [fact["data"] for step in self.rows("journal") for fact in step["facts"] if fact["type"] == kind]

    def decisions(self) -> list[dict[str, Any]]:
        """Those of the sender's strategy."""
        made = [told["decision"] for told in self.stated("decisions.made.v1")]
        return [decision for decision in made if decision["strategy_id"] == STRATEGY]

    def orders(self) -> list[tuple[str, str, str]]:
        """(instrument, purpose, state) of the sender's strategy."""
        own = [row for row in self.rows("orders") if row["intent"]["strategy_id"] == STRATEGY]
        return sorted((row["intent"]["instrument_id"], row["intent"]["purpose"], row["state"]) for row in own)

    def close(self) -> None:
        self.floor.close()


def leg(symbol: str, **more: Any) -> dict[str, Any]:
    """Long, with a stop far below."""
    return {"instrument": symbol, "direction": "LONG", **more}
