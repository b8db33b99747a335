"""A short run of the fault simulation: every invariant holds on every seed, and a seed is the same twice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.local.chaos.scheduler import Play, Simulation

SEEDS = range(1, 25)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A storm's warnings would fill the report."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_storm_breaks_no_invariant(seed: int, tmp_path: Path) -> None:
    result = Simulation(Play(seed), tmp_path).run()
    assert result.violations == []
    assert result.steps > 20


def test_the_same_seed_does_the_same(tmp_path: Path) -> None:
    one, two = (Simulation(Play(7), tmp_path / name).run() for name in ("one", "two"))
    assert (one.steps, one.actions, one.faults, one.history) == (two.steps, two.actions, two.faults, two.history)
    assert sum(one.faults.values()) > 10
