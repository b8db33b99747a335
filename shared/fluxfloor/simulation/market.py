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
from fluxfloor.market.window import Bars

Floats = NDArray[np.float64]
AVERAGE = re.compile(r"ma_([1-9]\d{0,5})")
"""A moving average of any length may be a column, whether or not the definition has it."""


def checked(bars: Bars, symbol: str) -> Bars:
    """(n, 6) contiguous. Raises Misconfigured for what no backtest should be run on, naming symbol, row and reason."""
    table = np.ascontiguousarray(bars, np.float64)
    if table.ndim != 2 or table.shape[1] != 6 or not len(table):
        raise Misconfigured(
            f"{symbol}: bars are a table of (n, 6): open_ms, open, high, low, close, volume; this is {table.shape}"
        )
    time, open_, high, low, close, volume = table.T
    with np.errstate(invalid="ignore"):
        faults = (
            (~np.isfinite(table).all(axis=1), "holds what is no number"),
            (np.append(False, np.diff(time) <= 0), "does not come after the row before it"),
            (table[:, 1:5].min(axis=1) <= 0, "has a price that is not positive"),
            (volume < 0, "has a negative volume"),
            (high < low, "has a high below its low"),
            ((np.maximum(open_, close) > high) | (np.minimum(open_, close) < low), "opens or closes outside its range"),
        )
    for broken, what in faults:
        if broken.any():
            row = int(np.argmax(broken))
            raise Misconfigured(f"{symbol}: row {row} (open_ms {time[row]:.0f}) {what}")
    return table


def step_of(tables: Sequence[Bars]) -> int:
    """The length of a bar in ms: the least distance between two."""
    gaps = [int(np.diff(table[:, 0]).min()) for table in tables if len(table) > 1]
    if not gaps:
        raise Misconfigured("a backtest needs at least two bars of a symbol")
    return min(gaps)


def aligned_bars(tables: Sequence[Bars]) -> Market:
    """The market as the loop wants it, still without features."""
    times, row = aligned(tables)
    together = tables[0] if len(tables) == 1 else np.concatenate(tables)
    open_, high, low, close, volume = (np.ascontiguousarray(column) for column in together.T[1:])
    return Market(
        times, open_, high, low, close, volume, np.empty((len(close), 0)), row, np.zeros(len(tables), np.int64),
        np.zeros(len(close), np.int64),
    )  # fmt: skip


def first_rows(columns: Sequence[str], tables: Sequence[Bars], version: str) -> NDArray[np.int64]:
    """(symbols,) the row of each that decisions begin with: as on the floor, not before its features are warm."""
    plain = all(AVERAGE.fullmatch(name) for name in columns)
    warm_up = 1 if plain else definitions.definition(version).warm_up_bars
    begin = np.cumsum([0, *(len(table) for table in tables)])[:-1]
    return np.asarray(begin + warm_up - 1, np.int64)


def aligned(tables: Sequence[Bars]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) all open times, and (n, symbols) the row of each symbol in the tables laid together, -1 for none."""
    times = [table[:, 0].astype(np.int64) for table in tables]
    every = times[0] if len(times) == 1 else np.unique(np.concatenate(times))
    row, before = np.full((len(every), len(tables)), -1, np.int64), 0
    for symbol, own in enumerate(times):
        row[np.searchsorted(every, own), symbol] = before + np.arange(len(own))
        before += len(own)
    return every, row


def features_of(columns: Sequence[str], bars: Bars, version: str) -> Floats:
    """(n, k) the named features of every bar; rows before they are warm are NaN. Raises Misconfigured for a name that
    neither the version nor a moving average (`ma_<bars>`) is."""
    definition = definitions.definition(version)
    open_, high, low, close, volume = (np.ascontiguousarray(column) for column in bars.T[1:])
    known = [name for name in columns if name in definition.names]
    unknown = [name for name in columns if name not in definition.names and not AVERAGE.fullmatch(name)]
    if unknown:
        raise Misconfigured(f"features {version} have no {', '.join(unknown)}")
    table = definition.batch(open_, high, low, close, volume, known) if known else np.empty((len(bars), 0))
    if len(known) == len(columns):
        return table
    out = np.empty((len(bars), len(columns)))
    for place, name in enumerate(columns):
        out[:, place] = table[:, known.index(name)] if name in known else sma(close, int(name[3:]))
    return out
