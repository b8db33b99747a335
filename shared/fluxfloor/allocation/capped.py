"""Caps around a quadratic objective: how the policy's limits become the rows that it is maximised under."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.limits import Limits
from fluxfloor.allocation.problem import Array
from fluxfloor.allocation.quadratic import Quadratic, maximise

INSIDE = 5e-10
"""Limits are loosened by this while weights are looked for: where they leave but one point, there is no way to it from
within. Half of what still counts as kept."""
TIGHT = 1e-8  # a limit this near to its end binds


@dataclass(frozen=True, slots=True)
class Capped:
    """`missed` is the worst breach of a limit, `gap` how much better other weights could be at most."""

    weights: Array
    gap: float
    missed: float
    duals: dict[str, float]
    binding: tuple[str, ...]


def best(q: Array, gain: Array, limits: Limits) -> Capped:
    """The maximum of gain'w - w'Qw / 2 under the limits other than CVaR's."""
    names, rows, ends = _rows(limits)
    total = limits.total if limits.fully_invested else None
    if np.isinf(limits.max_turnover):
        ones = np.ones(gain.size)
        found = maximise(Quadratic(q, gain, 0.0 * gain, limits.upper + INSIDE, rows, ends + INSIDE, ones, total))
        weights = found.weights
    else:
        names.append("turnover")
        plain = Quadratic(q, gain, 0.0 * gain, limits.upper + INSIDE, rows, ends + INSIDE, gain, total)
        found = maximise(_traded(plain, limits))
        bought, sold = np.split(found.weights, 2)
        weights = limits.current + bought - sold
    duals = dict(zip(names, found.row_duals.tolist(), strict=True))
    if limits.fully_invested:
        duals["budget"] = found.total_dual
    return Capped(weights, found.gap, found.missed, duals, _binding(weights, limits))


def breach(weights: Array, limits: Limits) -> float:
    """By how much the weights break the worst of the limits other than CVaR's."""
    _, rows, ends = _rows(limits)
    turned = float(np.abs(weights - limits.current).sum()) - limits.max_turnover
    short = limits.total - float(weights.sum()) if limits.fully_invested else 0.0
    return max(
        float(np.max(rows @ weights - ends, initial=0.0)), float(np.max(weights - limits.upper)), turned, abs(short)
    )


def _rows(limits: Limits) -> tuple[list[str], Array, Array]:
    """The caps, and the budget where it need not be used up."""
    names, rows, ends = list(limits.caps.names), limits.caps.coefficients, limits.caps.limits
    if not limits.fully_invested:
        names, rows = [*names, "budget"], np.vstack([rows, np.ones(rows.shape[1])])
        ends = np.append(ends, limits.total)
    return names, rows, ends


def _traded(plain: Quadratic, limits: Limits) -> Quadratic:
    """The same over what is bought and sold, (2N,): only so is turnover a row."""
    current, ones = limits.current, np.ones(limits.current.size)
    total = None if plain.total is None else plain.total - float(current.sum())
    gain = plain.gain - plain.q @ current
    return Quadratic(
        np.block([[plain.q, -plain.q], [-plain.q, plain.q]]), np.concatenate([gain, -gain]),
        np.concatenate([(-current).clip(0.0), (current - plain.upper).clip(0.0)]),
        np.concatenate([(plain.upper - current).clip(0.0), current.clip(0.0)]),
        np.vstack([np.hstack([plain.rows, -plain.rows]), np.ones(2 * current.size)]),
        np.append(plain.limits - plain.rows @ current, limits.max_turnover + INSIDE),
        np.concatenate([ones, -ones]), total,
    )  # fmt: skip


def _binding(weights: Array, limits: Limits) -> tuple[str, ...]:
    names, rows, ends = _rows(limits)
    tight = [name for name, left in zip(names, ends - rows @ weights, strict=True) if left <= TIGHT]
    if float(np.abs(weights - limits.current).sum()) >= limits.max_turnover - TIGHT:
        tight.append("turnover")
    at_cap = np.flatnonzero(weights >= limits.upper - TIGHT)
    return (*tight, *(f"upper:{limits.names[i]}" for i in at_cap))


__all__ = ["Capped", "best", "breach"]
