"""The policy's caps as rows over the strategies that are learned from; what probation takes is taken off first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.histories import Known
from fluxfloor.allocation.problem import Array, CapRows
from fluxfloor.allocation.tails import tail_cvar
from fluxfloor.contracts.allocation import AllocationPolicy


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the N learned strategies, `names`; `probation` are the others' weights. `cvar_limit` and `max_turnover` may be
    infinite; `reserve` is what probation takes of the CVaR limit."""

    names: tuple[str, ...]
    upper: Array
    total: float
    fully_invested: bool
    caps: CapRows
    cvar_limit: float
    current: Array
    max_turnover: float
    probation: Array
    reserve: float


def limits_of(known: Known, policy: AllocationPolicy, current: Mapping[str, float] | None) -> Limits:
    """What is on probation may have no tail of its own yet: each unit of it is taken to be as dangerous as the most
    dangerous strategy that is known, and CVaR being subadditive, the limit is lowered by that (`reserve`)."""
    resting = _probation(known, policy)
    held = dict(current or {})
    away = sum(abs(weight) for name, weight in held.items() if name not in {*known.names, *known.probation})
    away += sum(abs(w - held.get(name, 0.0)) for name, w in zip(known.probation, resting, strict=True))
    reserve = float(resting.sum()) * _worst(known, policy.cvar_alpha) if resting.size else 0.0
    bounded = policy.max_turnover is not None and current is not None
    return Limits(
        names=known.names,
        upper=np.array([policy.max_weights.get(name, policy.max_weight) for name in known.names]),
        total=policy.leverage - float(resting.sum()),
        fully_invested=policy.fully_invested,
        caps=_rows(known, policy, resting),
        cvar_limit=np.inf if policy.cvar_limit is None else policy.cvar_limit - reserve,
        current=np.array([held.get(name, 0.0) for name in known.names]),
        max_turnover=(policy.max_turnover or 0.0) - away if bounded else np.inf,
        probation=resting,
        reserve=reserve,
    )


def _probation(known: Known, policy: AllocationPolicy) -> Array:
    """Never more than all that there is."""
    cap = policy.leverage / max(len(known.probation), 1)
    own = [min(policy.probation_weight, policy.max_weights.get(name, policy.max_weight)) for name in known.probation]
    return np.minimum(np.array(own, np.float64), cap)


def _worst(known: Known, alpha: float) -> float:
    tail = (1.0 - alpha) * len(known.returns)
    return max((tail_cvar(-np.ascontiguousarray(column), tail)[1] for column in known.returns.T), default=0.0)


def _rows(known: Known, policy: AllocationPolicy, resting: Array) -> CapRows:
    names, rows, limits = [], [], []

    def cap(name: str, learned: Array, others: Array, limit: float) -> None:
        if learned.any():
            names.append(name)
            rows.append(learned)
            limits.append(limit - float(others @ resting))

    if policy.gross_cap is not None:
        gross = [
            np.array([policy.gross_per_weight.get(n, 1.0) for n in part]) for part in (known.names, known.probation)
        ]
        cap("gross", gross[0], gross[1], policy.gross_cap)
    cap("margin", known.margin, known.probation_margin, policy.margin_cap)
    for cluster, limit in sorted(policy.cluster_caps.items()):
        member = [
            np.array([float(policy.clusters.get(n) == cluster) for n in part])
            for part in (known.names, known.probation)
        ]
        cap(f"cluster:{cluster}", member[0], member[1], limit)
    table = np.array(rows).reshape(len(rows), len(known.names))
    return CapRows(table, np.array(limits, np.float64), tuple(names))


__all__ = ["Limits", "limits_of"]
