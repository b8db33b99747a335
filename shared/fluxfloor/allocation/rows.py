"""Whether any weights keep the rows that have nothing to do with scenarios, and which rows contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.columns import Columns, Indices
from fluxfloor.allocation.master import INF, new_highs
from fluxfloor.allocation.problem import Array

MISSED = 1e-9


@dataclass(frozen=True, slots=True)
class RowStart:
    """`columns` of a point that keeps every row; or, if there is none, by how much at least the rows are missed
    together, proved by `prices`, and which rows those are."""

    columns: Indices
    missed: float
    binding: tuple[str, ...]


def row_start(columns: Columns) -> RowStart:
    """The base where it keeps every row, or the best earners filled up until they do; otherwise the point that misses
    the rows least."""
    if _kept(columns, np.zeros(len(columns.floor))):
        return RowStart(np.zeros(0, np.int64), 0.0, ())
    filled = _filled(columns)
    if filled.size:
        return RowStart(filled, 0.0, ())
    values, prices = _least_missed(columns)
    missed = proved_miss(columns, prices)
    binding = tuple(name for name, price in zip(columns.names, prices, strict=True) if abs(price) > MISSED)
    if missed > MISSED:
        return RowStart(np.zeros(0, np.int64), missed, binding)
    return RowStart(np.flatnonzero(values > 0.0), 0.0, ())


def _kept(columns: Columns, used: Array) -> bool:
    return bool((columns.floor <= used).all() and (columns.ceiling >= used).all())


def _filled(columns: Columns) -> Indices:
    """As few of the best earners as meet the greatest floor when they are filled up one after the other, the last of
    them in part; empty where that breaks another row."""
    row = int(np.argmax(columns.floor))
    if not (columns.count and columns.floor[row] > 0.0 and np.isfinite(columns.room).all()):
        return np.zeros(0, np.int64)
    order = np.argsort(-columns.gain, kind="stable")
    met = np.cumsum(columns.rows[row, order] * columns.room[order])
    last = int(np.argmax(met >= columns.floor[row]))
    if met[last] < columns.floor[row]:
        return np.zeros(0, np.int64)
    values = columns.room[order[: last + 1]]
    values[-1] -= (met[last] - columns.floor[row]) / columns.rows[row, order[last]]
    used = columns.rows[:, order[: last + 1]] @ values
    used[row] = columns.floor[row]  # but for rounding
    return order[: last + 1] if _kept(columns, used) and values[-1] >= 0.0 else np.zeros(0, np.int64)


def proved_miss(columns: Columns, prices: Array) -> float:
    """No columns within their room miss the rows by less in sum than this, for any prices in [−1, 1]: the least of
    prices·(rows x) less what the rows allow at those prices."""
    prices = np.clip(prices, -1.0, 1.0)
    prices = np.where(
        ((prices > 0.0) & np.isinf(columns.ceiling)) | ((prices < 0.0) & np.isinf(columns.floor)), 0.0, prices
    )
    slopes = prices @ columns.rows
    falling = slopes < 0.0
    least = float((slopes[falling] * columns.room[falling]).sum())
    sides = np.where(prices > 0.0, columns.ceiling, columns.floor)
    return least - float((prices[prices != 0.0] * sides[prices != 0.0]).sum())


def _least_missed(columns: Columns) -> tuple[Array, Array]:
    """The columns' values that miss the rows least in sum, and each row's price."""
    count, height = columns.count, len(columns.ceiling)
    highs = new_highs()
    none = np.zeros(0, np.int32)
    highs.addRows(height, columns.floor, columns.ceiling, 0, np.zeros(height, np.int32), none, np.zeros(0))
    misses = np.hstack([np.eye(height), -np.eye(height)])
    entries = np.ascontiguousarray(np.hstack([columns.rows, misses]).T)
    width = count + 2 * height
    costs = np.concatenate([np.zeros(count), np.ones(2 * height)])
    room = np.concatenate([columns.room, np.full(2 * height, INF)])
    index = np.tile(np.arange(height, dtype=np.int32), width)
    starts = np.arange(width, dtype=np.int32) * height
    highs.addCols(width, costs, np.zeros(width), room, entries.size, starts, index, entries.ravel())
    highs.run()
    solution = highs.getSolution()
    return np.array(solution.col_value)[:count], -np.array(solution.row_dual)


__all__ = ["RowStart", "proved_miss", "row_start"]
