"""Twenty indicators at once, several times faster than one after the other: of one history, or of many in parallel."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels.tiles import COLUMNS, fill

Array = NDArray[np.float64]


class Suite(NamedTuple):
    """One column for each bar: `suite` fills them with (n,), `suite_2d` with (symbols, n). Units as in the kernels."""

    sma_20: Array
    ema_20: Array
    rsi_14: Array
    atr_14: Array
    adx_14: Array
    plus_di_14: Array
    minus_di_14: Array
    kama_10: Array
    bollinger_lower_20: Array
    bollinger_middle_20: Array
    bollinger_upper_20: Array
    macd: Array
    macd_signal: Array
    macd_histogram: Array
    donchian_lower_20: Array
    donchian_upper_20: Array
    rolling_std_20: Array
    zscore_20: Array
    slope_50: Array
    r2_50: Array


def suite(open: Array, high: Array, low: Array, close: Array, volume: Array) -> Suite:
    """Every column of Suite for every bar of one history, on one thread.

    open, high, low, close, volume: (n,), oldest first; today's columns use neither open nor volume. Each is the single
    kernel's to 1e-9, with the same NaN, and a prefix of the bars gives the prefix of the columns (to the bit while all
    bars are finite). The columns are rows of one block of memory, which is given back when the last of them is.
    Raises ValueError for unequal lengths.
    """
    columns = _columns(open, high, low, close, volume, dimensions=1)
    out = np.empty((1, COLUMNS, columns[0].size))
    fill(out, *columns, 0, 1)
    return Suite(*out[0])


def suite_2d(open: Array, high: Array, low: Array, close: Array, volume: Array, threads: int | None = None) -> Suite:
    """`suite` of many histories: (symbols, n) in, columns of (symbols, n) out, each thread doing a block of symbols.

    threads: as many as this process may use cores, unless told. For the command line and sweeps; handlers call `suite`.
    A symbol's columns lie side by side in one block, so that its memory is still warm when it is written: every row is
    contiguous, a column of all symbols is not.
    Raises ValueError for unequal shapes.
    """
    columns = _columns(open, high, low, close, volume, dimensions=2)
    symbols, n = columns[0].shape
    out = np.empty((symbols, COLUMNS, n))
    workers = max(1, min(threads or len(os.sched_getaffinity(0)), symbols))
    edges = [symbols * worker // workers for worker in range(workers + 1)]
    if workers == 1:
        fill(out, *columns, 0, symbols)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda first, last: fill(out, *columns, first, last), edges[:-1], edges[1:]))
    return Suite(*out.transpose(1, 0, 2))


def _columns(
    open: Array, high: Array, low: Array, close: Array, volume: Array, dimensions: int
) -> tuple[Array, Array, Array]:
    if any(column.ndim != dimensions or column.shape != close.shape for column in (open, high, low, close, volume)):
        raise ValueError(f"the columns differ in shape, or are not of {dimensions} dimensions")
    used = (np.ascontiguousarray(column, dtype=np.float64) for column in (high, low, close))
    tops, bottoms, closes = (column.reshape(1, -1) if dimensions == 1 else column for column in used)
    return tops, bottoms, closes
