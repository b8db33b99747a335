"""Entries that are decided together: who waits, in which order they are decided, and what calls them off.

What a bar makes several strategies want arrives in any order, and the room in the book may not be enough for all. So
entries of a bar wait for each other for a moment and are then decided in one order that only depends on what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.cerebro import checks
from fluxfloor.cerebro.case import Case, wanted
from fluxfloor.cerebro.decide import Decided, refused
from fluxfloor.cerebro.overtaking import legs_out
from fluxfloor.contracts.decisions import Decision, Reason
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument, Quote
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import EntryWindow, RiskBook, Waiting
from fluxfloor.errors import RetryLater

LATE_MS = 10_000  # an entry that comes so long after its time has waited somewhere, most likely with others
OVERDUE_MS = 10_000  # a timer that is later than this is taken for lost
MOST_WAITING = 60  # legs of entries; one commit has to take what all of them come to
ZERO = Decimal(0)
Decide = Callable[[SignalScored, RiskBook | None], Decided]


# --- who waits ---------------------------------------------------------------------------------------------------


def of_a_bar(scored: SignalScored, now_ms: int) -> bool:
    """Does it name the bar that it was made on, or come out of a backlog?"""
    return scored.signal.bar_close_ms is not None or now_ms - scored.signal.ts_event_ms > LATE_MS


def waits(scored: SignalScored, limits: Limits, now_ms: int) -> bool:
    """Would it wait, if it is an entry? One that is only prepared has no time to."""
    if scored.signal.provisional or not limits.joint_window_ms:
        return False
    return limits.joint_window_takes == "all" or of_a_bar(scored, now_ms)


def enters(case: Case) -> bool:
    """Is it an entry, on this book? What may take exposure off is none."""
    try:
        return wanted(case).action is Action.ENTRY
    except checks.Refusal:
        return False


def joined(window: EntryWindow | None, entry: Waiting, policy: Policy, now_ms: int) -> tuple[EntryWindow, bool]:
    """The window with one more, and whether a timer has to be set for it: it opens, it is full and closes now, or its
    own was lost. Raises RetryLater while a full one is being decided."""
    if window is None:
        closes_ms = now_ms + policy.limits.joint_window_ms
        return EntryWindow(id=policy.id, closes_ms=closes_ms, waiting=(entry,)), True
    legs = sum(len(item.scored.signal.legs) for item in window.waiting)
    if legs >= MOST_WAITING:
        raise RetryLater(f"{len(window.waiting)} entries of {policy.id} are about to be decided")
    closes_ms, full = window.closes_ms, legs + len(entry.scored.signal.legs) >= MOST_WAITING
    if full:
        closes_ms = min(closes_ms, now_ms)
    elif now_ms > closes_ms + OVERDUE_MS:
        closes_ms = now_ms + policy.limits.joint_window_ms
    joined = window.model_copy(update={"waiting": (*window.waiting, entry), "closes_ms": closes_ms})
    return joined, closes_ms != window.closes_ms or full


# --- who is called off -------------------------------------------------------------------------------------------


def leaves(signal: Signal) -> bool:
    """Does any leg of it want out, or its entries back, whatever the book says?"""
    return any(True for _ in legs_out(signal))


def called_off(window: EntryWindow, leaving: Signal) -> tuple[Waiting, ...]:
    """Entries that a later exit of the same strategy would have taken out again: not those of its own bar, which are
    the other half of a reversal."""
    return tuple(item for item in window.waiting if _undone(item.scored.signal, leaving))


def _undone(entry: Signal, leaving: Signal) -> bool:
    """Of several legs none is left where one would be taken out again."""
    if entry.strategy_id != leaving.strategy_id or entry.ts_event_ms >= leaving.ts_event_ms:
        return False
    return any(
        leg.instrument_id == other.instrument_id and other.direction in (Direction.FLAT, leg.direction)
        for leg in entry.legs
        for other in legs_out(leaving)
    )


def withdrawn(
    scored: SignalScored, leaving: Signal, book: RiskBook | None, policy: Policy | None, rules: Instrument | None,
    now_ms: int,
) -> Decision:  # fmt: skip
    """The answer to one that was called off."""
    why = f"{leaving.strategy_id} wants out again before it was in"
    return refused(scored, book, policy, rules, checks.Refusal(Reason.WITHDRAWN, why), now_ms)


# --- the order ---------------------------------------------------------------------------------------------------


def in_order(entries: Iterable[Waiting], stop_atr: Decimal) -> list[Waiting]:
    """By time of event; among those of one bar the one first that gains most for what it risks, so that scarce room
    earns most; then by strategy, instrument and signal, so that there is one order and no more. Nothing in it depends
    on who came when."""

    def rank(item: Waiting) -> tuple[int, Decimal, str, str, str]:
        signal = item.scored.signal
        gain = alpha_per_risk(item.scored, stop_atr)
        return event_ms(signal), -gain, signal.strategy_id, signal.leg.instrument_id, signal.signal_id

    return sorted(entries, key=rank)


def event_ms(signal: Signal) -> int:
    return signal.bar_close_ms if signal.bar_close_ms is not None else signal.ts_event_ms


@exact
def alpha_per_risk(scored: SignalScored, stop_atr: Decimal) -> Decimal:
    """The expected alpha over the distance to the stop, both fractions of the price; 0 where either is not known."""
    signal, alpha = scored.signal, checks.stated_alpha(scored)
    price = signal.reference_price or (scored.quote.mid if scored.quote else None)
    if alpha is None or not price:
        return ZERO
    distance = _stop_distance(signal.leg, scored, price, stop_atr)
    return round(alpha * price / distance, 18) if distance else ZERO


def _stop_distance(leg: Leg, scored: SignalScored, price: Decimal, stop_atr: Decimal) -> Decimal:
    if leg.stop_loss is not None:
        return abs(price - leg.stop_loss)
    atr = scored.features.get("atr_14")
    return stop_atr * Decimal(f"{atr:.10g}") if atr and atr > 0 else ZERO


# --- the decision ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Joint:
    """The answers in their order, the book after all of them, and what has to wait on."""

    decided: tuple[tuple[Waiting, Decided], ...]
    book: RiskBook | None
    left: tuple[Waiting, ...] = ()


def decide_together(entries: Iterable[Waiting], book: RiskBook | None, limits: Limits | None, decide: Decide) -> Joint:
    """Each in its order, on the book that the ones before it left, with everything that they reserved. One that has to
    wait for a fact still on its way holds up none of the others."""
    answers: list[tuple[Waiting, Decided]] = []
    left: list[Waiting] = []
    for item in in_order(entries, (limits or Limits()).stop_atr):
        try:
            decided = decide(item.scored, book)
        except RetryLater:
            left.append(item)
            continue
        book = decided.book
        answers.append((item, decided))
    return Joint(tuple(answers), book, tuple(left))


def at_present(scored: SignalScored, quote: Quote | None) -> SignalScored:
    """With the newest quote there is: what it was scored with may be from before an outage."""
    newest = _newest(scored.quote, quote)
    return scored if newest is scored.quote else scored.model_copy(update={"quote": newest})


def all_at_present(scored: SignalScored, quotes: Mapping[str, Quote]) -> SignalScored:
    """The same of every leg; `quotes` by instrument."""
    others = {
        name: item.model_copy(update={"quote": _newest(item.quote, quotes.get(name))})
        for name, item in scored.others.items()
    }
    now = at_present(scored, quotes.get(scored.signal.leg.instrument_id))
    return now.model_copy(update={"others": others}) if others else now


def _newest(seen: Quote | None, quote: Quote | None) -> Quote | None:
    if quote is None or (seen is not None and seen.ts_event_ms >= quote.ts_event_ms):
        return seen
    return quote
