"""The question of the least account, put together from histories, a policy and what each strategy trades at least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fluxfloor.allocation.account import AccountQuestion, Sleeve
from fluxfloor.allocation.allocate import expectations
from fluxfloor.allocation.histories import History, known
from fluxfloor.allocation.limits import limits_of
from fluxfloor.allocation.problem import CapRows, Refused
from fluxfloor.contracts.allocation import AllocationPolicy


def account_question(
    histories: Sequence[History], policy: AllocationPolicy, sleeves: Mapping[str, Sleeve]
) -> AccountQuestion | Refused:
    """A sleeve for every history, and every history long enough: what is on probation has no tail to size by."""
    lonely = sorted({one.name for one in histories} ^ set(sleeves))
    if lonely:
        words = f"{', '.join(lonely)} has a history or a smallest trade, but not both"
        return Refused("sleeves", words, "give each strategy a column of returns and a smallest trade")
    if policy.cvar_limit is None:
        return Refused("cvar_limit", "the policy has no CVaR limit", "give cvar_limit, such as 0.02")
    found = known(histories, policy)
    if isinstance(found, Refused):
        return found
    if found.probation:
        words = f"{', '.join(found.probation)} has too little history"
        return Refused("too_little_data", words, f"give {policy.min_days} days or more, or leave the strategy out")
    limits = limits_of(found, policy, None)
    others = [k for k, name in enumerate(limits.caps.names) if name != "margin"]  # the sleeves know their margin
    return AccountQuestion(
        returns=found.returns,
        sleeves=tuple(sleeves[name] for name in found.names),
        cvar_limit=policy.cvar_limit,
        alpha=policy.cvar_alpha,
        margin_limit=policy.margin_cap,
        leverage=policy.leverage,
        max_weight=limits.upper,
        expected=expectations(found, policy).means,
        caps=CapRows(
            limits.caps.coefficients[others], limits.caps.limits[others], tuple(limits.caps.names[k] for k in others)
        ),
    )


__all__ = ["account_question"]
