"""What must be true before an entry is sized at all: each check passes or gives the reason of a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import words
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument, Kind, Quote
from fluxfloor.contracts.money import exact, rounded
from fluxfloor.contracts.policy import Halt, Limits
from fluxfloor.contracts.signals import Action, Direction, Leg, OrderType, Signal, SizeKind, TimeInForce
from fluxfloor.contracts.state import RiskBook

MAX_SHARE = Decimal(1_000_000)  # of an alpha next to nothing: it is refused either way, and has to be storable


class Refusal(Exception):
    """Ends a decision: the reason code and the sentence a person reads, with the waterfall so far."""

    def __init__(
        self, reason: Reason, message: str, limits: tuple[Limit, ...] = (), slippage: Decimal | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.limits = limits
        self.slippage = slippage


def understood(signal: Signal) -> None:
    """A size that fits the action."""
    size = signal.leg.size
    if size is not None and size.kind is SizeKind.FRACTION and signal.action is not Action.EXIT:
        raise Refusal(Reason.UNSUPPORTED, f"a fraction of what is held says nothing about an {signal.action}")


def halted(halts: tuple[Halt | None, ...]) -> None:
    for halt in halts:
        if halt is not None:
            raise Refusal(Reason.HALTED, f"entries of {halt.id} are halted: {halt.reason}")


def tradable(direction: Direction, book: RiskBook, rules: Instrument) -> None:
    """In a direction that the venue knows, in the book's currency."""
    if direction is Direction.FLAT:
        raise Refusal(Reason.UNSUPPORTED, "an ENTRY needs a direction, LONG or SHORT")
    if rules.quote != book.currency:
        raise Refusal(Reason.UNSUPPORTED, f"{rules.symbol} is paid in {rules.quote}, the account holds {book.currency}")
    if direction is Direction.SHORT and not rules.allows_short:
        raise Refusal(Reason.SHORT_NOT_ALLOWED, f"{rules.venue} does not let {rules.symbol} be sold short")


def standing(leg: Leg, rules: Instrument) -> None:
    """An order for the day needs a market that has days; one at the market is over at once anyway."""
    resting = leg.order_type is not OrderType.MARKET
    if leg.time_in_force is TimeInForce.DAY and resting and rules.kind is not Kind.EQUITY:
        raise Refusal(Reason.UNSUPPORTED, f"{rules.venue} has no sessions: send gtc or an expiry for {rules.symbol}")


def fresh(scored: SignalScored, limits: Limits, now_ms: int) -> Quote:
    """The quote, if neither it nor the signal is too old."""
    signal, quote = scored.signal, scored.quote
    if signal.expires_ms is not None and now_ms >= signal.expires_ms:
        raise Refusal(Reason.STALE_SIGNAL, f"the signal expired {words.duration(now_ms - signal.expires_ms)} ago")
    age_ms = now_ms - signal.ts_event_ms
    if age_ms > limits.max_signal_age_ms:
        raise Refusal(Reason.STALE_SIGNAL, _too_old("signal", age_ms, limits.max_signal_age_ms))
    if quote is None:
        raise Refusal(Reason.NO_QUOTE, f"there is no quote for {signal.leg.instrument_id}")
    quote_age_ms = now_ms - quote.ts_event_ms
    if quote_age_ms > limits.max_quote_age_ms:
        raise Refusal(Reason.STALE_QUOTE, _too_old("quote", quote_age_ms, limits.max_quote_age_ms))
    if quote.bid > quote.ask:
        crossed = f"the quote is crossed: bid {words.price(quote.bid)}, ask {words.price(quote.ask)}"
        raise Refusal(Reason.NO_QUOTE, crossed)
    return quote


def funded(book: RiskBook, limits: Limits, now_ms: int) -> None:
    """A book that has something to risk, and whose positions were marked not too long ago; cash needs no mark."""
    age_ms = now_ms - book.marked_ms
    if book.positions and book.marked_ms and age_ms > limits.max_book_age_ms:
        old = _too_old("book", age_ms, limits.max_book_age_ms)
        raise Refusal(Reason.STALE_BOOK, f"{old}: have the account compared with its venue")
    if book.equity <= 0:
        worth = words.money(book.equity, book.currency)
        raise Refusal(Reason.NO_EQUITY, f"the account is worth {worth}: there is nothing to risk until it is funded")


def _too_old(what: str, age_ms: int, allowed_ms: int) -> str:
    return f"the {what} is {words.duration(age_ms)} old, and {words.duration(allowed_ms)} are allowed"


def edge(scored: SignalScored) -> Decimal:
    """The expected alpha as a return fraction: the signal's own, else the measured mean, else the stated default."""
    signal = scored.signal
    known = (
        (signal.expected_alpha, "the signal expects"),
        (scored.mean_edge, f"{signal.strategy_id} has made on average"),
        (signal.fallback_alpha, "by default it is taken to expect"),
    )
    for alpha, source in known:
        if alpha is not None and alpha > 0:
            return alpha
        if alpha is not None:
            raise Refusal(Reason.NO_EDGE, f"{source} {words.percent(alpha)} a trade: nothing to gain")
    raise Refusal(Reason.NO_EDGE, "nobody says what it should gain: not the signal, its history, or its sender")


@dataclass(frozen=True, slots=True)
class Slippage:
    """`share` of the expected alpha that is gone before the position is open."""

    share: Decimal
    limit: Limit


@exact
def slippage(
    scored: SignalScored, long: bool, quote: Quote, rules: Instrument, limits: Limits, alpha: Decimal
) -> Slippage:
    """The 30 % rule: (adverse move + half spread + entry fee) / expected alpha must stay at or under the share."""
    seen = scored.signal.reference_price
    move = rounded((quote.mid - seen) / seen) if seen else Decimal(0)
    adverse = max(move if long else -move, Decimal(0))
    share = min(rounded((adverse + quote.half_spread + rules.taker_fee) / alpha), MAX_SHARE)
    moved = f"a move of {words.percent(adverse)} against us" if adverse else "no move against us"
    taken = words.percent(share.quantize(Decimal("0.01"))) if share <= 1 else "more than all"
    note = (
        f"{moved}, {words.percent(quote.half_spread)} of half spread and {words.percent(rules.taker_fee)} of fee take "
        f"{taken} of the expected gain of {words.percent(alpha)}"
    )
    limit = Limit(name=Reason.SLIPPAGE, passed=share <= limits.slippage_share, note=note)
    if not limit.passed:
        failed = limit.model_copy(update={"binding": True})
        at_most = f"{note}, and {words.percent(limits.slippage_share)} may go"
        raise Refusal(Reason.SLIPPAGE, at_most, (failed,), slippage=share)
    return Slippage(share, limit)


def stated_alpha(scored: SignalScored) -> Decimal | None:
    """What was expected of the signal, whether or not that is enough."""
    signal = scored.signal
    known = (signal.expected_alpha, scored.mean_edge, signal.fallback_alpha)
    return next((alpha for alpha in known if alpha is not None), None)
