"""Trend: go with the moving averages while the market moves enough to pay for it."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.strategies.base import Features, Wish, enter_long, leave, within


@dataclass(frozen=True, slots=True)
class Trend:
    """Long while ma_20 > ma_100, close > ma_20 and ATR above its threshold; out on the cross back or at the stop.

    stop_atr: the stop's distance below the entry bar's close, in ATRs. min_atr: the ATR threshold in price; None takes
    the median of the last 100 bars.
    """

    stop_atr: float = 2.0
    min_atr: float | None = None
    expected_alpha: float = 0.03

    def __post_init__(self) -> None:
        within(self, stop_atr=(0.1, 20), expected_alpha=(0.0001, 1))
        if self.min_atr is not None:
            within(self, min_atr=(0, 1e12))

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | None:
        if holding.pending or holding.lots < 0:
            return None
        return self._exit(features, candle, holding) if holding.lots else self._entry(features, candle)

    def _entry(self, features: Features, candle: Candle) -> Wish | None:
        fast, slow, atr = features["ma_20"], features["ma_100"], features["atr_14"]
        threshold = features["atr_median_100"] if self.min_atr is None else self.min_atr
        if not (fast > slow and candle.close > fast and atr > threshold):
            return None
        stop = candle.close - self.stop_atr * atr
        return enter_long(stop, close=candle.close, ma_20=fast, ma_100=slow, atr_14=atr, atr_threshold=threshold)

    def _exit(self, features: Features, candle: Candle, holding: Holding) -> Wish | None:
        fast, slow = features["ma_20"], features["ma_100"]
        if holding.stop_price is not None and candle.close <= holding.stop_price:
            return leave(holding, "stop", close=candle.close, stop_price=float(holding.stop_price))
        if fast < slow:
            return leave(holding, "cross_back", ma_20=fast, ma_100=slow)
        return None
