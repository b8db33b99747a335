"""One scored signal against one book: an order sized under every limit, or a refusal that says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import checks, explain
from fluxfloor.cerebro.case import Case, wanted
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.entering import Sized, enter
from fluxfloor.cerebro.knowledge import NOTHING_KNOWN, Knowledge
from fluxfloor.cerebro.leaving import Leaving, leave
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Decision, Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.orders import OrderIntent, Purpose
from fluxfloor.contracts.policy import Halt, Policy
from fluxfloor.contracts.signals import Action, Signal
from fluxfloor.contracts.state import RiskBook


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, the book after it, and the orders to ask for."""

    decision: Decision
    book: RiskBook | None
    intents: tuple[OrderIntent, ...] = ()


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
    """`instruments` holds the rules of the signal's instrument, if it is known, and of everything in the book, by id.

    `style` is what kind of strategy speaks (its plug-in); by default its id tells. `knowledge` is what else is known,
    by default nothing. Raises RetryLater where another signal, stated together with this one, has to be decided first.
    """
    book = books.rolled(book, now_ms) if book is not None else None
    known = instruments.get(scored.signal.leg.instrument_id)
    try:
        case = _case(scored, book, policy, halts, instruments, style or scored.signal.strategy_id, now_ms, knowledge)
        checks.understood(case.signal)
        wish = wanted(case)
        if wish.action is Action.EXIT:
            return _left(case, leave(case, wish))
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


# --- the answer --------------------------------------------------------------------------------------------------


def _entered(case: Case, sized: Sized) -> Decided:
    _not_twice(case, sized.intent)
    intent, rules, price = sized.intent, case.rules, sized.prices.expected
    decision = Decision(
        **_about(case.signal), verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=Purpose.ENTRY, side=intent.side,
        lots=intent.lots, quantity=rules.quantity(intent.lots), price=rules.price(price),
        notional=rules.notional(price, intent.lots), intent_ids=(intent.intent_id,), waterfall=sized.steps,
        text=explain.entered(case, sized), expected_alpha=sized.alpha, slippage_share=sized.slippage, tail=sized.tail,
        book_version=case.book.version, policy_version=case.policy.version, ts_event_ms=case.now_ms,
    )  # fmt: skip
    return Decided(decision, books.reserve(case.book, intent, rules, sized.prices.high), (intent,))


def _left(case: Case, leaving: Leaving) -> Decided:
    intent, rules, book = leaving.intent, case.rules, case.book
    if intent is not None:
        _not_twice(case, intent)
        book = books.reserve(book, intent, rules, leaving.price_ticks)
    book = books.leave_when_filled(book, leaving.inbound, case.signal.signal_id)
    lots = intent.lots if intent else 0
    decision = Decision(
        **_about(case.signal), verdict=Verdict.ACCEPTED, reason=Reason.OK, purpose=Purpose.EXIT, side=leaving.side,
        lots=lots, quantity=rules.quantity(lots), price=rules.price(leaving.price_ticks),
        notional=rules.notional(leaving.price_ticks, lots), intent_ids=(intent.intent_id,) if intent else (),
        waterfall=leaving.steps, text=explain.left(case, leaving), book_version=case.book.version,
        policy_version=case.policy.version, ts_event_ms=case.now_ms,
    )  # fmt: skip
    return Decided(decision, book, (intent,) if intent else ())


def _not_twice(case: Case, intent: OrderIntent) -> None:
    if intent.intent_id in case.book.reservations:
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
