"""What strategies made, day by day, brought onto days that all of them have; or refused, with what would mend it.

What is done to unequal histories is said, never silent: risk is learned from the days since the youngest of them began,
a mean from all days that its own strategy has. A strategy with too few days, or that never traded, is on probation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from fluxfloor.allocation.problem import Array, Refused
from fluxfloor.contracts.allocation import AllocationPolicy

Days = NDArray[np.int64]
FRACTION = 1.0  # a typical day beyond this is a price or a percentage
SAME = 1.0 - 1e-10  # a correlation that leaves no difference


@dataclass(frozen=True, slots=True)
class History:
    """One strategy's days, rising strictly, counted from 1970-01-01 (or any whole numbers), and its returns, fractions
    of its own capital. `margin` is what it had in use over its own capital; None where that is not known."""

    name: str
    days: Days
    returns: Array
    margin: Array | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """`returns` is (T, N): a day a row, a learned strategy a column; `own` every day that each of them has. `margin`
    (N,) is the most that each had in use per unit of weight, 0 where that is not known; likewise `probation`'s."""

    names: tuple[str, ...]
    returns: Array
    own: tuple[Array, ...]
    margin: Array
    probation: tuple[str, ...]
    probation_margin: Array
    notes: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def known(histories: Sequence[History], policy: AllocationPolicy) -> Known | Refused:
    """The histories as allocation reads them, or the first thing that is wrong with them."""
    for refused in _wrong(histories):
        return refused
    notes = {one.name: why for one in histories if (why := _on_probation(one, policy))}
    learned = [one for one in histories if one.name not in notes]
    table = _table(learned, policy, notes)
    if isinstance(table, Refused):
        return table
    resting = [one for one in histories if one not in learned]
    return Known(
        tuple(one.name for one in learned), table, tuple(np.asarray(one.returns, np.float64) for one in learned),
        _margins(learned), tuple(one.name for one in resting), _margins(resting), notes, tuple(_doubts(learned, table)),
    )  # fmt: skip


def _wrong(histories: Sequence[History]) -> Iterator[Refused]:
    if not histories:
        yield Refused("no_histories", "there is no strategy to give capital to", "give a history a strategy")
    names = [one.name for one in histories]
    for name in names:
        if names.count(name) > 1:
            yield Refused("names", f"there are {names.count(name)} histories of {name}", "give each strategy one name")
    for one in histories:
        yield from _wrong_days(one)
        yield from _wrong_returns(one)


def _wrong_days(one: History) -> Iterator[Refused]:
    if len(one.days) != len(one.returns) or (one.margin is not None and len(one.margin) != len(one.days)):
        yield Refused(
            "lengths", f"{one.name} has {len(one.days)} days and {len(one.returns)} returns", "give one a day"
        )
    fallen = np.flatnonzero(np.diff(one.days) <= 0)
    if fallen.size:
        words = f"{one.name}: {_date(one.days[fallen[0] + 1])} follows {_date(one.days[fallen[0]])}"
        yield Refused("days_not_rising", words, "sort the days and leave each of them in once")


def _wrong_returns(one: History) -> Iterator[Refused]:
    values = np.asarray(one.returns, np.float64)
    odd = np.flatnonzero(~np.isfinite(values))
    if odd.size:
        words = f"{one.name} returned {values[odd[0]]} on {_date(one.days[odd[0]])} ({odd.size} such days)"
        yield Refused("returns_not_finite", words, "correct these days, or leave them empty and say what missing does")
    elif values.size and float(np.median(np.abs(values))) > FRACTION:
        words = f"a typical day of {one.name} is {np.median(np.abs(values)):g}"
        yield Refused("not_returns", words, "give returns as fractions (0.01 for 1 %), neither prices nor percent")
    elif values.size > 1 and np.ptp(values) == 0.0 and values[0] != 0.0:
        words = f"{one.name} returned {values[0]:g} on each of {values.size} days"
        yield Refused("constant_returns", words, "leave this strategy out until it has a history of its own")
    if one.margin is not None and not (np.isfinite(one.margin).all() and (np.asarray(one.margin) >= 0.0).all()):
        yield Refused("margin", f"{one.name} has a margin that is negative or no number", "give fractions of 0 or more")


def _on_probation(one: History, policy: AllocationPolicy) -> str:
    if len(one.days) < policy.min_days:
        return f"on probation: {len(one.days)} of the {policy.min_days} days that it takes to learn from"
    return "on probation: it never made or lost anything" if not np.any(one.returns) else ""


def _table(learned: Sequence[History], policy: AllocationPolicy, notes: dict[str, str]) -> Array | Refused:
    if not learned:
        return np.zeros((0, 0))
    begin = max(int(one.days[0]) for one in learned)
    every = np.unique(np.concatenate([one.days for one in learned]))
    days = every[every >= begin]
    for one in learned:
        absent = np.setdiff1d(every[every >= one.days[0]], one.days)
        if absent.size and policy.missing == "refuse":
            return _holes(one, absent)
        if absent.size:
            done = "taken for 0" if policy.missing == "flat" else "left out for all strategies"
            notes[one.name] = f"{absent.size} missing days, from {_date(absent[0])} on: {done}"
        if one.days[0] < begin:
            early = int(np.sum(one.days < begin))
            notes[one.name] = _joined(notes.get(one.name), f"{early} days before {_date(begin)} tell of its mean only")
        if policy.missing == "drop":
            days = np.intersect1d(days, one.days)
    if days.size < policy.min_days:
        words = f"{days.size} days are common to all strategies, and it takes {policy.min_days}"
        return Refused("too_few_common_days", words, "fill missing days, set missing: flat, or lower min_days")
    return np.column_stack([_on(days, one) for one in learned])


def _holes(one: History, absent: Days) -> Refused:
    words = f"{one.name} has no return on {_date(absent[0])} ({absent.size} days are missing after its first)"
    return Refused(
        "missing_days", words, "fill them, or set missing: drop (out for all) or missing: flat (a return of 0)"
    )


def _on(days: Days, one: History) -> Array:
    column = np.zeros(days.size)
    at = np.searchsorted(one.days, days)
    there = one.days[np.minimum(at, len(one.days) - 1)] == days
    column[there] = np.asarray(one.returns, np.float64)[at[there]]
    return column


def _margins(histories: Sequence[History]) -> Array:
    return np.array([0.0 if one.margin is None else float(np.max(one.margin, initial=0.0)) for one in histories])


def _doubts(learned: Sequence[History], table: Array) -> Iterator[str]:
    days, count = table.shape
    if 0 < days < count:
        yield f"{days} days are fewer than {count} strategies: risk is known only after shrinkage"
    if count < 2 or days < 2:
        return
    deviation = table.std(axis=0)
    centred = (table - table.mean(axis=0)) / np.where(deviation > 0.0, deviation, 1.0)
    alike = np.argwhere(np.triu(np.abs(centred.T @ centred / days) > SAME, 1))
    for i, j in alike[:5]:
        yield f"{learned[i].name} and {learned[j].name} move as one: how they share their weight means nothing"


def _joined(first: str | None, second: str) -> str:
    return f"{first}; {second}" if first else second


def _date(day: int | np.int64) -> str:
    try:
        return f"{datetime.fromtimestamp(int(day) * 86_400, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return f"day {day}"


__all__ = ["Days", "History", "Known", "known"]
