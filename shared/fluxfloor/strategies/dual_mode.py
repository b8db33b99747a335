"""Dual mode: goes with a confirmed trend, buys back into a confirmed range, and in between wants both to agree.

The confirmed regime chooses the mode. Trend: in when the close crosses average + entry_atr ATR, out below average -
exit_atr ATR, with a stop trail_atr ATR behind the best close; in a confirmed downtrend the same the other way round,
where the venue lets it. Reversion: in at RSI < oversold at or below the lower Bollinger band, out at the band's middle
or RSI > overbought, with a stop of stop_share. Neutral: the trend's way in while the RSI is not overbought, at
neutral_size, with the tighter of both stops, out as soon as either mode would leave.

In a spike stops are half as wide again and sizes 30 % smaller. Where the five-minute and hourly bars are known, a spike
is a five-minute ATR above twice the hourly one (the feature `spike`); where they are not, as in the compiled backtest,
it is an ATR above `spike` times its 50-bar mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.backtest import Ledger, backtest
from fluxfloor.kernels.desk import Market, Plan
from fluxfloor.kernels.orders import LONG, NOTHING, SHORT, Answer, Bar, Held, Rules, Terms, enter, hold, leave
from fluxfloor.strategies.base import Compiled, Features, Floats, Trail, Wish, within

TREND, REVERSION, NEUTRAL = range(3)
DOWN, AROUND, UP, REVERTING = -1.0, 0.0, 1.0, 2.0
CROSS_UP, CROSS_DOWN, OVERSOLD, AGREED, TREND_OVER, AT_MEAN, OVERBOUGHT = range(7)
WIDER, SMALLER = 1.5, 0.7  # stops and sizes in a spike
SPIKE, RATIO = "spike", "volatility_ratio"
AVERAGE, RSI = 1, 3
"""Places in the row of what the parameters choose."""


@kernel
def decide(row: Floats, bar: Bar, held: Held, params: Floats) -> Answer:
    return _flat(row, bar.close, params) if held.side == 0 else _held(row, bar.close, held, params)


@kernel
def _flat(row: Floats, close: float, params: Floats) -> Answer:
    last_return, average, atr, rsi, lower, regime, wild = row[0], row[1], row[2], row[3], row[4], row[6], row[7]
    entry_atr, trail_atr, oversold, overbought = params[0], params[2], params[3], params[4]
    stop_share, neutral_size, gated, shorts = params[5], params[6], params[8] > 0.0, params[9] > 0.0
    wide, size = (WIDER, SMALLER) if wild > params[7] else (1.0, 1.0)
    away = trail_atr * atr * wide
    above, below = average + entry_atr * atr, average - entry_atr * atr
    reverts = close * (1.0 - stop_share * wide)
    if close > above and close * np.exp(-last_return) <= above:
        if regime == UP or not gated:
            return enter(LONG, close - away, CROSS_UP, TREND, size)
        if regime == AROUND and rsi <= overbought:
            return enter(LONG, max(close - away, reverts), AGREED, NEUTRAL, size * neutral_size)
    if shorts and close < below and (regime == DOWN or not gated) and close * np.exp(-last_return) >= below:
        return enter(SHORT, close + away, CROSS_DOWN, TREND, size)
    if rsi < oversold and close <= lower and (regime == REVERTING or not gated):
        return enter(LONG, reverts, OVERSOLD, REVERSION, size)
    return NOTHING


@kernel
def _held(row: Floats, close: float, held: Held, params: Floats) -> Answer:
    average, atr, rsi, middle, wild = row[1], row[2], row[3], row[5], row[7]
    exit_atr, trail_atr, overbought = params[1], params[2], params[4]
    if held.mode == REVERSION:
        if close >= middle:
            return leave(AT_MEAN)
        return leave(OVERBOUGHT) if rsi > overbought else NOTHING
    if held.mode == NEUTRAL and rsi > overbought:
        return leave(OVERBOUGHT)
    if held.side * (close - (average - held.side * exit_atr * atr)) < 0.0:
        return leave(TREND_OVER)
    return hold(held.best - held.side * trail_atr * atr * (WIDER if wild > params[7] else 1.0))


@kernel
def run(market: Market, rules: Rules, terms: Terms, plan: Plan) -> Ledger:
    return backtest(decide, market, rules, terms, plan)


@dataclass(frozen=True, slots=True)
class DualMode(Compiled):
    """entry_atr, exit_atr, trail_atr: in ATRs. oversold, overbought: of the RSI. stop_share: of the entry's close.

    Switches, 1 or 0: regime_gate (0: both modes whatever the regime), shorts, kama (0: a plain EMA of 20), adaptive
    (0: fixed periods), trial (a mode that trails loses weight, see kernels.modes).
    """

    triggers: ClassVar = {
        "cross_up": ("close", "average", "atr_14", "regime", "volatility_ratio", "size_factor"),
        "cross_down": ("close", "average", "atr_14", "regime", "volatility_ratio", "size_factor"),
        "oversold": ("close", "rsi", "bollinger_lower_20", "regime", "volatility_ratio", "size_factor"),
        "agreed": ("close", "average", "atr_14", "rsi", "regime", "volatility_ratio", "size_factor"),
        "trend_over": ("close", "average", "atr_14", "regime", "stop_price"),
        "at_mean": ("close", "bollinger_middle_20", "regime", "stop_price"),
        "overbought": ("close", "rsi", "regime", "stop_price"),
    }
    rule = staticmethod(decide)
    run = staticmethod(run)
    modes = ("trend", "reversion", "neutral")

    entry_atr: float = 0.5
    exit_atr: float = 0.3
    trail_atr: float = 2.5
    oversold: float = 30.0
    overbought: float = 70.0
    stop_share: float = 0.03
    neutral_size: float = 0.7
    spike: float = 2.0
    regime_gate: float = 1
    shorts: float = 1
    kama: float = 1
    adaptive: float = 1
    trial: float = 1
    expected_alpha: float = 0.02

    def __post_init__(self) -> None:
        within(self, entry_atr=(0, 20), exit_atr=(0, 20), trail_atr=(0.1, 50), oversold=(0, 100))
        within(self, overbought=(self.oversold, 100), stop_share=(0.0001, 0.6), neutral_size=(0.01, 1), spike=(1, 1000))
        within(self, regime_gate=(0, 1), shorts=(0, 1), kama=(0, 1), adaptive=(0, 1), trial=(0, 1))
        within(self, expected_alpha=(0.0001, 1))

    @property
    def columns(self) -> tuple[str, ...]:
        average = ("adaptive_kama_10" if self.adaptive else "kama_10") if self.kama else "ema_20"
        rsi = "adaptive_rsi_14" if self.adaptive else "rsi_14"
        bands = ("bollinger_lower_20", "bollinger_middle_20")
        return ("log_return_1", average, "atr_14", rsi, *bands, "regime", "volatility_ratio")

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | Trail | None:
        """What the rule answers, with what the bars beside these say of a spike in the place of the volatility ratio.
        An entry in a spike says so first."""
        known = features.get(SPIKE)
        ratio = features[RATIO] if known is None else np.inf if known > 0 else 0.0
        wish = Compiled.decide(self, {**features, RATIO: ratio}, candle, holding)
        if not isinstance(wish, Wish) or RATIO not in wish.explanation:
            return wish
        seen = {**wish.explanation, RATIO: features[RATIO]}
        return replace(wish, explanation={SPIKE: self._burst(known), **seen} if ratio > self.spike else seen)

    def _burst(self, known: float | None) -> str:
        beyond = f"its 50-bar mean × {self.spike:g}" if known is None else "twice the hourly"
        return f"{'ATR' if known is None else '5-minute ATR'} above {beyond}: stop × {WIDER:g}, size × {SMALLER:g}"

    @property
    def on_trial(self) -> bool:
        return bool(self.trial)

    def _values(self, row: Floats, bar: Bar, held: Held, answer: Answer) -> Mapping[str, float]:
        known = Compiled._values(self, row, bar, held, answer)
        stop = answer.stop if held.side == 0 else held.stop
        return {**known, "average": float(row[AVERAGE]), "rsi": float(row[RSI]), "stop_price": stop}
