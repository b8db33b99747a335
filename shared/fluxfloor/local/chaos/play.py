"""What is asked of a seed, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.weather import Odds


@dataclass(frozen=True, slots=True)
class Play:
    """How a seed is played. What is left out is drawn from it."""

    seed: int
    signals: int | None = None
    odds: Odds | None = None
    given: scenario.Scenario | None = None
    venue: dict[str, Any] | None = None
    limits: dict[str, Any] | None = None  # of the portfolios, over the house's own
    stops: str | None = None  # who keeps the stops: "floor" or "venue"
    two: bool | None = None  # is there a second portfolio, on an account of its own?
    shadow: dict[str, Any] | None = None  # limits of a version that decides beside the live one
    twice: bool = False  # every message is delivered once more after it was acked
    crash_at: int | None = None  # the number of the one boundary at which a handler dies
    sweeps: bool = True  # does execution's sweep resume orders?
    calm_min: int = 40  # how long at most, after the storm, everything has to come to its end
    only: Only | None = None
    surely: frozenset[str] = frozenset()  # addresses of strikes that come in any case, of kinds without odds


@dataclass(frozen=True, slots=True)
class Only:
    """What of a seed is played, where it is not all of it: addresses of strikes, numbers of webhooks, of what people do
    and of outages."""

    faults: frozenset[str]
    webhooks: frozenset[int]
    people: frozenset[int]
    outages: frozenset[int]


@dataclass(slots=True)
class Result:
    """What one seed did. `violations` is empty when every invariant held."""

    seed: int
    steps: int  # handler calls that committed
    handled: int  # handler calls that came to an end
    actions: int
    boundaries: int
    faults: dict[str, int]
    struck: list[str]
    violations: list[str]
    history: list[str] = field(default_factory=list)
