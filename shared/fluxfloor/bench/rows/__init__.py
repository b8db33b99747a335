"""One file per piece of work, each with its ROWS. `fluxfloor.bench.runner` says how to add one."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from fluxfloor.bench.row import Row


@cache
def files() -> dict[str, tuple[Row, ...]]:
    """The rows of every file of this folder, by the file's name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").ROWS for name in names}


def all_rows() -> tuple[Row, ...]:
    return tuple(row for rows in files().values() for row in rows)


def file_of(row: Row) -> str:
    return next(name for name, rows in files().items() if row.name in {one.name for one in rows})


def row_of(file: str, name: str) -> Row:
    """One row, without importing the other files: a fresh process is timed to its first answer."""
    rows: tuple[Row, ...] = import_module(f"{__name__}.{file}").ROWS
    return next(row for row in rows if row.name == name)
