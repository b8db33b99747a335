"""Plays seeds. No storm cuts the power, so a floor is in memory and gone afterwards."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from fluxfloor.local.chaos.journal import canonical
from fluxfloor.local.chaos.play import Play, Result
from fluxfloor.local.chaos.scenario import Scenario
from fluxfloor.local.chaos.scheduler import Simulation


def play(how: Play) -> Result:
    return Simulation(how, _folder()).run()


@contextmanager
def played(how: Play) -> Iterator[tuple[Simulation, Result]]:
    """With the floor as it was left, to look at."""
    simulation = Simulation(how, _folder())
    try:
        yield simulation, simulation.run(keep=True)
    finally:
        simulation.floor.close()


def story_of(how: Play) -> Scenario:
    """What the seed gives the floor to do, all of it."""
    simulation = Simulation(replace(how, only=None), _folder())
    simulation.floor.close()
    return simulation.scenario


def journal(how: Play) -> tuple[bytes, Result]:
    """The canonical journal that a seed leaves: the same seed is the same bytes."""
    with played(how) as (simulation, result):
        return canonical(simulation.floor.store), result


@cache
def _folder() -> Path:
    """One for all floors of this process: nothing of a seed is written there."""
    made = Path(tempfile.mkdtemp(prefix="fluxfloor-chaos-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
