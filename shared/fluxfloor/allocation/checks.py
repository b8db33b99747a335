"""A problem's inputs, checked before any solver sees them: refused with a reason and the fix, or filled in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fluxfloor.allocation.problem import Array, Asked, CapRows, CvarProblem, Refused
from fluxfloor.allocation.tails import means_and_volatilities

MAX_STRATEGIES = 2_000
MAX_DAYS = 50_000


def asked(problem: CvarProblem) -> Asked | Refused:
    """The problem with its defaults filled in, or the first thing that is wrong with it."""
    for refused in _of_returns(problem.returns):
        return refused
    by_day = _floats(problem.returns)
    by_strategy = np.ascontiguousarray(by_day.T)
    means, volatility = means_and_volatilities(by_strategy)
    for refused in _of_values(by_strategy, volatility):
        return refused
    count, days = by_strategy.shape
    names = problem.names or tuple(str(i) for i in range(count))
    for refused in _of_shapes(problem, count, names):
        return refused
    found = Asked(
        returns_by_strategy=by_strategy,
        returns_by_day=by_day,
        tail=(1.0 - problem.alpha) * days,
        cvar_limit=float(problem.cvar_limit),
        goal=problem.goal,
        expected=means if problem.expected is None else _floats(problem.expected),
        volatility=volatility,
        lower=_spread(problem.lower, count),
        upper=_spread(problem.upper, count),
        budget=float(problem.budget),
        fully_invested=problem.fully_invested,
        caps=problem.caps or CapRows.none(count),
        current=np.zeros(count) if problem.current is None else _floats(problem.current),
        max_turnover=float(problem.max_turnover),
        names=names,
    )
    for refused in _of_limits(found):
        return refused
    return found


def _floats(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)


def _spread(value: float | Array, count: int) -> Array:
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)))


def _of_returns(given: Array) -> Iterator[Refused]:
    returns = np.asarray(given)
    if returns.ndim != 2 or returns.shape[0] < 2 or returns.shape[1] < 1:
        yield Refused(
            "too_little_data",
            f"returns have the shape {returns.shape}",
            "give two days or more and one strategy or more",
        )
    elif returns.shape[0] > MAX_DAYS or returns.shape[1] > MAX_STRATEGIES:
        yield Refused(
            "too_much_data",
            f"{returns.shape[0]} days of {returns.shape[1]} strategies",
            f"give at most {MAX_DAYS} days and {MAX_STRATEGIES} strategies",
        )
    elif returns.dtype.kind not in "fiu":
        yield Refused("returns_not_numbers", f"returns are {returns.dtype}", "give numbers")


def _of_values(by_strategy: Array, volatility: Array) -> Iterator[Refused]:
    """NaN and infinities reach the volatility, which is looked at in place of every value."""
    if np.isfinite(volatility).all():
        return
    strategy = int(np.argmin(np.isfinite(volatility)))
    row = by_strategy[strategy]
    day = int(np.argmax(np.where(np.isfinite(row), np.abs(row), np.inf)))
    yield Refused(
        "returns_not_finite",
        f"the return of day {day} of strategy {strategy} is {row[day]}",
        "fill or drop the days that are missing before asking for weights",
    )


def _of_shapes(problem: CvarProblem, count: int, names: tuple[str, ...]) -> Iterator[Refused]:
    vectors = {
        "expected": problem.expected, "lower": problem.lower, "upper": problem.upper, "current": problem.current,
    }  # fmt: skip
    for name, values in vectors.items():
        if values is not None and np.shape(values) not in ((), (count,)):
            yield Refused("shape", f"{name} has the shape {np.shape(values)}", f"give one number or {count}")
    for name in ("expected", "current"):
        values = vectors[name]
        if values is not None and (np.shape(values) != (count,) or not np.isfinite(values).all()):
            yield Refused(f"{name}_not_finite", f"{name} holds {values}", f"give {count} finite numbers")
    if len(names) != count or len(set(names)) != count:
        yield Refused("names", f"{len(names)} names for {count} strategies", "give each strategy a name of its own")
    if not 0.0 < problem.alpha < 1.0:
        yield Refused("alpha", f"alpha is {problem.alpha}", "give a tail level between 0 and 1, say 0.95")
    if problem.goal not in ("max_return", "min_cvar"):
        yield Refused("goal", f"the goal is {problem.goal!r}", "ask for max_return or min_cvar")
    yield from _of_caps(problem.caps, count)


def _of_caps(caps: CapRows | None, count: int) -> Iterator[Refused]:
    if caps is None:
        return
    shape, rows = np.shape(caps.coefficients), len(caps.names)
    if shape != (rows, count) or np.shape(caps.limits) != (rows,):
        yield Refused("caps", f"caps have the shape {shape}", f"give {count} coefficients, a limit and a name per row")
    elif not np.isfinite(caps.coefficients).all() or np.isnan(caps.limits).any() or (caps.limits == -np.inf).any():
        yield Refused("caps_not_finite", "a cap holds NaN or an infinite coefficient", "give finite coefficients")


def _of_limits(found: Asked) -> Iterator[Refused]:
    for name in ("cvar_limit", "budget", "max_turnover"):
        if np.isnan(getattr(found, name)) or getattr(found, name) == -np.inf:
            yield Refused(name, f"{name} is {getattr(found, name)}", "give a number, or infinity for no limit")
    if found.max_turnover < 0.0:
        yield Refused("max_turnover", f"max_turnover is {found.max_turnover}", "give zero or more")
    if found.fully_invested and not np.isfinite(found.budget):
        yield Refused("budget", "fully invested without a budget", "give a finite budget, say 1")
    for bound in ("lower", "upper"):
        if np.isnan(getattr(found, bound)).any():
            yield Refused("bounds", f"the {bound} bounds hold NaN", "give numbers, or infinity for no bound")
    wrong = (found.lower > found.upper) | (found.lower == np.inf) | (found.upper == -np.inf)
    if wrong.any():
        i = int(np.argmax(wrong))
        yield Refused(
            "bounds",
            f"strategy {found.names[i]} may hold between {found.lower[i]} and {found.upper[i]}",
            "give a lower bound that is not above the upper one",
        )


__all__ = ["MAX_DAYS", "MAX_STRATEGIES", "asked"]
