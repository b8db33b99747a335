"""The smallest account that can hold a set of strategies, and what larger ones would do.

With x the money per strategy and C the account's capital this is one linear programme in (x, C):

    minimise   C
    subject to x_i ≥ the smallest trade of strategy i
               CVaR_α(x) ≤ cvar_limit · C
               Σ margin_i x_i ≤ margin_limit · C,   Σ x_i ≤ leverage · C,   x_i ≤ max_weight_i · C
               caps @ x ≤ limits · C

CVaR of money plus a sure sum is CVaR less that sum, so C enters as one more strategy that returns `cvar_limit` every
day under a CVaR limit of zero: the CVaR solver and its certificate take it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fluxfloor.allocation.lots import Rounded, rounded
from fluxfloor.allocation.problem import Array, CapRows, CvarProblem, Refused
from fluxfloor.allocation.solution import Status
from fluxfloor.allocation.solver import solve

MULTIPLES = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Sleeve:
    """One strategy's smallest trade: `min_notional` in money, tradable in steps of `lot_notional` (0: any amount), and
    the margin that a unit of money in it uses."""

    name: str
    min_notional: float
    margin: float = 1.0
    lot_notional: float = 0.0

    @property
    def least(self) -> float:
        """The smallest notional that is whole lots."""
        if self.lot_notional <= 0.0:
            return self.min_notional
        return float(np.ceil(self.min_notional / self.lot_notional - 1e-9)) * self.lot_notional


@dataclass(frozen=True, slots=True)
class AccountQuestion:
    """`returns` is (T, N), fractions per period, a column a sleeve. Every limit is a fraction of the capital;
    `max_weight` one number or (N,); `caps` are rows in weights."""

    returns: Array
    sleeves: tuple[Sleeve, ...]
    cvar_limit: float
    alpha: float = 0.975
    margin_limit: float = 0.8
    leverage: float = 1.0
    max_weight: float | Array = 1.0
    expected: Array | None = None
    caps: CapRows | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The weights of maximum return at one capital, in whole lots. `status` is the solver's for the weights before
    rounding; "infeasible" also where whole lots cannot keep the limits. `expected_return` and `cvar` are per unit of
    capital, after rounding."""

    multiple: float
    capital: float
    status: Status
    weights: Array
    money: Array
    lots: tuple[int, ...]
    expected_return: float
    cvar: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class MinimumAccount:
    """`capital` is the least, `money` what each strategy holds there, `binding` what it is held up by: "cvar_limit",
    "margin", "leverage", "cap:NAME", "min_notional:NAME" or a cap row's name. `prices` says by how much the capital
    would fall if that strategy's smallest trade were one unit of money smaller (N,)."""

    status: Status
    capital: float = np.nan
    money: Array = field(default_factory=lambda: np.zeros(0))
    binding: tuple[str, ...] = ()
    prices: Array = field(default_factory=lambda: np.zeros(0))
    gap: float = np.nan
    plans: tuple[Plan, ...] = ()
    reason: str = ""
    message: str = ""
    fix: str = ""


def minimum_account(question: AccountQuestion, multiples: Sequence[float] = MULTIPLES) -> MinimumAccount:
    """The least capital with its proof, and the plans at multiples of it."""
    refused = _refused(question)
    if refused:
        return MinimumAccount("refused", reason=refused.reason, message=refused.message, fix=refused.fix)
    least = np.array([sleeve.least for sleeve in question.sleeves])
    unit = float(least.sum())
    found = solve(programme(question, least / unit))
    if found.status != "optimal":
        return MinimumAccount(found.status, reason=found.reason, message=found.message, fix=found.fix)
    assert found.duals is not None
    capital = float(found.weights[-1]) * unit
    return MinimumAccount(
        status="optimal",
        capital=capital,
        money=found.weights[:-1] * unit,
        binding=tuple(name.replace("lower:", "min_notional:") for name in found.binding),
        prices=found.duals.lower[:-1],
        gap=found.gap,
        plans=tuple(plan_at(question, capital, multiple) for multiple in multiples),
    )


def programme(question: AccountQuestion, least: Array) -> CvarProblem:
    """The linear programme in (x, C), money in units of all smallest trades together."""
    count = len(least)
    capital = np.full((question.returns.shape[0], 1), question.cvar_limit)
    caps = _money_rows(question)
    return CvarProblem(
        returns=np.hstack([question.returns, capital]),
        alpha=question.alpha,
        cvar_limit=0.0,
        expected=np.append(np.zeros(count), -1.0),
        lower=np.append(least, 0.0),
        upper=np.inf,
        budget=np.inf,
        caps=caps,
        names=(*(sleeve.name for sleeve in question.sleeves), "capital"),
    )


def _money_rows(question: AccountQuestion) -> CapRows:
    """Every limit in weights, with the capital brought to the left: coefficients @ x − limit · C ≤ 0."""
    weights = _weight_rows(question)
    count = len(question.sleeves)
    most = np.broadcast_to(np.asarray(question.max_weight, dtype=np.float64), (count,))
    coefficients = np.vstack([weights.coefficients, np.ones((1, count)), np.eye(count)])
    limits = np.concatenate([weights.limits, [question.leverage], most])
    names = (*weights.names, "leverage", *(f"cap:{sleeve.name}" for sleeve in question.sleeves))
    kept = np.isfinite(limits)
    return CapRows(
        np.hstack([coefficients[kept], -limits[kept, None]]),
        np.zeros(int(kept.sum())),
        tuple(name for name, keep in zip(names, kept, strict=True) if keep),
    )


def _weight_rows(question: AccountQuestion) -> CapRows:
    """Margin, and the caller's own caps."""
    caps = question.caps or CapRows.none(len(question.sleeves))
    margins = np.array([[sleeve.margin for sleeve in question.sleeves]])
    return CapRows(
        np.vstack([margins, caps.coefficients]), np.append(question.margin_limit, caps.limits), ("margin", *caps.names)
    )


def plan_at(question: AccountQuestion, least_capital: float, multiple: float) -> Plan:
    """The weights of maximum return at that multiple of the least capital, rounded to lots toward less exposure."""
    capital = least_capital * multiple
    asked = weights_at(question, capital)
    found = solve(asked)
    empty = np.zeros(len(question.sleeves))
    if found.status != "optimal":
        return Plan(multiple, capital, found.status, empty, empty, (), np.nan, np.nan, found.message)
    money = rounded(asked, found.weights * capital, capital, _lots(question), _least(question))
    return _planned(multiple, capital, asked, money)


def weights_at(question: AccountQuestion, capital: float) -> CvarProblem:
    """Maximum return at that capital: every strategy is held with its smallest trade at least."""
    return CvarProblem(
        returns=question.returns,
        alpha=question.alpha,
        cvar_limit=question.cvar_limit,
        expected=question.expected,
        lower=np.minimum(_least(question) / capital, question.max_weight),
        upper=question.max_weight,
        budget=question.leverage,
        caps=_weight_rows(question),
        names=tuple(sleeve.name for sleeve in question.sleeves),
    )


def _planned(multiple: float, capital: float, asked: CvarProblem, found: Rounded) -> Plan:
    expected = asked.returns.mean(axis=0) if asked.expected is None else asked.expected
    weights = found.money / capital
    return Plan(
        multiple, capital, "optimal" if found.kept else "infeasible", weights, found.money, found.lots,
        float(expected @ weights), found.cvar,
        "" if found.kept else "whole lots at this capital break a limit: a little more capital or smaller lots mend it",
    )  # fmt: skip


def _lots(question: AccountQuestion) -> Array:
    return np.array([sleeve.lot_notional for sleeve in question.sleeves])


def _least(question: AccountQuestion) -> Array:
    return np.array([sleeve.least for sleeve in question.sleeves])


def _refused(question: AccountQuestion) -> Refused | None:
    returns, count = np.asarray(question.returns), len(question.sleeves)
    if returns.ndim != 2 or returns.shape[1] != count or count == 0:
        return Refused(
            "shape", f"returns have the shape {returns.shape} for {count} strategies", "give a column for each"
        )
    for sleeve in question.sleeves:
        figures = (sleeve.min_notional, sleeve.margin, sleeve.lot_notional)
        if not np.isfinite(figures).all() or sleeve.min_notional <= 0.0 or min(figures) < 0.0:
            return Refused(
                "sleeve",
                f"{sleeve.name} has {figures}",
                "give a smallest notional above 0, a margin and a lot of 0 or more",
            )
    limits = {
        "cvar_limit": question.cvar_limit, "margin_limit": question.margin_limit, "leverage": question.leverage,
        "max_weight": float(np.min(question.max_weight)),
    }  # fmt: skip
    for name, limit in limits.items():
        if not limit > 0.0:
            return Refused(name, f"{name} is {limit}", "give a limit above 0: no capital is enough for this one")
    return None


__all__ = ["MULTIPLES", "AccountQuestion", "MinimumAccount", "Plan", "Sleeve", "minimum_account", "plan_at"]
