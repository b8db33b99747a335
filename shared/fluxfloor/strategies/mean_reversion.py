"""Mean reversion: buy what has fallen unusually far below its mean, and give it limited time to come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.backtest import Ledger, backtest
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.orders import LONG, NOTHING, Answer, Bar, Held, Rules, Terms, enter, leave
from fluxfloor.strategies.base import Compiled, Floats, within

ENTRY, BACK_AT_MEAN, TIME = range(3)


@kernel
def decide(row: Floats, bar: Bar, held: Held, params: Floats) -> Answer:
    z, atr = row[0], row[1]
    entry_z, exit_z, max_bars, stop_atr = params[0], params[1], params[2], params[3]
    if held.side:
        if z > exit_z:
            return leave(BACK_AT_MEAN)
        return leave(TIME) if held.bars >= max_bars else NOTHING
    return enter(LONG, bar.close - stop_atr * atr) if z < entry_z else NOTHING


@kernel
def run(market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    return backtest(decide, market, rules, terms, plan)


@dataclass(frozen=True, slots=True)
class MeanReversion(Compiled):
    """Long below entry_z standard deviations; out above exit_z, after max_bars closed bars, or at the stop.

    stop_atr: the stop's distance below the entry bar's close, in ATRs.
    """

    columns = ("zscore_price_20", "atr_14")
    triggers: ClassVar = {
        "entry": ("close", *columns),
        "back_at_mean": ("zscore_price_20",),
        "time": ("bars_held", "zscore_price_20"),
    }
    rule = staticmethod(decide)
    run = staticmethod(run)

    entry_z: float = -2.0
    exit_z: float = 0.0
    max_bars: float = 12
    stop_atr: float = 2.0
    expected_alpha: float = 0.02

    def __post_init__(self) -> None:
        within(self, entry_z=(-10, 0), exit_z=(self.entry_z, 10), max_bars=(1, 10_000), stop_atr=(0.1, 20))
        within(self, expected_alpha=(0.0001, 1))
