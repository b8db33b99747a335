"""A version of the policy that decides beside the one in force, on the same book; its answer is kept, and no more."""

from __future__ import annotations

from collections.abc import Callable

from fluxfloor.cerebro.decide import Decided
from fluxfloor.contracts.decisions import Decision
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.views import Answered, ShadowDecision


def shadowed(
    policy: Policy | None, decided: Decided, under: Callable[[Policy], Decided], rules: dict[str, Instrument]
) -> ShadowDecision | None:
    """What the shadow of the policy makes of what was `decided` under it; None where it has none. `under` decides the
    same signal under another policy. Whatever goes wrong with a shadow is told of in it and stops nobody."""
    other = shadow_of(policy)
    if policy is None or other is None:
        return None
    made = decided.decision
    about = ShadowDecision(
        id=made.decision_id, portfolio_id=made.portfolio_id, signal_id=made.signal_id, strategy_id=made.strategy_id,
        instrument_id=made.instrument_id, active=answered(policy.active, made), ts_event_ms=made.ts_event_ms,
    )  # fmt: skip
    try:
        return about.model_copy(update=_answer(other, under(other), rules))
    except Exception as problem:
        return about.model_copy(update={"failed": f"{type(problem).__name__}: {problem}"[:500]})


def shadow_of(policy: Policy | None) -> Policy | None:
    """The policy with its shadow's limits in force."""
    if policy is None or policy.shadow is None or policy.shadow not in policy.versions:
        return None
    limits = policy.versions[policy.shadow]
    return policy.model_copy(update={"limits": limits, "active": policy.shadow, "shadow": None})


def answered(version: str, decision: Decision) -> Answered:
    binding = next((step.name for step in decision.waterfall if step.binding), "")
    return Answered(
        version=version, verdict=decision.verdict, reason=decision.reason, lots=decision.lots, binding=binding
    )


def _answer(policy: Policy, other: Decided, rules: dict[str, Instrument]) -> dict[str, object]:
    found: dict[str, object] = {"shadow": answered(policy.active, other.decision), "decision": other.decision}
    if other.intents:
        intent = other.intents[0]
        traded = rules[intent.instrument_id]
        for name, ticks in (("stop_price", intent.stop_loss_ticks), ("take_profit", intent.take_profit_ticks)):
            found[name] = None if ticks is None else traded.price(ticks)
    return found
