"""One file per piece of work, each with its ROWS. `fluxfloor.bench.runner` says how to add one."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from fluxfloor.bench.row import Row


@cache
def all_rows() -> tuple[Row, ...]:
    """Every row of every file of this folder, files in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return tuple(row for name in names for row in import_module(f"{__name__}.{name}").ROWS)


def row_named(name: str) -> Row:
    return next(row for row in all_rows() if row.name == name)
