"""Moving-average cross: the baseline that anything cleverer has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fluxfloor.errors import Misconfigured
from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.backtest import Ledger, backtest
from fluxfloor.kernels.crosses import SAME, ma_cross_switches, ma_cross_switches_of_all
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.orders import LONG, NOTHING, Answer, Bar, Held, Rules, Terms, enter, leave
from fluxfloor.strategies.base import Compiled, Floats, within

ENTRY, CROSS_BACK = range(2)


@kernel
def decide(row: Floats, bar: Bar, held: Held, params: Floats) -> Answer:
    apart, least, stop_atr = row[0] - row[1], SAME * row[1], params[2]
    if held.side:
        return leave(CROSS_BACK) if apart < -least else NOTHING
    if not apart > least:
        return NOTHING
    return enter(LONG, bar.close - stop_atr * row[2]) if stop_atr > 0.0 else UNSTOPPED


UNSTOPPED = Answer(LONG, ENTRY, np.nan, np.nan, np.nan, 1.0, 0)


@kernel
def run(market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    return backtest(decide, market, rules, terms, plan)


@dataclass(frozen=True, slots=True)
class MaCross(Compiled):
    """Long while the mean of the last `fast` closes is above that of the last `slow`; out on the cross back, or at a
    stop stop_atr ATRs below the entry bar's close (0: none, which only a backtest by weight takes). The floor stores
    ma_20 and ma_100; a backtest makes any."""

    triggers: ClassVar = {"entry": ("close",), "cross_back": ("close",)}
    rule = staticmethod(decide)
    run = staticmethod(run)

    fast: float = 20
    slow: float = 100
    stop_atr: float = 2.0
    expected_alpha: float = 0.02

    def __post_init__(self) -> None:
        within(self, fast=(1, 99_999), slow=(2, 100_000), stop_atr=(0, 100), expected_alpha=(0.0001, 1))
        if self.fast >= self.slow or self.fast % 1 or self.slow % 1:
            raise Misconfigured(f"MaCross: fast {self.fast:g} and slow {self.slow:g} are whole bars, fast below slow")

    @property
    def columns(self) -> tuple[str, ...]:
        averages = (f"ma_{self.fast:.0f}", f"ma_{self.slow:.0f}")
        return (*averages, "atr_14") if self.stop_atr else averages

    @property
    def in_or_out(self) -> bool:
        return not self.stop_atr

    def switches(self, close: Floats) -> NDArray[np.int64]:
        return ma_cross_switches(close, int(self.fast), int(self.slow))

    @classmethod
    def switches_of_all(
        cls, strategies: Sequence[MaCross], close: Floats
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        fast, slow = np.array([(each.fast, each.slow) for each in strategies], np.int64).T
        return ma_cross_switches_of_all(close, fast.copy(), slow.copy())
