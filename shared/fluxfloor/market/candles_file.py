"""Bars that a user brings: Parquet or CSV, as a notebook, a download or another program left them.

What is no table of bars is an error that names file, column, row and the way out. What is a table with bad bars in it
passes through untouched, empty prices as NaN: judging bars is the quality gate's work.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fluxfloor.errors import Misconfigured
from fluxfloor.market.window import Bars

Floats = NDArray[np.float64]
PRICES = ("open", "high", "low", "close", "volume")
_TIME_NAMES = ("timestamp", "time", "date", "datetime", "open_time", "open_ms")
_COLUMNS = "timestamp, open, high, low, close, volume"
_TIMES = "UTC open times as ISO 8601 or as epoch seconds or milliseconds"
_EMPTY = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
_END_MS = 32_503_680_000_000  # the year 3000, where the floor's times end


def read_candles_file(data: bytes, name: str) -> Bars:
    """Shape (n, 6): open_ms, open, high, low, close, volume, in the file's own order.

    `name` is what errors call the file; its content says whether it is Parquet. Raises Misconfigured.
    """
    table = _parquet(data, name) if data[:4] == b"PAR1" else _csv(data, name)
    found = _columns(table, name)
    if not table.num_rows:
        raise Misconfigured(f"{name}: no rows; a row is one closed bar: {_COLUMNS}")
    bars = np.empty((table.num_rows, 6))
    bars[:, 0] = _times(table.column(found["timestamp"]), name, found["timestamp"])
    for place, price in enumerate(PRICES, 1):
        bars[:, place] = _floats(table.column(found[price]), name, found[price])
    return bars


def _parquet(data: bytes, name: str) -> pa.Table:
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as problem:
        raise Misconfigured(f"{name}: this Parquet file can't be read ({problem}); write it again") from problem


def _csv(data: bytes, name: str) -> pa.Table:
    """Every column as text: what it means is decided cell by cell, so that an error can name the row."""
    header = data.split(b"\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=lambda mark: header.count(mark.encode()))
    options = csv.ParseOptions(delimiter=delimiter)
    try:
        names = csv.open_csv(BytesIO(data), parse_options=options).schema.names
        convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
        return csv.read_csv(BytesIO(data), parse_options=options, convert_options=convert)
    except (pa.ArrowException, ValueError) as problem:
        raise Misconfigured(
            f"{name}: neither Parquet nor a CSV table ({problem}); the first line names the columns: {_COLUMNS}"
        ) from problem


def _columns(table: pa.Table, name: str) -> dict[str, str]:
    """Our column names to the file's, whatever their case."""
    by_name = {column.strip().lower(): column for column in reversed(table.column_names)}
    found = {price: by_name[price] for price in PRICES if price in by_name}
    times = [by_name[time] for time in _TIME_NAMES if time in by_name]
    if times:
        found["timestamp"] = times[0]
    missing = [column for column in ("timestamp", *PRICES) if column not in found]
    if missing:
        has = ", ".join(table.column_names) or "none"
        raise Misconfigured(f"{name}: no column {', '.join(missing)}; it has {has}; rename them to {_COLUMNS}")
    return found


def _times(column: pa.ChunkedArray, name: str, label: str) -> Floats:
    """Open times in ms. Without a time there is no bar, so an empty cell is an error."""
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise Misconfigured(f"{name}: column {label}, row {row + 1}: no time; give {_TIMES}, or drop the row")
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        zone = getattr(column.type, "tz", None)  # stored in UTC whatever the zone; one without is taken as UTC
        times = column.cast(pa.timestamp("ms", zone), safe=False).cast(pa.int64()).to_numpy().astype(np.float64)
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        times = _epoch_ms(column.to_numpy().astype(np.float64))
    else:  # text
        times = np.array([_time_ms(cell, row, name, label) for row, cell in enumerate(column.to_pylist(), 1)])
    bad = np.flatnonzero(~((times >= 0) & (times < _END_MS)))
    if len(bad):
        raise Misconfigured(
            f"{name}: column {label}, row {bad[0] + 1}: not a time between 1970 and 3000; give {_TIMES}"
        )
    return np.asarray(np.floor(times))


def _time_ms(cell: Any, row: int, name: str, label: str) -> float:
    text = str(cell).strip()
    try:
        return float(_epoch_ms(np.array([float(text)]))[0])
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(
            f"{name}: column {label}, row {row}: {text[:40]!r} is no time; give {_TIMES} (2024-01-31T12:00:00Z)"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000


def _epoch_ms(times: Floats) -> Floats:
    """Seconds, ms, µs and ns are told apart by size: as seconds, 1e11 would be the year 5138."""
    size = np.abs(times)
    return np.select([size < 1e11, size < 1e14, size < 1e17], [times * 1e3, times, times / 1e3], times / 1e6)


def _floats(column: pa.ChunkedArray, name: str, label: str) -> Floats:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _parsed(column, name, label)
    try:
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    except pa.ArrowException:
        raise Misconfigured(f"{name}: column {label} holds {column.type}, not numbers; store it as float64") from None


def _parsed(column: pa.ChunkedArray, name: str, label: str) -> Floats:
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    except pa.ArrowException:  # some cell is empty or no number: look at each
        cells = column.to_pylist()
    return np.array([_number(cell, row, name, label) for row, cell in enumerate(cells, 1)])


def _number(cell: str | None, row: int, name: str, label: str) -> float:
    text = (cell or "").strip()
    if text.lower() in _EMPTY:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise Misconfigured(
            f"{name}: column {label}, row {row}: {text[:40]!r} is no number; use a decimal point and no separators"
        ) from None
