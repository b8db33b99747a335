"""A simulation: the real stages on bars, with a venue, a clock and books of their own, thrown away when it has ended.

The same code for the stage `simulation` and for the console. Nothing of the floor that it runs on reaches into it, no
setting and no environment, so that the same request on the same bars gives the same result, byte for byte.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxfloor.adapters.embedded.sqlite import Durability
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.simulations import SimulationSpec
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import EquityPoint
from fluxfloor.errors import FloorError
from fluxfloor.local import audit
from fluxfloor.local.floor import Floor
from fluxfloor.local.replay import Recording, Replay, open_replay
from fluxfloor.local.run_record import run_of
from fluxfloor.market.window import OPEN_MS, Bars
from fluxfloor.measures.records import Run
from fluxfloor.reporting.simulations import ACCOUNT
from fluxfloor.runtime.settings import Settings
from fluxfloor.topology import SIMULATED

PORTFOLIO = "main"
MEMORY = Path("/dev/shm")
OF_THE_MACHINE = ("wall_s", "steps_per_s", "webhooks")  # differs from run to run, or can't happen here
Progress = Callable[[int, int], None]


class Passing(Floor):
    """A floor that is thrown away."""

    durability = Durability.NONE


class TooSlow(FloorError):
    """The simulation was given up: it would have outlived the call that plays it."""

    reason = "too_slow"


@dataclass(frozen=True, slots=True)
class Simulated:
    """`counts` is what the replay reports, less what tells of the machine. Rows are in order of time."""

    counts: dict[str, Any]
    run: Run
    trades: list[TradeRow]
    equity: list[EquityPoint]
    wall_s: float


def simulate(
    spec: SimulationSpec, rules: Instrument, bars: Bars, progress: Progress = lambda _done, _of: None,
    directory: Path | None = None, limit_s: float | None = None,
) -> Simulated:  # fmt: skip
    """Plays `bars`, (n, 6) sorted by open time. The floor's state stays in `directory`, if one is given.

    Raises TooSlow after `limit_s` seconds, Misconfigured for settings that can't be.
    """
    with _scratch(directory) as folder:
        played = open_simulation(folder, spec, rules, bars)
        try:
            counts = played.run(_within(limit_s, progress))
            return _simulated(played, counts, spec)
        finally:
            played.close()


def open_simulation(directory: Path, spec: SimulationSpec, rules: Instrument, bars: Bars) -> Replay:
    """A floor that is about to play them."""
    rules = rules.model_copy(update={"taker_fee": spec.fee})
    recording = Recording(rules, spec.timeframe, bars, spread_bps=spec.spread_bps, participation=spec.participation)
    return open_replay(directory, settings_of(spec, rules), recording, {}, Passing, stages=SIMULATED)


def settings_of(spec: SimulationSpec, rules: Instrument) -> Settings:
    """Made from the request alone: no file and no environment."""
    return Settings.model_validate(
        {
            "market": {
                "exchange": rules.venue, "symbols": [rules.symbol], "timeframes": [spec.timeframe],
                "traded_timeframe": spec.timeframe,
            },
            "accounts": {ACCOUNT: {"portfolio": PORTFOLIO, "currency": rules.quote, "deposit": spec.deposit}},
            "portfolios": {PORTFOLIO: {"preset": spec.preset, "account": ACCOUNT, "limits": spec.limits}},
            "strategies": {
                item.strategy_id: {"plugin": item.plugin, "params": item.params} for item in spec.strategies
            },
            "paper": {
                "latency_min_ms": spec.latency_min_ms, "latency_max_ms": spec.latency_max_ms, "fee": spec.fee,
                "slippage_bps": spec.slippage_bps, "partial_fills": spec.participation is not None, "seed": spec.seed,
            },
        }
    )  # fmt: skip


def _simulated(played: Replay, counts: dict[str, Any], spec: SimulationSpec) -> Simulated:
    store, recording = played.floor.store, played.recording
    close_ms = recording.bars[:, OPEN_MS].astype("int64") + recording.step_ms
    run = run_of(
        audit.facts(store), ACCOUNT, [recording.instrument], close_ms, float(spec.deposit), recording.instrument.quote,
        {"spec": spec.model_dump(mode="json")},
    )  # fmt: skip
    kept = {name: value for name, value in counts.items() if name not in OF_THE_MACHINE}
    halts = sorted(row["reason"] for row in audit.rows(store, Halt.collection))
    trades = sorted(_rows(played, TradeRow), key=lambda row: (row.exit_ms, row.id))
    equity = sorted(_rows(played, EquityPoint), key=lambda row: (row.ts_event_ms, row.id))
    return Simulated({**kept, "halts": halts}, run, trades, equity, played.wall_s)


def _rows(played: Replay, kind: type[Any]) -> list[Any]:
    assert issubclass(kind, Document)
    return [kind.decode(row) for row in audit.rows(played.floor.store, kind.collection)]


def _within(limit_s: float | None, progress: Progress) -> Progress:
    begun = time.monotonic()

    def advance(done: int, of: int) -> None:
        if limit_s is not None and time.monotonic() - begun > limit_s:
            raise TooSlow(f"after {limit_s:.0f} s it had come to bar {done:,} of {of:,}")
        progress(done, of)

    return advance


@contextmanager
def _scratch(directory: Path | None) -> Iterator[Path]:
    """In memory where there is a place for it: nothing of it has to outlive a power cut."""
    if directory is not None:
        yield directory
        return
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fluxfloor-simulation-", dir=memory) as folder:
        yield Path(folder)


__all__ = ["Simulated", "TooSlow", "open_simulation", "settings_of", "simulate"]
