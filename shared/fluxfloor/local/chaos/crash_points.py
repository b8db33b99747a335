"""A handler is killed at every single boundary of every short story, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from fluxfloor.local.chaos.flows import FLOWS
from fluxfloor.local.chaos.playing import play


@dataclass(slots=True)
class Crashed:
    """Of one story: how many boundaries it has, at which of them a handler was killed, and what that broke."""

    flow: str
    boundaries: int
    killed: int = 0
    steps: int = 0
    violations: list[dict[str, Any]] = field(default_factory=list)


def boundaries(flow: str) -> int:
    """How many there are where nothing is killed. Raises where the story itself goes wrong."""
    found = play(FLOWS[flow])
    if found.violations:
        raise AssertionError(f"{flow} goes wrong by itself: {found.violations}")
    return found.boundaries


def crashed(flow: str, points: Iterable[int], count: int) -> Crashed:
    """With a handler killed at each of these boundaries of `count`."""
    made = Crashed(flow, count)
    for crash_at in points:
        found = play(replace(FLOWS[flow], crash_at=crash_at))
        made.killed += 1
        made.steps += found.steps
        if found.violations:
            line = next((text for text in found.history if " crash " in text), "nothing was killed")
            made.violations.append(
                {"flow": flow, "crash_at": crash_at, "where": line.strip(), "broke": found.violations}
            )
    return made
