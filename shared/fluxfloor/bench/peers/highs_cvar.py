"""HiGHS's dual simplex on the whole of Rockafellar and Uryasev's programme: a row and a column for every scenario."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

INF = highspy.kHighsInf
OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False, "solver": "simplex", "simplex_strategy": 1, "threads": 1, "parallel": "off",
    "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10,
}  # fmt: skip


def prepare(given: Any) -> Any:
    """The programme in HiGHS's own form, made outside the clock: columns w, ζ, z; rows CVaR, budget, scenarios."""
    returns = given["returns"]
    days, count = returns.shape
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = count + 1 + days, days + 2
    lp.col_cost_ = np.concatenate([-returns.mean(axis=0), np.zeros(days + 1)])
    lp.col_lower_ = np.concatenate([np.zeros(count), [-INF], np.zeros(days)])
    lp.col_upper_ = np.concatenate([np.full(count, float(given["upper"])), np.full(days + 1, INF)])
    lp.row_lower_ = np.concatenate([[-INF, 1.0], np.zeros(days)])
    lp.row_upper_ = np.concatenate([[float(given["limit"]), 1.0], np.full(days, INF)])
    scenarios = np.arange(2, days + 2)
    index = [np.concatenate([[1], scenarios])] * count + [np.concatenate([[0], scenarios])]
    values = [np.concatenate([[1.0], returns[:, i]]) for i in range(count)] + [np.ones(days + 1)]
    share = 1.0 / ((1.0 - float(given["alpha"])) * days)
    index.append(np.column_stack([np.zeros(days, np.int64), scenarios]).ravel())
    values.append(np.tile([share, 1.0], days))
    lengths = np.concatenate([np.full(count + 1, days + 1), np.full(days, 2)])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(lengths)])
    lp.a_matrix_.index_, lp.a_matrix_.value_ = np.concatenate(index), np.concatenate(values)
    return lp, count, str(given["presolve"])


def run(given: Any) -> Any:
    """Weights and the rows' multipliers: the limit's, the budget's, the scenarios'."""
    lp, count, presolve = given
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in OPTIONS.items():
        highs.setOptionValue(name, value)
    highs.setOptionValue("presolve", presolve)
    highs.passModel(lp)
    highs.run()
    solution = highs.getSolution()
    duals = np.array(solution.row_dual)
    return np.array(solution.col_value)[:count], -duals[:2], duals[2:]
