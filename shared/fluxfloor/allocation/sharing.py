"""When a portfolio's equity is shared again, and what comes into force: not every answer of the solver is worth it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fluxfloor.allocation.days import DAY_MS
from fluxfloor.contracts import ids
from fluxfloor.contracts.allocation import Allocated, AllocationPolicy
from fluxfloor.contracts.weights import Allocation, AllocationVersion, Shares, StrategyDays

FIRST, POLICY, SCHEDULE, EQUITY, ASKED = "first", "policy", "schedule", "equity", "asked"
DRAWDOWN = "drawdown"
BUDGET_MOVE = 0.10  # of the CVaR limit: the drawdown has to take or give back so much of it
USABLE = ("optimal", "feasible")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shared, why, and what the answer will be recorded with. `equity` in the account's currency,
    `drawdown` a positive fraction of its highest."""

    portfolio_id: str
    policy: AllocationPolicy
    cause: str
    equity: float
    drawdown: float
    inputs_digest: str


def due(
    in_force: Allocation | None, policy: AllocationPolicy, equity: float, drawdown: float, now_ms: int
) -> str:  # fmt: skip
    """The cause for sharing again, or nothing."""
    if in_force is None:
        return FIRST
    if in_force.active.policy_digest != policy_digest(policy):
        return POLICY
    if now_ms // DAY_MS - in_force.checked_ms // DAY_MS >= policy.interval_days:
        return SCHEDULE
    if abs(policy.risk_budget(drawdown) - in_force.active.risk_budget) >= BUDGET_MOVE:
        return DRAWDOWN
    base = in_force.checked_equity
    return EQUITY if base > 0 and abs(equity / base - 1) >= policy.equity_move else ""


def policy_digest(policy: AllocationPolicy) -> str:
    return ids.digest("allocation-policy", policy.model_dump_json())


def inputs_digest(
    policy: AllocationPolicy, records: Iterable[StrategyDays], in_force: Allocation | None, drawdown: float
) -> str:  # fmt: skip
    """Of all that an answer depends on: the policy, every history, the weights it starts from, and the risk budget."""
    known = [record.model_dump_json(exclude={"version"}) for record in records]
    current = in_force.active.model_dump_json() if in_force else ""
    return ids.digest("allocation", policy.model_dump_json(), current, policy.risk_budget(drawdown), *known)


def turnover(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Σ |change of weight|."""
    return sum(abs(after.get(name, 0.0) - before.get(name, 0.0)) for name in before.keys() | after.keys())


def worth_it(in_force: Allocation | None, answer: Allocated, asked: Asked) -> bool:
    """The first weights are, and those that a policy, a drawdown or a person asks for; others beyond `least_change`."""
    if in_force is None or asked.cause in (POLICY, DRAWDOWN):
        return True
    moved = turnover(in_force.active.weights, answer.weights)
    return moved > 0 if asked.cause == ASKED else moved >= asked.policy.least_change


def checked(in_force: Allocation, asked: Asked, now_ms: int) -> Allocation:
    """The same weights, looked at."""
    return in_force.model_copy(update={"checked_ms": now_ms, "checked_equity": asked.equity})


def brought_into_force(in_force: Allocation | None, answer: Allocated, asked: Asked, now_ms: int) -> Allocation:
    """With the next version of the weights. `answer` is one of the USABLE."""
    shares = Shares(
        number=in_force.active.number + 1 if in_force else 1, weights=dict(sorted(answer.weights.items())),
        objective=answer.objective, status=answer.status, expected_return=answer.expected_return or 0.0,
        cvar=answer.cvar or 0.0, gap=answer.gap, binding=answer.binding, probation=answer.probation,
        inputs_digest=asked.inputs_digest, policy_digest=policy_digest(asked.policy), cause=asked.cause,
        risk_budget=asked.policy.risk_budget(asked.drawdown), equity=asked.equity, ts_event_ms=now_ms,
    )  # fmt: skip
    base = in_force or Allocation(id=asked.portfolio_id, active=shares)
    return base.model_copy(
        update={"active": shares, "checked_ms": now_ms, "checked_equity": asked.equity, "notes": answer.notes}
    )


def version_of(allocation: Allocation) -> AllocationVersion:
    number = allocation.active.number
    return AllocationVersion(
        id=f"{allocation.id}|{number}", portfolio_id=allocation.id, number=number, shares=allocation.active
    )
