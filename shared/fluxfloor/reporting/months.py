"""A run's returns by calendar month."""

from __future__ import annotations

import numpy as np

from fluxfloor.measures.records import Floats, Run


def monthly_returns(run: Run) -> tuple[list[int], Floats, Floats]:
    """(years, (years, 12) returns of their UTC months, (years,) returns of the years); NaN where the run has no bar.

    A month begins where the one before it ended, the first with the opening equity.
    """
    # a bar that closes as the month turns belongs to the month that ends
    month = (run.close_ms - 1).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    last = np.append(np.flatnonzero(np.diff(month)), month.size - 1)
    ends, value = month[last], run.equity[last]
    grown = value / np.concatenate(([run.opening], value[:-1]))
    years = list(range(1970 + int(ends[0]) // 12, 1970 + int(ends[-1]) // 12 + 1))
    cells = np.full((len(years), 12), np.nan)
    cells[ends // 12 + 1970 - years[0], ends % 12] = grown - 1.0
    totals = np.array([np.prod(1.0 + row[np.isfinite(row)]) - 1.0 for row in cells])
    return years, cells, totals
