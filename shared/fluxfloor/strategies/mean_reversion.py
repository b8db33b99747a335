"""Mean reversion: buy what has fallen unusually far below its mean, and give it limited time to come back."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.strategies.base import Features, Wish, bars_held, enter_long, leave, within


@dataclass(frozen=True, slots=True)
class MeanReversion:
    """Long below entry_z standard deviations; out above exit_z, after max_bars closed bars, or at the stop.

    stop_atr: the stop's distance below the entry bar's close, in ATRs.
    """

    entry_z: float = -2.0
    exit_z: float = 0.0
    max_bars: float = 12
    stop_atr: float = 2.0
    expected_alpha: float = 0.02

    def __post_init__(self) -> None:
        within(self, entry_z=(-10, 0), exit_z=(self.entry_z, 10), max_bars=(1, 10_000), stop_atr=(0.1, 20))
        within(self, expected_alpha=(0.0001, 1))

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | None:
        if holding.pending or holding.lots < 0:
            return None
        return self._exit(features, candle, holding) if holding.lots else self._entry(features, candle)

    def _entry(self, features: Features, candle: Candle) -> Wish | None:
        z, atr = features["zscore_price_20"], features["atr_14"]
        if not z < self.entry_z:
            return None
        return enter_long(candle.close - self.stop_atr * atr, close=candle.close, zscore_price_20=z, atr_14=atr)

    def _exit(self, features: Features, candle: Candle, holding: Holding) -> Wish | None:
        z, held = features["zscore_price_20"], bars_held(candle, holding)
        if z > self.exit_z:
            return leave(holding, "back_at_mean", zscore_price_20=z)
        if held >= self.max_bars:
            return leave(holding, "time", bars_held=held, zscore_price_20=z)
        return None
