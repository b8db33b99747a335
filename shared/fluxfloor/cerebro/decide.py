"""One scored signal against one book: an order sized under every limit, or a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import cancelling, checks, explain, overtaking, preparing, several
from fluxfloor.cerebro.case import Case, Wanted, wanted
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.entering import Sized, enter
from fluxfloor.cerebro.knowledge import NOTHING_KNOWN, Knowledge
from fluxfloor.cerebro.leaving import Leaving, leave
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Decision, LegDecision, Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.orders import OrderChange, OrderIntent, Purpose
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.signals import Action, Signal
from fluxfloor.contracts.state import Reservation, RiskBook

STOP = "stop"  # the trigger that a position's own watch names when its stop was reached


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, the book after it, the orders to ask for, and what is to change of those on their way."""

    decision: Decision
    book: RiskBook | None
    intents: tuple[OrderIntent, ...] = ()
    changes: tuple[OrderChange, ...] = ()


@exact
def decide(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    halts: tuple[Halt | None, ...],
    instruments: dict[str, Instrument],
    now_ms: int,
    style: str = "",
    *,
    knowledge: Knowledge = NOTHING_KNOWN,
) -> Decided:
    """`instruments` holds the rules of the signal's instruments, as far as known, and of everything in the book, by id.

    `style` is what kind of strategy speaks (its plug-in); by default its id tells. `knowledge` is what else is known,
    by default nothing. Raises RetryLater where another signal, stated together with this one, has to be decided first.
    """
    book = books.rolled(book, now_ms) if book is not None else None
    decided = _decided(scored, book, policy, halts, instruments, now_ms, style, knowledge)
    nothing = decided.decision.verdict is Verdict.REFUSED and decided.decision.reason in overtaking.NOTHING_THERE
    if not nothing or decided.book is None:
        return decided
    return replace(decided, book=overtaking.remembered(decided.book, scored.signal, now_ms))


def _decided(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    halts: tuple[Halt | None, ...],
    instruments: dict[str, Instrument],
    now_ms: int,
    style: str,
    knowledge: Knowledge,
) -> Decided:
    parts = several.parts(scored)
    known = instruments.get(parts[0].signal.leg.instrument_id)
    kind = style or scored.signal.strategy_id
    try:
        cases = [_case(part, book, policy, halts, instruments, kind, now_ms, knowledge) for part in parts]
        if scored.signal.action is Action.CANCEL:
            return _cancelled(scored.signal, cases)
        if len(cases) > 1:
            return _together(scored.signal, cases)
        (case,) = cases
        checks.understood(case.signal)
        wish = wanted(case)
        if wish.action is Action.EXIT:
            return _left(case, leave(case, wish))
        if waiting := preparing.prepared(case):
            return _confirmed(case, wish, waiting)
        return _entered(case, enter(case, wish))
    except Refusal as refusal:
        return Decided(refused(scored, book, policy, known, refusal, now_ms), book)


def _case(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    halts: tuple[Halt | None, ...],
    instruments: dict[str, Instrument],
    style: str,
    now_ms: int,
    knowledge: Knowledge,
) -> Case:
    portfolio = scored.signal.portfolio_id
    if policy is None:
        raise Refusal(Reason.UNKNOWN_PORTFOLIO, f"portfolio {portfolio} has no policy")
    if book is None:
        raise Refusal(Reason.UNKNOWN_PORTFOLIO, f"portfolio {portfolio} has no book yet: its account is not reconciled")
    if scored.signal.leg.instrument_id not in instruments:
        raise Refusal(Reason.UNKNOWN_INSTRUMENT, f"{scored.signal.leg.instrument_id} is in no venue's catalog")
    return Case(scored, book, policy, halts, instruments, style, now_ms, knowledge)


# --- several legs ------------------------------------------------------------------------------------------------


def _together(signal: Signal, cases: list[Case]) -> Decided:
    """One answer to all legs, in the order of their instruments' ids."""
    if len({case.leg.instrument_id for case in cases}) < len(cases):
        raise Refusal(Reason.UNSUPPORTED, "two legs are of the same instrument: send them as one")
    cases = [replace(case, place=place) for place, case in enumerate(cases)]
    found = several.outcomes(cases)
    made, book = [], cases[0].book
    for case, outcome in zip(cases, found, strict=True):
        made.append(_outcome(replace(case, book=book), outcome))
        book = made[-1].book or book
    legs = tuple(_leg(item.decision) for item in made)
    done = [item for item in made if item.decision.verdict is Verdict.ACCEPTED]
    if not done:
        return _none(signal, cases, found, legs)
    others = [item.decision.text for item in made if item not in done]
    intents = tuple(intent for item in done for intent in item.intents)
    told = {
        "legs": legs, "intent_ids": tuple(intent.intent_id for intent in intents),
        "text": explain.together([item.decision.text for item in done], others),
    }  # fmt: skip
    return Decided(done[0].decision.model_copy(update=told), book, intents)


def _outcome(case: Case, outcome: several.Outcome) -> Decided:
    if isinstance(outcome, Sized):
        return _entered(case, outcome)
    if isinstance(outcome, Leaving):
        return _left(case, outcome)
    return Decided(refused(case.scored, case.book, case.policy, case.rules, outcome, case.now_ms), case.book)


def _none(signal: Signal, cases: list[Case], found: list[several.Outcome], legs: tuple[LegDecision, ...]) -> Decided:
    """Nothing trades: the reason is that of the leg that the others fell with, or had nothing to do."""
    why = [(case, item) for case, item in zip(cases, found, strict=True) if isinstance(item, Refusal)]
    case, refusal = min(why, key=lambda both: _HARMLESS.get(both[1].reason, 0))
    named = Refusal(refusal.reason, f"{case.rules.symbol}: {refusal.message}", refusal.limits, refusal.slippage)
    decision = refused(case.scored, case.book, case.policy, None, named, case.now_ms)
    text = explain.refused(signal, None, named)
    return Decided(decision.model_copy(update={"legs": legs, "text": text}), case.book)


_HARMLESS = {Reason.AT_TARGET: 1, Reason.NOTHING_TO_EXIT: 1, Reason.OK: 2}


def _leg(decision: Decision) -> LegDecision:
    told = {name: getattr(decision, name) for name in LegDecision.model_fields if not name.startswith("intent_id")}
    several = decision.intent_ids if len(decision.intent_ids) > 1 else ()
    return LegDecision(**told, intent_id=next(iter(decision.intent_ids), None), intent_ids=several)


def _cancelled(signal: Signal, cases: list[Case]) -> Decided:
    changes = cancelling.cancel(cases)
    decision = Decision(
        **_about(signal), verdict=Verdict.ACCEPTED, reason=Reason.OK, text=cancelling.told(cases, changes),
        book_version=cases[0].book.version, policy_version=cases[0].policy.version, ts_event_ms=cases[0].now_ms,
    )  # fmt: skip
    return Decided(decision, cases[0].book, changes=changes)


def _confirmed(case: Case, wish: Wanted, waiting: dict[str, Reservation]) -> Decided:
    """What was prepared for this bar is let go, or taken back with the reason why."""
    try:
        made = preparing.confirm(case, wish, waiting)
    except Refusal as refusal:
        decision = refused(case.scored, case.book, case.policy, case.rules, refusal, case.now_ms)
        return Decided(decision, case.book, changes=preparing.taken_back(case, waiting, refusal.message))
    first = next(iter(waiting.values()))
    decision = Decision(
        **_about(case.signal), verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=Purpose.ENTRY, side=first.side,
        lots=made.lots, quantity=case.rules.quantity(made.lots), intent_ids=tuple(waiting),
        waterfall=(made.slipped.limit,), text=preparing.told(case, made), expected_alpha=made.alpha,
        slippage_share=made.slipped.share, book_version=case.book.version, policy_version=case.policy.version,
        ts_event_ms=case.now_ms,
    )  # fmt: skip
    return Decided(decision, made.book, changes=made.changes)


# --- the answer --------------------------------------------------------------------------------------------------


def _entered(case: Case, sized: Sized) -> Decided:
    _not_twice(case, sized.intent, *sized.orders)
    intent, rules, price = sized.intent, case.rules, sized.prices.expected
    decision = Decision(
        **_about(case.signal), verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=Purpose.ENTRY, side=intent.side,
        lots=intent.lots, quantity=rules.quantity(intent.lots), price=rules.price(price),
        notional=rules.notional(price, intent.lots), waterfall=sized.steps,
        intent_ids=tuple(order.intent_id for order in sized.orders),
        text=explain.entered(case, sized), expected_alpha=sized.alpha, slippage_share=sized.slippage, tail=sized.tail,
        book_version=case.book.version, policy_version=case.policy.version, ts_event_ms=case.now_ms,
    )  # fmt: skip
    book = case.book
    for order in sized.orders:
        book = books.reserve(book, order, rules, sized.prices.high)
    return Decided(decision, book, sized.orders)


def _left(case: Case, leaving: Leaving) -> Decided:
    rules, book, lots = case.rules, case.book, leaving.lots
    _not_twice(case, *leaving.orders)
    for order in leaving.orders:
        stopped = case.signal.explanation.get("trigger") == STOP
        book = books.reserve(book, order, rules, leaving.price_ticks, stopped=stopped)
    book = books.leave_when_filled(book, leaving.inbound, case.signal.signal_id)
    decision = Decision(
        **_about(case.signal), verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=Purpose.EXIT, side=leaving.side,
        lots=lots, quantity=rules.quantity(lots), price=rules.price(leaving.price_ticks),
        notional=rules.notional(leaving.price_ticks, lots),
        intent_ids=tuple(order.intent_id for order in leaving.orders), waterfall=leaving.steps,
        text=explain.left(case, leaving), book_version=case.book.version, policy_version=case.policy.version,
        ts_event_ms=case.now_ms,
    )  # fmt: skip
    return Decided(decision, book, leaving.orders)


def _not_twice(case: Case, *orders: OrderIntent) -> None:
    if any(order.intent_id in case.book.reservations for order in orders):
        raise Refusal(Reason.DUPLICATE_INTENT, "this signal already has an order on its way")


def refused(
    scored: SignalScored,
    book: RiskBook | None,
    policy: Policy | None,
    rules: Instrument | None,
    refusal: Refusal,
    now_ms: int,
) -> Decision:
    """A refusal as it is told."""
    return Decision(
        **_about(scored.signal), verdict=Verdict.REFUSED, reason=refusal.reason, waterfall=refusal.limits,
        text=explain.refused(scored.signal, rules, refusal), expected_alpha=checks.stated_alpha(scored),
        slippage_share=refusal.slippage, book_version=book.version if book else 0,
        policy_version=policy.version if policy else 0, ts_event_ms=now_ms,
    )  # fmt: skip


def _about(signal: Signal) -> dict[str, Any]:
    return {
        "decision_id": ids.digest("decision", signal.signal_id), "signal_id": signal.signal_id,
        "portfolio_id": signal.portfolio_id, "strategy_id": signal.strategy_id, "sender_id": signal.sender_id,
        "instrument_id": signal.leg.instrument_id,
    }  # fmt: skip
