"""Seeds played to their end: what they broke, and the journal they left."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.journal import canonical
from fluxfloor.local.chaos.scheduler import Play, Result, Simulation
from fluxfloor.local.chaos.weather import Odds

MINUTE_MS = 60_000
MEMORY = Path("/dev/shm")


@contextmanager
def played(how: Play) -> Iterator[tuple[Simulation, Result]]:
    """On files that are gone afterwards, in memory where there is such a place: no storm cuts the power."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        simulation = Simulation(how, Path(folder))
        yield simulation, simulation.run()


def play(how: Play) -> Result:
    with played(how) as (_, result):
        return result


def violations(how: Play) -> list[str]:
    return play(how).violations


def journal(how: Play) -> bytes:
    with played(how) as (simulation, result):
        assert result.violations == []
        return canonical(simulation.floor.store)


def round_trip() -> scenario.Scenario:
    """One webhook that enters, and a minute later one that leaves; nothing else."""
    given = scenario.make(Random(7), signals=0, bars=8)
    hooks = tuple(
        scenario.Webhook(given.begin_ms + at_ms, alert(mark, action), mark)
        for at_ms, mark, action in ((5_000, "way-in", "buy"), (65_000, "way-out", "sell"))
    )
    return scenario.Scenario(given.bars, given.begin_ms, given.begin_ms + 2 * MINUTE_MS, hooks)


def alert(mark: str, action: str) -> bytes:
    body = {"secret": scenario.SECRET, "id": mark, "ticker": "BTCUSDT", "strategy": "outside", "action": action}
    return json.dumps(body).encode()


def canonical_flow(crash_at: int | None = None) -> Play:
    """The round trip in good weather, but for one crash."""
    return Play(1, given=round_trip(), odds=Odds(), venue={}, crash_at=crash_at, calm_min=6)
