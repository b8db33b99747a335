"""Histories from a file: one column of daily returns a strategy, the first column (or the index) is the date."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.allocation import History
    from fluxfloor.allocation.problem import Array

EPOCH = date(1970, 1, 1).toordinal()


def read_histories(path: Path) -> list[History]:
    """A strategy's days are those where its cell is not empty. Raises Misconfigured for what is no table of returns."""
    import numpy as np

    from fluxfloor.allocation import History

    header, columns = _from_parquet(path) if path.suffix.lower() == ".parquet" else _from_csv(path)
    if len(header) < 2 or not columns[0]:
        raise Misconfigured(f"{path}: expected a date and a column of returns for each strategy, below a header")
    days = [_day(value, path, row) for row, value in enumerate(columns[0], 2)]
    found = []
    for name, column in zip(header[1:], columns[1:], strict=True):
        there = [i for i, value in enumerate(column) if value is not None and value != ""]
        values = [_number(column[i], path, name, i + 2) for i in there]
        found.append(History(name, np.array([days[i] for i in there], np.int64), np.array(values, np.float64)))
    return found


def together(histories: Sequence[History]) -> tuple[list[str], list[int], Array]:
    """(names, days, returns (T, N)) of the days that all of them have."""
    import numpy as np

    days = sorted(set.intersection(*({int(day) for day in one.days} for one in histories)))
    columns = [one.returns[np.searchsorted(one.days, days)] for one in histories]
    return [one.name for one in histories], days, np.column_stack(columns)


def _from_csv(path: Path) -> tuple[list[str], list[list[Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise Misconfigured(f"{path} is empty")
    for at, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise Misconfigured(f"{path}, row {at}: {len(row)} cells, and the header has {len(rows[0])}")
    cells = [[cell.strip() for cell in row] for row in rows]
    return cells[0], [list(column) for column in zip(*cells[1:], strict=True)] or [[]]


def _from_parquet(path: Path) -> tuple[list[str], list[list[Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except pa.ArrowInvalid as problem:
        raise Misconfigured(f"{path} is no Parquet file: {problem}") from problem
    names = list(table.column_names)
    dated = [f.name for f in table.schema if pa.types.is_temporal(f.type) or f.name.startswith("__index")]
    first = dated[0] if dated else names[0]
    order = [first, *(name for name in names if name != first)]
    return order, [table.column(name).to_pylist() for name in order]


def _day(value: Any, path: Path, row: int) -> int:
    if isinstance(value, date):  # a datetime is one too
        return value.toordinal() - EPOCH
    try:
        if isinstance(value, int) or (str(value).lstrip("-").isdigit() and len(str(value)) != len("20240131")):
            return int(value)
        moment = datetime.fromisoformat(str(value))
    except ValueError as problem:
        raise Misconfigured(f"{path}, row {row}: {value!r} is no date; write 2024-01-31") from problem
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).toordinal() - EPOCH


def _number(value: Any, path: Path, name: str, row: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    if str(value).lower() in ("na", "n/a", "#n/a", "null", "none"):
        return nan
    raise Misconfigured(f"{path}, row {row}: {name} has {value!r}, which is no number; 1 % is written 0.01")


__all__ = ["read_histories", "together"]
