"""What a strategy is: a frozen set of parameters that looks at one closed bar and may wish for something.

A strategy never knows more than it is handed, and never remembers: its position is what the facts say (`Holding`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import Holding
from fluxfloor.errors import Misconfigured

Features = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a strategy would like done at the next quote. `explanation` holds the values that triggered it."""

    action: Action
    direction: Direction
    stop_price: float | None = None
    explanation: dict[str, float | str] = field(default_factory=dict)


class Strategy(Protocol):
    """Pure. `expected_alpha` is the return fraction per trade that it is taken to have until enough were measured."""

    @property
    def expected_alpha(self) -> float: ...

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | None:
        """On a closed bar, with the features of that very bar; None is no wish."""
        ...


def enter_long(stop_price: float, **why: float | str) -> Wish | None:
    """No entry without a stop that a venue could know: a stop at or below zero is none."""
    if stop_price <= 0:
        return None
    return Wish(Action.ENTRY, Direction.LONG, stop_price, {**why, "stop_price": stop_price})


def leave(holding: Holding, trigger: str, **why: float | str) -> Wish:
    """Closes what is held; the direction is that of the position."""
    direction = Direction.LONG if holding.lots > 0 else Direction.SHORT
    return Wish(Action.EXIT, direction, None, {"trigger": trigger, **why})


def bars_held(candle: Candle, holding: Holding) -> int:
    """How many bars of this timeframe have closed since the entry, the bar of the entry included."""
    span_ms = TIMEFRAME_MS[candle.timeframe]
    return (candle.open_ms - holding.entry_ms // span_ms * span_ms) // span_ms + 1


def within(strategy: object, **ranges: tuple[float, float]) -> None:
    """Checks parameters against their ranges. Raises Misconfigured, naming strategy, parameter and range."""
    for name, (low, high) in ranges.items():
        value = getattr(strategy, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            owner = type(strategy).__name__
            raise Misconfigured(f"{owner}.{name} is {value!r}; it must be a number from {low:g} to {high:g}")
