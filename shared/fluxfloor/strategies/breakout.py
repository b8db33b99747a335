"""Breakout: buy a close above everything of the last 20 bars, and leave where their lowest low gives way."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.strategies.base import Features, Wish, enter_long, leave, within


@dataclass(frozen=True, slots=True)
class Breakout:
    """Long when the close exceeds the highest high of the 20 bars before it; stopped at their lowest low.

    The stop trails by itself: the channel's low can only fall through a lower low, and that is the exit.
    """

    expected_alpha: float = 0.03

    def __post_init__(self) -> None:
        within(self, expected_alpha=(0.0001, 1))

    def decide(self, features: Features, candle: Candle, holding: Holding) -> Wish | None:
        if holding.pending or holding.lots < 0:
            return None
        lower, upper = features["donchian_lower_20"], features["donchian_upper_20"]
        if holding.lots:
            return leave(holding, "trailing_stop", low=candle.low, stop_price=lower) if candle.low <= lower else None
        if candle.close > upper:
            return enter_long(lower, close=candle.close, donchian_upper_20=upper)
        return None
