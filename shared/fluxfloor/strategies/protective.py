"""The stop and take-profit of any position, whoever asked for it: looked after on every closed bar."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle
from fluxfloor.contracts.state import Holding
from fluxfloor.strategies.base import Wish, leave

MISSED_SHARE = 0.01  # of a bar that may pass before the entry and its range still count as the position's


def protective_stop(candle: Candle, holding: Holding) -> Wish | None:
    """An exit when the bar reached the stop, or else the take-profit; None while neither was reached.

    Where one bar reached both, the stop is taken to have come first. Of a bar that began well before the entry only
    the close counts: its extremes may be older than the position. An exit on its way keeps it silent; an entry doesn't.
    """
    if not holding.lots or holding.leaving:
        return None
    seen = _seen(candle, holding)
    if seen is None:
        return None
    low, high = seen
    worst, best = (low, high) if holding.lots > 0 else (high, low)
    if holding.stop_price is not None and _reached(worst, float(holding.stop_price), holding.lots < 0):
        return leave(holding, "stop", reached=worst, stop_price=float(holding.stop_price))
    if holding.take_profit is not None and _reached(best, float(holding.take_profit), holding.lots > 0):
        return leave(holding, "take_profit", reached=best, take_profit=float(holding.take_profit))
    return None


def _seen(candle: Candle, holding: Holding) -> tuple[float, float] | None:
    """The lowest and highest price of the bar since the entry, as far as the bar can tell."""
    span_ms = TIMEFRAME_MS[candle.timeframe]
    missed_ms = holding.entry_ms - candle.open_ms
    if missed_ms >= span_ms:
        return None
    if missed_ms > MISSED_SHARE * span_ms:
        return candle.close, candle.close
    return candle.low, candle.high


def _reached(price: float, level: float, rising: bool) -> bool:
    return price >= level if rising else price <= level


def followed(candle: Candle, holding: Holding, close: Decimal) -> Holding:
    """The holding with the close most in its favour since the entry, its own price included; what a trail hangs on."""
    if not holding.lots or _seen(candle, holding) is None:
        return holding
    before = holding.average_price if holding.best_price is None else holding.best_price
    best = max(before, close) if holding.lots > 0 else min(before, close)
    return holding if best == holding.best_price else holding.model_copy(update={"best_price": best})


def trailed(holding: Holding, stop: Decimal) -> Holding:
    """The holding with its stop moved there, if that is tighter."""
    before = holding.stop_price
    if before is not None and (stop <= before if holding.lots > 0 else stop >= before):
        return holding
    return holding.model_copy(update={"stop_price": stop})


def following(holding: Holding) -> Holding:
    """The holding with its stop as far behind the best close as its sender wants it, if that is tighter."""
    if not holding.lots or holding.trail is None or holding.best_price is None:
        return holding
    stop = holding.best_price - holding.trail if holding.lots > 0 else holding.best_price + holding.trail
    return trailed(holding, stop) if stop > 0 else holding
