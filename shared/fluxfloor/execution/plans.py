"""What an intent does next: the terms of its next placement, a wait, or its end; and when a placement is taken back.

Chases, slices, icebergs and prepared orders are all the same thing here: placements of one intent, one after the other,
each with its time. None begins before the one before is at a proved end, so a plan can't take more than its intent's
lots, whatever the venue does.

    once      all that is left, as the intent says
    chase     taken back after `patience_ms` unfilled, then at mid while the 30 % rule holds, `max_chases` times
    twap      slice i of n begins at i/n of `over_ms` and is taken back when the next begins; what it left, that one has
    vwap      the same with unequal slices
    iceberg   `show_lots` at a time, the next as soon as the one before has filled
    prepared  nothing before it is released; then once

What closes a position goes on until nothing is left of it, at the market, whatever its plan was.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.execution import Order, Terms
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.money import exact, rounded
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.plans import Plan, PlanStyle
from fluxfloor.contracts.signals import OrderType

CHASE, SLICE, AMEND = "chase", "slice", "amended"  # why a placement is taken back that another one follows
EXPIRED, ASKED, HALTED, IN_THE_WAY = "its time is over", "cancelled by", "halted", "it stood in an exit's way"
ENOUGH = "no more of it is wanted"
SLICED = (PlanStyle.TWAP, PlanStyle.VWAP)
BACK_OFF_MS = (0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 60_000)  # between tries of what must not stop trying
EXIT_PATIENCE_MS = 60_000  # how long an exit at the market may rest
ENTRY_TRIES = 3  # placements in a row that the venue may turn away for reasons of its own
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing before then."""

    due_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    """The intent is at its end."""

    state: OrderState
    reason: str


Next = Terms | Later | Over


# --- what comes next ---------------------------------------------------------------------------------------------


def closes(order: Order) -> bool:
    return order.intent.purpose is not Purpose.ENTRY


def next_placement(order: Order, rules: Instrument, quote: Quote | None, closable: int | None, now_ms: int) -> Next:
    """Of an order that is between placements. `closable`: the most that an exit may still take, None where that is not
    known. `quote` is needed where `wants_quote` says so."""
    if not order.left:
        return Over(OrderState.CANCELLED, ENOUGH)
    if closes(order):
        return _closing(order, rules, closable, now_ms)
    plan = order.intent.plan or Plan()
    if plan.style is PlanStyle.PREPARED and not order.released:
        if now_ms >= plan.release_by_ms:
            return Over(OrderState.EXPIRED, "what it was prepared for did not come")
        return Later(plan.release_by_ms)
    if order.chases:
        return _chased(order, plan, rules, quote, now_ms)
    if plan.style in SLICED:
        return _sliced(order, plan, rules, now_ms)
    shown = min(order.left, plan.show_lots) if plan.show_lots else order.left
    left = order.left - shown
    return _terms(order, order.left if 0 < left < _least(order, rules) else shown, rules)


def wants_quote(order: Order) -> bool:
    return bool(order.chases)


def _closing(order: Order, rules: Instrument, closable: int | None, now_ms: int) -> Next:
    """At most what is still held. An exit that was tried before, or whose slices' time is over, goes at the market."""
    lots = order.left if closable is None else min(order.left, closable)
    if lots <= 0:
        return Over(OrderState.CANCELLED, "nothing is left to close")
    if lots < rules.min_lots(order.intent.arrival_ticks):
        return Over(OrderState.CANCELLED, f"dust: {rules.venue} takes no order as small as what is left")
    plan = order.intent.plan
    if plan is not None and plan.style in SLICED and now_ms < order.accepted_ms + plan.over_ms:
        following = _sliced(order, plan, rules, now_ms)
        return _at_most(following, lots) if isinstance(following, Terms) else following
    if order.tries or order.chases:
        return Terms(lots=lots, order_type=OrderType.MARKET)
    return as_asked(order, lots)


def _at_most(terms: Terms, lots: int) -> Terms:
    return terms.model_copy(update={"lots": min(terms.lots, lots)})


def _terms(order: Order, lots: int, rules: Instrument) -> Next:
    if lots < _least(order, rules):
        return Over(OrderState.CANCELLED, f"{rules.venue} takes no order as small as what is left")
    return as_asked(order, lots)


def as_asked(order: Order, lots: int, until_ms: int = 0) -> Terms:
    """So many lots with the intent's own prices, or those that replaced them."""
    intent, other = order.intent, order.amended
    return Terms(
        lots=lots, order_type=intent.order_type, until_ms=until_ms,
        limit_ticks=(other and other.limit_ticks) or intent.limit_ticks,
        trigger_ticks=(other and other.trigger_ticks) or intent.trigger_ticks,
    )  # fmt: skip


def _least(order: Order, rules: Instrument) -> int:
    return rules.min_lots(order.intent.limit_ticks or order.intent.arrival_ticks)


# --- slices ------------------------------------------------------------------------------------------------------


def _sliced(order: Order, plan: Plan, rules: Instrument, now_ms: int) -> Next:
    """Up to what should have been taken by the end of the slice that it is time for. A slice too small for the venue
    waits for the next; the last takes all, as does one that would leave too little for another."""
    index = min(plan.slices - 1, (now_ms - order.accepted_ms) * plan.slices // plan.over_ms)
    least, until_ms = _least(order, rules), _begins_ms(order, plan, index + 1)
    last = index == plan.slices - 1
    lots = order.left if last else min(order.left, _target(order.wanted_lots, plan, index) - order.filled_lots)
    if order.left - lots < least:
        lots = order.left
    if lots < least:
        return _terms(order, lots, rules) if last else Later(until_ms)
    return as_asked(order, lots, until_ms + (plan.patience_ms if last else 0))


def _begins_ms(order: Order, plan: Plan, index: int) -> int:
    return order.accepted_ms + index * plan.over_ms // plan.slices


@exact
def _target(lots: int, plan: Plan, index: int) -> int:
    """Lots that are to be filled by the end of slice `index`, rounded down."""
    weights = plan.weights or (Decimal(1),) * plan.slices
    return int(lots * sum(weights[: index + 1], ZERO) / sum(weights, ZERO))


# --- chases ------------------------------------------------------------------------------------------------------


def _chased(order: Order, plan: Plan, rules: Instrument, quote: Quote | None, now_ms: int) -> Next:
    """At mid, on the tick that is no worse; given up where the 30 % rule no longer holds."""
    if quote is None:
        return Later(now_ms + 5_000)
    taken = share_taken(order, plan, rules, quote)
    if taken is None or taken > plan.slippage_share:
        told = "is more than" if taken is None else f"takes {taken:.0%} of what was expected of it, more than"
        return Over(OrderState.CANCELLED, f"not chased: the market's move {told} {plan.slippage_share:.0%}")
    buys = order.intent.side is Side.BUY
    limit = max(1, rules.ticks_below(quote.mid) if buys else rules.ticks_above(quote.mid))
    if order.left < rules.min_lots(limit):
        return Over(OrderState.CANCELLED, f"{rules.venue} takes no order as small as what is left")
    return Terms(lots=order.left, order_type=OrderType.LIMIT, limit_ticks=limit)


@exact
def share_taken(order: Order, plan: Plan, rules: Instrument, quote: Quote) -> Decimal | None:
    """The 30 % rule's share, as of this quote: (adverse move since the signal + half spread + fee) / expected alpha.
    None where nothing, or less, was expected."""
    if plan.expected_alpha is None or plan.expected_alpha <= 0:
        return None
    seen = rules.price(plan.reference_ticks or order.intent.arrival_ticks)
    adverse = max(order.intent.side.sign * (quote.mid - seen) / seen, ZERO)
    return rounded((rounded(adverse) + quote.half_spread + rules.taker_fee) / plan.expected_alpha)


# --- taking a placement back -------------------------------------------------------------------------------------


def takes_back(order: Order, now_ms: int) -> str:
    """Why the placement that is alive now must not stay; empty while it may."""
    intent, plan = order.intent, order.intent.plan
    if not order.left:
        return ENOUGH
    if not closes(order) and intent.expires_ms is not None and now_ms >= intent.expires_ms:
        return EXPIRED
    if order.terms is not None and order.terms.until_ms and now_ms >= order.terms.until_ms:
        return SLICE
    if _stuck(order, now_ms):
        return CHASE
    if plan is not None and plan.style is PlanStyle.CHASE and now_ms >= order.submitted_ms + plan.patience_ms:
        return CHASE
    return ""


def _stuck(order: Order, now_ms: int) -> bool:
    """Does an exit at the market rest, filled in part or not at all? It is placed again: nothing else would ever fill
    the rest at a venue that has let it lie."""
    at_market = order.terms is not None and order.terms.order_type is OrderType.MARKET
    return at_market and closes(order) and now_ms >= order.submitted_ms + EXIT_PATIENCE_MS


def goes_on(order: Order, over: OrderState, now_ms: int) -> Next | None:
    """After a placement's end, the intent's own: Over where that is its end too, Later where another placement may
    follow then, None where one may follow at once."""
    if order.intent.protects:
        return Over(over if over is not OrderState.FILLED else OrderState.CANCELLED, order.cancelling or order.reason)
    if order.cancelling.startswith(ASKED):
        return Over(OrderState.CANCELLED, order.cancelling)
    if order.cancelling == AMEND or over is OrderState.FILLED:
        return None
    if closes(order):
        return Later(now_ms + back_off_ms(order.tries))
    if order.cancelling == CHASE and order.chases < _chases(order):
        return None
    if order.cancelling == SLICE and now_ms < _last_ms(order):
        return None
    return Over(over, _why(order, over))


def _why(order: Order, over: OrderState) -> str:
    if order.cancelling == CHASE:
        return f"not filled after {order.chases} chases"
    if order.cancelling == SLICE:
        return "the time of its slices is over"
    return order.cancelling or order.reason or f"{over} at the venue"


def _chases(order: Order) -> int:
    plan = order.intent.plan
    return plan.max_chases if plan is not None else 0


def _last_ms(order: Order) -> int:
    plan = order.intent.plan
    return order.accepted_ms + plan.over_ms if plan is not None else 0


def ends_it(order: Order) -> bool:
    """Is its placement being taken back for good?"""
    return order.cancelling not in ("", CHASE, SLICE, AMEND)


def back_off_ms(tries: int) -> int:
    return BACK_OFF_MS[min(tries, len(BACK_OFF_MS) - 1)]
