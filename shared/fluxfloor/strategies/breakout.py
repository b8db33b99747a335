"""Breakout: buy a close above everything of the last 20 bars, and leave where their lowest low gives way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.backtest import Ledger, backtest
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.orders import LONG, NOTHING, Answer, Bar, Held, Rules, Terms, enter, leave
from fluxfloor.strategies.base import Compiled, Floats, within

ENTRY, TRAILING_STOP = range(2)


@kernel
def decide(row: Floats, bar: Bar, held: Held, params: Floats) -> Answer:
    lower, upper = row[0], row[1]
    if held.side:
        return leave(TRAILING_STOP, lower) if bar.low <= lower else NOTHING
    return enter(LONG, lower) if bar.close > upper else NOTHING


@kernel
def run(market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    return backtest(decide, market, rules, terms, plan)


@dataclass(frozen=True, slots=True)
class Breakout(Compiled):
    """Long when the close exceeds the highest high of the 20 bars before it; stopped at their lowest low.

    The stop trails by itself: the channel's low can only fall through a lower low, and that is the exit.
    """

    columns = ("donchian_lower_20", "donchian_upper_20")
    triggers: ClassVar = {"entry": ("close", "donchian_upper_20"), "trailing_stop": ("low", "stop_price")}
    rule = staticmethod(decide)
    run = staticmethod(run)

    expected_alpha: float = 0.03

    def __post_init__(self) -> None:
        within(self, expected_alpha=(0.0001, 1))
