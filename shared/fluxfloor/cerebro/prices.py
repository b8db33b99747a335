"""Where an entry may fill, and where its stop and its take-profit stand: in ticks, every doubt on the dear side."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import words
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.signals import Leg, OrderType


@dataclass(frozen=True, slots=True)
class Prices:
    """`expected` is what a person is told; it may fill anywhere from `low` to `high`, slippage left out.

    Exposure is measured at `high`, and the distance to the stop from whichever end is farther away from it.
    """

    expected: int
    low: int
    high: int
    limit: int | None = None
    trigger: int | None = None
    trail: int | None = None


def entry_prices(leg: Leg, long: bool, quote: Quote, rules: Instrument) -> Prices:
    """Raises Refusal where an order lacks its price, or has one below the first tick."""
    touch = max(1, rules.ticks_above(quote.ask) if long else rules.ticks_below(quote.bid))
    if leg.order_type is OrderType.MARKET:
        return Prices(touch, touch, touch)
    if leg.order_type is OrderType.TRAILING_STOP:
        return _trailing(leg, long, touch, rules)
    if leg.order_type is OrderType.TAKE_PROFIT:
        trigger = _trigger(leg, not long, rules)  # it is reached from the other side
        level = min(trigger, touch) if long else max(trigger, touch)
        return Prices(level, *((level, touch) if long else (touch, level)), trigger=trigger)
    if leg.order_type is OrderType.STOP:
        trigger = _trigger(leg, long, rules)
        level = max(trigger, touch) if long else min(trigger, touch)
        return Prices(level, level, level, trigger=trigger)
    limit = _limit(leg, long, rules)
    trigger_or_none = _trigger(leg, long, rules) if leg.order_type is OrderType.STOP_LIMIT else None
    market = touch if trigger_or_none is None else trigger_or_none
    low, high = (min(limit, market), limit) if long else (limit, max(limit, market))
    return Prices(limit, low, high, limit=limit, trigger=trigger_or_none)


def _trailing(leg: Leg, long: bool, touch: int, rules: Instrument) -> Prices:
    """It may start at once, should the market turn here; the farther the market goes on, the better it fills."""
    trail = trail_ticks(leg, touch, rules)
    if trail is None:
        raise Refusal(Reason.UNSUPPORTED, f"a {leg.order_type} order needs the distance that it trails by")
    level = touch + trail if long else _on_grid(touch - trail, rules.price(touch - trail), rules)
    return Prices(level, *((touch, level) if long else (level, touch)), trail=trail)


def trail_ticks(leg: Leg, price_ticks: int, rules: Instrument) -> int | None:
    """How far a stop follows behind the best price, up to the next tick; None where nothing trails."""
    if leg.trail is not None:
        return max(1, rules.ticks_above(leg.trail))
    if leg.trail_share is not None:
        return max(1, rules.ticks_above(leg.trail_share * rules.price(price_ticks)))
    return None


def _limit(leg: Leg, long: bool, rules: Instrument) -> int:
    """On the tick that is no worse than what was asked for."""
    if leg.limit_price is None:
        raise Refusal(Reason.UNSUPPORTED, f"a {leg.order_type} order needs a limit price")
    ticks = rules.ticks_below(leg.limit_price) if long else rules.ticks_above(leg.limit_price)
    return _on_grid(ticks, leg.limit_price, rules)


def _trigger(leg: Leg, long: bool, rules: Instrument) -> int:
    """On the tick that is reached later."""
    if leg.trigger_price is None:
        raise Refusal(Reason.UNSUPPORTED, f"a {leg.order_type} order needs a trigger price")
    ticks = rules.ticks_above(leg.trigger_price) if long else rules.ticks_below(leg.trigger_price)
    return _on_grid(ticks, leg.trigger_price, rules)


def _on_grid(ticks: int, price: Decimal, rules: Instrument) -> int:
    if ticks < 1:
        raise Refusal(Reason.UNSUPPORTED, f"{words.price(price)} is below the first tick of {rules.symbol}")
    return ticks


# --- stop and take-profit ----------------------------------------------------------------------------------------


def stop_ticks(scored: SignalScored, long: bool, prices: Prices, rules: Instrument, limits: Limits) -> int:
    """The protective stop: the signal's, else stop_atr × ATR away. Never none, never on the winning side."""
    leg = scored.signal.leg
    if leg.stop_loss is not None:
        stop = rules.ticks(leg.stop_loss)
        source = f"the signal's stop at {words.price(leg.stop_loss)}"
    elif prices.trail is None and (trail := trail_ticks(leg, prices.expected, rules)) is not None:
        stop = prices.low - trail if long else prices.high + trail
        source = f"a stop {words.price(rules.price(trail))} behind"
    else:
        atr = scored.features.get("atr_14")
        if not atr or atr <= 0:
            raise Refusal(Reason.NO_STOP, "the signal has no stop, and there is no ATR to make one from")
        distance = max(1, rules.ticks(Decimal(repr(atr)) * limits.stop_atr))
        stop = prices.low - distance if long else prices.high + distance
        source = f"a stop {words.grouped(limits.stop_atr)} ATR away"
    if stop < 1 or (stop >= prices.low if long else stop <= prices.high):
        side = "below" if long else "above"
        entry = words.price(rules.price(prices.low if long else prices.high))
        raise Refusal(Reason.STOP_WRONG_SIDE, f"{source} is not {side} the entry at {entry}")
    return stop


def tightened(stop: int, long: bool, prices: Prices, share: Decimal) -> int:
    """At that share of its distance, a tick away at least."""
    near = prices.low if long else prices.high
    distance = max(1, int(abs(near - stop) * share))
    return near - distance if long else near + distance


def styled(leg: Leg, long: bool, quote: Quote, limits: Limits, reverts: bool) -> Leg:
    """An entry at the market, where the policy picks by the regime and the market reverts: at a limit behind the touch,
    for what reverts comes back. In any other regime, and of any other order, as it was sent."""
    if limits.entry_style != "by_regime" or not reverts or leg.order_type is not OrderType.MARKET:
        return leg
    behind = quote.bid * (1 - limits.limit_offset) if long else quote.ask * (1 + limits.limit_offset)
    return leg.model_copy(update={"order_type": OrderType.LIMIT, "limit_price": behind})


def take_profit_ticks(leg: Leg, long: bool, prices: Prices, rules: Instrument) -> int | None:
    """On the winning side, or refused: on the other it would close the position as soon as it is open."""
    if leg.take_profit is None:
        return None
    target = rules.ticks(leg.take_profit)
    if target <= prices.high if long else target >= prices.low:
        side = "above" if long else "below"
        entry = words.price(rules.price(prices.high if long else prices.low))
        wrong = f"the take-profit at {words.price(leg.take_profit)} is not {side} the entry at {entry}"
        raise Refusal(Reason.STOP_WRONG_SIDE, wrong)
    return max(1, target)


__all__ = ["Prices", "entry_prices", "stop_ticks", "styled", "take_profit_ticks", "tightened", "trail_ticks"]
