"""A strategy for tests of fills: it does what it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.backtest import Ledger, backtest
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.orders import LONG, NOTHING, SHORT, Answer, Bar, Held, Rules, Terms, hold, leave
from fluxfloor.strategies import Compiled

NAN = float("nan")


@kernel
def decide(row: Any, bar: Bar, held: Held, params: Any) -> Answer:
    """Enters at a close of `at` with what it was told, leaves at a close of `out`, trails by `trail`."""
    at, out, side, stop, target, limit = params[0], params[1], params[2], params[3], params[4], params[5]
    trail, size = params[6], params[7]
    if held.side != 0:
        if bar.close == out:
            return leave(1)
        return hold(held.best - held.side * trail) if trail > 0.0 else NOTHING
    if bar.close != at:
        return NOTHING
    return Answer(LONG if side > 0 else SHORT, 0, stop, target, limit, size, 0)


@kernel
def run(market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    return backtest(decide, market, rules, terms, plan)


@dataclass(frozen=True, slots=True)
class Told(Compiled):
    """See `decide`; NaN is none."""

    columns = ("ma_1",)
    triggers: ClassVar = {"entry": (), "told": ()}
    rule = staticmethod(decide)
    run = staticmethod(run)

    at: float = 100.0
    out: float = 0.0
    side: float = 1
    stop: float = 90.0
    target: float = NAN
    limit: float = NAN
    trail: float = 0.0
    size: float = 1.0
    expected_alpha: float = 0.05
