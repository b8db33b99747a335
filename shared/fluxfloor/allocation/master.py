"""The master linear programme that HiGHS keeps: the columns and the scenarios in play, and a basis to start from.

    minimise   −gain'x + price·s      or, to minimise CVaR,   s
    subject to ζ + (Σ_{t in play} z_t + Σ_{t settled} (loss_t(x) − ζ)) / ((1−α)T) − s ≤ L
               floor ≤ rows x ≤ ceiling
               z_t + ζ + Σ_j sign_j R_{t, strategy_j} x_j ≥ loss_t(base)     for each scenario t in play
               0 ≤ x ≤ room,   z ≥ 0,   ζ free,   s ≥ 0 (free, to minimise CVaR)

A scenario not in play has no row: it is calm, with z_t = 0, or settled, in the tail for certain, with z_t what its
loss exceeds ζ by, be that negative. Either way the master is a relaxation; columns not in play make it a restriction.
s buys what the limit lacks, so that the master always has an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from fluxfloor.allocation.columns import Columns, Flags, Indices
from fluxfloor.allocation.problem import Array
from fluxfloor.allocation.tails import weighted_days

INF = highspy.kHighsInf
ZETA, SLACK = 0, 1
BASIC, AT_LOWER = highspy.HighsBasisStatus.kBasic, highspy.HighsBasisStatus.kLower
SOLVED = highspy.HighsModelStatus.kOptimal
OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "presolve": "off",
    "solver": "simplex",
    "simplex_scale_strategy": 0,  # returns are of one scale: fewer iterations without
    "simplex_dual_edge_weight_strategy": 1,  # Devex: the exact weights of a basis that was handed in are dear
    "threads": 1,
    "parallel": "off",
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
}


def new_highs() -> highspy.Highs:
    """An empty programme with our tolerances, on one thread and silent."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in OPTIONS.items():
        highs.setOptionValue(name, value)
    return highs


@dataclass(frozen=True, slots=True)
class Reading:
    """The master's answer: `values` of the columns in play, ζ and s; the multipliers of the CVaR row, of `rows` and of
    the scenarios in play, all ≥ 0 where their row is an upper limit on weights. A settled scenario's is the CVaR row's
    over the tail."""

    values: Array
    zeta: float
    slack: float
    cvar_dual: float
    row_duals: Array
    scenario_duals: Array


class Master:
    """Grows; never shrinks. `returns` is (T, N), `base_losses` (T,) the losses of the columns' base,
    `settled` (T,) which scenarios are in the tail until they come into play: fewer than the tail holds."""

    def __init__(self, columns: Columns, returns: Array, base_losses: Array, tail: float, settled: Flags) -> None:
        self.columns, self.returns, self.base_losses, self.tail = columns, returns, base_losses, tail
        self.settled = settled.copy()
        self.settled_returns = self._returns_of(np.flatnonzero(settled))
        self.in_play = np.zeros(0, np.int64)
        self.scenarios = np.zeros(0, np.int64)
        self.column_at = np.zeros(0, np.int64)
        self.width = 2
        self.costs = np.zeros(columns.count)
        self.limit = INF
        self.iterations = 0
        self.highs = new_highs()
        nothing, none = np.zeros(0), np.zeros(0, np.int32)
        self.highs.addCols(2, np.zeros(2), np.array([-INF, 0.0]), np.full(2, INF), 0, none, none, nothing)
        entries = np.array([1.0, -1.0])
        self.highs.addRow(-INF, INF, 2, np.array([ZETA, SLACK], np.int32), entries)
        self.highs.changeCoeff(0, ZETA, self._zeta_share())
        count = len(columns.ceiling)
        self.highs.addRows(count, columns.floor, columns.ceiling, 0, np.zeros(count, np.int32), none, nothing)

    def seek_return(self, limit: float, price: float = INF) -> None:
        """Maximise expected return under the limit; what it lacks costs `price` a unit, and is not for sale at INF."""
        self.costs = -self.columns.gain
        self._aim(limit, *((price, 0.0, INF) if price < INF else (0.0, 0.0, 0.0)))

    def seek_least_cvar(self) -> None:
        """Minimise CVaR, which is then s."""
        self.costs = np.zeros(self.columns.count)
        self._aim(0.0, 1.0, -INF, INF)

    def _aim(self, limit: float, price: float, least: float, most: float) -> None:
        self.limit = limit
        self._limit_row()
        self.highs.changeColCost(SLACK, price)
        self.highs.changeColBounds(SLACK, least, most)
        if len(self.column_at):
            self.highs.changeColsCost(len(self.column_at), self.column_at.astype(np.int32), self.costs[self.in_play])

    def add_columns(self, new: Indices) -> None:
        """Columns that are not in play yet."""
        count = len(new)
        of_rows = self.columns.rows[:, new]
        of_scenarios = self._returns(new, self.scenarios)
        entries = np.vstack([self._settled_entries(new), of_rows, of_scenarios]).T
        height = entries.shape[1]
        index = np.tile(np.arange(height, dtype=np.int32), count)
        starts = np.arange(count, dtype=np.int32) * height
        self.highs.addCols(
            count, self.costs[new], np.zeros(count), self.columns.room[new], entries.size, starts, index,
            np.ascontiguousarray(entries).ravel(),
        )  # fmt: skip
        self.in_play = np.concatenate([self.in_play, new])
        self.column_at = np.concatenate([self.column_at, self.width + np.arange(count)])
        self.width += count

    def add_scenarios(self, new: Indices) -> None:
        """Scenarios that are not in play yet: a column z and a row each."""
        sure = np.flatnonzero(self.settled[new])
        if len(sure):
            self._unsettle(new[sure])
        count, play = len(new), len(self.in_play)
        starts = np.arange(count, dtype=np.int32)
        self.highs.addCols(
            count, np.zeros(count), np.zeros(count), np.full(count, INF), count, starts, np.zeros(count, np.int32),
            np.full(count, 1.0 / self.tail),
        )  # fmt: skip
        entries = np.hstack([np.ones((count, 2)), self._returns(self.in_play, new)])
        index = np.empty((count, play + 2), np.int32)
        index[:, 0], index[:, 1], index[:, 2:] = ZETA, self.width + np.arange(count), self.column_at
        self.highs.addRows(
            count, self.base_losses[new], np.full(count, INF), entries.size, starts * (play + 2), index.ravel(),
            entries.ravel(),
        )  # fmt: skip
        if len(sure):
            self._make_basic(self.width + sure, 1 + len(self.columns.ceiling) + len(self.scenarios) + sure)
        self.scenarios = np.concatenate([self.scenarios, new])
        self.width += count

    def _make_basic(self, columns: Indices, rows: Indices) -> None:
        """z in place of its row: a settled scenario comes into play with the multiplier that it had."""
        basis = self.highs.getBasis()
        of_columns, of_rows = basis.col_status, basis.row_status
        for column, row in zip(columns.tolist(), rows.tolist(), strict=True):
            of_columns[column], of_rows[row] = BASIC, AT_LOWER
        basis.col_status, basis.row_status = of_columns, of_rows
        self.highs.setBasis(basis)

    def _unsettle(self, scenarios: Indices) -> None:
        self.settled[scenarios] = False
        self.settled_returns = self.settled_returns - self._returns_of(scenarios)
        self._limit_row()
        self.highs.changeCoeff(0, ZETA, self._zeta_share())
        for column, entry in zip(self.column_at.tolist(), self._settled_entries(self.in_play).tolist(), strict=True):
            self.highs.changeCoeff(0, column, entry)

    def _returns_of(self, scenarios: Indices) -> Array:
        """The sum of each strategy's returns there (N,)."""
        return weighted_days(self.returns, scenarios, np.ones(len(scenarios)))

    def _limit_row(self) -> None:
        self.highs.changeRowBounds(0, -INF, self.limit - float(self.base_losses[self.settled].sum()) / self.tail)

    def _zeta_share(self) -> float:
        return 1.0 - float(self.settled.sum()) / self.tail

    def _settled_entries(self, columns: Indices) -> Array:
        """What a unit of each column takes from the CVaR row by the settled scenarios."""
        taken = self.settled_returns[self.columns.strategy[columns]] * self.columns.sign[columns]
        return np.asarray(-taken / self.tail, dtype=np.float64)

    def _returns(self, columns: Indices, scenarios: Indices) -> Array:
        """(scenarios, columns): what a unit of each column returns in each scenario."""
        strategies, signs = self.columns.strategy[columns], self.columns.sign[columns]
        return np.asarray(self.returns[scenarios[:, None], strategies[None, :]] * signs, dtype=np.float64)

    def solve(self) -> Reading | None:
        """The optimum, or None where HiGHS has none (unbounded, or the rows contradict each other)."""
        self.highs.run()
        self.iterations += self.highs.getInfo().simplex_iteration_count
        if self.highs.getModelStatus() != SOLVED:
            return None
        solution = self.highs.getSolution()
        values, duals = np.array(solution.col_value), np.array(solution.row_dual)
        rows = len(self.columns.ceiling)
        return Reading(
            values=values[self.column_at],
            zeta=float(values[ZETA]),
            slack=float(values[SLACK]),
            cvar_dual=-float(duals[0]),
            row_duals=-duals[1 : 1 + rows],
            scenario_duals=duals[1 + rows :],
        )


__all__ = ["Master", "Reading", "new_highs"]
