"""The suite beside TA-Lib's calls for the same twenty columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from fluxfloor import kernels
from fluxfloor.bench.prices import bars, many_bars
from fluxfloor.bench.row import Aim, Arrays, Outputs, Row, faster

NEEDS_A_SUM_OF_SQUARES = ("zscore_20", "slope_50", "r2_50", "macd", "macd_signal", "macd_histogram")
"""Differences of far larger numbers: TA-Lib is left with fewer digits of them."""


def with_numbers(arrays: Arrays) -> Arrays:
    """The bars' numbers as well: TA-Lib correlates with them."""
    return {**arrays, "number": np.arange(float(arrays["close"].shape[-1]))}


def ours(given: Arrays) -> kernels.Suite:
    return kernels.suite(given["open"], given["high"], given["low"], given["close"], given["volume"])


def ours_2d(given: Arrays) -> kernels.Suite:
    return kernels.suite_2d(given["open"], given["high"], given["low"], given["close"], given["volume"])


def allocate_and_write(given: Arrays) -> list[Any]:
    """As many arrays of that length, and one value written throughout each: what no answer can do without."""
    return [np.full(given["close"].shape, 1.0) for _ in kernels.Suite._fields]


def same(ours: Outputs, peers: Outputs) -> None:
    """TA-Lib's to 1e-9, where it has that many digits."""
    if len(peers) != len(ours):  # a loop over symbols
        peers = [np.array(column) for column in zip(*peers, strict=True)]
    for name, mine, other in zip(kernels.Suite._fields, ours, peers, strict=True):
        slack = 1e-7 if name in NEEDS_A_SUM_OF_SQUARES else 0.0
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=slack, err_msg=name)


def row(name: str, work: str, **other: Any) -> Row:
    return Row(name=name, work=work, peer="talib_suite", packages=("ta-lib",), same=same, **other)


ROWS = (
    row(
        "suite-10k",
        "suite of 20 columns, 10,000 bars",
        prepare=lambda: with_numbers(bars(10_000)),
        ours=ours,
        aims=(faster(3.0),),
    ),
    row(
        "suite-1m",
        "suite of 20 columns, 1,000,000 bars",
        prepare=lambda: with_numbers(bars(1_000_000)),
        ours=ours,
        floor=allocate_and_write,
        aims=(faster(2.5), Aim("times_floor", 1.3)),
        note="the floor is twenty arrays allocated and written once; ours are the rows of one block of memory, which "
        "costs fewer page faults than twenty arrays",
    ),
    row(
        "suite-1000x1260",
        "suite of 20 columns, 1,000 symbols × 1,260 bars",
        prepare=lambda: with_numbers(many_bars(1_000, 1_260)),
        ours=ours_2d,
        aims=(faster(6.0),),
        note="ours takes every core there is, TA-Lib's loop one: the aim is for two cores with nothing else to do. Of "
        "our processor time some 60 % is arithmetic, 25 % writing 200 MB to memory, 15 % the fresh pages it lies in; "
        "both sides allocate their answer anew in every call",
    ),
)
