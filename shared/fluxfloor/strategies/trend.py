"""Trend: go with the moving averages while the market moves enough to pay for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.backtest import Ledger, backtest
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.orders import LONG, NOTHING, Answer, Bar, Held, Rules, Terms, enter, leave
from fluxfloor.strategies.base import Compiled, Floats, within

ENTRY, STOP, CROSS_BACK = range(3)


@kernel
def decide(row: Floats, bar: Bar, held: Held, params: Floats) -> Answer:
    fast, slow, atr, median = row[0], row[1], row[2], row[3]
    stop_atr, min_atr = params[0], params[1]
    if held.side:
        if bar.close <= held.stop:
            return leave(STOP, held.stop)
        return leave(CROSS_BACK) if fast < slow else NOTHING
    threshold = median if np.isnan(min_atr) else min_atr
    if fast > slow and bar.close > fast and atr > threshold:
        return enter(LONG, bar.close - stop_atr * atr)
    return NOTHING


@kernel
def run(market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    return backtest(decide, market, rules, terms, plan)


@dataclass(frozen=True, slots=True)
class Trend(Compiled):
    """Long while ma_20 > ma_100, close > ma_20 and ATR above its threshold; out on the cross back or at the stop.

    stop_atr: the stop's distance below the entry bar's close, in ATRs. min_atr: the ATR threshold in price; None takes
    the median of the last 100 bars.
    """

    columns = ("ma_20", "ma_100", "atr_14", "atr_median_100")
    triggers: ClassVar = {
        "entry": ("close", *columns),
        "stop": ("close", "stop_price"),
        "cross_back": ("ma_20", "ma_100"),
    }
    rule = staticmethod(decide)
    run = staticmethod(run)

    stop_atr: float = 2.0
    min_atr: float | None = None
    expected_alpha: float = 0.03

    def __post_init__(self) -> None:
        within(self, stop_atr=(0.1, 20), expected_alpha=(0.0001, 1))
        if self.min_atr is not None:
            within(self, min_atr=(0, 1e12))
