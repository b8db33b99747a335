"""The stage simulation on the embedded floor, with an archive of bars that walk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import SimulationCompleted, SimulationRequested
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.journal import JOURNAL, Step
from fluxfloor.contracts.simulations import SimulationRecord, SimulationSpec
from fluxfloor.local.floor import Floor
from fluxfloor.market import archive
from fluxfloor.market.window import Bars
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Settings

from tests.support.desk import BTC

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
FROM_MS = 1_780_000_000_000 // HOUR_MS * HOUR_MS
RULES = BTC


def walk(count: int, seed: int = 3, volume: float = 5.0) -> Bars:
    """Hours of a market with trends that a moving average can follow."""
    random = np.random.default_rng(seed)
    drift = 0.004 * np.sin(np.arange(count) / 12.0)
    close = np.round(40_000.0 * np.exp(np.cumsum(drift + random.normal(0.0, 0.004, count))), 1)
    open_ = np.concatenate(([40_000.0], close[:-1]))
    wick = np.abs(random.normal(0.0, 0.002, count))
    high, low = np.round(np.maximum(open_, close) * (1 + wick), 1), np.round(np.minimum(open_, close) * (1 - wick), 1)
    times = FROM_MS + HOUR_MS * np.arange(count)
    return np.column_stack([times, open_, high, low, close, np.full(count, volume)])


def spec(bars: int, **changes: Any) -> SimulationSpec:
    given: dict[str, Any] = {
        "strategies": [{"plugin": "trend"}], "instrument_id": RULES.instrument_id, "timeframe": "1h",
        "from_ms": FROM_MS, "to_ms": FROM_MS + bars * HOUR_MS, "fee": "0.0002", "slippage_bps": "1",
        "limits": {"daily_loss_halts": 1, "drawdown_halves": 1, "drawdown_flattens": 1},
    }  # fmt: skip
    return SimulationSpec.model_validate({**given, **changes})


class Playground:
    """`ask` puts a request on the bus, `run` has the stage take it."""

    def __init__(self, directory: Path, bars: Bars | None = None) -> None:
        self.directory = directory
        self.clock = VirtualClock(FROM_MS + 4_000 * HOUR_MS)
        self.floor = self.open()
        self.put(InstrumentCatalog(id="kraken", ts_event_ms=FROM_MS, instruments=(RULES,)))
        for month, part in archive.by_month(walk(260) if bars is None else bars).items():
            self.floor.blobs.put(archive.blob_name(RULES, "1h", month), archive.to_parquet(part), archive.CONTENT_TYPE)

    def open(self) -> Floor:
        self.floor = Floor(self.directory, Settings(), self.clock, stages=("simulation",))
        return self.floor

    def put(self, *documents: Document) -> None:
        creates = {Ref(item.collection, item.id, item.database): item.encode() for item in documents}
        self.floor.store.commit(Commit(creates=creates))

    def ask(self, asked: SimulationSpec | None = None, name: str = "sim-1", cause: str = "") -> None:
        event = SimulationRequested(simulation_id=name, spec=asked or spec(260), requested_by="u-1")
        self.floor.bus.publish([Fact.first(f"asked-{name}{cause}", event, self.clock.now_ms())])

    def run(self) -> None:
        self.floor.drain(self.clock.now_ms() + 10 * MINUTE_MS)

    def later(self, minutes: int, job: str = "sweep") -> None:
        self.clock.advance_to(self.clock.now_ms() + minutes * MINUTE_MS)
        self.floor.tick("simulation", job)

    def record(self, name: str = "sim-1") -> SimulationRecord:
        found = self.floor.context("simulation").read(SimulationRecord.key(name))
        assert found is not None
        return found

    def stated(self) -> list[SimulationCompleted]:
        steps = [Step.from_record(item.data or {}) for item in self.floor.store.query(Query(JOURNAL, limit=1_000))]
        facts = [Fact.from_record(fact).event for step in steps for fact in step.facts]
        return [event for event in facts if isinstance(event, SimulationCompleted)]

    def files(self, name: str = "sim-1") -> dict[str, bytes]:
        found = {file: self.floor.blobs.get(blob) for file, blob in self.record(name).files.items()}
        return {file: blob.data for file, blob in found.items() if blob is not None}

    def report(self, name: str = "sim-1") -> dict[str, Any]:
        told: dict[str, Any] = orjson.loads(self.files(name)["report.json"])
        return told
