"""What must be true before an entry is sized at all: each check passes or gives the reason of a refusal."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.policy import Halt, Limits
from fluxfloor.contracts.signals import Direction, OrderType
from fluxfloor.contracts.state import RiskBook


class Refusal(Exception):
    """Ends a decision: the reason code and the sentence a person reads, with the waterfall so far."""

    def __init__(self, reason: Reason, message: str, limits: tuple[Limit, ...] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.limits = limits


def halted(halts: tuple[Halt | None, ...]) -> None:
    for halt in halts:
        if halt is not None:
            raise Refusal(Reason.HALTED, f"entries are halted ({halt.id}): {halt.reason}")


def tradable(scored: SignalScored, book: RiskBook, rules: Instrument) -> None:
    """One leg, in the book's currency, in a direction and with an order the venue knows, no position in the way."""
    signal, leg = scored.signal, scored.signal.leg
    if len(signal.legs) > 1:
        raise Refusal(Reason.UNSUPPORTED, "signals of several legs are not traded: half of a pair is worse than none")
    if rules.quote != book.currency:
        raise Refusal(Reason.UNSUPPORTED, f"{rules.symbol} is paid in {rules.quote}, the account holds {book.currency}")
    if leg.direction is Direction.SHORT and not rules.allows_short:
        raise Refusal(Reason.SHORT_NOT_ALLOWED, f"{rules.venue} does not let {rules.symbol} be sold short")
    if leg.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT) and leg.limit_price is None:
        raise Refusal(Reason.UNSUPPORTED, f"a {leg.order_type} order needs a limit price")
    if leg.order_type in (OrderType.STOP, OrderType.STOP_LIMIT) and leg.trigger_price is None:
        raise Refusal(Reason.UNSUPPORTED, f"a {leg.order_type} order needs a trigger price")
    if books.occupied(book, signal.strategy_id, rules.instrument_id) and not signal.adds:
        raise Refusal(Reason.POSITION_OPEN, f"{signal.strategy_id} already holds or awaits {rules.symbol}")


def fresh(scored: SignalScored, limits: Limits, now_ms: int) -> Quote:
    """The quote, if neither it nor the signal is too old."""
    signal, quote = scored.signal, scored.quote
    age_ms = now_ms - signal.ts_event_ms
    if age_ms > limits.max_signal_age_ms or (signal.expires_ms is not None and now_ms >= signal.expires_ms):
        raise Refusal(Reason.STALE_SIGNAL, f"the signal is {age_ms / 1000:.0f} s old")
    if quote is None:
        raise Refusal(Reason.NO_QUOTE, f"there is no quote for {signal.leg.instrument_id}")
    quote_age_ms = now_ms - quote.ts_event_ms
    if quote_age_ms > limits.max_quote_age_ms:
        raise Refusal(Reason.STALE_QUOTE, f"the quote is {quote_age_ms / 1000:.0f} s old")
    return quote


def edge(scored: SignalScored) -> Decimal:
    """The expected alpha as a return fraction: the signal's own, else the measured mean, else the stated default."""
    signal = scored.signal
    for alpha in (signal.expected_alpha, scored.mean_edge, signal.fallback_alpha):
        if alpha is None:
            continue
        if alpha <= 0:
            raise Refusal(Reason.NO_EDGE, f"the expected alpha is {alpha:.3%}: nothing to gain")
        return alpha
    raise Refusal(Reason.NO_EDGE, "no expected alpha: neither the signal, its history nor its sender states one")


def slippage(scored: SignalScored, quote: Quote, rules: Instrument, limits: Limits, alpha: Decimal) -> Limit:
    """The 30 % rule: (adverse move + half spread + entry fee) / expected alpha must stay at or under the share."""
    leg, seen = scored.signal.leg, scored.signal.reference_price
    sign = -1 if leg.direction is Direction.SHORT else 1
    move = sign * (quote.mid - seen) / seen if seen else Decimal(0)
    share = (max(move, Decimal(0)) + quote.half_spread + rules.taker_fee) / alpha
    note = (
        f"adverse move {max(move, Decimal(0)):.3%} + half spread {quote.half_spread:.3%} + fee {rules.taker_fee:.3%} "
        f"take {share:.0%} of the expected {alpha:.2%}"
    )
    limit = Limit(name=Reason.SLIPPAGE, passed=share <= limits.slippage_share, note=note)
    if not limit.passed:
        failed = limit.model_copy(update={"binding": True})
        raise Refusal(Reason.SLIPPAGE, f"{note}; at most {limits.slippage_share:.0%} may go", (failed,))
    return limit


def stop_ticks(scored: SignalScored, rules: Instrument, limits: Limits, price_ticks: int) -> int:
    """The protective stop: the signal's, else stop_atr × ATR away. Never none, never on the winning side."""
    leg = scored.signal.leg
    long = leg.direction is not Direction.SHORT
    if leg.stop_loss is not None:
        stop = rules.ticks(leg.stop_loss)
        source = "the signal's stop"
    else:
        atr = scored.features.get("atr_14")
        if not atr or atr <= 0:
            raise Refusal(Reason.NO_STOP, "the signal has no stop and there is no ATR to make one from")
        distance = max(1, rules.ticks(Decimal(repr(atr)) * limits.stop_atr))
        stop = price_ticks - distance if long else price_ticks + distance
        source = f"a stop of {limits.stop_atr}·ATR"
    if stop <= 0 or (stop >= price_ticks if long else stop <= price_ticks):
        raise Refusal(
            Reason.STOP_WRONG_SIDE,
            f"{source} at {rules.price(stop)} is not beyond the entry {rules.price(price_ticks)}",
        )
    return stop
