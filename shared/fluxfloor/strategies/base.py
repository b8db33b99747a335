"""What a strategy is: a frozen set of parameters that looks at one closed bar and may wish for something.

A strategy never knows more than it is handed, and never remembers: its position is what the facts say (`Holding`). Its
decision is one compiled function, `rule`: the floor calls it through `Compiled.decide`, and a backtest's loop has it
inlined through `run`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import Holding
from fluxfloor.errors import Misconfigured
from fluxfloor.kernels.orders import FLAT, LEAVE, LONG, STAY, Answer, Bar, Held

Features = Mapping[str, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a strategy would like done at the next quote. `explanation` holds the values that triggered it.

    tag: the mode it goes in with, if it has several. size_factor: the share of what the limits allow that it asks for.
    """

    action: Action
    direction: Direction
    stop_price: float | None = None
    explanation: dict[str, float | str] = field(default_factory=dict)
    tag: str = ""
    size_factor: float = 1.0
    take_profit: float | None = None
    limit_price: float | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """Stay in, with the stop moved there if that is tighter than where it stands."""

    stop_price: float


class Strategy(Protocol):
    """Pure. `expected_alpha` is the return fraction per trade that it is taken to have until enough were measured."""

    @property
    def expected_alpha(self) -> float: ...

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | Trail | None:
        """On a closed bar, with the features of that very bar; None is no wish."""
        ...


class Compiled:
    """A strategy whose decision is a kernel. A frozen dataclass of its parameters inherits from it and sets:

    columns: the features its rule reads, in the order of `row`; a property where the parameters choose them.
    triggers: every reason to enter or leave, and the values that explain it; `rule` answers with their places.
    rule: `decide(row, bar, held, params) -> Answer`, a kernel. run: the kernel that backtests it.
    modes: its ways in; on_trial: do they lose weight when they trail? shorts: 1 if it may hold short positions.
    """

    __slots__ = ()

    triggers: ClassVar[Mapping[str, tuple[str, ...]]]
    rule: ClassVar[staticmethod[[Floats, Bar, Held, Floats], Answer]]
    run: ClassVar[staticmethod[..., Any]]
    modes: ClassVar[tuple[str, ...]] = ("",)
    shorts: float = 0
    expected_alpha: float

    @property
    def columns(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def on_trial(self) -> bool:
        return False

    @property
    def in_or_out(self) -> bool:
        """Is it only ever in or out, with no stop and no other word? Then `switches` says it all."""
        return False

    def switches(self, close: Floats) -> NDArray[np.int64]:
        """(k,) the bars on whose close it goes in, out, in …; only of one that is `in_or_out`."""
        raise NotImplementedError

    @classmethod
    def switches_of_all(cls, strategies: Sequence[Any], close: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The same of many of this class, what they share made once: (strategies, room), and how many of each row
        count, (strategies,)."""
        raise NotImplementedError

    @property
    def params(self) -> Floats:
        """(p,) its parameters in the order of its fields; None is NaN."""
        values = [getattr(self, item.name) for item in fields(self)]  # type: ignore[arg-type]
        return np.array([np.nan if value is None else value for value in values], np.float64)

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | Trail | None:
        """What the rule answers, in words. While something is on its way it wishes nothing new."""
        if holding.pending or (holding.lots < 0 and not self.shorts):
            return None
        row = np.array([features[name] for name in self.columns], np.float64)
        bar = Bar(candle.open, candle.high, candle.low, candle.close, candle.volume)
        held = self._held(candle, holding)
        answer = Answer(*type(self).rule(row, bar, held, self.params))
        if answer.action == STAY:
            return Trail(answer.stop) if holding.lots and answer.stop > 0 else None
        if (answer.action == LEAVE) != bool(holding.lots):
            return None
        return self._wish(answer, self._values(row, bar, held, answer), holding)

    def _held(self, candle: Candle, holding: Holding) -> Held:
        if not holding.lots:
            return FLAT
        price = float(holding.average_price)
        stop = np.nan if holding.stop_price is None else float(holding.stop_price)
        best = price if holding.best_price is None else float(holding.best_price)
        mode = self.modes.index(holding.tag) if holding.tag in self.modes else 0
        return Held(1 if holding.lots > 0 else -1, price, stop, best, bars_held(candle, holding), mode)

    def _values(self, row: Floats, bar: Bar, held: Held, answer: Answer) -> Mapping[str, float]:
        """All that an explanation may name."""
        known = {**dict(zip(self.columns, row.tolist(), strict=True)), **bar._asdict()}
        told = {"stop_price": answer.stop, "bars_held": held.bars, "best": held.best, "size_factor": answer.size}
        return {**known, **told}

    def _wish(self, answer: Answer, values: Mapping[str, float], holding: Holding) -> Wish:
        trigger = tuple(self.triggers)[answer.trigger]
        why: dict[str, float | str] = {} if trigger == "entry" else {"trigger": trigger}
        why.update({name: values[name] for name in self.triggers[trigger]})
        if answer.action == LEAVE:
            return Wish(Action.EXIT, Direction.LONG if holding.lots > 0 else Direction.SHORT, None, why)
        direction = Direction.LONG if answer.action == LONG else Direction.SHORT
        return Wish(
            Action.ENTRY, direction, answer.stop, {**why, "stop_price": answer.stop}, self.modes[answer.mode],
            answer.size, _or_none(answer.take_profit), _or_none(answer.limit),
        )  # fmt: skip


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


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
