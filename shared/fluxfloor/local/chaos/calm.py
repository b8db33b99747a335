"""After the storm: what is in flight ends, and the sweeps run until everything has come to its end."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fluxfloor.local.chaos import house
from fluxfloor.local.chaos.invariants import undelivered, unended
from fluxfloor.local.floor import Floor
from fluxfloor.topology import STAGES

if TYPE_CHECKING:
    from fluxfloor.local.chaos.scheduler import Simulation

MINUTE_MS = 60_000
QUARTER_MS = 900_000
SETTLES_MS = 600_000  # what a bar set going at the last moment comes to its end as well
JOBS = tuple(
    (stage, schedule.job)
    for stage in house.STAGES_RUN
    for schedule in STAGES[stage].schedules
    if schedule.job in ("sweep", "pull")
)
EVERY_MINUTE = (
    ("market", "pull"),
    ("execution", "sweep"),
)  # ingestion's relay, too, has nothing to do but after a crash
SLOW_MS = 7_200_000  # more for what is at work and fills little by little: a large exit in a shallow market
QUIET_ROUNDS = 3  # so many in a row that found nothing to do end the calm


def settle(simulation: Simulation) -> int:
    """Returns how many handler calls that took."""
    floor, clock, handled = simulation.floor, simulation.clock, 0
    simulation.finish_all()
    while simulation.inputs:
        at_ms, _, act = heapq.heappop(simulation.inputs)
        clock.advance_to(at_ms)
        act()
        simulation.finish_all()
        handled += floor.drain()
    quiet, end_ms = 0, clock.now_ms() + simulation.play.calm_min * MINUTE_MS
    while clock.now_ms() < end_ms or clock.now_ms() % QUARTER_MS < SETTLES_MS or _slow(simulation, end_ms):
        clock.advance_to(clock.now_ms() + MINUTE_MS)
        before = handled
        handled += _round(simulation)
        quiet = quiet + 1 if handled == before + len(JOBS) and not simulation.in_doubt() else 0
        if quiet == QUIET_ROUNDS and not undelivered(floor):
            break
    return handled


def _slow(simulation: Simulation, end_ms: int) -> bool:
    return simulation.clock.now_ms() < end_ms + SLOW_MS and bool(unended(simulation.floor))


def _round(simulation: Simulation) -> int:
    floor = simulation.floor
    simulation.pass_time()
    for stage, job in JOBS:
        floor.tick(stage, job)
    simulation.witness.unknowns.swept()
    return len(JOBS) + floor.drain(until_ms=simulation.clock.now_ms())


@contextmanager
def without_the_sweep(floor: Floor) -> Iterator[None]:
    """Execution's sweep does not resume orders."""
    jobs = floor.runners["execution"].stage.jobs
    resume = jobs["sweep"]
    jobs["sweep"] = lambda _context, _fact: None
    try:
        yield
    finally:
        jobs["sweep"] = resume
