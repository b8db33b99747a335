"""Bars made ready for the compiled loop: checked, laid one after another, and lined up in time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fluxfloor.errors import Misconfigured
from fluxfloor.features import definitions
from fluxfloor.kernels import sma
from fluxfloor.kernels.desk import Market
from fluxfloor.kernels.tables import FAULTS, SOUND, columns_of, first_fault
from fluxfloor.market.window import Bars

Floats = NDArray[np.float64]
AVERAGE = re.compile(r"ma_([1-9]\d{0,5})")
"""A moving average of any length may be a column, whether or not the definition has it."""


def checked(bars: Bars, symbol: str) -> Floats:
    """(6, n): its columns. Raises Misconfigured for what no backtest should run on, naming symbol, row and reason."""
    table = np.ascontiguousarray(bars, np.float64)
    if table.ndim != 2 or table.shape[1] != 6 or not len(table):
        raise Misconfigured(
            f"{symbol}: bars are a table of (n, 6): open_ms, open, high, low, close, volume; this is {table.shape}"
        )
    columns = columns_of(table)
    row, fault = first_fault(columns)
    if row != SOUND:
        raise Misconfigured(f"{symbol}: row {row} (open_ms {table[row, 0]:.0f}) {FAULTS[fault]}")
    return columns


def step_of(tables: Sequence[Floats]) -> int:
    """The length of a bar in ms: the least distance between two."""
    gaps = [int(np.diff(table[0]).min()) for table in tables if table.shape[1] > 1]
    if not gaps:
        raise Misconfigured("a backtest needs at least two bars of a symbol")
    return min(gaps)


def aligned_bars(tables: Sequence[Floats]) -> Market:
    """The market as the loop wants it, still without features. tables: (6, n) each."""
    times, row = aligned(tables)
    together = tables[0] if len(tables) == 1 else np.ascontiguousarray(np.concatenate(tables, axis=1))
    _, open_, high, low, close, volume = together
    nothing, first = np.empty((len(close), 0)), np.zeros(len(tables), np.int64)
    return Market(times, open_, high, low, close, volume, nothing, row, first, np.zeros(len(close), np.int64))


def first_rows(columns: Sequence[str], tables: Sequence[Floats], version: str) -> NDArray[np.int64]:
    """(symbols,) the row of each that decisions begin with: as on the floor, not before its features are warm."""
    warm_up = 1 if plain(columns) else definitions.definition(version).warm_up_bars
    begin = np.cumsum([0, *(table.shape[1] for table in tables)])[:-1]
    return np.asarray(begin + warm_up - 1, np.int64)


def aligned(tables: Sequence[Floats]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) all open times, and (n, symbols) the row of each symbol in the tables laid together, -1 for none."""
    times = [table[0].astype(np.int64) for table in tables]
    if len(times) == 1:
        return times[0], np.arange(len(times[0])).reshape(-1, 1)
    every = np.unique(np.concatenate(times))
    row, before = np.full((len(every), len(tables)), -1, np.int64), 0
    for symbol, own in enumerate(times):
        row[np.searchsorted(every, own), symbol] = before + np.arange(len(own))
        before += len(own)
    return every, row


def plain(columns: Sequence[str]) -> bool:
    """Nothing but moving averages: each is made here, and warm as soon as its own window is full."""
    return all(AVERAGE.fullmatch(name) for name in columns)


def features_of(columns: Sequence[str], bars: Floats, version: str) -> Floats:
    """(n, k) the named features of every bar of `bars` (6, n); rows before they are warm are NaN. Raises Misconfigured
    for a name that neither the version nor a moving average (`ma_<bars>`) is."""
    definition = definitions.definition(version)
    _, open_, high, low, close, volume = bars
    known = [name for name in columns if name in definition.names and not plain(columns)]
    unknown = [name for name in columns if name not in definition.names and not AVERAGE.fullmatch(name)]
    if unknown:
        raise Misconfigured(f"features {version} have no {', '.join(unknown)}")
    table = definition.batch(open_, high, low, close, volume, known) if known else np.empty((len(close), 0))
    if len(known) == len(columns):
        return table
    out = np.empty((len(close), len(columns)))
    for place, name in enumerate(columns):
        out[:, place] = table[:, known.index(name)] if name in known else sma(close, int(name[3:]))
    return out
